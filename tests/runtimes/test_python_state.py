"""runtimes/python/state.py by itself: reading and writing a state, without a sandbox."""

import fcntl
import os
import pathlib
import pickle
import subprocess
import sys
import types

import pytest

pytest.importorskip("cloudpickle")
lz4_frame = pytest.importorskip("lz4.frame")
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "runtimes/python"))
import state  # noqa: E402

LIMIT = 8 << 20
MEMORY = 512 << 20
F_ADD_SEALS, F_SEAL_GROW = 1033, 4


class Session:
    """Runs of one session."""

    def __init__(self):
        self.file, self.left_out, self.needed, self.lost = None, [], [], {}

    def run(self, source, limit=LIMIT):
        """Returns the namespace; remembers what was written as the server would."""
        real = sys.modules["__main__"]
        main = types.ModuleType("__main__")
        main.__builtins__ = __builtins__
        sys.modules["__main__"] = main
        try:
            code = compile(source, "/mnt/data/.code.py", "exec")
            before, self.lost = state.restore(self.file, main, code, MEMORY) if self.file is not None else (None, {})
            exec(code, main.__dict__)
            after = os.memfd_create("state", os.MFD_ALLOW_SEALING)
            os.ftruncate(after, limit + 1)
            fcntl.fcntl(after, F_ADD_SEALS, F_SEAL_GROW)
            self.needed, self.left_out = state.capture(after, main, code, before, MEMORY)
        finally:
            sys.modules["__main__"] = real
        self.size = os.fstat(after).st_size
        if 2 <= self.size <= limit:
            self.file = after
        elif self.size == 0:
            self.file = None
        return main.__dict__

    def bytes(self):
        return os.pread(self.file, os.fstat(self.file).st_size, 0)

    def use(self, data):
        self.file = os.memfd_create("state")
        os.write(self.file, data)


@pytest.fixture
def session():
    return Session()


def test_any_reader_of_pickles_can_read_it(session):
    numpy = pytest.importorskip("numpy")
    session.run("import numpy as np\nx = 42\na = np.arange(20_000.0)\nb = np.arange(30_000); b.flags.writeable = False\nz = 'end'")
    data = session.bytes()
    assert data[0] == state.form.PLAIN
    values = pickle.loads(data[1:])
    assert values["x"] == 42 and values["z"] == "end" and values[state.MODULES]["bound"] == {"np": "numpy"}
    assert numpy.array_equal(values["a"], numpy.arange(20_000.0)) and values["b"][-1] == 29_999


def test_it_reads_what_others_wrote(session):
    plain = pickle.dumps({"x": 1, "_hidden": 2, "l": list(range(10))})
    for data in (b"\x01" + plain, b"\x02" + lz4_frame.compress(plain), b"\x02" + lz4_frame.compress(plain, block_linked=False, content_checksum=True, compression_level=9)):
        session.use(data)
        namespace = session.run("y = x + l[9]")
        assert namespace["y"] == 10 and "_hidden" not in namespace


def test_large_buffers_are_not_copied(session):
    numpy = pytest.importorskip("numpy")
    session.run("import numpy as np\na = np.random.default_rng(0).normal(size=100_000)")
    namespace = session.run("a[7] = 1")
    base = namespace["a"]
    while isinstance(base, numpy.ndarray) and base.base is not None:
        base = base.base
    assert not isinstance(base, (bytes, bytearray)) and namespace["a"].ctypes.data % state.form.ALIGNMENT == 0
    assert session.run("v = a[7]")["v"] == 1


def test_what_did_not_change_is_not_written(session):
    pytest.importorskip("numpy")
    session.run("import numpy as np\na = np.random.default_rng(0).normal(size=100_000)\nx = [1]\ndef f():\n    return x")
    session.run("pass")
    session.run("b = None; del b; f()")
    assert session.size == 1
    session.run("a[99_999] += 1")
    assert session.size > 1


