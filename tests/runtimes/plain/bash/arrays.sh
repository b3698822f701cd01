declare -A counts
for word in b a b; do ((counts[$word]++)); done
for key in "${!counts[@]}"; do echo "$key ${counts[$key]}"; done | sort
list=(1 "2 3")
echo "${#list[@]} ${list[-1]} ${list[*]/2/x} ${0##*/} $BASH_SOURCE $LINENO ${FUNCNAME-none}"
