#!/bin/bash
# Makes the tree of a Debian release for programs, or brings it up to date: the work of `./dev root`. See the usage below.
# shellcheck disable=SC2154

. "$(dirname "${BASH_SOURCE[0]}")/shell.sh"
. "$root/packages/install.sh"

usage() {
  cat <<'END'
usage: ./dev root RELEASE DIR [OPTIONS]

Makes in DIR the files of a Debian release (trixie, bookworm) with the languages that programs may use, for SANDBOX_ROOT=DIR. Where DIR
is such a tree already, it is brought up to date, and what is missing in it is installed. Packages come from where this machine has its
own from. Needs root, mmdebstrap, and for all languages about 5 GB of disk space.

  --languages py,js,…    only these languages
  --with PACKAGE         a further Debian package; may be repeated
  --mirror URL           where packages come from, instead of this machine's sources
END
}

release='' tree='' languages=$(language_codes | paste -sd,) mirror=''
further=()
while (($#)); do
  case $1 in
    -h | --help) usage; exit ;;
    --languages=* | --with=* | --mirror=*) set -- "${1%%=*}" "${1#*=}" "${@:2}"; continue ;;
    --languages | --with | --mirror)
      (($# > 1)) || fail "$1 needs a value. See ./dev root --help"
      case $1 in
        --languages) languages=$2 ;;
        --with) further+=("$2") ;;
        --mirror) mirror=$2 ;;
      esac
      shift
      ;;
    -*) fail "root knows no \"$1\". See ./dev root --help" ;;
    *)
      if [[ -z $release ]]; then release=$1
      elif [[ -z $tree ]]; then tree=$(realpath -m -- "$1")
      else fail "root takes a release and a directory. See ./dev root --help"
      fi
      ;;
  esac
  shift
done
[[ -n $release && -n $tree ]] || fail "root needs a release and a directory, for example: ./dev root trixie /srv/trixie"
[[ $release =~ ^[a-z]+$ ]] || fail "\"$release\" is not the name of a release, as trixie is."
check_languages "$languages"
((EUID == 0)) || fail "root makes files that belong to root: sudo ./dev root $release $tree"

if ! command -v mmdebstrap >/dev/null; then
  open_cache
  need_packages root mmdebstrap
  close_cache
fi
command -v mmdebstrap >/dev/null || fail "mmdebstrap is not installed."
mkdir -p "$logs" "${tree%/*}"
log=$logs/root.log
# One of us works on a tree at a time.
exec 8<"${tree%/*}"
flock -n 8 || fail "another ./dev root is at work beside $tree."

# Where this machine has Debian's own packages from: its address for "Debian" or "Debian-Security".
source_of() {
  # shellcheck disable=SC2016
  apt-get indextargets --format '$(ORIGIN)|$(LABEL)|$(REPO_URI)' 'Created-By: Packages' 2>/dev/null |
    awk -F'|' -v label="$1" '$1 == "Debian" && $2 == label {print $3; exit}'
}

# The sources of the release, one a line.
sources_of_release() {
  local main=$mirror security=''
  if [[ -z $main ]]; then
    main=$(source_of Debian)
    security=$(source_of Debian-Security)
  fi
  [[ -n $main ]] || fail "this machine's apt knows no source of Debian's packages (apt-get update?); name one with --mirror."
  echo "deb $main $release main"
  echo "deb $main $release-updates main"
  if [[ -n $security ]]; then echo "deb $security $release-security main"; fi
}

# The proxy of this machine's apt is the tree's.
proxy=$(apt-config shell proxy Acquire::http::Proxy | sed "s/^proxy='\(.*\)'$/\1/")
if [[ -n $proxy && -z ${http_proxy:-} ]]; then export http_proxy=$proxy; fi

make_base() {
  local option options=()
  for option in '/usr/share/man/*' '/usr/share/locale/*' '/usr/share/doc/*' '/usr/share/info/*' '/usr/share/lintian/*'; do
    options+=(--dpkgopt="path-exclude=$option")
  done
  # What is mounted meanwhile nobody else sees.
  unshare --mount --propagation private mmdebstrap --variant=apt --mode=root --format=directory --skip=download/empty \
    --aptopt='APT::Install-Recommends "false"' --dpkgopt=force-unsafe-io \
    "${options[@]}" --dpkgopt='path-include=/usr/share/doc/*/copyright' \
    --include=ca-certificates "$release" "$1" <"$cache/root.sources"
}

