import sys, threading
sys.unraisablehook = lambda args: print("unraisable", args.exc_type.__name__, args.err_msg)
threading.excepthook = lambda args: print("thread", args.exc_type.__name__, args.thread.name)
class A:
    def __del__(self):
        1 / 0
A()
t = threading.Thread(target=lambda: {}["k"], name="worker")
t.start()
t.join()
sys.displayhook("shown")
sys.addaudithook(lambda event, args: event == "custom" and print("audit", args))
sys.audit("custom", 1)
kept = A()
