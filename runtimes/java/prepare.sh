#!/bin/sh
# prepare.sh RUNTIME OUTPUT: archives the classes of Java's compiler as they are in memory, in OUTPUT/ahead.jsa. RUNTIME has our
# launcher and its classes. Java ignores an archive that does not fit; without one it starts more slowly. OUTPUT/inputs.txt names the
# files that it was made of (src/app/preparations.h).
set -eu
runtime=$1
output=$2
home=/usr/lib/jvm/default-java  # as the launcher has it
rm -f "$output/ahead.jsa" "$output/inputs.txt"
KUBECODERUN_ARCHIVE=1 LC_ALL=C.UTF-8 "$runtime/launch" "$runtime" 256 "-XX:ArchiveClassesAtExit=$output/ahead.jsa" ||
  rm -f "$output/ahead.jsa"
[ -e "$output/ahead.jsa" ] || : >"$output/ahead.jsa"
stat -L -c '%s %Y %n' "$runtime/launch" "$runtime/Ahead.class" "$home/lib/modules" "$home/lib/server/libjvm.so" >"$output/inputs.txt"
