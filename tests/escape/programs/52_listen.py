# Waits on loopback for another sandbox. argv: port, seconds.
import socket
server = socket.socket(); server.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1); server.bind(("0.0.0.0", int(sys.argv[1]))); server.listen(); server.settimeout(float(sys.argv[2]))
abstract = socket.socket(socket.AF_UNIX); abstract.bind("\0kcr-" + sys.argv[1]); abstract.listen()
own = socket.create_connection(("127.0.0.1", int(sys.argv[1])), 2); server.accept(); safe("loopback works inside")
try: server.accept(); vulnerable("another sandbox came in")
except TimeoutError: safe("nobody came")
