"""Sessions of several Python runs, as people and models write them: each is a list of programs, with what each is to print. The words on
stderr are part of it; "..." stands for any text."""

import re

import pytest

from harness import file_named, names

NOT_KEPT = "Not kept for later runs of this session: "

# name: [(program, stdout, stderr)]
CONVERSATIONS = {
    "cached functions": [
        ("import functools\ntotal = 41\n@functools.lru_cache\ndef fib(n):\n    return n if n < 2 else fib(n - 1) + fib(n - 2)\nprint(fib(30))", "832040", ""),
        ("print(total, fib(10), fib.cache_info().currsize)", "41 55 11", ""),
        ("fib.cache_clear()\nprint(fib(3), fib.__name__, fib.cache_parameters())", "2 fib {'maxsize': 128, 'typed': False}", ""),
    ],
    "records": [
        ("import typing, dataclasses\nclass Row(typing.NamedTuple):\n    name: str\n    age: int = 3\n@dataclasses.dataclass(frozen=True, slots=True)\nclass P:\n    x: float\n    y: float\nrows = [Row('a'), Row('b', 4)]\nps = {P(1, 2): 'first'}", "", ""),
        ("print(rows, ps, dataclasses.asdict(next(iter(ps))), Row._fields)", "[Row(name='a', age=3), Row(name='b', age=4)] {P(x=1, y=2): 'first'} {'x': 1, 'y': 2} ('name', 'age')", ""),
        ("rows.append(Row('c'))\nprint(P(1, 2) in ps, sum(r.age for r in rows))", "True 10", ""),
    ],
    "errors that were caught": [
        ("class AppError(Exception):\n    def __init__(self, code, message):\n        super().__init__(message)\n        self.code = code\nerrors = []\nfor i in range(2):\n    try:\n        raise AppError(i, 'bad')\n    except AppError as e:\n        errors.append(e)\ntry:\n    open('nothing')\nexcept OSError as e:\n    last = e", "", ""),
        ("print([(e.code, str(e)) for e in errors], repr(last), last.filename)", "[(0, 'bad'), (1, 'bad')] FileNotFoundError(2, 'No such file or directory') nothing", ""),
        ("raise errors[1]", "", "Traceback (most recent call last):\n  File \"/mnt/data/.code.py\", line 1, in <module>\n    raise errors[1]\n...AppError: bad"),
    ],
    "classes keep their names from run to run": [
        ("class Failed(Exception): pass\nclass NotFound(Failed):\n    class Detail: pass\nclass Proxy:\n    def __init__(self, target):\n        self.target = target\n    def __getattr__(self, name):\n        return getattr(self.target, name)\nclass Logged(Proxy): pass\np = Logged([1])", "", ""),
        ("print(NotFound, NotFound.Detail, Logged.__module__, p.count(1))\np.append(1)", "<class '__main__.NotFound'> <class '__main__.NotFound.Detail'> __main__ 1", ""),
        ("print(NotFound, p.count(1))\nraise NotFound('x')", "<class '__main__.NotFound'> 2", "Traceback ...\nNotFound: x"),
    ],
    "a lock that is made again when its object is read": [
        ("import threading\nclass Account:\n    def __init__(self): self.balance, self.lock = 1, threading.Lock()\n    def __getstate__(self):\n        state = self.__dict__.copy()\n        del state['lock']\n        return state\n    def __setstate__(self, state):\n        self.__dict__.update(state)\n        self.lock = threading.Lock()\naccount = Account()", "", ""),
        ("with account.lock:\n    account.balance += 1\nprint(account.balance)", "2", ""),
        ("print(account.balance, account.lock.locked())", "2 False", ""),
    ],
    "streams of the program": [
        ("import functools, logging, sys\nout = sys.stdout\nhandler = logging.StreamHandler(out)\nsay = functools.partial(print, file=sys.stderr)", "", ""),
        ("out.write('written\\n')\nhandler.emit(logging.LogRecord('n', 20, 'p', 1, 'logged', (), None))\nsay('said')", "written\nlogged", "said"),
    ],
    "an object that delegates": [
        ("class Proxy:\n    def __init__(self, target):\n        self._target = target\n    def __getattr__(self, name):\n        return getattr(self._target, name)\np = Proxy([3, 1, 2])\nn = 1", "", ""),
        ("p.sort()\nprint(p._target, n)", "[1, 2, 3] 1", ""),
    ],
    "a registry of subclasses": [
        ("class Plugin:\n    plugins = {}\n    def __init_subclass__(cls, /, kind, **rest):\n        super().__init_subclass__(**rest)\n        cls.plugins[kind] = cls\nclass A(Plugin, kind='a'):\n    def run(self): return 'A runs'\nclass B(Plugin, kind='b'):\n    pass", "", ""),
        ("print(sorted(Plugin.plugins), Plugin.plugins['a']().run(), Plugin.plugins['a'] is A)\nclass C(Plugin, kind='c'):\n    pass\nprint(len(Plugin.plugins))", "['a', 'b'] A runs True\n3", ""),
        ("print(sorted(Plugin.plugins))", "['a', 'b', 'c']", ""),
    ],
    "objects with locks": [
        ("import threading, queue\nclass Account:\n    def __init__(self):\n        self.lock = threading.RLock()\n        self.balance = 0\n    def add(self, n):\n        with self.lock:\n            self.balance += n\na = Account()\njobs = queue.Queue()\njobs.put('one')\nts = [threading.Thread(target=a.add, args=(i,)) for i in range(5)]\n[t.start() for t in ts]\n[t.join() for t in ts]\ndel ts\nprint(a.balance)", "10", ""),
        ("a.add(5)\nprint(a.balance, jobs.get(), jobs.empty())", "15 one True", ""),
    ],
    "what is said to be lost": [
        ("import sqlite3\ndb = sqlite3.connect(':memory:')\nrows = (i for i in range(3))\nx = 5", "", NOT_KEPT + "rows (generator), db (Connection)"),
        ("print(x)\nprint(db)", "5", "Traceback ...NameError: name 'db' is not defined"),
    ],
    "what nobody can miss": [
        ("import subprocess, threading, concurrent.futures as cf\nwith open('a.txt', 'w') as f:\n    f.write('x')\np = subprocess.run(['true'])\nchild = subprocess.Popen(['true']); child.wait()\nt = threading.Thread(target=print); t.start(); t.join()\ng = (i for i in [1]); list(g)\nwith cf.ThreadPoolExecutor() as pool:\n    r = list(pool.map(str, [1]))\nlock = threading.Lock()", "", ""),
        ("print(r, p.returncode, lock.locked())", "['1'] 0 False", ""),
    ],
    "a module whose file goes away": [
        ("import pathlib\npathlib.Path('geometry.py').write_text('class Shape:\\n    sides = 4\\ndef area(x): return x * x\\n')\nimport geometry\nfrom geometry import Shape, area\nshape = Shape()\nshapes = {'a': [shape]}\nn = 7", "", ""),
        ("print(shape.sides, area(3), n, shapes['a'][0] is shape)\nimport os\nos.remove('geometry.py')", "4 9 7 True", ""),
        ("print(n, 'shape' in globals())", "7 False", "Lost from earlier runs of this session: Shape (needs geometry.Shape), area (needs geometry.area), shape (needs geometry.Shape), shapes (needs geometry.Shape)"),
        ("print(n)", "7", ""),
    ],
    "a value that fails when it is read": [
        ("class Token:\n    def __setstate__(self, state):\n        raise RuntimeError('secret')\n    def __init__(self):\n        self.t = 'secret'\ntoken = Token()\nall_of_them = [token]\nn = [1]\nm = n", "", ""),
        ("print(n is m, 'token' in globals())", "True False", "Lost from earlier runs of this session: token (needs Token), all_of_them (needs Token)"),
    ],
    "a reducer that writes": [
        ("import sys\nclass Loud:\n    def __reduce__(self):\n        print('to stdout'); print('to stderr', file=sys.stderr); sys.stderr.write('unfinished'); sys.stdout.write('unfinished')\n        return (Loud, ())\nloud = Loud()\nprint('end')", "end", ""),
        ("print(type(loud).__name__)", "Loud", ""),
    ],
    "matches, files in memory, properties": [
        ("import re, io, functools\nm = re.match(r'(\\w+) (?P<second>\\w+)', 'hello world')\nb = io.BytesIO(b'12345'); b.seek(2)\ns = io.StringIO(); print('line', file=s)\nclass A:\n    @functools.cached_property\n    def slow(self): return [len(s.getvalue())]\na = A()\na.slow", "", ""),
        ("print(m['second'], m.span(), b.read(), s.getvalue().strip(), a.slow, A().slow)", "world (0, 11) b'345' line [5] [5]", ""),
    ],
    "generic types": [
        ("import typing, abc, enum\nT = typing.TypeVar('T')\nUserId = typing.NewType('UserId', int)\nclass Stack(typing.Generic[T]):\n    def __init__(self): self.items: list[T] = []\n    def push(self, item: T) -> 'Stack[T]':\n        self.items.append(item); return self\nclass Level(enum.IntEnum):\n    LOW = 1\n    HIGH = 2\nclass Shape(abc.ABC):\n    @property\n    @abc.abstractmethod\n    def area(self): ...\ns = Stack[int]().push(UserId(3))\nlevel = Level.HIGH", "", ""),
        ("print(s.push(4).items, Stack[str], level is Level.HIGH, Level(1), UserId(5))\ntry:\n    Shape()\nexcept TypeError as e:\n    print('abstract')", "[3, 4] __main__.Stack[str] True 1 5\nabstract", ""),
    ],
    "single dispatch and partials": [
        ("import functools\n@functools.singledispatch\ndef show(x): return f'any {x}'\n@show.register\ndef _(x: int): return f'int {x}'\ndouble = functools.partial(map, lambda n: n * 2)\ncompose = lambda f, g: lambda x: g(f(x))\nh = compose(len, str)", "", ""),
        ("print(show(1), show('a'), list(double([1, 2])), h('abc'))\n@show.register\ndef _(x: list): return 'list'\nprint(show([]))", "int 1 any a [2, 4] 3\nlist", ""),
        ("print(show([]), show(2))", "list int 2", ""),
    ],
    "asynchronous programs": [
        ("import asyncio\nresults = []\nasync def work(n):\n    await asyncio.sleep(0)\n    results.append(n)\nasync def main():\n    await asyncio.gather(*(work(i) for i in range(3)))\nasyncio.run(main())\nprint(results)", "[0, 1, 2]", ""),
        ("asyncio.run(main())\nprint(results)", "[0, 1, 2, 0, 1, 2]", ""),
    ],
    "decimals, locales, random": [
        ("import decimal, random, datetime\ndecimal.getcontext().prec = 6\nthird = decimal.Decimal(1) / 3\nrandom.seed(5)\nstate = random.getstate()\nfirst = random.random()\nwhen = datetime.datetime(2024, 2, 29, tzinfo=datetime.timezone.utc)\nprint(third)", "0.333333", ""),
        ("random.setstate(state)\nprint(third, random.random() == first, when + datetime.timedelta(days=1), decimal.getcontext().prec)", "0.333333 True 2024-03-01 00:00:00+00:00 28", ""),
    ],
    "frames": [
        ("import pandas as pd, numpy as np\ndf = pd.DataFrame({'a': [1, 2, 3], 'b': list('xyz')})\nview = df['a']\nclean = df.pipe(lambda d: d[d.a > 1])\nmodel = {'w': np.zeros((2, 2))}", "", ""),
        ("df.loc[0, 'a'] = 10\nprint(df.a.sum(), len(clean), model['w'].shape, df.dtypes['b'])", "15 2 (2, 2) object", ""),
        ("df = df.assign(c=df.a * 2).sort_values('a')\nprint(list(df.c))", "[4, 6, 20]", ""),
    ],
    "programs that call themselves": [
        ("import sys, subprocess\nif len(sys.argv) > 1:\n    print('child', sys.argv[1:])\nelse:\n    out = subprocess.run([sys.executable, __file__, 'x'], capture_output=True, text=True).stdout\n    print('parent got', out)", "parent got child ['x']", ""),
        ("print(out)", "child ['x']", ""),
    ],
    "exits": [
        ("x = 1\nimport sys\nsys.exit()", "", ""),
        ("x += 1\nraise SystemExit(0)", "", ""),
        ("x += 1\nsys.exit('not this one')", "", "not this one"),
        ("print(x)", "2", ""),
    ],
    "standard output that was replaced": [
        ("import sys, io, contextlib\nbuffer = io.StringIO()\nwith contextlib.redirect_stdout(buffer):\n    print('caught')\nx = 3\nsys.stdout = open('log.txt', 'w')\nprint('logged')\nsys.stdout.close()", "", ""),
        ("print(buffer.getvalue().strip(), x, open('log.txt').read().strip())", "caught 3 logged", ""),
    ],
    "identity of functions and globals": [
        ("config = {'rate': 2}\ndef price(n): return n * config['rate']\nhandlers = {'price': price}\nalias = config\nclass Shop:\n    settings = config\n    def total(self, ns): return sum(map(price, ns))\nshop = Shop()", "", ""),
        ("config['rate'] = 10\nprint(price(1), alias is config, Shop.settings is config, handlers['price'] is price, shop.total([1, 2]))", "10 True True True 30", ""),
        ("def price(n): return -n\nprint(shop.total([1, 2]), handlers['price'](1))", "-3 10", ""),
    ],
    "a library module of the user's own": [
        ("import pathlib\npathlib.Path('statistics.py').write_text('def mean(x): return \"mine\"\\n')", "", ""),
        ("import statistics\nprint(statistics.mean([1, 2]))", "mine", ""),
        ("print(statistics.mean([1]))", "mine", ""),
    ],
    "word documents": [
        ("import docx\ndoc = docx.Document()\ndoc.add_heading('Report', 0)\ntable = doc.add_table(1, 2)\nprint(len(doc.paragraphs))", "1", ""),
        ("doc.add_paragraph('second run')\ntable.cell(0, 1).text = 'cell'\ndoc.save('report.docx')\nagain = docx.Document('report.docx')\nprint([p.text for p in again.paragraphs], again.tables[0].cell(0, 1).text)", "['Report', 'second run'] cell", ""),
    ],
    "web pages": [
        ("from bs4 import BeautifulSoup\nsoup = BeautifulSoup('<ul>' + ''.join(f'<li class=\"c\"><a href=\"/{i}\">n {i}</a></li>' for i in range(2000)) + '</ul>', 'html.parser')\nlinks = soup.select('li a')", "", ""),
        ("print(len(links), links[-1]['href'], links[0].parent.parent.name, soup.find('a').text)", "2000 /1999 ul n 0", ""),
    ],
}  # fmt: skip

