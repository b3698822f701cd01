cat <<EOF | tr a-z A-Z
here $((6 * 7)) `echo x`
EOF
diff <(echo a) <(echo b)
exec 3>out.txt; echo made >&3; ls *.txt; [[ abc =~ b(.) ]] && echo "${BASH_REMATCH[1]}"
