# A descriptor whose end waits for a minute, given to whoever reads from us, who would have to close it.
import array, socket, stat, struct
listener = socket.socket(); listener.bind(("127.0.0.1", 0)); listener.listen()
ours = socket.create_connection(listener.getsockname()); theirs, _ = listener.accept()
ours.setblocking(False)
try:
    while True: ours.send(b"x" * 65536)
except BlockingIOError: pass
ours.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 60))
for name in os.listdir("/proc/self/fd"):
    fd = int(name)
    if fd in (listener.fileno(), ours.fileno(), theirs.fileno()): continue
    try:
        if not stat.S_ISSOCK(os.fstat(fd).st_mode): continue
    except OSError: continue
    attempt(f"sending a descriptor on {fd}", lambda: socket.socket(fileno=os.dup(fd)).sendmsg([b"z"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [ours.fileno()]))]))
safe("spinning")
os.close(ours.detach())  # waits, too, where nobody else holds it
while True: pass
