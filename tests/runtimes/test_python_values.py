"""What stays of values from one run to the next (runtimes/python/pickling.py), and that none hinders another (salvage.py)."""

import pickle
import sys

import pytest

from test_python_state import Session, state

# name: (first run, expressions that are true in the second)
KEPT = {
    "cached function": ("import functools\n@functools.lru_cache(maxsize=7)\ndef fib(n):\n    return n if n < 2 else fib(n - 1) + fib(n - 2)\nfib(5)",
                        ["fib(20) == 6765", "fib.cache_parameters() == {'maxsize': 7, 'typed': False}", "fib.__wrapped__.__name__ == 'fib'", "fib.cache_info().hits > 0"]),
    "cached method": ("import functools\nclass A:\n    @functools.cache\n    def f(self, n): return n * 2\n    @functools.cached_property\n    def p(self): return [1]\na = A()\nb = A()\na.p",
                      ["a.f(2) == 4", "a.p is a.p", "b.p == [1]", "A.p.attrname == 'p'"]),
    "named tuple": ("import typing, collections\nclass R(typing.NamedTuple):\n    a: int\n    b: str = 'x'\n    def twice(self): return self.a * 2\nr = R(2)\nO = collections.namedtuple('O', 'x y')\no = O(1, 2)",
                    ["r == (2, 'x')", "r.twice() == 4", "r._replace(a=3).a == 3", "type(r) is R", "R._field_defaults == {'b': 'x'}", "o.y == 2"]),
    "exceptions": ("class E(Exception):\n    def __init__(self, code, *, detail):\n        super().__init__(f'{code}: {detail}')\n        self.code = code\ne = E(4, detail='d')\nclass K(KeyError):\n    def __init__(self, a, b): super().__init__(a)\nk = K(1, 2)\nclass O(OSError):\n    def __init__(self, x): super().__init__(2, 'no'); self.x = x\no = O(1)\nplain = ValueError('v', 1)",
                   ["str(e) == '4: d'", "e.code == 4", "isinstance(e, E)", "k.args == (1,)", "plain.args == ('v', 1)", "o.errno == 2 and o.x == 1"]),
    "delegation": ("class D:\n    def __init__(self, inner): self.inner = inner\n    def __getattr__(self, name): return getattr(self.inner, name)\nd = D([1, 2])\nclass S:\n    __slots__ = ('inner',)\n    def __init__(self, inner): self.inner = inner\n    def __getattr__(self, name): return getattr(self.inner, name)\ns = S('abc')",
                   ["d.count(1) == 1", "s.upper() == 'ABC'"]),
    "immutable with a __new__": ("class P(tuple):\n    def __new__(cls, a, b): return super().__new__(cls, (a, b))\np = P(1, 2)\nclass U(str):\n    def __new__(cls, v, unit):\n        s = super().__new__(cls, f'{v}{unit}'); s.unit = unit; return s\nu = U(3, 'm')\nclass I(int):\n    def __new__(cls, a, b): return super().__new__(cls, a + b)\ni = I(1, 2)\nclass F(frozenset):\n    def __new__(cls, *a): return super().__new__(cls, a)\nf = F(1, 2)",
                                 ["p == (1, 2) and type(p) is P", "u == '3m' and u.unit == 'm'", "i == 3", "f == {1, 2}"]),
    "init_subclass": ("class Base:\n    made = []\n    def __init_subclass__(cls, /, tag, **k):\n        super().__init_subclass__(**k); cls.tag = tag; Base.made.append(cls.__name__)\nclass A(Base, tag='t'):\n    pass\nclass B(A, tag='u'):\n    x = 1\na = A(); b = B()",
                      ["A.tag == 't' and B.tag == 'u'", "Base.made == ['A', 'B']", "isinstance(b, A)", "type('C', (Base,), {}, tag=5).tag == 5"]),
    "metaclass": ("class M(type):\n    def __new__(m, name, bases, ns, key=None, **k):\n        if name != 'Base' and key is None: raise TypeError('key')\n        c = super().__new__(m, name, bases, ns); c.key = key; return c\n    def __init__(cls, name, bases, ns, **k): super().__init__(name, bases, ns)\nclass Base(metaclass=M): pass\nclass A(Base, key=3):\n    def f(self): return self.key\na = A()",
                  ["a.f() == 3", "type(A) is M"]),
    "frozen dataclass with slots": ("import dataclasses\n@dataclasses.dataclass(frozen=True, slots=True)\nclass P:\n    x: int\n    y: list = dataclasses.field(default_factory=list)\np = P(1)\n@dataclasses.dataclass(order=True)\nclass Q:\n    a: int\n    b: dataclasses.InitVar[int] = 3\n    c: int = dataclasses.field(default=2, kw_only=True)\nq = Q(1)",
                                    ["p == P(1)", "p.x == 1 and p.y == []", "dataclasses.asdict(p) == {'x': 1, 'y': []}", "[f.name for f in dataclasses.fields(Q)] == ['a', 'c']", "dataclasses.replace(p, x=2).x == 2", "Q(1) < Q(2)", "dataclasses.fields(P)[0].default is dataclasses.MISSING"]),
    "match": ("import re\nm = re.search(r'(?P<n>\\d+)', 'ab 12 c')\nl = list(re.finditer(r'\\w+', 'a bc d'))\nf = re.fullmatch('a|ab', 'ab')\np = re.compile('x', re.I)",
              ["m.group('n') == '12' and m.span() == (3, 5)", "[x.group() for x in l] == ['a', 'bc', 'd']", "f.group() == 'ab'", "p.match('X')"]),
    "files in memory": ("import io\nb = io.BytesIO(b'abc'); b.read(1)\ns = io.StringIO('x\\ny'); s.readline()\nl = [b]", ["b.read() == b'bc'", "s.read() == 'y'", "l[0] is b"]),
    "single dispatch": ("import functools\n@functools.singledispatch\ndef show(x): return 'any'\n@show.register\ndef _(x: int): return 'int'\n@show.register(list)\ndef show_list(x): return 'list'\nshow(1)",
                        ["show(1) == 'int' and show([]) == 'list' and show('') == 'any'", "show.register(str, lambda x: 'str') and show('') == 'str'"]),
    "locks": ("import threading, queue, collections\nclass Counter:\n    def __init__(self):\n        self.lock = threading.Lock(); self.again = threading.RLock(); self.n = 0; self.event = threading.Event(); self.condition = threading.Condition()\n    def add(self):\n        with self.lock, self.again, self.condition: self.n += 1\nc = Counter(); c.add()\nlock = threading.Lock(); lock.acquire()\nq = queue.Queue(); q.put(3)\nsem = threading.Semaphore(2)",
              ["c.add() is None and c.n == 2", "not lock.locked()", "q.get() == 3 and q.empty()", "sem.acquire()", "not c.event.is_set()"]),
    "typing": ("import typing\nUserId = typing.NewType('UserId', int)\nT = typing.TypeVar('T', bound=int)\nP = typing.ParamSpec('P')\nTs = typing.TypeVarTuple('Ts')\nclass Box(typing.Generic[T]):\n    pass\nbox = Box[int]()\nclass D(typing.TypedDict, total=False):\n    a: int\nAlias = dict[str, UserId]\nC = typing.Callable[P, T]",
               ["UserId(3) == 3 and UserId.__name__ == 'UserId' and UserId.__supertype__ is int", "P.args", "Box[bool]", "D(a=1) == {'a': 1}", "Alias.__args__[1] is UserId", "typing.get_type_hints(D) == {'a': int}"]),
    "ctypes": ("import ctypes\nclass P(ctypes.Structure):\n    _fields_ = [('x', ctypes.c_int), ('y', ctypes.c_double)]\n    def total(self): return self.x + self.y\np = P(1, 2.5)\na = (ctypes.c_int * 3)(1, 2, 3)\nc = ctypes.c_long(7)\nclass N(ctypes.Union):\n    _fields_ = [('i', ctypes.c_uint32), ('b', ctypes.c_uint8 * 4)]\nn = N(i=1)",
               ["p.total() == 3.5", "P(3).x == 3", "list(a) == [1, 2, 3]", "c.value == 7", "list(n.b) == [1, 0, 0, 0]"]),
    "enumerations": ("import enum\nclass C(enum.Enum):\n    A = 1\n    B = 'b'\n    @property\n    def low(self): return self.name.lower()\nclass F(enum.Flag):\n    X = enum.auto()\n    Y = enum.auto()\nclass S(enum.StrEnum):\n    RED = enum.auto()\nc = C.A; f = F.X | F.Y; d = {C.B: 1}",
                     ["c is C.A and c.low == 'a'", "f == F.X | F.Y", "S.RED == 'red'", "d[C.B] == 1", "list(C) == [C.A, C.B]"]),
    "weak": ("import weakref\nclass A: pass\na = A()\nr = weakref.ref(a)\nw = weakref.WeakValueDictionary(x=a)\nk = weakref.WeakKeyDictionary({a: 1})\ns = weakref.WeakSet([a])", ["r() is a", "w['x'] is a", "k[a] == 1", "a in s"]),
    "identity": ("a = b = []\nfirst = {'shared': a}\ndef counter():\n    n = 0\n    def up():\n        nonlocal n\n        n += 1\n        return n\n    def get(): return n\n    return up, get\nup, get = counter()\nup()\ndef f(): return a\nclass Node: pass\nx = Node(); x.me = x",
                 ["a is b and first['shared'] is a", "(up() == 2 or True) and get() >= 2", "f() is a", "x.me is x"]),
    "decimals and dates": ("import decimal, datetime, fractions, zoneinfo, uuid, pathlib, collections, array\nc = decimal.Context(prec=5)\nd = datetime.datetime(2024, 1, 1, tzinfo=zoneinfo.ZoneInfo('UTC'))\nf = fractions.Fraction(1, 3)\nu = uuid.UUID(int=1)\np = pathlib.Path('a/b')\ncc = collections.ChainMap({1: 2})\ndd = collections.defaultdict(lambda: 5)\ndq = collections.deque([1], maxlen=3)\nar = array.array('d', [1.0])\noc = collections.OrderedDict(a=1)",
                           ["c.prec == 5", "d.year == 2024 and d.tzinfo.key == 'UTC'", "f * 3 == 1", "u.int == 1", "p.name == 'b'", "cc[1] == 2", "dd['x'] == 5", "dq.maxlen == 3", "ar[0] == 1.0", "list(oc) == ['a']"]),
    "iterators and partials": ("import functools, itertools, operator\ni = iter([1, 2, 3]); next(i)\nc = itertools.count(5)\np = functools.partial(pow, 2)\no = operator.itemgetter(1)\nz = zip([1], [2])\nbound = [3, 1, 2].sort\nm = str.upper", ["next(i) == 2", "next(c) == 5", "p(3) == 8", "o([1, 2]) == 2", "m('a') == 'A'"]),
    "descriptors and slots": ("class Field:\n    def __set_name__(self, owner, name): self.name = '_' + name\n    def __get__(self, obj, owner): return self if obj is None else getattr(obj, self.name)\n    def __set__(self, obj, value): setattr(obj, self.name, value)\nclass A:\n    x = Field()\n    __slots__ = ('_x', '__dict__')\n    def __init__(self, x): self.x = x\n    @classmethod\n    def make(cls): return cls(9)\n    @staticmethod\n    def s(): return 1\n    @property\n    def double(self): return self.x * 2\na = A(4)\nclass B(A):\n    def __init__(self): super().__init__(5)\nb = B()",
                              ["a.x == 4 and a.double == 8", "A.make().x == 9 and A.s() == 1", "b.x == 5", "A.x.name == '_x'"]),
    "abstract classes": ("import abc\nclass Base(abc.ABC):\n    @abc.abstractmethod\n    def f(self): ...\nclass A(Base):\n    def f(self): return 1\na = A()\nBase.register(int)", ["a.f() == 1", "isinstance(3, Base)", "Base.__abstractmethods__ == {'f'}"]),
    "names of classes": ("import abc, ctypes, typing\nclass A:\n    class In: pass\n    class Sub(In): pass\nclass B(A): pass\nclass E(Exception): pass\nclass F(E): pass\nclass C(abc.ABC): pass\nclass D(C): pass\nclass G(typing.Protocol): pass\nclass H(G): pass\nclass S(ctypes.Structure):\n    class In(ctypes.Structure): _fields_ = [('x', ctypes.c_int)]\ndef make():\n    class L(A): pass\n    return L\nL = make()\nclasses = [A, A.In, A.Sub, B, E, F, C, D, G, H, S, S.In, L]\nbefore = [(c.__module__, c.__qualname__) for c in classes]\nb = B()",
                         ["[(c.__module__, c.__qualname__) for c in classes] == before", "{c.__module__ for c in classes} == {'__main__'}", "repr(b).startswith('<__main__.B ')"]),
    "loggers": ("import logging\nlog = logging.getLogger('mine')", ["log is logging.getLogger('mine')"]),
    "asynchronous": ("import asyncio\nasync def f(): return 3\nasync def g():\n    yield 1", ["asyncio.run(f()) == 3"]),
}  # fmt: skip


