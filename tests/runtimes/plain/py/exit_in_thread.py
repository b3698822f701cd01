import sys, threading
def work():
    print("works")
    sys.exit(5)
first = threading.Thread(target=work)
first.start()
first.join()
def fails():
    raise ValueError("in a thread")
t = threading.Thread(target=fails, name="failing")
t.start()
t.join()
print(threading.main_thread(), threading.current_thread() is threading.main_thread(), threading.active_count())
