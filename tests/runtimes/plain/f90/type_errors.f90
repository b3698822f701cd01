program p
  implicit none
  integer :: x
  x = "text"
  print *, undefined
end program p
