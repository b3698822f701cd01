import io, sys


def loop():  # knows the namespace that knows it: nothing here goes away before the collector comes
    return notes


class Journal:
    def __init__(self, name):
        self.file = open(name, "w")
        self.me = self

    def note(self, text):
        self.file.write(text)


notes = open("notes.txt", "w")
notes.write("written and never closed\n")
raw = open("raw.bin", "wb")
raw.write(b"\0" * 5000)
wrapped = io.TextIOWrapper(io.BufferedWriter(io.FileIO("wrapped.txt", "w")), encoding="utf-16")
wrapped.write("as well")
journal = Journal("journal.txt")
journal.note("a line\n")
frame = sys._getframe()
later = (journal for _ in range(3))
next(later)
print("end")