@pytest.mark.parametrize("name", KEPT)
def test_is_kept(name):
    source, expressions = KEPT[name]
    session = Session()
    session.run(source)
    assert [str(value) for value in session.left_out] == []
    imports = "\n".join(line for line in source.splitlines() if line.startswith("import "))
    namespace = session.run(imports)
    assert session.lost == {}
    for expression in expressions:
        assert eval(expression, namespace), expression
    # And once more: what was read can be written again.
    namespace = Session.run(session, imports)
    assert session.lost == {} and not session.left_out
    for expression in expressions[:1]:
        assert eval(expression, namespace), expression


def test_lxml_elements_and_documents_stay_one_tree():
    pytest.importorskip("lxml.etree")
    session = Session()
    session.run("from lxml import etree, html\nroot = etree.fromstring('<a><b>1</b>t<!-- c --><b>2</b></a>')\nsecond = root[2]\ntree = etree.ElementTree(root)\npage = html.fromstring('<p>x <a href=\"u\">l</a></p>')\nlink = page.find('.//a')")
    assert not session.left_out
    namespace = session.run("second.text = '3'\nout = etree.tostring(root).decode()\nhref = link.get('href'); kind = type(link).__module__")
    assert namespace["out"] == "<a><b>1</b>t<!-- c --><b>3</b></a>" and namespace["tree"].getroot() is namespace["root"]
    assert namespace["href"] == "u" and namespace["kind"] == "lxml.html" and not session.lost


