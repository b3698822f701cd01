# argv[1:] are abstract sockets on which the host really listens.
import socket
for name in sys.argv[1:]:
    for kind in (socket.SOCK_STREAM, socket.SOCK_DGRAM):
        attempt(f"{name} {kind}", lambda: socket.socket(socket.AF_UNIX, kind).connect("\0" + name))
text = open("/proc/net/unix").read() if os.path.exists("/proc/net/unix") else ""
vulnerable("sockets of the host are listed") if any(name in text for name in sys.argv[1:]) else safe("not listed")
