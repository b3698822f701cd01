# A daemon that left its session, ignores what can be ignored, and keeps both streams open. Its name is argv[1].
import subprocess
code = "import signal, time\nfor s in (1, 2, 3, 15, 18, 20): signal.signal(s, signal.SIG_IGN)\nopen('/mnt/data/alive', 'w').close()\ntime.sleep(25)"
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        subprocess.Popen([sys.executable, "-c", code, sys.argv[1]], start_new_session=True)
    os._exit(0)
os.wait()
import time
while not os.path.exists("/mnt/data/alive"): time.sleep(0.01)
safe("daemon started")
