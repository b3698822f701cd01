# Numbers that the kernel counts for all user namespaces of one maker together.
import socket
for name in ("inotify_init", "inotify_init1", "fanotify_init", "io_setup"):
    refused(name, name, 0, 0)
librt = ctypes.CDLL("librt.so.1", use_errno=True)
queues = []
while len(queues) < 20:
    queue = librt.mq_open(f"/q{len(queues)}".encode(), os.O_CREAT | os.O_RDWR, 0o600, None)
    if queue < 0: break
    queues.append(queue)
vulnerable("20 message queues") if len(queues) == 20 else safe(f"{len(queues)} message queues")
