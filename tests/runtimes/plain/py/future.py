"""The docstring."""
from __future__ import annotations
print(__doc__, __annotations__)
def f(x: Undefined): return x
print(f.__annotations__)
