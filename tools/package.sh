#!/bin/bash
# Makes Debian packages of a build: tools/package.sh BUILD_FOLDER OUTPUT_FOLDER [--no-symbols]. Called by ./dev package.
# shellcheck disable=SC2154

. "$(dirname "${BASH_SOURCE[0]}")/shell.sh"
. "$root/packages/install.sh"

build=$(realpath -- "$1") output=$(realpath -m -- "$2") symbols_wanted=${3:-}
templates=$root/packages/deb
architecture=$(dpkg --print-architecture)
version=$(sed -n 's/^project(kubecoderun VERSION \([0-9.]*\).*/\1/p' "$root/CMakeLists.txt")
for tool in dpkg-shlibdeps dpkg-deb objcopy; do
  command -v "$tool" >/dev/null || fail "$tool is not installed. ./dev setup installs it."
done

stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT

place() { install -D -m "$1" "$2" "$3"; }

# The program without its symbols, which go where debuggers look for them: under the build's own id.
main=$stage/main symbols=$stage/symbols
mkdir -p "$main/usr/share/kubecoderun" "$output"
# What is made for one machine's compilers is made again by the server there.
tar -C "$build" --exclude='*.gch' --exclude='*[Cc][Mm]ake*' --exclude='__pycache__' --exclude='inputs.txt' \
  --exclude='runtimes/cpp/*/*' --exclude='runtimes/cpp/list.txt' --exclude='typescript-*' --exclude='runtimes/node/prepared' \
  --exclude='ahead.jsa' --exclude='importcfg*' --exclude='runtimes/go/cache' --exclude='runtimes/go/proxy' --exclude='runtimes/go/compile' --exclude='runtimes/go/link' \
  --exclude='runtimes/rust/crates.txt' --exclude='runtimes/rust/*.rlib' --exclude='runtimes/rust/*.so' -c runtimes | tar -C "$main/usr/share/kubecoderun" --no-same-owner -x
rm -rf "$main/usr/share/kubecoderun/runtimes/cpp"/*/  # the sets of headers
chmod -R u+w,go+rX "$main/usr/share/kubecoderun"
place 755 "$build/kubecoderun" "$main/usr/bin/kubecoderun"

strip_program() {
  local program=$1 id debug
  id=$(readelf -n "$program" | sed -n 's/.*Build ID: //p')
  [[ -n $id ]] || fail "$program was linked without a build id."
  debug=$symbols/usr/lib/debug/.build-id/${id:0:2}/${id:2}.debug
  mkdir -p "${debug%/*}"
  if [[ $symbols_wanted != --no-symbols ]]; then
    objcopy --only-keep-debug --compress-debug-sections "$program" "$debug"
    chmod 644 "$debug"
  fi
  strip --strip-unneeded "$program"
}
programs=("$main/usr/bin/kubecoderun")
while IFS= read -r file; do programs+=("$file"); done < <(
  find "$main/usr/share/kubecoderun" -type f \( -name '*.so' -o -perm -u+x \) -exec sh -c 'head -c 4 "$1" | grep -q ELF' _ {} \; -print)
for program in "${programs[@]}"; do
  if [[ $program == */go/* ]]; then continue; fi  # links to Go's own tools, which have no such id
  strip_program "$program"
done

place 644 "$templates/kubecoderun.service" "$main/usr/lib/systemd/system/kubecoderun.service"
place 644 "$templates/kubecoderun.sysusers" "$main/usr/lib/sysusers.d/kubecoderun.conf"
place 644 "$templates/kubecoderun.sysctl" "$main/usr/lib/sysctl.d/kubecoderun.conf"
place 640 "$templates/kubecoderun.env" "$main/etc/kubecoderun.env"
place 644 "$root/LICENSE" "$main/usr/share/doc/kubecoderun/copyright"
place 644 "$root/README.md" "$main/usr/share/doc/kubecoderun/README.md"
for page in "$root"/docs/*.md; do place 644 "$page" "$main/usr/share/doc/kubecoderun/docs/${page##*/}"; done

# What the program itself links, and sandboxd, which is inside of it as bytes. What the parts inside of sandboxes link comes with their
# languages.
mkdir -p "$stage/empty/debian"
printf 'Source: kubecoderun\n\nPackage: kubecoderun\nArchitecture: any\n' >"$stage/empty/debian/control"
sandboxd=$build/src/sandbox/start/sandboxd
[[ -f $sandboxd ]] || fail "there is no $sandboxd, which says what else is needed."
depends=$(cd "$stage/empty" && dpkg-shlibdeps -O "$main/usr/bin/kubecoderun" "$sandboxd" 2>/dev/null | sed -n 's/^shlibs:Depends=//p')
[[ -n $depends ]] || fail "dpkg-shlibdeps does not know what the program needs."
languages=$(language_packages "$(language_codes | paste -sd,)" | sed 's/?.*//' | sort -u | paste -sd, | sed 's/,/, /g')

pack() { # pack FOLDER TEMPLATE FILE
  local folder=$1 template=$2 file=$3 size text
  size=$(du -sk --apparent-size "$folder" | cut -f1)
  text=$(<"$template")
  text=${text//@version@/$version}
  text=${text//@architecture@/$architecture}
  text=${text//@size@/$size}
  text=${text//@depends@/$depends}
  text=${text//@languages@/$languages}
  mkdir -p "$folder/DEBIAN"
  printf '%s\n' "$text" >"$folder/DEBIAN/control"
  chmod 755 "$folder" "$folder/DEBIAN"
  dpkg-deb --root-owner-group -Zxz --build "$folder" "$file" >/dev/null
  say "$file, $(du -m "$file" | cut -f1) MB"
}
mkdir -p "$main/DEBIAN"
for script in postinst prerm postrm; do place 755 "$templates/$script" "$main/DEBIAN/$script"; done
echo /etc/kubecoderun.env >"$main/DEBIAN/conffiles"
chmod 755 "$stage"
if [[ -d $symbols ]]; then chmod 755 "$symbols"; fi
pack "$main" "$templates/control" "$output/kubecoderun_${version}_$architecture.deb"
if [[ $symbols_wanted != --no-symbols ]]; then
  pack "$symbols" "$templates/control.dbgsym" "$output/kubecoderun-dbgsym_${version}_$architecture.deb"
fi
