shopt -s extglob nullglob; echo none*; echo {a,b}{1..3}; echo ~; umask; ulimit -c; echo $-; echo $SHELLOPTS; type -t cd ls if
