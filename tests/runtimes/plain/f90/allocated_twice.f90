program p
  integer, allocatable :: a(:)
  allocate(a(3))
  print *, "before"
  allocate(a(3))
end program p
