for pid in ("self", "1", str(os.getppid())):
    try: names = os.listdir(f"/proc/{pid}/ns")
    except OSError as problem: safe(f"{pid}: {problem}"); continue
    for name in names:
        try: fd = os.open(f"/proc/{pid}/ns/{name}", os.O_RDONLY)
        except OSError as problem: safe(f"{pid} {name}: {problem}"); continue
        refused(f"setns {pid} {name}", "setns", fd, 0, fine=("EPERM", "ENOSYS", "EINVAL", "EACCES"))
for fd in range(0, 64): 
    try: syscall("setns", fd, 0); vulnerable(f"setns {fd}")
    except OSError: pass
safe("done")
