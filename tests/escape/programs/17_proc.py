# Other processes: the agent (pid 1) and whatever else is visible. argv[1] is text that only the server knows, backwards.
me = os.getpid()
pids = [n for n in os.listdir("/proc") if n.isdigit() and int(n) != me]
if len(pids) > 8: vulnerable(f"{len(pids)} other processes are visible")
for pid in pids:
    for name in ("environ", "maps", "mem", "auxv", "syscall", "stack"):
        try: text = open(f"/proc/{pid}/{name}", "rb").read(4096)
        except OSError as problem: safe(f"{pid} {name}: {problem}"); continue
        vulnerable(f"{pid} {name}: {text[:80]}") if text.strip(b"\0\n ") and name != "syscall" else safe(f"{pid} {name}: empty")
    for name in ("root", "cwd", "exe", "fd/0", "fd/1", "fd/3", "fd/10"):
        attempt(f"{pid} {name}", lambda: os.readlink(f"/proc/{pid}/{name}"))
        attempt(f"{pid} open {name}", lambda: os.open(f"/proc/{pid}/{name}", os.O_RDONLY | os.O_NONBLOCK))
    attempt(f"{pid} fd", lambda: os.listdir(f"/proc/{pid}/fd"))
for pid in pids + ["self"]:
    for name in ("cmdline", "environ", "mountinfo", "cgroup", "status"):
        try: text = open(f"/proc/{pid}/{name}", "rb").read()
        except OSError: continue
        for secret in sys.argv[1:]:
            if secret[::-1].encode() in text: vulnerable(f"{pid} {name} holds a secret of the server")
safe("done")
