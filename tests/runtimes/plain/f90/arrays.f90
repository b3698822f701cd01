program arrays
  implicit none
  integer :: i
  integer, allocatable :: a(:)
  a = [(i * i, i = 1, 5)]
  print *, sum(a), maxval(a), a(5:1:-2)
  print *, reshape([1, 2, 3, 4], [2, 2]), matmul(reshape([1, 2, 3, 4], [2, 2]), [1, 1])
end program arrays