NEEDS = {"frames": "pandas", "word documents": "docx", "web pages": "bs4"}


def matches(expected, text):
    pattern = ".*".join(re.escape(part) for part in expected.split("..."))
    return re.fullmatch(pattern, text.strip(), re.DOTALL)


@pytest.mark.parametrize("name", CONVERSATIONS)
def test_goes_on_from_run_to_run(server, name):
    if name in NEEDS and server.py(f"import {NEEDS[name]}")["code"]:
        pytest.skip(f"{NEEDS[name]} is not installed")
    session = {}
    for code, stdout, stderr in CONVERSATIONS[name]:
        answer = server.py(code, **session)
        session = {"session_id": answer["session_id"]}
        assert answer["stdout"].strip() == stdout and matches(stderr, answer["stderr"]), (code, answer)


# ---- bounds ---------------------------------------------------------------------------------------------------------


def test_a_state_larger_than_a_sandbox_can_read_is_left_behind_with_a_word(server):
    first = server.py("kept = 1")
    session = {"session_id": first["session_id"]}
    large = server.py("big = bytes(300 << 20)", **session)  # a few hundred kilobytes when packed
    assert large["code"] == 0
    after = server.py("print('runs', kept)", **session)
    assert after["stdout"] == "runs 1\n", (large, after)
    small = server.py("big = None\nprint(kept)", **session)
    assert small["stdout"] == "1\n" and small["code"] == 0


