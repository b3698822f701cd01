# Words for process 1 of this sandbox, without end, from a child that outlives us: they must not keep it from ending everything.
import stat
pipes = []
for name in os.listdir("/proc/self/fd"):
    fd = int(name)
    try: mode = os.fstat(fd).st_mode
    except OSError: continue
    if fd > 2 and stat.S_ISFIFO(mode): pipes.append(fd)
    if fd > 2 and stat.S_ISSOCK(mode): vulnerable(f"{fd} is a socket, which carries descriptors")
safe(f"pipes: {len(pipes)}")
for pipe in pipes:
    if os.fork() == 0:
        os.setsid()
        try:
            while True: os.write(pipe, b"C" * 4096)
        except OSError: os._exit(0)  # nobody reads any more
