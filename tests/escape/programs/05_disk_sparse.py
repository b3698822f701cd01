# Large in name only. The answer must come, and without a gigabyte of zeros.
for name, size in (("a.bin.dat", 1 << 30), ("b.dat", 1 << 40)):
    try: os.truncate(os.open(name, os.O_CREAT | os.O_RDWR), size)
    except OSError as problem: safe(f"{name}: {problem}")
open("small.txt", "w").write("small")
safe("sparse files made")
