f() { local x=1; g; }
g() { caller 0; echo "${FUNCNAME[*]} ${BASH_LINENO[*]} ${BASH_SOURCE[*]}"; }
f
