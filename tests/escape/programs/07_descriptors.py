# Every descriptor taken, and kept until the end.
kept = []
try:
    while len(kept) < 100000: kept.append(os.open("/dev/null", os.O_RDONLY))
except OSError as problem: safe(f"refused after {len(kept)}: {problem}")
else: vulnerable("100,000 descriptors")
