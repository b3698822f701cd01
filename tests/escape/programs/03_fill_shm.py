safe("begun")
try:
    with open("/dev/shm/fill", "wb", buffering=0) as file:
        for _ in range(768): file.write(b"x" * (1 << 20))
    vulnerable("768 MiB in /dev/shm")
except OSError as problem: safe(f"/dev/shm: {problem}")
