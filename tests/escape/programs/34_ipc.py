# argv: "leave" or "find", and a number. What one run leaves in System V and POSIX IPC must not be there for another.
import mmap
what, number = sys.argv[1], int(sys.argv[2])
IPC_CREAT, EXCL = 0o1000, 0o2000
names = ("shmget", "semget", "msgget")
def get(name, flags):
    function = getattr(libc, name); ctypes.set_errno(0)
    value = function(number, 4096, flags) if name == "shmget" else function(number, 1, flags) if name == "semget" else function(number, flags)
    if value < 0: raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
    return value
path = f"/dev/shm/kcr-{number}"
queue = f"/kcr-{number}".encode()
librt = ctypes.CDLL("librt.so.1", use_errno=True)
if what == "leave":
    for name in names:
        try: safe(f"left {name} {get(name, IPC_CREAT | 0o666)}")
        except OSError as problem: safe(f"{name}: {problem}")
    open(path, "w").write("left"); safe("left shared memory")
    try: librt.mq_open(queue, os.O_CREAT | os.O_RDWR, 0o666, None)
    except AttributeError: pass
else:
    for name in names: attempt(f"{name} of another run", lambda: get(name, 0o666))
    attempt("shared memory of another run", lambda: open(path).read())
    ctypes.set_errno(0)
    try: vulnerable("message queue of another run") if librt.mq_open(queue, os.O_RDWR, 0, None) >= 0 else safe("no queue")
    except AttributeError: safe("no queues")
    for table in ("shm", "sem", "msg"):
        lines = open(f"/proc/sysvipc/{table}").read().splitlines()[1:] if os.path.exists(f"/proc/sysvipc/{table}") else []
        vulnerable(f"{table}: {lines[:3]}") if lines else safe(f"{table} is empty")
