# The binary that runs us must not be writable (it would be the host's own).
for path in ("/proc/self/exe", "/proc/1/exe", sys.executable, os.path.realpath(sys.executable), "/bin/sh", "/usr/bin/node"):
    attempt(f"{path} for writing", lambda: os.open(path, os.O_WRONLY))
    attempt(f"{path} for appending", lambda: os.open(path, os.O_WRONLY | os.O_APPEND))
import subprocess
subprocess.run(["sh", "-c", "sleep 0.05; exec 3>>/proc/$PPID/exe && echo VULNERABLE late write"], stderr=subprocess.DEVNULL)
