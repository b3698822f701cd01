#!/bin/sh
# hold.sh FILE COMMAND...: for interpreters that open their script before anything could make them wait. Makes an empty script and
# becomes the command. The agent puts the user's program in its place, and the library of wait.cc fills the one that is held open.
: > "$1" || exit 1
shift
exec "$@"