@pytest.mark.parametrize("megabytes, kept", [(100, True), (450, False)])
def test_what_fits_is_kept_and_what_does_not_is_said(server, megabytes, kept):
    session = {"session_id": server.py("x = 1")["session_id"]}
    answer = server.py(f"import mmap\nx = 2\nbig = b'\\0' * ({megabytes} << 20)" if kept else f"x = 2\nparts = [bytes({megabytes // 15} << 20) for _ in range(15)]", **session)
    if answer["code"]:
        pytest.skip("the program itself does not fit")
    assert ("The variables of this run are not kept" in answer["stderr"]) != kept, answer
    assert server.py("print(x)", **session)["stdout"] == ("2\n" if kept else "1\n")


def test_an_uploaded_bomb_costs_the_session_its_state_only(server):
    lz4 = pytest.importorskip("lz4.frame")
    import pickle

    session = server.py("x = 1")["session_id"]
    state = b"\x02" + lz4.compress(pickle.dumps({"x": 2, "bomb": bytes(2000 << 20)}, protocol=4))
    assert server.post(f"/state/{session}", data=state).status_code == 201
    answer = server.py("print('runs', 'x' in globals())", session_id=session)
    assert answer["stdout"] == "runs False\n" and "need more memory" in answer["stderr"], answer
    assert server.py("x = 3", session_id=session)["has_state"]
    assert server.py("print(x)", session_id=session)["stdout"] == "3\n"


