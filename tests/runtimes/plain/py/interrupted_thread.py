import _thread, signal, threading, time
def interrupt():
    _thread.interrupt_main()
timer = threading.Timer(0.05, interrupt)
timer.start()
try:
    time.sleep(5)
    print("slept")
except KeyboardInterrupt:
    print("interrupted")
timer.join()
signal.raise_signal(signal.SIGINT)
