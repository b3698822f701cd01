"""Runs a program as `python3 /mnt/data/.code.py ARGS` would, in a process that was forked beforehand.

What the program does is evaluated by sandbox_module.cc, between begin() and end(), so that no frame of ours lies below it.
Everything is imported here, at the top: later, a file of the user may have the name of any module."""

import atexit
import gc
import importlib.machinery
import io
import os
import signal
import socket
import sys
import threading
import time
import types

import _kubecoderun
import default_font
import fonts
import missing
import plots
import session

FOLDER = "/mnt/data"
SCRIPT = FOLDER + "/.code.py"
OURS = ("harness", "session", "state", "form", "pickling", "salvage", "trees", "plots", "fonts", "default_font", "imports", "missing", "_kubecoderun")


class Harness:
    """fresh_main: the names in the main module of a program that has not begun, with their values; fresh_modules: the modules
    that are imported by then; memory: bytes that a sandbox may use;
    keep_plots: whether figures that are shown become files."""

    def __init__(self, fresh_main, fresh_modules, memory, keep_plots):
        self.memory = memory
        fonts.install()
        default_font.install()
        if keep_plots:
            plots.install()
        self.fresh_main = fresh_main | {"__doc__": None, "__file__": SCRIPT, "__loader__": type(fresh_main["__loader__"])("__main__", SCRIPT)}
        del self.fresh_main["sys"]
        self.fresh_modules = fresh_modules.union(sys.builtin_module_names)
        self.error = self.kept = None

    def settle(self, program):
        """In the process whose forks the guests are: does all that is the same in each of them, so that they need not, and makes
        ready for a rehearsal of `program`. Each page that a guest touches costs more than what it does there."""
        _open_streams()
        _forget_the_past()
        sys.path[0] = FOLDER
        for name in OURS:
            sys.modules.pop(name, None)
        self.stage = _Stage(program)
        gc.freeze()
        self.main = self._new_main()  # among what is collected: else what a program's functions hold would never meet its end
        gc.enable()

    def begin(self, agent, say, script=SCRIPT):
        """Waits for the program. Returns its code and its namespace; None when there is nothing to evaluate. `agent`: the socket
        that it speaks on; `say`: the pipe that it listens to."""
        _renew()
        os.write(say, session.READY + os.getpid().to_bytes(4, "little"))
        words, descriptors = session.read_words(agent)
        if not words:
            os._exit(0)
        session.place_calls(descriptors)
        if session.STATE_AFTER in descriptors:
            self.kept = session.Session(say, words[:1], descriptors, self.memory)
        else:
            os.close(say)
        sys.argv = [SCRIPT, *words[1:].decode("utf-8", "surrogateescape").split("\0")[:-1]]
        sys.orig_argv = [sys.executable, *sys.argv]
        _forget_modules(_module_names(FOLDER) - self.fresh_modules)
        try:
            with open(script, "rb") as file:
                source = file.read()
            code = compile(source, SCRIPT, "exec", dont_inherit=True)
            if self.kept and not self.kept.begin(self.main, code):
                self.main = self.kept.main = self._new_main()
        except BaseException as error:
            self.error = error.with_traceback(None)  # all of it is ours
            return None
        return code, self.main.__dict__

    def rehearse(self):
        """The same in a process that nobody needs: what it touches, guests will touch."""
        return self.begin(*self.stage.enter())

    def serve(self):
        """Nothing is rehearsed any more."""
        self.stage = None

    def end(self, error):
        """What the interpreter does when a program has ended or failed, and what we do then. Returns the exit status."""
        error = error or self.error
        self.error = None
        status = _report(error) if error is not None else 0
        self.interrupted = isinstance(error, KeyboardInterrupt) and status == 130
        try:
            threading._shutdown()
            atexit._run_exitfuncs()
        except BaseException as late:
            sys.__excepthook__(type(late), late, late.__traceback__)
        status = _flush(status)
        if self.kept:
            self.kept.end(status)
        return status

    def finish(self, status):
        """Lets the objects of the program meet their end as they do when the interpreter finishes, without tearing down libraries
        that the kernel will take anyway. Returns the exit status."""
        try:
            # Twice, as the interpreter does. The first time sorts what lives: a file before its buffer, and that before the
            # descriptor below it. In cycles objects end in this order, and one whose descriptor is closed cannot be written out.
            gc.collect()
            sys.stdin, sys.stdout, sys.stderr = sys.__stdin__, sys.__stdout__, sys.__stderr__
            for name in ("last_type", "last_value", "last_traceback", "last_exc"):
                if hasattr(sys, name):
                    delattr(sys, name)
            self.main = self.kept = None
            for name in ("__main__", "__mp_main__"):
                sys.modules.pop(name, None)
            gc.collect()
        except BaseException as error:
            sys.__excepthook__(type(error), error, error.__traceback__)
        status = _flush(status)
        if self.interrupted:
            signal.signal(signal.SIGINT, signal.SIG_DFL)
            os.kill(os.getpid(), signal.SIGINT)
        return status

    def _new_main(self):
        main = types.ModuleType("__main__")
        main.__dict__.clear()
        main.__dict__.update(self.fresh_main)
        if "__annotations__" in self.fresh_main:
            main.__annotations__ = {}
        sys.modules["__main__"] = main
        if "multiprocessing" in sys.modules:
            sys.modules["__mp_main__"] = main  # as its import does, which was in the zygote's own program
        return main


