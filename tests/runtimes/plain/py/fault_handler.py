import faulthandler, os, signal
faulthandler.enable()
def f():
    os.kill(os.getpid(), signal.SIGSEGV)
print("before", flush=True)
f()
