"""Starts the real binary for tests and looks at the host from outside.

Nothing here knows how the server works inside. What is assumed: `kubecoderun serve` is configured by its environment, listens
on API_PORT, says 200 on /ready, and ends on SIGTERM. Only processes that a test started itself are ever signalled, by pid.
"""

import contextlib
import hashlib
import json
import os
import pathlib
import resource
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

ROOT = pathlib.Path(__file__).resolve().parent.parent
KEY = "test-key-0123456789abcdef"
ID = r"^[A-Za-z0-9_-]{21}$"
# Small limits, so that reaching them is quick.
LIMITS = {
    "MAX_EXECUTION_TIME": 3, "MAX_MEMORY_MB": 256, "MAX_PIDS": 128, "MAX_OPEN_FILES": 256, "MAX_FILE_SIZE_MB": 2,
    "MAX_OUTPUT_FILES": 10, "MAX_TOTAL_FILE_SIZE_MB": 10, "MAX_FILES_PER_SESSION": 20,
}  # fmt: skip

# A program of each language that says 42.
FORTY_TWO = {
    "py": "print(6*7)", "js": "console.log(6*7)", "ts": "const n: number = 42; console.log(n)", "bash": "echo 42",
    "php": "<?php echo 6*7, PHP_EOL;", "r": "cat(6*7, '\\n')",
    "java": "public class Code { public static void main(String[] a) { System.out.println(6*7); } }",
    "c": '#include <stdio.h>\nint main(void) { printf("%d\\n", 6 * 7); }',
    "cpp": "#include <iostream>\nint main() { std::cout << 6 * 7 << '\\n'; }",
    "rs": 'fn main() { println!("{}", 6 * 7); }',
    "f90": "program p\n write(*, '(i0)') 6 * 7\nend program",
    "d": "import std.stdio;\nvoid main() { writeln(6 * 7); }",
    "go": 'package main\nimport "fmt"\nfunc main() { fmt.Println(6 * 7) }',
}  # fmt: skip


def cannot(reason):
    """Skips, or fails where the tests are required to run (KUBECODERUN_REQUIRED=1)."""
    if os.environ.get("KUBECODERUN_REQUIRED"):
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def binary():
    """The program under test: $KUBECODERUN, else the newest build; None when there is none."""
    if named := os.environ.get("KUBECODERUN"):
        return pathlib.Path(named).resolve() if os.access(named, os.X_OK) else None
    built = [ROOT / "build" / preset / "kubecoderun" for preset in ("release", "ci")]
    built = [path for path in built if os.access(path, os.X_OK)]
    return max(built, key=lambda path: path.stat().st_mtime, default=None)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until(condition, seconds=10.0, every=0.02):
    """Polls until the condition is truthy and returns that; returns its last value when time is up."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value or time.monotonic() >= end:
            return value
        time.sleep(every)


# ---- the host, seen from outside ------------------------------------------------------------------------------------


def _stat(pid):
    """(parent, start time) of a live process, None for one that is gone or only waits to be reaped."""
    try:
        text = pathlib.Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    state, parent, *rest = text[text.rindex(")") + 2 :].split()
    return None if state in "ZX" else (int(parent), int(rest[17]))


def descendants(pid):
    """{(pid, start time)} of everything below a process. The start time tells a recycled pid from the old one."""
    table = {int(name): _stat(name) for name in os.listdir("/proc") if name.isdigit()}
    table = {child: stat for child, stat in table.items() if stat}
    found, frontier = set(), {pid}
    while frontier:
        frontier = {child for child, (parent, _) in table.items() if parent in frontier} - {p for p, _ in found}
        found |= {(child, table[child][1]) for child in frontier}
    return found


def alive(processes):
    """Those of {(pid, start time)} that still run."""
    return {(pid, start) for pid, start in processes if (stat := _stat(pid)) and stat[1] == start}


def command_line(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return ""


def processes_with(marker):
    """Every process of the host whose command line holds the marker, other than this one."""
    pids = (int(name) for name in os.listdir("/proc") if name.isdigit() and int(name) != os.getpid())
    return {pid: line for pid in pids if marker in (line := command_line(pid)) and _stat(pid)}


def cgroups_of(pids):
    """Cgroup paths (below any mount) that hold one of these processes."""
    paths = set()
    for pid in pids:
        with contextlib.suppress(OSError):
            for line in pathlib.Path(f"/proc/{pid}/cgroup").read_text().splitlines():
                paths.add(line.split(":", 2)[2])
    return paths


def cgroup_directories():
    found = set()
    for directory, names, _ in os.walk("/sys/fs/cgroup"):
        if "kubepods" in names:  # servers in pods of a cluster, which go with them
            names.remove("kubepods")
        if "kubecoderun" in directory.lower():
            found.add(directory)
    return found


def groups_of(server):
    """The directories of the sandboxes' control groups. Groups that come and go meanwhile do no harm."""
    tables = [line.split() for line in pathlib.Path("/proc/self/mountinfo").read_text().splitlines() if " - cgroup" in line]
    pids = {str(pid) for pid, _ in server.descendants()}
    found = []
    for table in tables:
        for place, directories, _ in os.walk(table[4]):
            name = os.path.basename(place)
            if name.startswith("kubecoderun-") and name.split("-")[1] in pids:
                found += [pathlib.Path(place) / group for group in directories if group.startswith("sandbox-")]
    return found


