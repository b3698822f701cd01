# Many processes. At most 1000, each of which ends by itself.
import time
made = 0
try:
    while made < 1000:
        if os.fork() == 0:
            time.sleep(20); os._exit(0)
        made += 1
except OSError as problem: safe(f"fork refused after {made}: {problem}")
else: vulnerable(f"{made} processes")
