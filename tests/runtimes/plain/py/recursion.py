import sys
print(sys.getrecursionlimit())
depth = 0
def f(n):
    global depth
    depth = n
    f(n + 1)
try:
    f(1)
except RecursionError as error:
    print(error, depth)
def g(n):
    return n * g(n - 1)
g(5)
