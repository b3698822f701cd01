( trap '' TERM HUP INT; setsid sh -c "trap '' TERM HUP INT; sleep 25; :" "$1" & ) &
safe "daemon started"
