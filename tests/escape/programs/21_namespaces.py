flags = dict(NEWUSER=0x10000000, NEWNS=0x20000, NEWPID=0x20000000, NEWNET=0x40000000, NEWIPC=0x8000000, NEWUTS=0x4000000, NEWCGROUP=0x2000000, NEWTIME=0x80)
for name, flag in flags.items():
    refused(f"unshare {name}", "unshare", flag)
    refused(f"unshare NEWUSER and {name}", "unshare", flags["NEWUSER"] | flag)
class clone_args(ctypes.Structure): _fields_ = [(n, ctypes.c_uint64) for n in ("flags", "pidfd", "child_tid", "parent_tid", "exit_signal", "stack", "stack_size", "tls", "set_tid", "set_tid_size", "cgroup")]
for name, flag in flags.items():
    arguments = clone_args(flags=flag | flags["NEWUSER"], exit_signal=17)
    try: child = syscall("clone3", ctypes.byref(arguments), ctypes.sizeof(arguments))
    except OSError as problem: safe(f"clone3 {name}: {problem}"); continue
    if child == 0: os._exit(0)
    vulnerable(f"clone3 {name}")