def test_a_word_document_goes_on():
    pytest.importorskip("docx")
    session = Session()
    session.run("import docx\ndoc = docx.Document()\nheading = doc.add_heading('Title')\ntable = doc.add_table(1, 2)")
    assert not session.left_out
    namespace = session.run("import docx, io\ndoc.add_paragraph('more')\ntable.cell(0, 0).text = 'cell'\nheading.text = 'New'\nb = io.BytesIO(); doc.save(b); b.seek(0)\nagain = docx.Document(b)\ntexts = [p.text for p in again.paragraphs], again.tables[0].cell(0, 0).text")
    assert namespace["texts"] == (["New", "more"], "cell") and not session.lost


def test_large_soups_stay_one_tree():
    pytest.importorskip("bs4")
    session = Session()
    session.run("from bs4 import BeautifulSoup\nsoup = BeautifulSoup('<html><body>' + '<p>some &amp; <b>text</b></p>' * 3000 + '</body></html>', 'html.parser')\nrows = soup.find_all('p')\nlast = rows[-1].b")
    assert not session.left_out
    namespace = session.run("n = len(rows); last.string = 'changed'; text = soup.find_all('b')[-1].text; same = rows[-1].b is last")
    assert (namespace["n"], namespace["text"], namespace["same"]) == (3000, "changed", True)


