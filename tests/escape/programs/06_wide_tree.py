import itertools
made = 0
try:
    for a, b, c in itertools.product(range(30), repeat=3):
        os.makedirs(f"{a}/{b}/{c}", exist_ok=True); open(f"{a}/{b}/{c}/f", "w").close(); made += 1
except OSError as problem: safe(f"refused after {made}: {problem}")
safe("made")
