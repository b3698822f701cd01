safe("begun")
try:
    fd = os.memfd_create("fill")
    for _ in range(768): os.write(fd, b"x" * (1 << 20))
    vulnerable("768 MiB in a memfd")
except OSError as problem: safe(f"memfd: {problem}")