def mounts():
    return {line.split()[1] for line in pathlib.Path("/proc/self/mounts").read_text().splitlines() if "kubecoderun" in line.lower()}


def temporary_files():
    found = set()
    for place in ("/tmp", "/run", "/dev/shm", "/var/tmp"):
        with contextlib.suppress(OSError):
            found |= {f"{place}/{name}" for name in os.listdir(place) if "kubecoderun" in name.lower()}
    return {path for path in found if not pathlib.Path(path).name.startswith("kubecoderun-test-")}


sessions = set()  # session ids (setsid) of everything that these tests started


def _is_foreign(name):
    """Whether a control group named after a process ("kubecoderun-<pid>-<start time>") is of a live one that we did not start."""
    try:
        pid = int(name.split("-")[1])
        return bool(_stat(pid)) and os.getsid(pid) not in sessions
    except (IndexError, ValueError, ProcessLookupError):
        return False


class HostState:
    """What a server may leave on the host. Taken before it starts and compared after it ended."""

    def __init__(self):
        self.cgroups, self.mounts, self.temporary = cgroup_directories(), mounts(), temporary_files()

    def left_behind(self, seconds=60.0):
        """Waits for the host to look as it did; returns a list of what does not go away. What a server that was killed left goes with the
        next start of any, and other tests that run beside these kill servers too: who waits sees that."""
        wait_until(lambda: not self._difference(), seconds)
        return self._difference()

    def _difference(self):
        # Directories whose owner lives and is not of our making belong to other servers of this host.
        theirs = set()
        for server in Server.running:
            for path in cgroups_of({server.pid} | {pid for pid, _ in server.descendants()}):
                theirs |= {part for part in path.split("/") if "kubecoderun" in part.lower()}
        new = {path: next(part for part in path.split("/") if "kubecoderun" in part.lower()) for path in cgroup_directories() - self.cgroups}
        theirs |= {name for name in set(new.values()) if _is_foreign(name)}
        left = [f"cgroup {path}" for path, name in sorted(new.items()) if name not in theirs]
        if not Server.running:  # which of these belongs to whom cannot be told
            left += [f"mount {path}" for path in sorted(mounts() - self.mounts)]
            left += [f"file {path}" for path in sorted(temporary_files() - self.temporary)]
        return left


# ---- subcommands ----------------------------------------------------------------------------------------------------


def command(program, *arguments, stdin=None, seconds=60, **settings):
    """A subcommand with these settings and nothing else of our environment, until it ends."""
    environment = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "ALLOW_WEAK_SANDBOX") if name in os.environ}
    environment |= {name: str(value) for name, value in settings.items()}
    process = subprocess.Popen(
        [program, *map(str, arguments)], env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True
    )
    sessions.add(process.pid)
    try:
        out, err = process.communicate(stdin or b"", timeout=seconds)
    except subprocess.TimeoutExpired:
        process.kill()
        process.communicate()
        raise
    return subprocess.CompletedProcess(process.args, process.returncode, out, err)


# ---- the server -----------------------------------------------------------------------------------------------------


class DidNotStart(Exception):
    pass


# A server that starts with a seventh of the work: a few languages, and Python without libraries in its memory.
SMALL = {"LANGUAGES": "py,js,bash", "PYTHON_PRELOAD": "stdlib"}


