import os, sys
class Stream:
    def write(self, text):
        return len(text)
    def flush(self):
        raise OSError("no flush")
sys.stdout = Stream()
print("x")