# inside TREE COMMAND...: runs it there, with the network of this machine, and with no more of it than packages need to be set up.
inside() {
  local where=$1
  shift
  # shellcheck disable=SC2016
  unshare --mount --propagation private --fork --pid /bin/bash -c '
    tree=$1
    shift
    mount -t proc proc "$tree/proc" && mount -t tmpfs tmpfs "$tree/dev" && mkdir "$tree/dev/shm" || exit 1
    for device in null zero full random urandom; do
      : >"$tree/dev/$device" && mount --bind "/dev/$device" "$tree/dev/$device" || exit 1
    done
    ln -s /proc/self/fd "$tree/dev/fd"
    if [ -e /etc/resolv.conf ]; then
      : >>"$tree/etc/resolv.conf" && mount --bind /etc/resolv.conf "$tree/etc/resolv.conf" || exit 1
    fi
    exec chroot "$tree" env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive \
      ${http_proxy:+http_proxy="$http_proxy"} ${https_proxy:+https_proxy="$https_proxy"} ${no_proxy:+no_proxy="$no_proxy"} "$@"
  ' bash "$where" "$@"
}

# The packages of the languages, as this release has them: of "a|b" the first that is there, and "a?path" where no path is a file of it
# yet. What it has under no name is said and left out.
choose() {
  local where=$1 word name chosen
  local -A known=()
  shift
  while read -r name; do known[$name]=yes; done < <(
    printf '%s\n' "$@" | sed 's/?.*//' | tr '|' '\n' | sort -u | xargs chroot "$where" apt-cache policy |
      awk '/^[^ ].*:$/ {name = substr($1, 1, length($1) - 1)} $1 == "Candidate:" && $2 != "(none)" {print name}')
  for word in "$@"; do
    if [[ $word == *\?* && -e $where${word#*\?} ]]; then continue; fi
    chosen=''
    for name in $(tr '|' ' ' <<<"${word%%\?*}"); do
      if [[ -z $chosen && -n ${known[$name]:-} ]]; then chosen=$name; fi
    done
    if [[ -n $chosen ]]; then echo "$chosen"; else say "$release has no package $word: left out"; fi
  done | sort -u
}

failed() {
  show_log "$log"
  explain_apt "$log"
  exit 1
}

before=$(free_megabytes "${tree%/*}")
sources_of_release >"$cache/root.sources"
work=$tree
if [[ -e $tree/etc/os-release ]]; then
  found=$(sed -n 's/^VERSION_CODENAME=//p' "$tree/etc/os-release")
  [[ $found == "$release" ]] || fail "$tree is a tree of \"$found\", not of \"$release\": name another directory."
else
  if [[ -e $tree && -n $(ls -A "$tree") ]]; then fail "$tree holds other things: name another directory."; fi
  # Under another name until it is whole. What an interrupted attempt has left is of no use.
  work=$tree.new
  rm -rf --one-file-system "$work"
  if ((before < 1000)); then fail "a tree without languages needs 1000 MB of disk space, and $before MB are free."; fi
  step "Making the tree" "$log" make_base "$work" || failed
fi
cp "$cache/root.sources" "$work/etc/apt/sources.list"
printf '#!/bin/sh\nexit 101\n' >"$work/usr/sbin/policy-rc.d"  # nothing is started in there
chmod 755 "$work/usr/sbin/policy-rc.d"

step "Reading package lists" "$log" inside "$work" apt-get -q update || failed
mapfile -t words < <(language_packages "$languages")
mapfile -t packages < <(choose "$work" "${words[@]}" "${further[@]}")
options=(-q -y -o Acquire::Retries=2 -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold)
inside "$work" apt-get -q --assume-no install --no-install-recommends "${packages[@]}" >"$logs/root-plan.log" 2>&1 || true
download=$(to_megabytes "$(sed -n 's/^Need to get \([0-9.,]* [kMG]*B\).*/\1/p' "$logs/root-plan.log")")
size=$(to_megabytes "$(sed -n 's/^After this operation, \([0-9.,]* [kMG]*B\) of additional disk space.*/\1/p' "$logs/root-plan.log")")
free=$(free_megabytes "$work")
say "Packages: ${#packages[@]}, with what they need $download MB to fetch, $size MB on disk; $free MB free."
if ((download + size + 300 > free)); then fail "not enough disk space: this takes $((download + size + 300)) MB."; fi
step "Bringing what is there up to date" "$log" inside "$work" apt-get "${options[@]}" dist-upgrade || failed
step "Installing the languages" "$log" inside "$work" apt-get "${options[@]}" install --no-install-recommends "${packages[@]}" || failed
inside "$work" apt-get clean
rm -rf "$work/usr/sbin/policy-rc.d" "$work"/var/lib/apt/lists/* "$work"/tmp/*
if [[ ,$languages, == *,js,* || ,$languages, == *,ts,* ]]; then
  node_libraries=$work/usr/lib/kubecoderun/node
  need_node_libraries
fi
if [[ $work != "$tree" ]]; then
  if [[ -d $tree ]]; then rmdir "$tree"; fi
  mv "$work" "$tree"
fi
say "$tree has $(sed -n 's/^PRETTY_NAME="\(.*\)"$/\1/p' "$tree/etc/os-release"), $(du -sm "$tree" | cut -f1) MB.
Programs see it where the server is started with SANDBOX_ROOT=$tree. A server that runs with it already follows within a minute."