class Server:
    running = []  # started and not stopped, in this test session
    pods = None  # where programs run, when not on this machine: tests/kubernetes/in_pods.py

    def __init__(self, program, **settings):
        self.program = program
        # Not below pytest's own directory, which only its owner may enter: the server gives up its privileges.
        self.base = pathlib.Path(tempfile.mkdtemp(prefix="kubecoderun-test-"))
        self.base.chmod(0o755)
        self.data = self.base / "data"
        self.log = self.base / "server.log"
        self.port = free_port()
        self.key = KEY
        self.process = None
        self.open_files = None  # when set: how many descriptors each of its processes may have at most
        self.settings = {
            "API_KEY": KEY, "API_HOST": "127.0.0.1", "API_PORT": self.port, "DATA_DIR": self.data, "LOG_FORMAT": "text",
            "LOG_LEVEL": "INFO", "POD_POOL_PY": 2, "POD_POOL_JS": 1, "POD_POOL_BASH": 1,
        } | (self.pods.usual if self.pods else {}) | settings  # fmt: skip
        if self.pods:
            self.settings |= self.pods.settings(self)
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.headers["x-api-key"] = KEY

    def environment(self):
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "ALLOW_WEAK_SANDBOX") if name in os.environ}
        return kept | {name: str(value) for name, value in self.settings.items()}

    @property
    def url(self):
        return f"http://127.0.0.1:{self.port}"

    @property
    def pid(self):
        return self.process.pid

    def start(self, seconds=30.0):
        assert self.process is None or self.process.poll() is not None, "the last process of this server still runs"
        with open(self.log, "ab") as log:
            self.process = subprocess.Popen(
                [self.program, "serve"], cwd=self.base, env=self.environment(), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                start_new_session=True, preexec_fn=self._limit_open_files if self.open_files else None,
            )  # fmt: skip
        sessions.add(self.process.pid)
        if self not in Server.running:
            Server.running.append(self)
        seconds = 3 * seconds if self.pods else seconds  # for the first pods
        if not wait_until(lambda: self.process.poll() is not None or self.is_ready(), seconds, 0.05) or not self.is_ready():
            code = self.process.poll()
            self.stop()
            why = f"exit code {code}" if code is not None else f"/ready was not 200 within {seconds:.0f} s"
            raise DidNotStart(f"{why}\n{self.log_text()[-1500:]}")
        return self

    def _limit_open_files(self):
        resource.setrlimit(resource.RLIMIT_NOFILE, (self.open_files, self.open_files))

    def is_ready(self):
        try:
            return requests.get(self.url + "/ready", timeout=2).status_code == 200
        except requests.RequestException:
            return False

    def stop(self, seconds=30.0):
        """Ends the server as an operator would. Returns its exit code; kills it when it does not end."""
        if self in Server.running:
            Server.running.remove(self)
        if self.process is None:
            return None
        everything = self.descendants()
        if self.process.poll() is None:
            self.process.terminate()
        try:
            code = self.process.wait(seconds)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
            code = None
        if not wait_until(lambda: not alive(everything), 5):
            for pid, _ in alive(everything):
                with contextlib.suppress(OSError):
                    os.kill(pid, signal.SIGKILL)
        return code

    def discard(self):
        self.stop()
        self.session.close()
        shutil.rmtree(self.base, ignore_errors=True)
        if self.pods:
            self.pods.discard(self)

    def descendants(self):
        return descendants(self.process.pid)

    def role(self, name):
        """Pids of the direct children that play a part: "worker" or "sandboxd"."""
        children = [pid for pid, _ in self.descendants() if (stat := _stat(pid)) and stat[0] == self.pid]
        return sorted(pid for pid in children if name in command_line(pid).split())

    def log_text(self, offset=0):
        if not self.log.exists():
            return ""
        with open(self.log, "rb") as file:
            file.seek(offset)
            return file.read().decode(errors="replace")

    @classmethod
    def room(cls):
        """Seconds that a run may take beyond its own: a pod may have to be made first."""
        return 124 if cls.pods else 4

    # -- requests

    def request(self, method, path, **options):
        options.setdefault("timeout", 240 if self.pods else 60)
        return self.session.request(method, self.url + path, **options)

    def get(self, path, **options):
        return self.request("GET", path, **options)

    def post(self, path, **options):
        return self.request("POST", path, **options)

    def acquisitions(self):
        """How many sandboxes were given to runs."""
        return self.get("/health/detailed").json()["services"]["pod_pool"]["details"]["acquisitions"]

    def when_begun(self, send):
        """Calls `send`, which sends a run that somebody else waits for, and returns what it does once the run has its sandbox."""
        before = self.acquisitions()
        sent = send()
        assert wait_until(lambda: self.acquisitions() > before, 30), "the run did not begin"
        return sent

    def run(self, lang, code, **fields):
        """POST /exec that must be accepted. Returns the answer."""
        answer = self.post("/exec", json={"lang": lang, "code": code} | fields)
        assert answer.status_code == 200, f"{answer.status_code}: {answer.text[:2000]}"
        return answer.json()

    def py(self, code, **fields):
        return self.run("py", code, **fields)

    def upload(self, *files, path="/upload", headers=None, **fields):
        """files: (name, bytes). Returns the answer."""
        parts = [("file", (name, body)) for name, body in files]
        answer = self.post(path, files=parts, data=fields, headers=headers)
        assert answer.status_code == 200, f"{answer.status_code}: {answer.text[:2000]}"
        return answer.json()

    def upload_one(self, name, body, **fields):
        """Uploads one file; returns a reference as current clients send it."""
        answer = self.upload((name, body), **fields)
        entry = answer["files"][0]
        return {"id": entry["fileId"], "name": entry["filename"], "storage_session_id": answer["storage_session_id"]}

    def download(self, file):
        """Bytes of a file of an answer or of a reference."""
        session = file.get("storage_session_id") or file["session_id"]
        answer = self.get(f"/download/{session}/{file['id']}")
        assert answer.status_code == 200, f"{answer.status_code}: {answer.text[:500]}"
        return answer.content

    @contextlib.contextmanager
    def socket(self, timeout=60.0):
        with socket.create_connection(("127.0.0.1", self.port), timeout=timeout) as connection:
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            yield connection


