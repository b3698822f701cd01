program p
  open(10, file="out.txt")
  write(10, "(a)") "made"
  close(10)
  open(11, file="missing", status="old")
end program p
