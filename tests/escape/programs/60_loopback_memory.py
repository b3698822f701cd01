# Buffers of loopback sockets that nobody reads. argv: megabytes that the sandbox has.
import array, fcntl, socket, termios, time
limit = int(sys.argv[1]) << 20
socket.setdefaulttimeout(0.3)  # a connection that finds no memory is tried again for long
safe("filling")
def stream():
    listener = socket.socket(); listener.bind(("127.0.0.1", 0)); listener.listen(8)
    ours = socket.create_connection(listener.getsockname()); theirs, _ = listener.accept(); listener.close()
    return ours, theirs
def datagrams():
    theirs = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); theirs.bind(("127.0.0.1", 0))
    ours = socket.socket(socket.AF_INET, socket.SOCK_DGRAM); ours.connect(theirs.getsockname())
    return ours, theirs
for name, make, piece in (("TCP", stream, 65536), ("UDP", datagrams, 32768)):
    reports = []
    for _ in range(8):
        r, w = os.pipe()
        if os.fork() == 0:
            total, kept = 0, []
            try:
                while len(kept) < 100:
                    ours, theirs = make(); kept.append((ours, theirs)); ours.setblocking(False)
                    try:
                        for _ in range(200): ours.send(b"x" * piece)
                    except BlockingIOError: pass
            except OSError: pass
            for ours, theirs in kept:
                for end, number in ((theirs, termios.FIONREAD), (ours, termios.TIOCOUTQ)):
                    waiting = array.array("i", [0]); fcntl.ioctl(end, number, waiting); total += waiting[0]
            os.write(w, str(total).encode()); os.close(w)
            time.sleep(0.5)
            os._exit(0)
        os.close(w); reports.append(r)
    total = sum(int(os.read(r, 100) or b"0") for r in reports)
    vulnerable(f"{total >> 20} MB wait in {name}") if total > limit else safe(f"{total >> 20} MB wait in {name}")
    try:
        while True: os.wait()
    except ChildProcessError: pass
