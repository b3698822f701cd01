import re
def kind(value):
    match value:
        case {"type": "circle", "r": (int() | float()) as r}: return f"circle {r}"
        case [x, y, *rest] if (n := len(rest)): return f"{x} {y} and {n}"
        case str(s): return s.upper()
        case _: return "other"
print([kind(v) for v in ({"type": "circle", "r": 2}, [1, 2, 3, 4], "text", None)])
print(f"{(total := sum(range(5)))=} {total:>10,.2f} {'x':*^5} {total!r:>3}")
print(*(m.group() for m in re.finditer(r"\d+", "a1 b22")), sep="|", end="\n\n")
lambda: (yield)
match = 3
print(match)
kind()
