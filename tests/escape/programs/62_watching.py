# Looking at what neighbours and the host do, and how the host was started.
import fcntl
usr = os.open("/usr/lib", os.O_RDONLY | os.O_DIRECTORY)
attempt("F_NOTIFY", lambda: fcntl.fcntl(usr, 1026, 0x3f))
refused("inotify_add_watch", "inotify_add_watch", 0, b"/usr/lib", 0xfff)
for path in ("/proc/cmdline", "/proc/keys"):
    try: text = open(path).read()
    except OSError as problem: safe(f"{path}: {problem}")
    else: vulnerable(f"{path}: {text[:80]}") if text.strip() else safe(f"{path} is empty")
for path in ("/proc/self/oom_score_adj", "/proc/self/coredump_filter", "/proc/self/comm", "/proc/sys/user/max_inotify_instances", "/proc/sys/kernel/hostname"):
    attempt(path, lambda: os.write(os.open(path, os.O_WRONLY), b"0"))
safe("not the last to be ended") if open("/proc/self/oom_score_adj").read().strip() == "1000" else vulnerable("its end was made less likely")
mine = os.open("lease", os.O_RDWR | os.O_CREAT)
attempt("F_SETLEASE", lambda: fcntl.fcntl(mine, 1024, fcntl.F_WRLCK))
