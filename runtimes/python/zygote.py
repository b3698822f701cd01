"""The Python zygote: imports much, runs nothing of a user, forks into sandboxes.

    zygote.py MEGABYTES keep-plots|no-plots LEVEL[+MODULE...]...

where a sandbox may use that much memory, and figures that are shown become files or do not; with the socket of the first level on descriptor 3, that of the second on 4, and so on.

One process per level, each forked from the one before it after importing more. Modules are also used a little
before the first fork, so that lazy imports, caches and font lists are shared by all children. The process that was started only waits:
the levels are below a fork of it that sandbox_module.cc made.
"""

import sys

FRESH_MAIN = globals().copy()  # what the module of every program begins with
FRESH_MODULES = frozenset(sys.modules)  # what Python loads before it looks at a program

import gc  # noqa: E402
import os  # noqa: E402

import _kubecoderun  # noqa: E402
import harness  # noqa: E402

FIRST_SOCKET = 3


def load_stdlib():
    import abc, argparse, array, ast, asyncio, base64, bisect, calendar, collections, configparser, contextlib, copy  # noqa: E401,F401
    import csv, dataclasses, datetime, decimal, difflib, enum, fractions, functools, glob, gzip, hashlib, heapq, html  # noqa: E401,F401
    import inspect, io, itertools, json, logging, math, operator, pathlib, pickle, platform, pprint, random, re  # noqa: E401,F401
    import secrets, shutil, signal, sqlite3, statistics, string, struct, subprocess, tempfile, textwrap, threading  # noqa: E401,F401
    import time, timeit, traceback, types, typing, unicodedata, urllib.parse, uuid, warnings, xml.etree.ElementTree  # noqa: E401,F401
    import zipfile, zlib, concurrent.futures, encodings.idna, encodings.latin_1, multiprocessing  # noqa: E401,F401

    json.loads(json.dumps({"a": [1, 2.5, None, "é"]}))
    re.compile(r"(\w+)\s*=\s*(.*)").match("a = b")
    datetime.datetime.now().strftime("%Y-%m-%d")
    decimal.Decimal("1.1") * 3
    list(csv.reader(io.StringIO("a,b\n1,2\n")))


def load_numpy():
    import numpy as np

    a = np.random.default_rng(0).normal(size=(20, 20))
    (np.linalg.inv(a) @ a).mean()
    str(np.arange(5).astype(float).reshape(1, 5))
    np.random.rand(2)


def load_pandas():
    import io

    import pandas as pd

    frame = pd.read_csv(io.StringIO("name,day,value\na,2024-01-01,1\nb,2024-01-02,2\na,2024-01-03,3\n"))
    frame["day"] = pd.to_datetime(frame["day"])
    str(frame.groupby("name")["value"].agg(["mean", "sum"]))
    str(frame.describe())
    frame.merge(frame, on="name").sort_values("value_x").to_csv(io.StringIO())


def load_plot():
    import io

    import matplotlib.pyplot as plt
    from PIL import Image  # noqa: F401

    figure, axes = plt.subplots()
    axes.plot([1, 2, 3], label="a")
    axes.bar([1, 2], [3, 4])
    axes.set_title("t")
    axes.legend()
    figure.tight_layout()
    figure.savefig(io.BytesIO(), format="png")
    plt.close("all")


def load_full():
    import numpy as np
    import scipy.optimize
    import scipy.stats
    import sklearn.cluster
    import sklearn.ensemble
    import sklearn.linear_model
    import sklearn.model_selection  # noqa: F401

    x = np.arange(20.0).reshape(-1, 1)
    sklearn.linear_model.LinearRegression().fit(x, x[:, 0]).predict(x)
    scipy.stats.norm.cdf(0.5)
    for name in ("statsmodels.api", "seaborn"):
        try:
            __import__(name)
        except ImportError:
            pass


LEVELS = {"stdlib": load_stdlib, "numpy": load_numpy, "pandas": load_pandas, "plot": load_plot, "full": load_full}

# What most programs of a level do at least. Guests get the memory that this writes to before they wait for their program,
# so everything here costs every guest: a page is a microsecond or two and 4 KB.
REHEARSALS = {
    "stdlib": "print('hello', 1 + 2.5, f'{3}')",
    "numpy": "import numpy as np\nprint(np.arange(6.0).reshape(2, 3).mean(axis=0))",
    "pandas": "import pandas as pd\nf = pd.DataFrame({'a': ['x', 'y', 'x'], 'b': [1, 2, 3]})\nprint(f.groupby('a').b.sum())",
    "plot": "import io\nimport matplotlib.pyplot as plt\nplt.plot([1, 2, 3])\nplt.savefig(io.BytesIO(), format='png')",
    "full": "import numpy as np\nfrom sklearn.linear_model import LinearRegression\nx = np.arange(9.0).reshape(-1, 1)\n"
            "print(LinearRegression().fit(x, x[:, 0]).predict(x))",
}  # fmt: skip


# What these want done after a fork makes good what they did before it, whenever it is done: once, before the first guest, is enough.
ONCE = ("random", "matplotlib.font_manager")


class Handlers:
    """What modules that are loaded meanwhile want done at a fork. `others`: whether any wants it done at each."""

    def __init__(self):
        self.once, self.others, self.register = [], False, os.register_at_fork

    def __enter__(self):
        os.register_at_fork = self._note

    def _note(self, **handlers):
        self.register(**handlers)
        if sys._getframe(1).f_globals["__name__"] in ONCE and list(handlers) == ["after_in_child"]:
            self.once.append(handlers["after_in_child"])
        else:
            self.others = True

    def __exit__(self, *error):
        os.register_at_fork = self.register
        for handler in self.once:
            handler()


def load(level):
    # What is not installed, or does not fit to what else is, simply happens, or fails, in the run that asks for it.
    level, *modules = level.split("+")
    try:
        LEVELS[level]()
    except Exception as error:
        print(f"zygote {level}: {type(error).__name__}: {error}", file=sys.stderr)
    for module in modules:
        try:
            __import__(module)
        except Exception as error:  # the operator chose it, and nobody has tried it here
            print(f"zygote {level}: PYTHON_PRELOAD: {module}: {error}", file=sys.stderr)


def levels():
    """What sandbox_module.cc serves, with nothing of this below it: returns once in the process of each level."""
    megabytes, plots, *names = sys.argv[1:]
    gc.disable()
    handlers = Handlers()
    for index, level in enumerate(names):
        fd = FIRST_SOCKET + index
        with handlers:
            load(level)
        gc.collect()
        # Objects that exist now are left alone by later collections, whose marks would unshare their pages.
        gc.freeze()
        if index + 1 < len(names) and os.fork() == 0:
            _kubecoderun.die_with_parent()
            os.close(fd)
            continue
        os.closerange(fd + 1, FIRST_SOCKET + len(names))
        sandbox = harness.Harness(FRESH_MAIN, FRESH_MODULES, int(megabytes) << 20, plots == "keep-plots")
        sandbox.settle(REHEARSALS[level.partition("+")[0]])
        return fd, sandbox, handlers.others


_kubecoderun.start(levels)
