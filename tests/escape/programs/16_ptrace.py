others = [int(n) for n in os.listdir("/proc") if n.isdigit() and int(n) != os.getpid()] + [os.getppid() or 1]
for pid in others:
    refused(f"PTRACE_ATTACH {pid}", "ptrace", 16, pid, 0, 0)
    refused(f"PTRACE_SEIZE {pid}", "ptrace", 0x4206, pid, 0, 0)
    buffer = ctypes.create_string_buffer(64)
    class iovec(ctypes.Structure): _fields_ = [("base", ctypes.c_void_p), ("length", ctypes.c_size_t)]
    local, remote = iovec(ctypes.addressof(buffer), 64), iovec(ctypes.addressof(buffer), 64)
    for name in ("process_vm_readv", "process_vm_writev"):
        refused(f"{name} {pid}", name, pid, ctypes.byref(local), 1, ctypes.byref(remote), 1, 0)
    attempt(f"/proc/{pid}/mem", lambda: os.open(f"/proc/{pid}/mem", os.O_RDWR))
    try: refused("pidfd_getfd", "pidfd_getfd", syscall("pidfd_open", pid, 0), 0, 0)
    except OSError as problem: safe(f"pidfd_open: {problem}")
