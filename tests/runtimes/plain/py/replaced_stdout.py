import io, sys
sys.stdout = open("log.txt", "w")
print("into the file")
sys.stderr = io.StringIO()
print("nowhere", file=sys.stderr)
class A:
    def __del__(self):
        print("del prints to the real one")
a = A()
