sleep 0.05 & job=$!
echo "$(jobs -r | wc -l)"
wait $job; echo $?
(exit 3) & wait $!; echo $?
kill -TERM $$
echo never
