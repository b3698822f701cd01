for f in -Ur -Um -Un -Up '-U --map-root-user -m' -m -n -i -u -C; do refused "unshare $f" unshare $f true; done
refused "nsenter" nsenter -t 1 -m true
