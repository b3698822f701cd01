echo "hello $# $0"; printf "[%s]\n" "$@"; echo ä >&2
