"""Runs a program as `python3 /mnt/data/code.py ARGS` would, in a process that was forked beforehand."""

import os
import socket
import sys

import session

SCRIPT = "/mnt/data/code.py"


def run(go, script=SCRIPT, leave=os._exit):
    _reseed()
    _fresh_streams()
    os.write(go, b"R" + os.getpid().to_bytes(4, "little"))
    words, descriptors = session.read_words(go)
    if not words:
        return leave(0)
    if descriptors:
        kept = session.Session(go, words[:1], descriptors)
    else:
        kept = None
        os.close(go)
    arguments = words[1:].decode("utf-8", "surrogateescape").split("\0")[:-1]
    leave(_run_script(script, arguments, kept))


def _reseed():
    # A forked child continues its parent's generators: every sandbox would draw the same numbers.
    if "random" in sys.modules:
        sys.modules["random"].seed()
    if "numpy" in sys.modules:
        sys.modules["numpy"].random.seed()
    if "multiprocessing.process" in sys.modules:
        sys.modules["multiprocessing.process"].current_process().authkey = os.urandom(32)
    if "uuid" in sys.modules:
        sys.modules["uuid"]._last_timestamp = None
    if "tempfile" in sys.modules:
        sys.modules["tempfile"]._name_sequence = None


def rehearse(program):
    """A whole run in a process that nobody needs: what it touches, guests will touch."""
    null = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(null, stream)
    script, after = os.memfd_create("rehearsal"), os.memfd_create("state")
    os.write(script, program.encode())
    os.ftruncate(after, 1 << 20)
    agent, go = socket.socketpair()
    socket.send_fds(agent, [b"G"], [after])
    agent.sendall(b"an argument\0")
    agent.shutdown(socket.SHUT_WR)
    run(go.detach(), f"/proc/self/fd/{script}", leave=lambda status: None)


def _fresh_streams():
    # By line: what was printed before a kill has been written.
    sys.stdin = sys.__stdin__ = open(0, encoding="utf-8", closefd=False)
    sys.stdout = sys.__stdout__ = open(1, "w", encoding="utf-8", errors="replace", closefd=False)
    sys.stderr = sys.__stderr__ = open(2, "w", encoding="utf-8", errors="backslashreplace", closefd=False)
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(line_buffering=True)


def _run_script(script, arguments, kept):
    sys.argv = [SCRIPT, *arguments]
    sys.path[0:1] = ["/mnt/data"]
    for name in ("harness", "session", "state", "_kubecoderun", "__main__"):
        sys.modules.pop(name, None)
    main = _fresh_main()
    status = 0
    try:
        with open(script, "rb") as file:
            source = file.read()
        code = compile(source, SCRIPT, "exec", dont_inherit=True)
        if kept and not kept.begin(main, code):
            main = _fresh_main()
            kept.main = main
        exec(code, main.__dict__)
    except BaseException as error:
        status = _report(error)
    return _finish(main, status, kept)


def _fresh_main():
    import types

    main = types.ModuleType("__main__")
    main.__file__ = SCRIPT
    main.__builtins__ = __builtins__
    main.__dict__["__annotations__"] = {}
    main.__dict__["__cached__"] = None
    sys.modules["__main__"] = main
    return main


def _report(error):
    if isinstance(error, SystemExit):
        return _exit_status(error)
    # The first frame is ours.
    trace = error.__traceback__.tb_next if error.__traceback__ else None
    error.__traceback__ = trace
    try:
        sys.excepthook(type(error), error, trace)
    except SystemExit as nested:
        return _exit_status(nested)
    except BaseException:
        sys.__excepthook__(type(error), error, trace)
    return 130 if isinstance(error, KeyboardInterrupt) else 1


def _exit_status(error):
    code = error.code
    if code is None:
        return 0
    if isinstance(code, int):
        return code & 0xFF
    print(code, file=sys.stderr)
    return 1


def _finish(main, status, kept):
    """What the interpreter does at its end, without tearing down libraries that the kernel will take anyway."""
    import atexit
    import gc
    import threading

    try:
        threading._shutdown()
        atexit._run_exitfuncs()
    except BaseException as error:
        sys.__excepthook__(type(error), error, error.__traceback__)
    status = _flush(status)
    if kept:
        kept.end(status)
    try:
        # Objects with an end of their own (open files, __del__) meet it while print still works.
        main.__dict__.clear()
        gc.collect()
    except BaseException as error:
        sys.__excepthook__(type(error), error, error.__traceback__)
    return _flush(status)


def _flush(status):
    for stream in (sys.stdout, sys.stderr, sys.__stdout__, sys.__stderr__):
        try:
            stream.flush()
        except BaseException:
            if stream in (sys.stdout, sys.__stdout__) and status == 0:
                status = 120  # as the interpreter says when its output is gone
    return status