class _Stage:
    """What a rehearsal needs in the place of a sandbox, made beforehand: making it would be among what guests do."""

    def __init__(self, program):
        self.script, self.after = os.memfd_create("rehearsal"), os.memfd_create("state")
        os.write(self.script, program.encode())
        os.ftruncate(self.after, 1 << 20)
        self.agent, self.ours = socket.socketpair()
        self.heard, self.say = os.pipe()
        socket.send_fds(self.agent, [session.STATE_AFTER], [self.after])
        self.agent.sendall(session.GO + b"an argument\0")
        self.agent.shutdown(socket.SHUT_WR)
        self.null = os.open(os.devnull, os.O_RDWR)

    def enter(self):
        for stream in (0, 1, 2):
            os.dup2(self.null, stream)
        return os.dup(self.ours.fileno()), self.say, f"/proc/self/fd/{self.script}"

    def __del__(self):
        for file in (self.script, self.after, self.heard, self.say, self.null):
            os.close(file)


def _forget_the_past():
    """Modules have noted where they were imported, and what they have done so far."""
    modules = sys.modules
    if "multiprocessing.process" in modules:
        modules["multiprocessing.process"].ORIGINAL_DIR = FOLDER
    if "uuid" in modules:
        modules["uuid"]._last_timestamp = None
    if "tempfile" in modules:
        modules["tempfile"]._name_sequence = None


def _renew():
    """A forked child continues its parent's generators: every sandbox would draw the same numbers. And it is another process, at another time."""
    modules = sys.modules
    if "random" in modules:
        modules["random"].seed()
    if "numpy" in modules:
        modules["numpy"].random.seed()
    if "multiprocessing.process" in modules:
        modules["multiprocessing.process"].current_process().authkey = os.urandom(32)
    if "logging" in modules:
        modules["logging"]._startTime = time.time()
    threading.current_thread()._set_native_id()


def _open_streams():
    """While 1 and 2 are pipes, as they are in a sandbox, because streams note what cannot be sought in. Standard input is of the same kind
    here as there."""
    kept, pipe = [os.dup(number) for number in (1, 2)], os.pipe()
    for number in (1, 2):
        os.dup2(pipe[1], number)
    sys.stdin = sys.__stdin__ = _stream(0, "r", "<stdin>", "surrogateescape")
    # By line: what was printed before a kill has been written.
    sys.stdout = sys.__stdout__ = _stream(1, "w", "<stdout>", "surrogateescape", line_buffering=True)
    sys.stderr = sys.__stderr__ = _stream(2, "w", "<stderr>", "backslashreplace", line_buffering=True)
    for number, file in zip((1, 2), kept):
        os.dup2(file, number)
    for file in (*kept, *pipe):
        os.close(file)


def _stream(number, mode, name, errors, line_buffering=False):
    raw = io.FileIO(number, mode, closefd=False)
    raw.name = name
    buffer = io.BufferedReader(raw) if mode == "r" else io.BufferedWriter(raw)
    text = io.TextIOWrapper(buffer, "utf-8", errors, "\n", line_buffering)
    text.mode = mode
    return text


def _module_names(folder):
    """What the modules and packages in a folder are called."""
    found = set()
    with os.scandir(folder) as entries:
        for entry in entries:
            stem, dot, suffix = entry.name.partition(".")
            if dot and dot + suffix in SUFFIXES or not dot and stem.isidentifier() and entry.is_dir() and _is_package(entry.path):
                found.add(stem)
    return found


SUFFIXES = frozenset(importlib.machinery.all_suffixes())


def _is_package(path):
    return any(os.path.exists(f"{path}/__init__{suffix}") for suffix in SUFFIXES)


def _forget_modules(names):
    """Modules that the zygote has and whose names are those of the user's files, which come first where Python looks."""
    if sys.modules.keys().isdisjoint(names):  # the other way round it would look at all that are loaded
        return
    for module in list(sys.modules):
        if module.partition(".")[0] in names:
            del sys.modules[module]


def _report(error):
    """Says what the interpreter says of an error that nothing has caught. Returns the exit status."""
    if isinstance(error, SystemExit):
        return _exit_status(error)
    trace = error.__traceback__
    sys.last_type, sys.last_value, sys.last_traceback = type(error), error, trace
    if sys.version_info >= (3, 12):
        sys.last_exc = error
    try:
        hook = sys.excepthook
    except AttributeError:
        print("sys.excepthook is missing", file=sys.stderr)
        hook = sys.__excepthook__
    try:
        hook(type(error), error, trace)
        if isinstance(error, ModuleNotFoundError):
            missing.explain(error.name)
    except SystemExit as nested:
        return _exit_status(nested)
    except BaseException as failure:
        print("Error in sys.excepthook:", file=sys.stderr)
        failure.__traceback__ = failure.__traceback__.tb_next  # the first frame is ours
        sys.__excepthook__(type(failure), failure, failure.__traceback__)
        print("\nOriginal exception was:", file=sys.stderr)
        sys.__excepthook__(type(error), error, trace)
    return 130 if isinstance(error, KeyboardInterrupt) else 1


def _exit_status(error):
    code = error.code
    if code is None:
        return 0
    if isinstance(code, int):
        return code & 0xFF if -(1 << 63) <= code < 1 << 63 else 0xFF
    try:
        if sys.stderr is None:
            os.write(2, f"{code}\n".encode("utf-8", "backslashreplace"))
        else:
            print(code, file=sys.stderr)
    except BaseException:
        pass
    return 1


def _flush(status):
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None and not getattr(stream, "closed", False):
                stream.flush()
        except BaseException as error:
            if stream is sys.stdout:
                error.__traceback__ = error.__traceback__.tb_next
                _kubecoderun.write_unraisable(error, stream)
            status = 120  # as the interpreter says when its output is gone
    return status
