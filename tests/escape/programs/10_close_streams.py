for fd in (0, 1, 2): os.close(fd)
for fd in range(3, 1024):
    try: os.close(fd)
    except OSError: pass
open("alive.txt", "w").write("alive")
os._exit(5)
