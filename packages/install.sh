# shellcheck shell=bash disable=SC2154
# Installs Debian packages from the lists in this folder. Sourced after tools/shell.sh.

lists=$root/packages
apt_log=$logs/apt.log
allow_removals=no
install=yes  # no: only say what is missing

# The words of a list without its comments.
read_list() { sed 's/#.*//' "$lists/$1" | tr -s ' ' '\n' | sed '/^$/d'; }

language_codes() { awk -F'\t' '!/^#/ && NF >= 3 {print $1}' "$lists/languages.tsv"; }

language_packages() {
  awk -F'\t' -v wanted=",$1," '!/^#/ && NF >= 3 && index(wanted, "," $1 ",") {print $3}' "$lists/languages.tsv" |
    tr ' ' '\n'
}

# py,js → itself without blanks, after a check. Names the language that is not known.
check_languages() {
  local code known
  known=$(language_codes | paste -sd,)
  [[ -n ${1//,/} ]] || fail "--languages needs a list, for example --languages py,js. Known: $known."
  for code in ${1//,/ }; do
    [[ ",$known," == *",$code,"* ]] || fail "there is no language \"$code\". Known: $known."
  done
}

set_names() { awk -F'\t' '!/^#/ && NF >= 3 {print $1}' "$lists/sets.tsv"; }

set_packages() { # SET,SET: the packages of all of them
  awk -F'\t' -v wanted=",$1," '!/^#/ && NF >= 3 && index(wanted, "," $1 ",") {print $3}' "$lists/sets.tsv" | tr ' ' '\n'
}

check_sets() {
  local name known
  known=$(set_names | paste -sd,)
  [[ -n ${1//,/} ]] || fail "--with needs a list, for example --with documents,large. Known: $known."
  for name in ${1//,/ }; do
    [[ ",$known," == *",$name,"* ]] || fail "there is no set of packages \"$name\". Known: $known."
  done
}

# Of the wanted words, those none of whose alternatives ("a|b") is installed.
missing_packages() {
  local word name names plain=()
  local -A present=()
  for word in "$@"; do
    if [[ $word == *\?* ]]; then
      if [[ -e ${word#*\?} ]]; then continue; fi
      word=${word%%\?*}
    fi
    plain+=("$word")
  done
  ((${#plain[@]})) || return 0
  mapfile -t names < <(printf '%s\n' "${plain[@]}" | tr '|' '\n')
  while read -r name; do present[$name]=yes; done < <(
    dpkg-query -W -f '${db:Status-Status} ${Package}\n' "${names[@]}" 2>/dev/null | sed -n 's/^installed //p')
  while read -r word; do
    for name in ${word//|/ }; do
      if [[ -n ${present[$name]:-} ]]; then continue 2; fi
    done
    printf '%s\n' "$word"
  done < <(printf '%s\n' "${plain[@]}" | sort -u)
}

# Of the alternatives of each word the first that this release has, else the last.
choose_packages() {
  local word name
  local -A known=()
  while read -r name; do known[$name]=yes; done < <(
    printf '%s\n' "$@" | tr '|' '\n' | LC_ALL=C xargs apt-cache policy 2>/dev/null |
      awk '/^[^ ].*:$/ {name = substr($1, 1, length($1) - 1)} $1 == "Candidate:" && $2 != "(none)" {print name}')
  for word in "$@"; do
    for name in ${word//|/ }; do
      if [[ -n ${known[$name]:-} ]]; then break; fi
    done
    printf '%s\n' "$name"
  done
}

check_system() {
  local ID='' VERSION_ID='' PRETTY_NAME='an unknown system' architecture
  if [[ -r /etc/os-release ]]; then
    # shellcheck disable=SC1091
    . /etc/os-release
  fi
  local otherwise="On another system install what packages/*.list and packages/languages.tsv name by the means of that system,
then use --no-install."
  if ! command -v apt-get >/dev/null || ! command -v dpkg-query >/dev/null; then
    fail "this is $PRETTY_NAME, without apt. Packages are installed on Debian 12 and 13 only.
$otherwise"
  fi
  if [[ $ID != debian || ! $VERSION_ID =~ ^1[23]$ ]]; then
    fail "this is $PRETTY_NAME. Packages are installed on Debian 12 (bookworm) and 13 (trixie) only: other releases of
Debian, and Ubuntu, have other versions of Boost and of the languages, and were not tested.
$otherwise"
  fi
  architecture=$(dpkg --print-architecture)
  case $architecture in
    amd64 | arm64) ;;
    *) fail "this is $PRETTY_NAME on $architecture. Only amd64 (x86_64) and arm64 are supported." ;;
  esac
}

as_root=()
become_root() {
  if ((EUID == 0)); then return; fi
  local alone="As root, run this once: ${0} --packages-only
After that ${0} works without root."
  command -v sudo >/dev/null || fail "installing packages needs root, and there is no sudo.
$alone"
  if ! sudo -n true 2>/dev/null; then
    [[ -t 0 ]] || fail "installing packages needs root; sudo asks for a password and there is no terminal to type it.
$alone"
    say "Installing packages needs root. sudo may ask for your password."
    sudo -v || fail "sudo refused.
$alone"
  fi
  as_root=(sudo)
}

apt() {
  local variable environment=(DEBIAN_FRONTEND=noninteractive LC_ALL=C)
  for variable in http_proxy https_proxy no_proxy; do
    if [[ -n ${!variable:-} ]]; then environment+=("$variable=${!variable}"); fi
  done
  "${as_root[@]}" env "${environment[@]}" apt-get -q -o DPkg::Lock::Timeout=300 -o Acquire::Retries=2 \
    -o APT::Update::Error-Mode=any -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold "$@"
}

# What a failed apt-get most likely means, in a sentence or two.
explain_apt() {
  local log=$1
  if grep -q -E 'No space left on device|enough free space' "$log"; then
    say "The disk is full."
  elif grep -q 'Could not get lock' "$log"; then
    say "Another program is installing packages and did not end within five minutes. Try again later."
  elif grep -q 'remove is disabled' "$log"; then
    say "Something must be removed before this can be installed:"
    sed -n '/will be REMOVED/,/^[^ ]/p' "$log" | grep '^ ' >&2 || true
    say "If that is all right, run again with --allow-removals."
  elif grep -q 'dpkg was interrupted' "$log"; then
    say "An earlier installation was cut short. As root: dpkg --configure -a"
  elif grep -q -E 'Temporary failure resolving|Could not resolve|Could not connect|Unable to connect|Connection (timed out|refused|failed)|Network is unreachable|Failed to fetch' "$log"; then
    say "The package servers could not be reached. Is there a network? Behind a proxy, set http_proxy and https_proxy."
  elif grep -q -E 'Unable to locate package|no installation candidate' "$log"; then
    local release names
    # shellcheck disable=SC1091
    release=$(. /etc/os-release && printf %s "${VERSION_CODENAME:-}")
    names=$(sed -n -e 's/^E: Unable to locate package //p' -e "s/^E: Package '\(.*\)' has no installation candidate/\1/p" "$log" | paste -sd' ')
    say "The package sources do not have ${names:-everything}. They need \"$release\", \"$release-updates\" and"
    say "\"$release-security\" with the component main."
  elif grep -q -E 'held broken packages|unmet dependencies' "$log"; then
    say "Installed packages stand in the way. The log names them."
  fi
}

# "84.6 MB" → 85
to_megabytes() {
  awk -v text="$1" 'BEGIN {
    split(text, part, " "); gsub(",", "", part[1])
    factor = part[2] == "GB" ? 1000 : part[2] == "MB" ? 1 : part[2] == "kB" ? 0.001 : 0.000001
    printf "%d\n", part[1] * factor + 1
  }'
}

# What apt would do: how much to fetch, how much it takes on disk. Stops when that does not fit. What apt cannot do, the installation
# that follows explains.
check_space() {
  local log=$logs/apt-plan.log download=0 size=0 text free
  apt --assume-no install --no-install-recommends "$@" >"$log" 2>&1 </dev/null || true
  if grep -q '^E:' "$log"; then return; fi
  text=$(sed -n 's/^Need to get \([0-9.,]* [kMG]*B\).*/\1/p' "$log")
  if [[ -n $text ]]; then download=$(to_megabytes "$text"); fi
  text=$(sed -n 's/^After this operation, \([0-9.,]* [kMG]*B\) of additional disk space.*/\1/p' "$log")
  if [[ -n $text ]]; then size=$(to_megabytes "$text"); fi
  free=$(free_megabytes /usr)
  say "Packages: $# missing; $download MB to fetch, $size MB on disk, $free MB free."
  if ((download + size + 300 > free)); then
    fail "not enough disk space: installing takes $((download + size + 300)) MB and $free MB are free."
  fi
}

make_boost_headers() {
  local stage=$cache/boost-headers
  rm -rf "$stage"
  install -d -m 755 "$stage/DEBIAN"
  install -m 644 "$lists/boost-headers/control" "$stage/DEBIAN/control"
  dpkg-deb --root-owner-group --build "$stage" "$cache/kubecoderun-boost-headers.deb" >/dev/null
}

# need_packages STAMP WORD...: makes sure that all are installed. With nothing to do this costs a few milliseconds: the
# stamp remembers the words, and a stamp younger than dpkg's own database says that nothing was removed since.
need_packages() {
  local stamp=$cache/packages/$1 words missing word updated=yes
  shift
  words="$*"
  if [[ -f $stamp && ! /var/lib/dpkg/status -nt $stamp && $(<"$stamp") == "$words" ]]; then return; fi
  mkdir -p "$cache/packages"
  if ! command -v dpkg-query >/dev/null && [[ $install == yes ]]; then check_system; fi
  mapfile -t missing < <(missing_packages "$@")
  if ((${#missing[@]})) && [[ $install == no ]]; then
    say "Not installed (--no-install): ${missing[*]}"
    return
  fi
  if ((${#missing[@]})); then
    check_system
    become_root
    step "Reading package lists" "$logs/apt-update.log" apt update || {
      updated=no
      grep -E '^(E|W|Err)' "$logs/apt-update.log" | head -n 5 >&2 || true
      say "Going on with the lists that are there."
    }
    local things=()
    mapfile -t missing < <(choose_packages "${missing[@]}")
    for word in "${missing[@]}"; do
      if [[ $word == kubecoderun-boost-headers ]]; then
        make_boost_headers
        word=$cache/kubecoderun-boost-headers.deb
      fi
      things+=("$word")
    done
    check_space "${things[@]}"
    local removals=(--no-remove)
    if [[ $allow_removals == yes ]]; then removals=(); fi
    step "Installing ${#missing[@]} packages" "$apt_log" \
      apt -y install --no-install-recommends "${removals[@]}" "${things[@]}" || {
      show_log "$apt_log"
      explain_apt "$apt_log"
      if [[ $updated == no ]]; then say "Reading the package lists had failed before; see $logs/apt-update.log"; fi
      exit 1
    }
    mapfile -t missing < <(missing_packages "$@")
    if ((${#missing[@]})); then fail "apt-get said that all is well, and these are still missing: ${missing[*]}"; fi
  fi
  printf '%s' "$words" >"$stamp"
}

# Libraries of Node from npm, as packages/node/package-lock.json names them with their hashes. Sandboxes find them because their root has
# a link to these (src/sandbox/template_root.cc). Scripts of packages are not run. Without npm, or without its registry, programs have
# what Node itself has: that is no reason to stop.
node_libraries=/usr/lib/kubecoderun/node
need_node_libraries() {
  local name fresh=$node_libraries.new old=$node_libraries.old log=$logs/npm.log
  if cmp -s "$lists/node/package-lock.json" "$node_libraries/package-lock.json"; then return; fi
  if [[ $install == no ]]; then
    say "Not installed (--no-install): libraries of Node"
    return
  fi
  if ! command -v npm >/dev/null; then
    say "Libraries of Node are left out: there is no npm."
    return
  fi
  become_root
  "${as_root[@]}" rm -rf "$fresh" "$old"
  "${as_root[@]}" install -d -m 755 "${node_libraries%/*}" "$fresh"
  for name in package.json package-lock.json; do "${as_root[@]}" install -m 644 "$lists/node/$name" "$fresh/$name"; done
  step "Installing libraries of Node" "$log" \
    "${as_root[@]}" npm ci --prefix "$fresh" --ignore-scripts --no-audit --no-fund --no-update-notifier || {
    "${as_root[@]}" rm -rf "$fresh"
    show_log "$log" 5
    say "Going on without libraries of Node. Is npm's registry reachable? The next time this is tried again."
    return 0
  }
  if [[ -e $node_libraries ]]; then "${as_root[@]}" mv "$node_libraries" "$old"; fi
  "${as_root[@]}" mv "$fresh" "$node_libraries"
  "${as_root[@]}" rm -rf "$old"
}

# Libraries of Python that only an index of packages has (pypi.list), in an environment of ours that the system's Python finds behind its own
# libraries. Which versions, and with which hashes, is written down when they are first installed (pypi.lock, beside the environment) and is
# the same ever after: to have newer ones, remove that file. What the system has already is taken from there and not replaced.
pypi_place=/usr/lib/kubecoderun/python
pypi_hook=/usr/local/lib/python3.%s/dist-packages/kubecoderun.pth
need_pypi() {
  local fresh=$pypi_place.new lock=${pypi_place%/*}/pypi.lock work=$cache/pypi log=$logs/pip.log minor wanted
  minor=$(/usr/bin/python3 -c 'import sys; print(sys.version_info.minor)')
  wanted="python3.$minor $(read_list pypi.list | paste -sd' ')"
  if [[ -r $pypi_place/installed && $(<"$pypi_place/installed") == "$wanted" ]]; then return; fi
  if [[ $install == no ]]; then
    say "Not installed (--no-install): libraries of Python from its index of packages"
    return
  fi
  become_root
  mkdir -p "$work"
  read_list pypi.list >"$work/wanted.txt"
  "${as_root[@]}" install -d -m 755 "${pypi_place%/*}"
  "${as_root[@]}" rm -rf "$fresh"
  step "Installing libraries of Python from its index" "$log" "${as_root[@]}" /usr/bin/python3 "$lists/pypi.py" "$work/wanted.txt" "$lock" "$fresh" || {
    "${as_root[@]}" rm -rf "$fresh"
    show_log "$log" 5
    say "Going on without them. Is the index reachable (PIP_INDEX_URL, https_proxy)? The next ./run --with pypi tries again."
    return 0
  }
  # shellcheck disable=SC2059
  printf -v hook "$pypi_hook" "$minor"
  printf '%s\n' "$wanted" >"$work/installed"
  printf '%s\n' "$pypi_place/lib/python3.$minor/site-packages" >"$work/hook"
  "${as_root[@]}" install -m 644 "$work/installed" "$fresh/installed"
  "${as_root[@]}" rm -rf "$pypi_place"
  "${as_root[@]}" mv "$fresh" "$pypi_place"
  "${as_root[@]}" install -D -m 644 "$work/hook" "$hook"
}

# need_all STAMP LANGUAGES [LIST...]: the build packages, those of the languages and further lists, in one go; then what does not come
# from Debian. Sets of packages that $with names come with them.
with=
need_all() {
  local stamp=$1 languages=$2 words
  shift 2
  mapfile -t words < <(
    read_list build.list
    language_packages "$languages"
    set_packages "$with"
    local list
    for list in "$@"; do read_list "$list"; done
  )
  need_packages "$stamp" "${words[@]}"
  if [[ ,$languages, == *,js,* || ,$languages, == *,ts,* ]]; then need_node_libraries; fi
  if [[ ,$with, == *,pypi,* ]]; then need_pypi; fi
}
