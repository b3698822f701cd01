program p
  integer :: n, status
  read (*, *, iostat=status) n
  print *, status < 0
  read (*, *) n
end program p
