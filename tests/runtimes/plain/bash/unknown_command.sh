echo before
no_such_command a b
echo "after $?"
/etc/passwd
echo $?
