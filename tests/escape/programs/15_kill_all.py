# Everything that can be signalled. Only fired where this program cannot see a whole machine.
import signal
visible = [int(n) for n in os.listdir("/proc") if n.isdigit()]
if len(visible) > 20: vulnerable(f"{len(visible)} processes are visible"); sys.exit()
for pid in {1, os.getppid()} - {0, os.getpid()}:
    for number in (0, signal.SIGTERM, signal.SIGSTOP, signal.SIGKILL):
        try: os.kill(pid, number); safe(f"signal {number} to {pid} went nowhere")
        except OSError as problem: safe(f"signal {number} to {pid}: {problem}")
safe("still here")
try: os.kill(-1, signal.SIGKILL)
except OSError as problem: safe(f"kill -1: {problem}")
safe("the end")
