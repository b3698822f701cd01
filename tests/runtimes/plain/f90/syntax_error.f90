program p
  integer :: x = 1
  prnt *, x
  y = 3 +
end program p
