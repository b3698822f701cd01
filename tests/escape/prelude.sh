safe() { printf 'SAFE %s\n' "$*"; }
vulnerable() { printf 'VULNERABLE %s\n' "$*"; }
refused() { local text=$1; shift; if "$@" >/dev/null 2>&1; then vulnerable "$text succeeded"; else safe "$text"; fi; }
if [ "$(id -u) $PWD" != "65532 /mnt/data" ]; then vulnerable "this is not a sandbox"; exit 99; fi
