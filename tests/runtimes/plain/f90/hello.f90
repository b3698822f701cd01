program hello
  implicit none
  character(len=40) :: argument
  integer :: i
  do i = 1, command_argument_count()
    call get_command_argument(i, argument)
    print *, 'argument ', trim(argument)
  end do
  write (0, *) 'to standard error'
end program hello
