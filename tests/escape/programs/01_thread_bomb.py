import threading, time
threading.stack_size(65536)
made = 0
try:
    while made < 2000:
        threading.Thread(target=time.sleep, args=(20,), daemon=True).start(); made += 1
except RuntimeError as problem: safe(f"thread refused after {made}: {problem}")
else: vulnerable(f"{made} threads")
os._exit(0)
