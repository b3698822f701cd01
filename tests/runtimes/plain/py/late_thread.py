import atexit, threading, time
atexit.register(lambda: print("at exit", threading.active_count()))
started = threading.Event()
def work():
    started.wait()
    print("late")
threading.Thread(target=work).start()
daemon = threading.Thread(target=time.sleep, args=(1000,), daemon=True)
daemon.start()
started.set()
print("main ends")
