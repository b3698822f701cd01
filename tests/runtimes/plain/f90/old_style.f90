program p
  integer :: i
  real :: x
  i = 2.7
  do 10 i = 1, 2
10 print *, i
end program p
