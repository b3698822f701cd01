import json, sys
sys.setrecursionlimit(5000)
def f(n):
    return 0 if n == 0 else 1 + f(n - 1)
print(f(4900))
nested = []
for _ in range(100000):
    nested = [nested]
for call in (repr, json.dumps):
    try:
        call(nested)
    except RecursionError as error:
        print(call.__name__, error)
class Evil:
    def __getattr__(self, name):
        return getattr(self, name + "x")
try:
    Evil().a
except RecursionError:
    print("recursion")
f(6000)