# ---- figures --------------------------------------------------------------------------------------------------------

SHOW = "import matplotlib.pyplot as plt\nplt.plot([1, 2, 3])\nplt.show()\n"


@pytest.fixture
def plotting(server):
    if server.py("import matplotlib")["code"]:
        pytest.skip("matplotlib is not installed")
    return server


@pytest.mark.parametrize("before", ["", "import matplotlib\nmatplotlib.use('Agg')\n", "__import__('importlib').import_module('matplotlib.pyplot')\n"], ids=["plain", "agg", "dynamic"])
def test_a_figure_that_is_shown_is_kept(plotting, before):
    answer = plotting.py(before + SHOW)
    assert (names(answer), answer["stderr"], answer["code"]) == (["plot-1.png"], "", 0)
    assert plotting.download(file_named(answer, "plot-1.png")).startswith(b"\x89PNG\r\n")


def test_figures_that_are_saved_are_not_kept_twice(plotting):
    answer = plotting.py("import matplotlib.pyplot as plt\nplt.plot([1])\nplt.savefig('mine.png')\nplt.show()\nfig, ax = plt.subplots()\nax.bar([1], [2])\nfig.savefig('b.pdf')\nfig.show()\nplt.show()")
    assert (names(answer), answer["stderr"]) == (["b.pdf", "mine.png"], "")


