# Kernel objects without a price in user memory: each kind must meet a limit soon.
import select, socket
def until_refused(what, make, most):
    kept = []
    try:
        while len(kept) < most: kept.append(make())
    except OSError as problem: safe(f"{what}: refused after {len(kept)}: {problem}")
    else: vulnerable(f"{most} {what}")
    for thing in kept:
        for one in thing if isinstance(thing, tuple) else (thing,):
            one.close() if hasattr(one, "close") else os.close(one)
until_refused("pipes", os.pipe, 20000)
until_refused("socket pairs", socket.socketpair, 20000)
until_refused("epolls", select.epoll, 20000)
until_refused("memfds", lambda: os.memfd_create("x"), 20000)
def timer():
    made = ctypes.c_void_p()
    ctypes.set_errno(0)
    if libc.timer_create(1, None, ctypes.byref(made)) < 0: raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
made = 0
try:
    while made < 300000: timer(); made += 1
except OSError as problem: safe(f"timers: refused after {made}: {problem}")
else: vulnerable("300,000 timers")
