import atexit
def second():
    print("second")
    1 / 0
atexit.register(print, "first registered, last called")
atexit.register(second)
atexit.register(print, "first")
raise SystemExit(4)