def test_each_figure_is_kept_once_and_numbers_go_on(plotting):
    code = "import matplotlib.pyplot as plt\nfor i in range(2):\n    plt.figure()\n    plt.plot([i])\n    plt.show()\nplt.show()\nplt.clf()\nplt.plot([5])\nplt.show()\nplt.close('all')\nplt.show()"
    first = plotting.py(code)
    assert names(first) == ["plot-1.png", "plot-2.png", "plot-3.png"]
    files = [{"id": file["id"], "name": file["name"], "storage_session_id": file["storage_session_id"]} for file in first["files"]]
    second = plotting.py(SHOW, files=files, session_id=first["session_id"])
    assert "plot-4.png" in names(second)


def test_showing_never_fails(plotting):
    answer = plotting.py("import matplotlib.pyplot as plt\nplt.title('$\\\\bad{')\nplt.show()\nprint('on')")
    assert answer["stdout"] == "on\n" and answer["code"] == 0


def test_a_helper_that_imports_matplotlib_has_its_figures_kept(plotting):
    helper = plotting.upload_one("charts.py", SHOW.encode())
    assert names(plotting.py("import charts", files=[helper])) == ["plot-1.png"]


def test_keeping_figures_can_be_turned_off(make_server, plotting):
    assert names(make_server(PYTHON_KEEP_PLOTS="false", PYTHON_PRELOAD="stdlib").py(SHOW)) == []


# ---- what a program finds -------------------------------------------------------------------------------------------


def test_certificates_are_found_and_the_network_is_not(server):
    answer = server.py("import ssl\ncontext = ssl.create_default_context()\nprint(len(context.get_ca_certs()) > 10 or len(__import__('os').listdir('/etc/ssl/certs')) > 10)\nimport requests\ntry:\n    requests.get('https://example.org', timeout=5)\nexcept requests.exceptions.ConnectionError as e:\n    print('no connection')")
    assert answer["stdout"] == "True\nno connection\n", answer


def test_the_system_has_a_name_and_processors_and_says_nothing_of_the_host(server):
    code = (
        "import platform, os, subprocess, pathlib\nprint(platform.freedesktop_os_release()['ID'])\n"
        "print(subprocess.run(['lscpu'], capture_output=True, text=True).returncode)\n"
        "try:\n    import psutil\n    print(psutil.cpu_count(), psutil.cpu_count(logical=False))\nexcept ImportError:\n    print(os.cpu_count(), os.cpu_count())\n"
        "print(os.cpu_count(), sorted({p.name for p in pathlib.Path('/sys').glob('*')}), os.path.exists('/etc/ssl/private'), os.path.exists('/etc/machine-id'))"
    )
    lines = server.py(code)["stdout"].splitlines()
    processors = str(__import__("os").cpu_count())
    assert lines[0] == "debian" and lines[1] == "0" and lines[2].split() == [processors, processors]
    assert lines[3] == f"{processors} ['devices'] False False"


def test_a_module_of_a_larger_zygote_gives_way(server):
    files = [server.upload_one("numpy.py", b"WHOSE = 'mine'\n")]
    assert server.py("import numpy\nprint(numpy.WHOSE)", files=files)["stdout"] == "mine\n"
