program p
  implicit none
  include 'consts.inc'
  real :: x(3)
  open (10, file='nums.txt')
  read (10, *) x
  print *, k, sum(x)
end program
