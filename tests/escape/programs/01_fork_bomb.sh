# The classical bomb with a fuse: it doubles ten times, then nothing new is made.
bomb() { if [ "$1" -gt 0 ]; then bomb $(($1 - 1)) & bomb $(($1 - 1)) & fi; sleep 8; }
safe "lit"
bomb 10
