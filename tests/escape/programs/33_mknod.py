import stat
for name, kind, device in (("mem", stat.S_IFCHR, (1, 1)), ("kmsg", stat.S_IFCHR, (1, 11)), ("sda", stat.S_IFBLK, (8, 0)), ("vda", stat.S_IFBLK, (253, 0)), ("fuse", stat.S_IFCHR, (10, 229))):
    for place in ("/mnt/data", "/tmp", "/dev/shm"):
        attempt(f"{place}/{name}", lambda: os.mknod(f"{place}/{name}", 0o666 | kind, os.makedev(*device)), lambda _: attempt(f"open {place}/{name}", lambda: os.open(f"{place}/{name}", os.O_RDONLY)))
