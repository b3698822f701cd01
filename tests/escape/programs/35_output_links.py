for name, target in (("shadow.txt", "/etc/shadow"), ("passwd.txt", "/etc/passwd"), ("environ.txt", "/proc/1/environ"), ("self.txt", "/proc/self/environ"), ("dangling.txt", "/nonexistent/x"), ("loop.txt", "loop.txt"),
                     ("mem.txt", "/proc/self/mem"), ("zero.txt", "/dev/zero"), ("relative.txt", "../../../../etc/passwd"), ("fd.txt", "/proc/self/fd/0"), ("input.txt", "real.txt"), ("root", "/"), ("dot", ".")):
    os.symlink(target, name)
open("real.txt", "w").write("mine")
safe("links made")
