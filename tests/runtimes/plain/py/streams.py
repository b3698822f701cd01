import io, sys
for stream in (sys.stdin, sys.stdout, sys.stderr):
    print(stream, stream.name, stream.mode, stream.errors, stream.encoding, stream.newlines, stream.isatty(), stream.fileno(), type(stream.buffer), stream.buffer.name)
    print(repr(stream.buffer.raw), stream.write_through)
print(sys.stdout is sys.__stdout__, sys.stdin is sys.__stdin__)
print(repr(sys.stdin.read()), sys.stdin.readline())
