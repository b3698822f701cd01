#!/bin/sh
# What `go run` finds out anew for every program, found out once: prepare.sh GO OUTPUT [PLACE]. PLACE is what sandboxes call the folder
# OUTPUT. Makes in it
#   compile, link   links to the tools behind the go command
#   cache           the standard library compiled, where Go does not bring it so (from 1.20 on): a cache of the go command
#   importcfg       where the compiled packages are that a program may import
#   importcfg.link  the same for the linker: with those that only the library itself may import, and what a program
#                   is told about how it was built
#   proxy           the modules of Debian (modules.py), whose packages are in cache and both lists as well
# When the library cannot be compiled the lists are such that no program can be made with them: then the go command itself has the work.
set -eu
umask 022
go=$1
mkdir -p "$2"
output=$(cd "$2" && pwd)
place=${3:-/runtimes/go}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
unset GOROOT GOOS GOARCH GOEXPERIMENT
home=${HOME:-}
export HOME="$work" GOCACHE="$work/cache" GOPATH="$work/path" GOFLAGS=-mod=mod GOPROXY=off GOENV=off GOTOOLCHAIN=local

tools=$("$go" env GOTOOLDIR)
ln -sfn "$tools/compile" "$output/compile"
ln -sfn "$tools/link" "$output/link"

goroot=$("$go" env GOROOT)
packages=$goroot/pkg/$("$go" env GOOS)_$("$go" env GOARCH)
rm -rf "$output/cache" "$output/proxy"
if [ -d "$packages" ]; then
  (cd "$packages" && find . -name '*.a') | sed "s|^\./\(.*\)\.a\$|packagefile \1=$packages/\1.a|" | sort >"$output/importcfg.link"
  sed -n 's/^packagefile [^=]*=//p' "$output/importcfg.link" >"$work/inputs"
else
  export GOCACHE="$output/cache"
  "$go" list -export -f '{{if .Export}}packagefile {{.ImportPath}}={{.Export}}{{end}}' std >"$work/list" || : >"$work/list"
  sed "s|=.*/\(../[0-9a-f]*-d\)\$|=$place/cache/\1|" "$work/list" >"$output/importcfg.link"
  echo "$goroot/VERSION" >"$work/inputs"
fi
grep -Ev '(^packagefile |/)(internal|vendor)(/|=)|^packagefile cmd/' "$output/importcfg.link" >"$output/importcfg" || :

# Which files that depends on, for a server to see when it is to be made again (src/app/preparations.h).
# Modules come and go with their directories, and are replaced with their packages' lists.
modules=/usr/share/gocode/src
{ readlink -f "$0" "$go" "$tools/compile" "$tools/link"
  if [ -d $modules ]; then find $modules -maxdepth 2 -type d; find /var/lib/dpkg/info -name 'golang-*-dev.list'; else echo /usr/share; fi
  cat "$work/inputs"; } | xargs -d '\n' stat -L -c '%s %Y %n' >"$output/inputs.txt"

mkdir "$work/hello"
printf 'package main\n\nfunc main() {}\n' >"$work/hello/main.go"
(cd "$work/hello" && "$go" run -x main.go 2>&1) | grep '^modinfo ' >>"$output/importcfg.link" || :

if [ -x /usr/bin/python3 ]; then
  HOME=$home /usr/bin/python3 "$(dirname "$(readlink -f "$0")")/modules.py" "$go" "$output" "$place" || echo "Go's modules are left out"
fi
if [ -d "$output/cache" ]; then
  rm -f "$output/cache/trim.txt"  # when it was last tidied, which sandboxes say themselves (runtimes/bin/go)
  chmod -R go+rX "$output/cache"
fi
