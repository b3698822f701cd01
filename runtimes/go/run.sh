#!/bin/sh
# `go run`, which hands its program to a command that keeps it: run.sh FILE. Where Go does not bring its library compiled, what
# prepare.sh has compiled stands in the cache from the start, as links: the cache itself must be one that can be written to.
for place in /prepared/go /runtimes/go; do
  if [ -d $place/cache ]; then
    cp -rs $place/cache "$GOCACHE" 2>/dev/null
    # As if it had just been tidied, or all of it would be looked at.
    rm -f "$GOCACHE/trim.txt"
    date +%s >"$GOCACHE/trim.txt"
    break
  fi
done
exec /usr/bin/go run -exec '/bin/cp --target-directory=/build' "$1"
