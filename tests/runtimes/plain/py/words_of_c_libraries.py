"""What a C library prints stands in a buffer of its own until the process ends."""
import ctypes
import os

libc = ctypes.CDLL(None)
print("first", flush=True)
libc.printf(b"from C, %d\n", 7)
libc.puts(b"and again")
print("second", flush=True)
if os.fork() == 0:
    os._exit(0)  # a child that ends this way leaves the buffer to its parent
os.wait()
file = ctypes.c_void_p.in_dll(libc, "stderr")
libc.fputs(b"at once\n", file)
