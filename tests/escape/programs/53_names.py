import socket, time
began = time.monotonic()
for name in ("example.com", "kubernetes.default.svc", "metadata.google.internal"):
    attempt(f"look-up of {name}", lambda: socket.getaddrinfo(name, 80))
safe("quick") if time.monotonic() - began < 2.5 else vulnerable("look-ups hang")
safe("localhost") if socket.gethostbyname("localhost") == "127.0.0.1" else vulnerable("localhost is unknown")
