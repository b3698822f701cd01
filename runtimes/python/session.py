"""What a session's state needs of the agent (src/sandbox/guest/words.h): descriptors come with the word to go.

The note behind ENDED, once the state is written: the version of Python and the modules it needs, "3.11 numpy,pandas"; and,
when values were left out, how many and of what type the first one is, "3.11 numpy,pandas;2 generator".

A program can find all of this in its own process, and can spoil or forge its own state and nothing else.
"""

import array
import fcntl
import gc
import os
import resource
import signal
import socket
import sys
import time

import state

FROM_AGENT, TO_AGENT = 3, 4
CALLS_TO, ANSWERS_FROM = 5, 6
READY, GO, GO_KEEP_AFTER_ERRORS, UNREADABLE, ENDED = b"R", b"G", b"E", b"X", b"S"
STATE_AFTER, STATE_BEFORE, CALLS, ANSWERS = b"A", b"P", b"T", b"N"

MOST_MODULES = 32  # the server wants no more of them, and the agent no more than 1000 bytes
LONGEST_NOTE = 850
LONGEST_REASON = 100
MOST_TOLD = 10


def read_words(agent):
    """The word to go and everything up to the end, and the descriptors that came before it, by name. Closes the socket."""
    pieces, descriptors = [], array.array("i")
    with socket.socket(fileno=agent) as connection:
        while True:
            piece, ancillary, _, _ = connection.recvmsg(65536, socket.CMSG_SPACE(descriptors.itemsize), socket.MSG_CMSG_CLOEXEC)
            for level, kind, data in ancillary:
                if level == socket.SOL_SOCKET and kind == socket.SCM_RIGHTS:
                    descriptors.frombytes(data[: len(data) - len(data) % descriptors.itemsize])
            if not piece:
                break
            pieces.append(piece)
    said = b"".join(pieces)
    names = [said[i : i + 1] for i in range(len(descriptors))]
    return said[len(names) :], dict(zip(names, descriptors))


def place_calls(descriptors):
    """Gives the channel of calls, when there is one, its numbers. What else came along keeps others."""
    for name in list(descriptors):
        if CALLS in descriptors and descriptors[name] <= ANSWERS_FROM:
            moved = fcntl.fcntl(descriptors[name], fcntl.F_DUPFD_CLOEXEC, ANSWERS_FROM + 1)
            os.close(descriptors[name])
            descriptors[name] = moved
    for name, number in ((CALLS, CALLS_TO), (ANSWERS, ANSWERS_FROM)):
        if name in descriptors:
            os.dup2(descriptors[name], number, inheritable=False)
            os.close(descriptors.pop(name))


class Session:
    def __init__(self, say, word, descriptors, memory):
        self.pid, self.memory = os.getpid(), memory
        self.after_errors = word == GO_KEEP_AFTER_ERRORS
        self.say, self.after = _out_of_the_way(say), _out_of_the_way(descriptors[STATE_AFTER])
        self.earlier = descriptors.get(STATE_BEFORE)
        self.identities = [_identity(self.say), _identity(self.after)]
        self.before = self.main = self.code = None

    def begin(self, main, code):
        """False when the namespace is to be replaced by a fresh one."""
        self.main, self.code = main, code
        if self.earlier is None:
            return True
        builtins = main.__builtins__
        try:
            self.before, lost = state.restore(self.earlier, main, code, self.memory)
            main.__builtins__ = builtins  # functions that were read have put a dict there
            if lost:
                _say("Lost from earlier runs of this session", [f"{name} (needs {what})" for name, what in lost.items()])
            return True
        except (Exception, SystemExit) as error:
            os.write(self.say, UNREADABLE)
            if isinstance(error, MemoryError):
                _say("The variables of earlier runs are not there", ["they need more memory than there is"])
            return False
        finally:
            os.close(self.earlier)

    def end(self, status):
        """Says that the program has ended and writes the state."""
        # Children that the program forked come here as well; a program may have closed everything it found; and one
        # that did not even compile has no namespace.
        if os.getpid() != self.pid or self.code is None or status != 0 and not self.after_errors:
            return
        try:
            if [_identity(self.say), _identity(self.after)] != self.identities:
                return
            signal.setitimer(signal.ITIMER_REAL, 0)  # the program's own
            signal.signal(signal.SIGALRM, _time_up)
            os.write(self.say, ENDED + bytes([status]))
            needed, left_out = self._capture()
            _tell(left_out)
            os.write(self.say, _note(needed, left_out).encode("ascii", "replace")[:1000])
            os.close(self.say)
        except Exception:
            pass  # there is no state then

    def _capture(self):
        began = time.monotonic()
        gc.disable()
        sys.setrecursionlimit(max(1000, min(sys.getrecursionlimit(), 10000)))
        streams = [_silence(fd) for fd in (1, 2)]  # what runs now is not the program, though it may be its code
        needed, left_out = [], []
        try:
            needed, left_out = state.capture(self.after, self.main, self.code, self.before, self.memory)
        except state.TimeUp:
            left_out = [state.LeftOut("", None, f"writing them took longer than {int(time.monotonic() - began)} seconds")]
        finally:
            signal.signal(signal.SIGALRM, signal.SIG_IGN)
            for stream in (sys.stdout, sys.stderr):
                try:
                    stream.flush()  # words of what was captured
                except Exception:
                    pass
            for fd, stream in zip((1, 2), streams):
                if stream is not None:
                    os.dup2(stream, fd)
            gc.enable()
        return needed, left_out


def _time_up(*_):
    """The agent sends the signal a second before it ends this process, so that the program's files are still flushed."""
    raise state.TimeUp


def _note(needed, left_out):
    modules = needed[:MOST_MODULES]
    note = f"{sys.version_info[0]}.{sys.version_info[1]} {','.join(modules)}"[:LONGEST_NOTE]
    if left_out:
        # The server logs it, and the text of an error may hold values of the program: its type is enough.
        note += f";{len(left_out)} {(left_out[0].kind if left_out[0].name else left_out[0].why)[:LONGEST_REASON]}"
    return note


def _tell(left_out):
    """Tells the user what later runs will not find: names and types, no values."""
    missed = [value for value in left_out if value.name and not value.is_over]
    if missed:
        _say("Not kept for later runs of this session", [f"{value.name} ({value.kind})" for value in missed])
    for all_of_them in (value for value in left_out if not value.name):
        _say("The variables of this run are not kept", [all_of_them.why])


def _say(what, items):
    rest = f" and {len(items) - MOST_TOLD} others" if len(items) > MOST_TOLD else ""
    try:
        told = ", ".join(item[:LONGEST_REASON].encode("unicode_escape").decode() if not item.isprintable() else item[:LONGEST_REASON] for item in items[:MOST_TOLD])
        os.write(2, f"{what}: {told}{rest}\n".encode("utf-8", "backslashreplace"))
    except OSError:
        pass


def _out_of_the_way(fd):
    """The program shall find the numbers free that it would have without us."""
    try:
        moved = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, resource.getrlimit(resource.RLIMIT_NOFILE)[0] - 2)
    except OSError:
        return fd
    os.close(fd)
    return moved


def _identity(fd):
    info = os.fstat(fd)
    return info.st_dev, info.st_ino


def _silence(fd):
    try:
        kept = os.dup(fd)
    except OSError:
        return None
    null = os.open("/dev/null", os.O_WRONLY)
    os.dup2(null, fd)
    os.close(null)
    return kept
