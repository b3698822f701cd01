#!/bin/sh
# What `go run` finds out anew for every program, found out once: prepare.sh GO OUTPUT. Makes in OUTPUT
#   compile, link   links to the tools behind the go command
#   importcfg       where the compiled packages are that a program may import
#   importcfg.link  the same for the linker: with those that only the library itself may import, and what a program
#                   is told about how it was built
# Packages that are not there compiled, as with newer versions of Go, leave lists that no program can be made with: then
# the go command itself has the work.
set -eu
go=$1
output=$2
mkdir -p "$output"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
unset GOROOT GOOS GOARCH GOEXPERIMENT
export HOME="$work" GOCACHE="$work/cache" GOPATH="$work/path" GOFLAGS=-mod=mod GOPROXY=off GOENV=off

tools=$("$go" env GOTOOLDIR)
ln -sfn "$tools/compile" "$output/compile"
ln -sfn "$tools/link" "$output/link"

packages=$("$go" env GOROOT)/pkg/$("$go" env GOOS)_$("$go" env GOARCH)
(cd "$packages" 2>/dev/null && find . -name '*.a' | sed 's|^\./||; s|\.a$||' | sort) >"$work/packages" || :
sed "s|.*|packagefile &=$packages/&.a|" "$work/packages" >"$output/importcfg.link"
grep -Ev '(^packagefile |/)(internal|vendor)(/|=)|^packagefile cmd/' "$output/importcfg.link" >"$output/importcfg" || :

# Which files that depends on, for a server to see when it is to be made again (src/app/preparations.h).
{ readlink -f "$0" "$go" "$tools/compile" "$tools/link"; sed -n 's/^packagefile [^=]*=//p' "$output/importcfg.link"; } |
  xargs -d '\n' stat -L -c '%s %Y %n' >"$output/inputs.txt"

mkdir "$work/hello"
printf 'package main\n\nfunc main() {}\n' >"$work/hello/main.go"
(cd "$work/hello" && "$go" run -x main.go 2>&1) | grep '^modinfo ' >>"$output/importcfg.link" || :