# name: (first run, names that are lost and what they need)
LOST = {
    "failing __setstate__": ("class Bad:\n    def __init__(self): self.x = 1\n    def __setstate__(self, state): raise ValueError('secret')\nbad = Bad()\nlist_of_bad = [1, bad]\nnested = {'deep': (bad,)}\n", {"bad": "Bad", "list_of_bad": "Bad", "nested": "Bad"}),
    "a module that is gone": ("import sys, types\nm = types.ModuleType('own_module_that_is_gone'); sys.modules[m.__name__] = m\nexec('class Thing:\\n    pass\\ndef g(): pass', m.__dict__)\nthing = m.Thing()\ng = m.g\nboth = [thing, g]\ndel m", {"thing": "own_module_that_is_gone.Thing", "g": "own_module_that_is_gone.g", "both": "own_module_that_is_gone.Thing"}),
    "a global of the main module by name": ("class Name:\n    def __reduce__(self): return 'by_name'\nby_name = Name()", {"by_name": "__main__.by_name"}),
    "a reducer that fails when it is called": ("def fail(): raise RuntimeError('no')\nclass R:\n    def __reduce__(self): return fail, ()\nr = R()\nimport numpy\nobjects = numpy.array([1, r], dtype=object)", {"r": "fail", "objects": "fail"}),
}


@pytest.mark.parametrize("name", LOST)
def test_what_cannot_be_read_hinders_nothing_else(name):
    if "numpy" in LOST[name][0]:
        pytest.importorskip("numpy")
    source, lost = LOST[name]
    session = Session()
    before = "import collections\nbefore = [1]\nshared = before\ntotal = 41\ndef f(): return total\nclass Good:\n    pass\n"
    session.run(before + source + "\nafter = before\ngood = Good()\nd = collections.defaultdict(list, a=[good])")
    sys.modules.pop("own_module_that_is_gone", None)
    namespace = session.run("pass")
    assert session.lost == lost
    assert not lost.keys() & namespace.keys()
    assert namespace["after"] is namespace["before"] is namespace["shared"] and namespace["f"]() == 41
    assert namespace["d"]["a"] == [namespace["good"]] and type(namespace["good"]) is namespace["Good"]
    session.run("pass")
    assert session.lost == {}


