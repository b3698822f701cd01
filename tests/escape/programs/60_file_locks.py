# Records of locks on files, which the kernel charges to nobody and does not limit. Who holds very many is ended.
import fcntl, time
PROCESSES, FILES, LOCKS = 8, 200, 300  # half a million: 90 MB
safe("locking")
done, tell = os.pipe()
for process in range(PROCESSES):
    if os.fork() == 0:
        files = [os.open(f"/tmp/{process}-{number}", os.O_RDWR | os.O_CREAT) for number in range(FILES)]
        for place in range(LOCKS, 0, -1):
            for file in files: fcntl.lockf(file, fcntl.LOCK_EX, 1, 2 * place)
        os.write(tell, b".")
        time.sleep(60)
        os._exit(0)
for _ in range(PROCESSES): os.read(done, 1)
time.sleep(5)
vulnerable("half a million locks are held")
