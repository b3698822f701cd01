"""Runs a program with the tool itself, as a person would, in surroundings that are like a sandbox's: the same user, directory, environment
and no network, made with unshare(1) and without privileges."""

import os
import pathlib
import shutil
import subprocess
import tempfile
from dataclasses import dataclass, field

# What the source is called, and how a person would run it there. "$@" are the program's arguments.
TOOLS = {
    "py": (".code.py", 'exec /usr/bin/python3 /mnt/data/.code.py "$@"'),
    "js": ("code.js", 'exec /usr/bin/node /mnt/data/code.js "$@"'),
    "ts": (
        "code.ts",
        "/usr/bin/tsc --target ES2019 --module commonjs --lib ES2019,DOM --outDir /tmp/made code.ts >/dev/null; mv /tmp/made/code.js . && "
        'exec /usr/bin/node /mnt/data/code.js "$@"',
    ),
    "java": ("Code.java", '/usr/bin/javac -d /tmp/classes Code.java && exec /usr/bin/java -cp /tmp/classes Code "$@"'),
    "php": ("code.php", 'exec /usr/bin/php /mnt/data/code.php "$@"'),
    "r": ("code.r", 'exec /usr/bin/Rscript /mnt/data/code.r "$@"'),
    "bash": ("code.sh", 'exec /bin/bash /mnt/data/code.sh "$@"'),
    "c": ("code.c", '/usr/bin/gcc code.c -o /tmp/code -lm && exec /tmp/code "$@"'),
    "cpp": ("code.cpp", '/usr/bin/g++ code.cpp -o /tmp/code && exec /tmp/code "$@"'),
    "rs": ("main.rs", '/usr/bin/rustc --edition=2021 main.rs -o /tmp/main && exec /tmp/main "$@"'),
    "f90": ("code.f90", '/usr/bin/gfortran -J/tmp code.f90 -o /tmp/code && exec /tmp/code "$@"'),
    "d": ("code.d", '/usr/bin/ldc2 -i -od=/tmp code.d -of=/tmp/code && exec /tmp/code "$@"'),
    "go": ("main.go", 'GOCACHE=/tmp/cache GOPATH=/tmp/go GO111MODULE=off /usr/bin/go build -o /tmp/main main.go && exec /tmp/main "$@"'),
}

# As sandboxes have it (guest_environment() in src/sandbox/kinds.cc).
ENVIRONMENT = {
    "PATH": f"{'/runtimes/office:' * os.access('/usr/bin/soffice', os.X_OK)}/runtimes/bin:/usr/local/bin:/usr/bin:/bin", "HOME": "/tmp", "USER": "sandbox", "LOGNAME": "sandbox", "SHELL": "/bin/bash", "TMPDIR": "/tmp",
    "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", "TZ": "UTC", "TERM": "dumb", "PYTHONPATH": "/mnt/data", "PYTHONDONTWRITEBYTECODE": "1",
    "LIBRECHAT_CODE_DATA_DIR": "/mnt/data", "MPLCONFIGDIR": "/tmp/matplotlib", "MPLBACKEND": "Agg", "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1",
    "NODE_PATH": "/usr/share/nodejs:/usr/lib/node_modules", "npm_config_fetch_retries": "0", "PIP_RETRIES": "1",
    "PIP_BREAK_SYSTEM_PACKAGES": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1",
}  # fmt: skip

# And the users that they know (make_etc() in src/sandbox/template_system.cc).
PASSWD = (
    "root:x:0:0:root:/nonexistent:/usr/sbin/nologin\n"
    "sandbox:x:65532:65532:sandbox:/tmp:/bin/bash\n"
    "nobody:x:65534:65534:nobody:/nonexistent:/usr/sbin/nologin\n"
)

# Root of a user namespace may mount; what then runs is the guest's user, in one more. $1: descriptor of a folder with "data", the files
# to begin with, "passwd" and "result"; it is reached by its number, since /tmp, where it may be, is covered. $2: the command.
SURROUNDINGS = """
number=$1 base=/proc/self/fd/$1 command=$2
shift 2
mount --bind $base/passwd /etc/passwd || exit 1
mount -t tmpfs -o mode=755 data /mnt && mkdir /mnt/data && cp -a $base/data/. /mnt/data && mount -t tmpfs -o mode=1777 tmp /tmp && cd /mnt/data || exit 1
ip link set lo up 2>/dev/null
exec 7>&2 2>/dev/null 8>$base/result/status 9<$base/result
eval "exec $number<&-"
unshare --user --map-user=65532 --map-group=65532 /bin/sh -c "$command" sh "$@" 2>&7 7>&- 8>&- 9<&-
echo $? >&8
cp -a /mnt/data/. /proc/self/fd/9/left
"""


@dataclass
class Ran:
    stdout: str
    stderr: str
    code: int  # as a shell says it: 128 and the number of the signal that ended it
    files: dict = field(default_factory=dict)


def why_not():
    """Why nothing can be run here; empty when it can."""
    if shutil.which("unshare") is None:
        return "there is no unshare"
    tried = subprocess.run(["unshare", "--user", "--map-root-user", "--mount", "--net", "mount", "-t", "tmpfs", "t", "/mnt"], capture_output=True, text=True)
    return tried.stderr.strip()


def run(lang, code, arguments=(), inputs=None):
    """`inputs`: name → bytes. Files that the program left: those that a server would hand out."""
    name, command = TOOLS[lang]
    with tempfile.TemporaryDirectory() as base:
        data, result = pathlib.Path(base, "data"), pathlib.Path(base, "result")
        data.mkdir()
        (result / "left").mkdir(parents=True)
        data.joinpath(name).write_text(code)
        pathlib.Path(base, "passwd").write_text(PASSWD)
        for file, body in (inputs or {}).items():
            data.joinpath(file).parent.mkdir(parents=True, exist_ok=True)
            data.joinpath(file).write_bytes(body)
        base_fd = os.open(base, os.O_PATH)
        try:
            # Whoever starts these tests in the background may have them ignore interrupts, and a child inherits that.
            ran = subprocess.run(
                ["env", "--default-signal", "unshare", "--user", "--map-root-user", "--mount", "--net", "/bin/bash", "-c", SURROUNDINGS, "bash", str(base_fd), command, *arguments],
                env=ENVIRONMENT, stdin=subprocess.DEVNULL, capture_output=True, timeout=120, pass_fds=[base_fd],
            )  # fmt: skip
        finally:
            os.close(base_fd)
        if not (result / "status").exists():
            raise RuntimeError(f"no surroundings for the tool: {ran.returncode} {ran.stderr.decode(errors='replace')}")
        left = result / "left"
        files = {
            str(path.relative_to(left)): path.read_bytes()
            for path in left.rglob("*")
            if path.is_file() and not path.is_symlink() and not any(part.startswith(".") for part in path.relative_to(left).parts)
        }
        for file, body in {name: code.encode(), **(inputs or {})}.items():
            if files.get(file) == body:
                del files[file]
        if lang == "ts":
            files.pop("code.js", None)  # what tsc made of it
        stdout, stderr = ran.stdout.decode(errors="replace"), ran.stderr.decode(errors="replace")
        return Ran(stdout, stderr, int((result / "status").read_text()), files)
