import mmap
safe("begun")
kept = []
for _ in range(48):
    m = mmap.mmap(-1, 16 << 20); m.write(b"x" * (16 << 20)); kept.append(m)
vulnerable("768 MiB of shared memory")