def test_packed_when_it_pays(session):
    session.run("text = 'abc' * 1_000_000")
    assert session.bytes()[0] == state.form.PACKED and session.size < 100_000
    assert session.run("n = len(text)")["n"] == 3_000_000
    session.run("import os\ntext = os.urandom(1_000_000)")
    assert session.bytes()[0] == state.form.PLAIN


def test_packed_arrays_keep_their_place_and_can_be_written(session):
    pytest.importorskip("numpy")
    session.run("import numpy as np\na = np.zeros(500_000)\nb = np.ones(500_000)")
    assert session.bytes()[0] == state.form.PACKED
    session.run("a[3] = 5; ok = bool(a.flags.writeable and a.flags.aligned and b.sum() == 500_000)")
    assert session.run("v = (a[3], ok)")["v"] == (5.0, True)
    session.run("pass")
    session.run("pass")
    assert session.size == 1


def test_over_the_limit_nothing_is_written(session):
    session.run("x = 1")
    session.run("import os\nx = os.urandom(3_000_000)", limit=1 << 20)
    assert session.size == (1 << 20) + 1 and session.run("y = x")["y"] == 1


def test_reasons_are_short(session):
    session.run("import threading\nx = 1\nthread = threading.Thread()\nclass Odd:\n    def __reduce__(self):\n        raise ValueError('long' * 1000)\nodd = Odd()")
    assert [(value.name, value.kind) for value in session.left_out] == [("thread", "Thread"), ("odd", "Odd")]
    assert all(len(str(reason)) < 200 for reason in session.left_out)
    assert session.run("y = x")["y"] == 1


def test_many_names_that_cannot_be_kept(session):
    session.run("import sqlite3\nfor i in range(30):\n    globals()[f'db{i}'] = sqlite3.connect(':memory:')\n    globals()[f'n{i}'] = i")
    assert len(session.left_out) == 30
    assert session.run("s = sum(globals()[f'n{i}'] for i in range(30))")["s"] == 435


def test_modules_that_values_need_are_named(session):
    pytest.importorskip("pandas")
    session.run("x = 1")
    assert session.needed == []
    session.run("import pandas\nf = pandas.DataFrame({'a': [1]})\ndel pandas")
    assert "pandas" in session.needed and "numpy" in session.needed
    session.run("import json, numpy as np\ndel f, x")
    assert session.needed == ["numpy"]


def test_private_names_that_functions_use_come_along(session):
    session.run("_rate = 3\ndef f(n):\n    return n * _rate")
    assert session.run("v = f(2)")["v"] == 6


@pytest.mark.parametrize(
    "data", [b"\x01x", b"\x02x", b"\x03x", b"\x01" + pickle.dumps([1]), b"\x02" + lz4_frame.compress(pickle.dumps({"a": 1}))[:-6], b"\x01" + bytes(3000) + b"\x01\0\0\0" + state.form.MAGIC]
)
def test_damage_is_noticed(session, data):
    session.use(data)
    with pytest.raises(Exception):
        session.run("pass")


def test_a_table_that_lies_is_noticed(session):
    pytest.importorskip("numpy")
    session.run("import numpy as np\na = np.random.default_rng(0).normal(size=20_000)")
    data = bytearray(session.bytes())
    data[-12 - 17] ^= 0x40  # the offset of the one entry
    session.use(bytes(data))
    with pytest.raises(Exception):
        session.run("pass")


BOMB = """
import os, pickle, sys, types
sys.path.insert(0, sys.argv[1])
import lz4.frame, state
file = os.memfd_create("state")
os.write(file, b"\\x02" + lz4.frame.compress(pickle.dumps({"a": bytes(80 << 20)})))
try:
    state.restore(file, types.ModuleType("__main__"), compile("", "code", "exec"), 64 << 20)
except MemoryError:
    print("cut short")
"""


def test_a_bomb_is_cut_short():
    # In a process of its own: one that has freed as much before may use that again, which is no growth.
    command = [sys.executable, "-c", BOMB, pathlib.Path(state.__file__).parent]
    assert subprocess.run(command, capture_output=True, text=True, timeout=60).stdout == "cut short\n"
