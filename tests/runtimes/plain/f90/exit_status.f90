program p
  print *, "before"
  stop 7
end program p
