# Both streams, always full, from many processes.
safe("flooding")
for _ in range(40):
    if os.fork() == 0:
        while True:
            for stream in (1, 2): os.write(stream, b"x" * 65536)
import time
time.sleep(1)