def ref(file, old=False):
    """A reference to a file of an answer, as current (or older) clients send it in the next request."""
    session = file["storage_session_id"]
    base = {"id": file["id"], "name": file["name"]}
    if old:
        return base | {"session_id": session}
    return base | {"storage_session_id": session, "resource_id": file["id"], "kind": "user"}


def names(answer, inherited=False):
    """Names of the new (or of the inherited) files of an answer, in order."""
    return [file["name"] for file in answer["files"] if bool(file.get("inherited")) == inherited]


def file_named(answer, name):
    matches = [file for file in answer["files"] if file["name"] == name]
    assert len(matches) == 1, f"{name!r} is {len(matches)} times in {answer['files']}"
    return matches[0]


class Neighbour:
    """Runs honest work beside a hostile run, as a context manager; afterwards says whether it was served properly and in time.

    Each time, a bare Python outside of the server does the same first. What slows both down, such as a machine with much else to do,
    is not the hostile run's doing. So a run may take five times as long as the slowest of these, or as a run took when all was
    quiet, and a second more."""

    TIMES, MORE = 5, 1.0

    CODE = """
import hashlib, pathlib, sys, time
time.sleep(0.15)
pathlib.Path("mine.txt").write_text(sys.argv[1])
digest = hashlib.sha256(sys.argv[1].encode() * 20000).hexdigest()
print(sys.argv[1], digest == sys.argv[2], sorted(p.name for p in pathlib.Path("/mnt/data").iterdir() if p.suffix == ".txt"))
"""

    def __init__(self, server, token, quiet=0.0):
        self.server, self.token, self.quiet = server, token, quiet
        self.digest = hashlib.sha256(token.encode() * 20000).hexdigest()
        self.stopping = threading.Event()
        self.problems, self.runs, self.slowest, self.bare = [], 0, 0.0, 0.0

    @property
    def bound(self):
        return self.TIMES * max(self.quiet, self.bare) + self.MORE

    def _bare(self):
        began = time.monotonic()
        with tempfile.TemporaryDirectory() as directory:
            code = self.CODE.replace("/mnt/data", directory)
            subprocess.run(["/usr/bin/python3", "-I", "-c", code, self.token, self.digest], cwd=directory, stdout=subprocess.DEVNULL, check=True)
        self.bare = max(self.bare, time.monotonic() - began)

    def _once(self):
        self._bare()
        headers = {"x-api-key": self.server.key}
        body = {"lang": "py", "code": self.CODE, "args": [self.token, self.digest]}
        began = time.monotonic()
        answer = requests.post(self.server.url + "/exec", json=body, headers=headers, timeout=60)
        self.slowest = max(self.slowest, time.monotonic() - began)
        expected = f"{self.token} True ['mine.txt']\n"
        if answer.status_code != 200 or answer.json()["stdout"] != expected or names(answer.json()) != ["mine.txt"]:
            self.problems.append(f"{answer.status_code} {answer.text[:1500]}")
        self.runs += 1

    def _loop(self):
        try:
            self._once()
            while not self.stopping.is_set():
                self._once()
        except Exception as problem:  # reported by the test that owns this neighbour
            self.problems.append(repr(problem))

    def __enter__(self):
        self.thread = threading.Thread(target=self._loop, daemon=True)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self.thread.join(90)