def test_large_arrays_beside_what_is_lost_are_not_copied():
    numpy = pytest.importorskip("numpy")
    session = Session()
    session.run("import numpy as np\na = np.random.default_rng(0).normal(size=50_000)\nview = a[10:]\nclass Bad:\n    def __init__(self): self.x = 1\n    def __setstate__(self, s): 1 / 0\nb = Bad()\nlast = a")
    namespace = session.run("pass")
    assert session.lost == {"b": "Bad"} and namespace["last"] is namespace["a"]
    assert numpy.array_equal(namespace["view"], namespace["a"][10:]) and namespace["a"].ctypes.data % state.form.ALIGNMENT == 0


def test_states_written_earlier_are_salvaged():
    """As cloudpickle alone wrote them: a cached function was written by its name."""
    session = Session()
    stream = pickle.dumps({"total": 41}, protocol=4).replace(b"\x8c\x05total", b"\x8c\x03fib\x8c\x08__main__\x8c\x03fib\x93s\x8c\x05total")
    session.use(b"\x01" + stream[:2] + stream[11:])  # without the frame, whose length has changed
    namespace = session.run("pass")
    assert namespace["total"] == 41 and session.lost == {"fib": "__main__.fib"}


def test_another_reader_of_pickles_can_read_it():
    """Only the standard library and cloudpickle are needed, in a process that has nothing of ours."""
    import subprocess

    for name, (source, _) in KEPT.items():
        session = Session()
        session.run(source)
        reader = "import pickle, sys; values = pickle.loads(sys.stdin.buffer.read()[1:]); assert type(values) is dict"
        data = session.bytes()
        if data[0] == state.form.PACKED:
            data = b"\x01" + __import__("lz4.frame").frame.decompress(data[1:])
        ran = subprocess.run([sys.executable, "-I", "-c", reader], input=data, capture_output=True)
        assert ran.returncode == 0, (name, ran.stderr.decode())


def test_a_writer_whose_file_is_closed_is_not_missed(tmp_path):
    import csv

    with open(tmp_path / "a.csv", "w", newline="") as file:
        plain, named = csv.writer(file), csv.DictWriter(file, ["a"])
        assert not state._stands_on_a_closed_file(plain)
        assert not state._stands_on_a_closed_file(named)
    assert state._stands_on_a_closed_file(plain)
    assert state._stands_on_a_closed_file(named)
    assert not state._stands_on_a_closed_file(len)
    assert not state._stands_on_a_closed_file([plain, 1][1])


def test_methods_find_what_they_need_while_values_are_read():
    """Readers call __setstate__, __hash__ and metaclasses of the program, which may use its modules, functions and constants."""
    session = Session()
    session.run("""
import collections, enum, json, threading
LIMIT = 3
class Kind(enum.Enum):
    A = 1
def helper(): return LIMIT
class Model:
    def __init__(self): self.kind, self.lock = Kind.A, threading.Lock()
    def __getstate__(self): return {"kind": self.kind}
    def __setstate__(self, state):
        self.__dict__.update(state)
        self.lock, self.limit = threading.Lock(), helper()
class Key:
    def __init__(self, value): self.value = value
    def __hash__(self): return hash(json.dumps(self.value))
    def __eq__(self, other): return self.value == other.value
class Meta(type):
    @classmethod
    def __prepare__(cls, name, bases): return collections.OrderedDict()
    def __new__(cls, name, bases, names): return super().__new__(cls, name, bases, dict(names))
class A(metaclass=Meta):
    n = helper()
model = Model()
models, keys, kind, a = [model], {Key([1]): model}, Kind.A, A()
class Gone:
    def __setstate__(self, state): raise ValueError
    def __getstate__(self): return 1
gone = Gone()
""")
    again = session.run("")
    assert list(session.lost) == ["gone"] and "gone" not in again
    assert again["model"].lock.acquire(False) and again["model"].limit == 3 and again["models"][0] is again["model"]
    assert again["keys"][again["Key"]([1])] is again["model"] and again["model"].kind is again["kind"] is again["Kind"].A
    assert type(again["a"]) is again["A"] and again["A"].n == 3 and again["helper"].__globals__["Model"] is again["Model"]
