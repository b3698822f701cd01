for place in /tmp /var/tmp /dev/shm; do
  file=$(mktemp --tmpdir=$place) && echo "in $place" > "$file" && cat "$file" && rm "$file"
done
