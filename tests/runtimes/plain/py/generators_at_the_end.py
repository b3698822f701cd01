import contextlib
@contextlib.contextmanager
def resource(name):
    print("open", name)
    try:
        yield name
    finally:
        print("close", name)
def items():
    with resource("inner"):
        yield 1
        yield 2
it = items()
next(it)
class Node:
    def __init__(self, name):
        self.name, self.me = name, self
    def __del__(self):
        print("del", self.name)
n = Node("cycle")
_private = Node("private")
print("end")
