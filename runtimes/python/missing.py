"""One more line below the trace of a program that asked for a module which is not there."""

import difflib
import importlib.util
import pkgutil
import sys

# What is asked for most and is not there, and what does the same.
SAME = {"pdfplumber": "pdfminer", "fitz": "pypdf", "docx2txt": "docx", "cv2": "skimage", "polars": "pandas", "bokeh": "plotly"}


def explain(name):
    """Nothing of `name` is sure: programs raise such errors themselves, and their own finders are asked as well."""
    try:
        _explain(name)
    except Exception:
        pass


def _explain(name):
    if type(name) is not str or not all(part.isidentifier() for part in name.split(".")) or sys.stderr is None:
        return
    top = name.partition(".")[0]
    if top != name and (top in sys.modules or importlib.util.find_spec(top) is not None):
        return  # a part of what is there: the trace says it all
    there = _close_to(top)
    hint = f" What is there and may do: {there}." if there else ""
    print(f"No module named {top!r} is installed, and a sandbox has no network to install it from: "
          f"the operator can add it with `kubecoderun packages`.{hint}", file=sys.stderr)


def _close_to(name):
    other = SAME.get(name)
    if other and importlib.util.find_spec(other) is not None:
        return other
    names = sys.stdlib_module_names.union(module.name for module in pkgutil.iter_modules())
    names = {each for each in names if not each.startswith("_")}
    lower = {each.lower(): each for each in names}
    close = difflib.get_close_matches(name.lower(), lower, 1, 0.8)
    return lower[close[0]] if close else None
