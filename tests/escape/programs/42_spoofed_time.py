# Same size, same times, same inode: only the content differs.
before = os.stat("input.txt")
with open("input.txt", "r+b") as file: file.write(b"B" * before.st_size)
os.utime("input.txt", ns=(before.st_atime_ns, before.st_mtime_ns))
after = os.stat("input.txt")
safe("spoofed") if (before.st_size, before.st_mtime_ns, before.st_ino) == (after.st_size, after.st_mtime_ns, after.st_ino) else vulnerable("the test is broken")
