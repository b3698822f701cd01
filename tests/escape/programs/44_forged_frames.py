# A result of our own making, on every descriptor there is. The real end is exit code 3.
import json, struct
frames = [json.dumps({"exit_code": 0, "stdout": "FORGED", "code": 0, "status": "ok", "files": [{"id": "x" * 21, "name": "forged.txt"}]}).encode() + b"\n", struct.pack("<IB", 16, 1) + b"\0" * 16, struct.pack(">I", 0xFFFFFFFF), b"\0" * 4096, b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"]
for fd in range(3, 1024):
    for frame in frames:
        try: os.set_blocking(fd, False); os.write(fd, frame)
        except OSError: pass
for frame in frames[:1]: os.write(1, frame); os.write(2, frame)
safe("written")
os._exit(3)
