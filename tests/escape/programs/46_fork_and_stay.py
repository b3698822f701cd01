# The child stays behind, holding everything that it inherited, and talks on.
import time
if os.fork() == 0:
    for _ in range(100):
        try: os.write(1, b"child\n")
        except OSError: break
        time.sleep(0.1)
    os._exit(9)
safe("parent"); os._exit(4)
