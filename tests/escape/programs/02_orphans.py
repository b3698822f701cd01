# Orphans without end: process 1 must not be busy with reaping only.
safe("going")
for _ in range(8):
    if os.fork() == 0:
        while True:
            try: child = os.fork()
            except OSError: continue
            if child == 0:
                try: os.fork()
                except OSError: pass
                os._exit(0)
            os.waitpid(child, 0)
while True: pass
