# Full pipes are kernel memory that no process owns. Bounded by descriptors times the largest pipe buffer: 128 MiB at most here.
import fcntl
filled = 0
kept = []
try:
    for _ in range(100):
        r, w = os.pipe(); kept += [r, w]
        try: fcntl.fcntl(w, 1031, 1 << 20)
        except OSError: pass
        os.set_blocking(w, False)
        try:
            while True: filled += os.write(w, b"x" * 65536)
        except BlockingIOError: pass
except OSError as problem: safe(f"pipes: {problem}")
safe(f"{filled >> 20} MiB") if filled <= 300 << 20 else vulnerable(f"{filled >> 20} MiB in pipes")
