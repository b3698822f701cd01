for i in 1 2 3 4 5 6 7 8; do head -c 96M /dev/zero > fill$i 2>/dev/null || { safe "disk full at $i"; rm -f fill*; exit 0; }; done
vulnerable "768 MiB on disk"
