program p
  use iso_fortran_env, only: real64, output_unit
  real(real64) :: x = 0.1_real64
  write(output_unit, "(es12.4, i0)") x, 5
  print *, sqrt(2.0_real64), 1.0/3.0, huge(1)
end program p
