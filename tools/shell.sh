# shellcheck shell=bash
# What ./run, ./test and ./dev share: messages, steps with progress, the build. Sourced, not run.

set -euo pipefail
umask 022  # users of sandboxes read what is built here

root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cache=$root/.cache
logs=$cache/logs

say() { printf '%s\n' "$*" >&2; }

fail() {
  say "${0##*/}: $*"
  exit 1
}

# .cache holds logs, stamps and the lock. One of us installs and builds at a time; the other waits.
open_cache() {
  mkdir -p "$logs" 2>/dev/null || true
  if ! [[ -w $cache && -w $logs ]]; then
    fail "cannot write to $cache. Was it made by another user? Remove it, or run as that user."
  fi
  exec 9>"$cache/lock" || fail "cannot open $cache/lock. Was it made by another user? Remove it, or run as that user."
  if ! flock -n 9; then
    say "Another ./run, ./test or ./dev is installing or building here. Waiting for it."
    flock 9
  fi
}

# A program started with exec must not keep the lock.
close_cache() { exec 9>&-; }

ticker=
stop_ticker() {
  [[ -n $ticker ]] || return 0
  kill "$ticker" 2>/dev/null || true
  wait "$ticker" 2>/dev/null || true
  ticker=
  if [[ -t 2 ]]; then printf '\r\033[K' >&2; fi
}
trap stop_ticker EXIT

# The last line of a log, without control characters and no longer than $2.
last_line() { tail -c 600 "$1" 2>/dev/null | tr '\r' '\n' | grep -v '^[[:space:]]*$' | tail -n 1 | tr -cd '[:print:]' | cut -c "1-$2"; }

# On a terminal one line that is rewritten; elsewhere a line every 20 seconds.
start_ticker() {
  local what=$1 log=$2
  {
    exec {never}<> <(:) 9>&-
    local start=$SECONDS pause=20 width
    if [[ -t 2 ]]; then
      pause=0.5
      width=$(stty size 2>/dev/null </dev/tty | cut -d' ' -f2) || width=80
      if ((${width:-0} < 40)); then width=80; fi
    fi
    while true; do
      if [[ -t 2 ]]; then
        local head="$what … $((SECONDS - start)) s  "
        local room=$((width - ${#head} - 1))
        printf '\r\033[K%s%s' "$head" "$(last_line "$log" $((room > 10 ? room : 10)))" >&2
      fi
      read -r -t "$pause" -u "$never" || true
      if [[ ! -t 2 ]]; then say "  … $what, $((SECONDS - start)) s: $(last_line "$log" 90)"; fi
    done
  } &
  ticker=$!
}

# step WHAT LOG COMMAND...: runs the command with its output in the log; its exit status is ours.
step() {
  local what=$1 log=$2 start=$SECONDS status=0
  shift 2
  if [[ ! -t 2 ]]; then say "$what …"; fi
  : >"$log"
  start_ticker "$what" "$log"
  "$@" >"$log" 2>&1 </dev/null 9>&- || status=$?
  stop_ticker
  if ((status == 0)); then
    say "$what: done, $((SECONDS - start)) s"
  else
    say "$what: FAILED after $((SECONDS - start)) s"
  fi
  return "$status"
}

# The end of a log, and where the rest is.
show_log() {
  say "--- the last lines of $1"
  tail -n "${2:-15}" "$1" | tr '\r' '\n' >&2
  say "---"
}

free_megabytes() { df -Pm "$1" | awk 'NR == 2 {print $4}'; }

# As many compilers as there are processors and memory for: a file that uses Beast takes about 1.2 GB.
build_jobs() {
  local processors memory
  processors=$(nproc)
  memory=$(awk '/^MemAvailable/ {print int($2 / 1200000)}' /proc/meminfo)
  if ((memory < 1)); then memory=1; fi
  echo $((memory < processors ? memory : processors))
}

# build PRESET [TARGET...]: configures when that was never done, packages have changed or there are configure_options, then builds. CMake and
# ninja decide what is to do.
configure_options=()
build() {
  local preset=$1 log=$logs/build-$1.log
  shift
  local directory=$root/build/$preset
  # Languages that were installed meanwhile have parts to build.
  if [[ ! -f $directory/build.ninja || /var/lib/dpkg/status -nt $directory/build.ninja ]] || ((${#configure_options[@]})); then
    local free
    mkdir -p "$directory" 2>/dev/null || fail "cannot make $directory. Was build/ made by another user?"
    free=$(free_megabytes "$directory")
    if ((free < 2000)); then fail "building needs 2 GB of disk space below $root, and $free MB are free."; fi
    step "Configuring $preset" "$log" cmake -S "$root" --preset "$preset" "${configure_options[@]}" || {
      show_log "$log" 25
      exit 1
    }
  fi
  # Relative paths, so that checkouts beside each other share what ccache keeps.
  step "Building $preset" "$log" env NINJA_STATUS='[%f/%t] ' CCACHE_BASEDIR="$root" CCACHE_NOHASHDIR=1 \
    cmake --build "$directory" -j "$(build_jobs)" ${1+--target "$@"} || {
    if grep -q '^FAILED' "$log"; then
      say "--- the first failure in $log"
      sed -n '/^FAILED/,$p' "$log" | grep -v -E '^(FAILED|/usr/bin/(ccache|c\+\+|g\+\+)|: &&|\[)' | head -n 40 | cut -c 1-400 >&2
      say "---"
    else
      show_log "$log" 25
    fi
    exit 1
  }
}

# Is the program built, and no source newer? Folders are looked at too, so a deleted file counts. An upgraded package
# may have brought new headers, so that counts as well.
built_and_fresh() {
  local stamp=$1 binary=$2
  [[ -x $binary && -f $stamp ]] || return 1
  local sources=() path
  for path in src runtimes web cmake CMakeLists.txt CMakePresets.json; do
    if [[ -e $root/$path ]]; then sources+=("$root/$path"); fi
  done
  [[ -z $(find "${sources[@]}" /var/lib/dpkg/status -name __pycache__ -prune -o -newer "$stamp" -print -quit) ]]
}
