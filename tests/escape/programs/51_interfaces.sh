others=$(ls /sys/class/net 2>/dev/null | grep -v '^lo$'; tail -n +3 /proc/net/dev 2>/dev/null | cut -d: -f1 | tr -d ' ' | grep -v '^lo$')
[ -z "$others" ] && safe "loopback only" || vulnerable "interfaces: $others"
refused "tcp" timeout 2 bash -c 'exec 3<>/dev/tcp/1.1.1.1/53'
refused "metadata" timeout 2 bash -c 'exec 3<>/dev/tcp/169.254.169.254/80'
