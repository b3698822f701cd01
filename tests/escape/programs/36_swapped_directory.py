# Leaves somebody behind who exchanges a directory and a link to /etc as fast as possible, while outputs are collected.
import time
os.mkdir("d"); open("d/passwd", "w").write("mine"); os.symlink("/etc", "l")
open("f", "w").write("mine"); os.symlink("/etc/passwd", "m")
if os.fork() == 0:
    os.setsid()
    RENAME_EXCHANGE = 2
    end = time.monotonic() + 10
    while time.monotonic() < end:
        libc.renameat2(-100, b"d", -100, b"l", RENAME_EXCHANGE); libc.renameat2(-100, b"f", -100, b"m", RENAME_EXCHANGE)
    os._exit(0)
time.sleep(0.05)
safe("exchanging")
os._exit(0)
