import builtins, sys
print(dir())
print(__name__, __file__, __doc__, __package__, __spec__, __cached__ if "__cached__" in globals() else None, type(__loader__), __loader__.path, __loader__.name)
print(__builtins__ is builtins, type(__builtins__), len(dir(__builtins__)) > 100)
__builtins__.extra = 5
print(extra)
print(sys.modules["__main__"].__dict__ is globals(), __annotations__)
x: int = 3
print(__annotations__, __loader__.get_source("__main__").count("\n"))
class A:
    pass
print(A, A.__module__, A())
