program p
  integer, pointer :: a(:)
  nullify(a)
  print *, "before"
  flush(6)
  print *, a(1)
end program p
