# Descriptors that we were not meant to have.
import fcntl, resource, stat
last = resource.getrlimit(resource.RLIMIT_NOFILE)[0] - 1
for fd in range(3, 65536):
    try: fcntl.fcntl(fd, fcntl.F_GETFD); info = os.fstat(fd)
    except OSError: continue
    link = os.readlink(f"/proc/self/fd/{fd}")
    kind = stat.S_IFMT(info.st_mode)
    mode = fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_ACCMODE
    # The two of the session's state: a pipe to process 1 of this sandbox and the memory file for it.
    if fd >= last - 1 and (kind == stat.S_IFIFO and mode == os.O_WRONLY or link == "/memfd:state (deleted)"): safe(f"{fd} is {link}")
    elif kind == stat.S_IFDIR or kind == stat.S_IFSOCK or kind == stat.S_IFBLK: vulnerable(f"{fd} is {link}")
    elif kind == stat.S_IFREG and (mode != os.O_RDONLY or not link.startswith(("/usr/", "/lib", "/mnt/data/"))): vulnerable(f"{fd} is {link}, mode {mode}")
    elif kind == stat.S_IFIFO or link.startswith("anon_inode"): vulnerable(f"{fd} is {link}")
    elif kind == stat.S_IFCHR and link not in ("/dev/null", "/dev/urandom", "/dev/random", "/dev/zero"): vulnerable(f"{fd} is {link}")
    else: safe(f"{fd} is {link}")
for name in os.listdir("/proc/self/fd"):
    for path in ("..", "../..", "../../../../../etc/shadow", "../../../../../root"):
        try: found = os.open(f"/proc/self/fd/{name}/{path}", os.O_RDONLY)
        except OSError: continue
        vulnerable(f"descriptor {name} leads to {path}") if path.endswith(("shadow", "root")) else os.close(found)
for fd in (0, 1, 2):
    link = os.readlink(f"/proc/self/fd/{fd}")
    safe(f"{fd} is {link}") if link.startswith(("pipe:", "/dev/null")) else vulnerable(f"{fd} is {link}")
