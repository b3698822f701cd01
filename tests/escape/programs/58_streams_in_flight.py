# Our streams, in flight between two sockets that are in flight themselves: they stay open when every process here is gone.
import array, socket
safe("going")
a, b = socket.socketpair()
for fd in (1, 2, a.fileno(), b.fileno()): a.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [fd]))])
for fd in (a.fileno(), b.fileno()): b.sendmsg([b"x"], [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", [fd]))])
os._exit(0)