def doctor(program):
    """(exit code, text) of `kubecoderun doctor`."""
    environment = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "ALLOW_WEAK_SANDBOX") if name in os.environ}
    result = subprocess.run(
        [program, "doctor"], env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60
    )
    return result.returncode, result.stdout.decode(errors="replace")


def read_response(connection, buffered=b"", head_only=False):
    """One HTTP/1.1 response from a raw socket: (status, {lower-case header: value}, body, bytes behind it).

    Status 0 means that the server closed the connection without an answer."""
    data = buffered
    try:
        while b"\r\n\r\n" not in data:
            if not (piece := connection.recv(65536)):
                return 0, {}, b"", data
            data += piece
        head, data = data.split(b"\r\n\r\n", 1)
        lines = head.decode("latin-1").split("\r\n")
        status = int(lines[0].split()[1])
        headers = {name.strip().lower(): value.strip() for name, value in (line.split(":", 1) for line in lines[1:])}
        if status == 100:
            return read_response(connection, data)
        body = b""
        if head_only or status in (204, 304):
            return status, headers, b"", data
        if "chunked" in headers.get("transfer-encoding", "").lower():
            while True:
                while b"\r\n" not in data:
                    data += _more(connection)
                size, data = data.split(b"\r\n", 1)
                length = int(size.split(b";")[0], 16)
                while len(data) < length + 2:
                    data += _more(connection)
                body, data = body + data[:length], data[length + 2 :]
                if length == 0:
                    return status, headers, body, data
        length = int(headers.get("content-length", 0))
        while len(data) < length:
            data += _more(connection)
        return status, headers, data[:length], data[length:]
    except (ConnectionResetError, BrokenPipeError):
        return 0, {}, b"", b""


def _more(connection):
    if not (piece := connection.recv(65536)):
        raise ConnectionResetError("closed in the middle of a response")
    return piece


def http_bytes(method, path, body=b"", key=KEY, content_type="application/json", **headers):
    """A request as it goes over the wire."""
    if isinstance(body, (dict, list)):
        body = json.dumps(body).encode()
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost"]
    if key:
        lines.append(f"x-api-key: {key}")
    if body or method in ("POST", "PUT"):
        lines += [f"Content-Type: {content_type}", f"Content-Length: {len(body)}"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


def together(function, items, threads=8):
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(function, items))


def explain(program, server, problem):
    """A host that cannot run sandboxes is a reason to skip, when `doctor` says so itself. All else is a failure."""
    log = server.log_text()[-4000:] if server.log.exists() else ""
    code, text = doctor(program)
    server.discard()
    if code == 1:
        cannot(f"this host cannot run sandboxes ({problem}); doctor says:\n{text[-3000:]}")
    pytest.fail(f"the server did not work ({problem}) although doctor exits with {code}\n{text[-3000:]}\n--- log\n{log}", pytrace=False)


def started(program, **settings):
    server = Server(program, **settings)
    try:
        server.start()
        answer = server.post("/exec", json={"lang": "py", "code": "print('ready')"})
    except (DidNotStart, requests.RequestException) as problem:
        explain(program, server, problem)
    if answer.status_code != 200 or answer.json()["stdout"] != "ready\n":
        explain(program, server, f"a first run gave {answer.status_code} {answer.text[:500]}")
    return server
