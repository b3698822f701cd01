import atexit
atexit.register(print, "at exit")
def f():
    raise KeyboardInterrupt("stop")
print("before")
f()
