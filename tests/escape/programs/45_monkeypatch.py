# Everything that a harness in the same process might use after us. The real end is exit code 7.
import atexit, builtins, gc, io, json, socket
atexit.register(lambda: os.write(1, b"SAFE at exit\n"))
lie = lambda *a, **k: "FORGED"
json.dumps = json.dump = lie
builtins.print = builtins.open = builtins.compile = builtins.exec = builtins.len = lie
frame, depth = sys._getframe(), 0
while frame.f_back is not None:
    frame = frame.f_back; depth += 1
    found = [name for name in {**frame.f_globals, **frame.f_locals} if any(word in name.lower() for word in ("secret", "token", "nonce", "api_key", "control"))]
    if found: os.write(1, f"VULNERABLE frame {frame.f_code.co_filename} holds {found}\n".encode())
    for name, thing in {**frame.f_globals, **frame.f_locals}.items():
        # What holds a descriptor other than the three streams could be a way to the harness.
        try: number = thing.fileno()
        except Exception: continue
        if type(number) is int and number > 2: os.write(1, f"VULNERABLE frame {frame.f_code.co_filename} holds {name}: {thing!r}\n".encode())
os.write(1, f"SAFE {depth} frames above\n".encode())
for thing in gc.get_objects():
    if isinstance(thing, socket.socket): os.write(1, f"VULNERABLE a socket: {thing}\n".encode())
class Lie(io.StringIO):
    def write(self, text): return 0
sys.stdout = sys.stderr = sys.__stdout__ = Lie()
sys.excepthook = sys.exit = os._exit_ = lie
sys.modules["os"].fsync = lie
os.write(1, b"SAFE patched\n")
raise SystemExit(7)
