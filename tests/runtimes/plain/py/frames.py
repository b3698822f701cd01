import inspect, sys, traceback, warnings
def f():
    traceback.print_stack(file=sys.stdout)
    print([(frame.function, frame.lineno, frame.filename) for frame in inspect.stack()])
    print(sys._getframe(1).f_back)
    try:
        sys._getframe(2)
    except ValueError as error:
        print(error)
    warnings.warn("careful", stacklevel=2)
f()
print(inspect.getsource(f))
print(sys._current_frames().keys() == {__import__("threading").get_ident()})
