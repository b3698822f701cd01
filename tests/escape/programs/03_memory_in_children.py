# Each child stays below the limit, all of them together do not.
import time
safe("begun")
for _ in range(8):
    if os.fork() == 0:
        b = bytearray(b"x" * (96 << 20)); open(f"/tmp/ok{os.getpid()}", "w").close(); time.sleep(2); os._exit(0)
time.sleep(1.5)
done = len([n for n in os.listdir("/tmp") if n.startswith("ok")])
vulnerable("768 MiB in children") if done == 8 else safe(f"{done} of 8 children had their memory")
