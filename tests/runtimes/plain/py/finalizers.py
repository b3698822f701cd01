import contextlib, logging, sys
class A:
    n = 0
    def __init__(self, name):
        A.n += 1
        self.name = name
    def __del__(self):
        A.n -= 1
        print("gone", self.name, A.n, helper(self.name))
def helper(x):
    return LOOKUP[x]
LOOKUP = {"a": 1, "b": 2, "c": 3}
a = A("a")
b = A("b")
b.self = b
def generator():
    try:
        yield 1
    finally:
        print("finally", helper("c"), len(LOOKUP))
g = generator()
next(g)
@contextlib.contextmanager
def managed():
    yield
    print("left")
m = managed()
m.__enter__()
logging.basicConfig(stream=sys.stdout)
logging.info("hidden")
logging.warning("shown")
del a
print("end")
