import atexit, tempfile, threading, weakref
class A:
    pass
a, b = A(), A()
weakref.finalize(a, print, "a is finalized")
weakref.finalize(b, print, "b is finalized").atexit = False
atexit.register(print, "at exit")
directory = tempfile.TemporaryDirectory()
del a
local = threading.local()
local.x = A()
print("end")
