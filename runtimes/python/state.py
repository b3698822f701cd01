"""What stays of a Python session from one run to the next: read before a program, written after it.

The wire form is one byte for the version (1: plain, 2: one LZ4 frame) and a pickle of a dict, name to value. Modules are
not values: an entry of that dict (MODULES) says which names were bound to them.

Large buffers, the data of an array, are written so that they need not be copied when they are read: a table behind the
pickle, which readers of pickles ignore, says where they are, and they begin at multiples of ALIGNMENT. Reading puts the
mapped file in their place, and pages that the program does not write to are never copied. What the file held stays
visible beside them, so that writing can see that nothing has changed, which costs a comparison.

All of this runs in a sandbox, with the rights of the program whose state it is.
"""

import contextlib
import io
import mmap
import os
import pickle
import resource
import struct
import sys
import types
import warnings

import salvage

try:
    import pickling
except ImportError:  # cloudpickle is not installed: nothing is kept then
    pickling = None
try:
    import lz4.block
    import lz4.frame
except ImportError:  # nothing is packed then, and what is packed cannot be read
    lz4 = None

PLAIN, PACKED = 1, 2
MODULES = "_kubecoderun_modules"
ALIGNMENT = 64
SMALL = 64 << 10  # less is read at once instead of mapped
STRIDE = 256 << 10  # compared or unpacked at a time: fits into the processor's cache
PACKED_STRIDE = 16 << 10  # taken at a time for unpacking
PACKED_AT_LEAST = 256  # bytes below which packing is not worth it
WORTH_PACKING, WORTH_UNPACKING = 0.8, 0.5  # packed to plain; the latter when plain buffers need not be read at all
MAPPED_SHARE = 0.125  # of the sandbox's memory that a packed state may take beside the values that are made of it
READING_SHARE = 0.7  # of it that values may take in all when they are read
WRITING_SHARE = 0.6  # a larger pickle is not written
LZ4_RATIO = 255  # nothing packs better

ENTRY = struct.Struct("<QQB")
COUNT = struct.Struct("<I")
MAGIC = b"KCRindex"


class Damaged(Exception):
    pass


# ---- reading --------------------------------------------------------------------------------------------------------


class Before:
    """The state that a run begins with. `whole` is a byte and the pickle; `pristine` the same, never written to. Both are None when
    it is too large for having it beside its values: then it is unpacked while it is read."""

    def __init__(self, fd, memory):
        size = os.fstat(fd).st_size
        version = os.pread(fd, 1, 0)
        if size < 2 or version[0] not in (PLAIN, PACKED):
            raise Damaged("unknown version")
        packed = version[0] == PACKED
        if packed and lz4 is None:
            raise Damaged("no LZ4")
        self.memory = memory
        self.may_be_large = size * (LZ4_RATIO if packed else 1) > MAPPED_SHARE * memory
        self.whole = self.pristine = self.packed = None
        if packed and (unpacked := _unpack(fd, MAPPED_SHARE * memory)) is None:
            self.packed = fd
            return
        if packed:
            fd, size = unpacked
        if size < SMALL:
            self.whole = self.pristine = os.pread(fd, size, 0)
        else:
            self.whole = mmap.mmap(fd, size, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ | mmap.PROT_WRITE)
            self.pristine = mmap.mmap(fd, size, flags=mmap.MAP_SHARED, prot=mmap.PROT_READ)
        if packed:
            os.close(fd)

    def load(self, main):
        """Returns the values, and what could not be read."""
        with _bounded(READING_SHARE * self.memory) if self.may_be_large else contextlib.nullcontext():
            try:
                if self.packed is not None:
                    return pickle.load(self._unpacking()), {}
                data, buffers = self._parts()
                return pickle.loads(data, buffers=buffers), {}
            except MemoryError:
                raise
            except Exception:
                if self.packed is not None:
                    return salvage.load(self._unpacking(), None, main)
                data, buffers = self._parts()
                return salvage.load(io.BytesIO(data), buffers, main)

    def _unpacking(self):
        return io.BufferedReader(_Unpacking(self.packed), STRIDE)

    def _parts(self):
        """The pickle without its large buffers, and these."""
        whole = memoryview(self.whole)
        index = _read_index(whole)
        if not index:
            return whole[1:], None
        stream, buffers, begin = [], [], 1
        for offset, length, read_only in index:
            header = _header(length, read_only)
            if bytes(whole[offset - len(header) : offset]) != header:
                raise Damaged("wrong index")
            stream += (whole[begin : offset - len(header)], b"\x97\x98" if read_only else b"\x97")
            buffers.append(whole[offset : offset + length])
            begin = offset + length
        stream.append(whole[begin:])
        return b"".join(stream), buffers


@contextlib.contextmanager
def _bounded(size):
    """Lets what needs more memory fail, before the sandbox's limit ends the whole run."""
    limits = resource.getrlimit(resource.RLIMIT_DATA)
    with open("/proc/self/statm") as file:
        used = int(file.read().split()[5]) * resource.getpagesize()
    try:
        resource.setrlimit(resource.RLIMIT_DATA, (used + int(size), limits[1]))
    except (OSError, ValueError):  # there is a lower one
        pass
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, limits)


def _unpacked_pieces(fd):
    decompressor = lz4.frame.LZ4FrameDecompressor()
    with mmap.mmap(fd, os.fstat(fd).st_size, prot=mmap.PROT_READ) as packed:
        for begin in range(1, len(packed), PACKED_STRIDE):
            # A piece may be hundreds of times as large as what it was packed into.
            piece = decompressor.decompress(packed[begin : begin + PACKED_STRIDE], max_length=STRIDE)
            while piece:
                yield piece
                piece = b"" if decompressor.needs_input or decompressor.eof else decompressor.decompress(b"", max_length=STRIDE)
    if not decompressor.eof:
        raise Damaged("cut off")


class _Unpacking(io.RawIOBase):
    """A packed state's pickle, as a file that is unpacked while it is read."""

    def __init__(self, fd):
        self.pieces, self.left = _unpacked_pieces(fd), memoryview(b"")

    def readable(self):
        return True

    def readinto(self, target):
        if not self.left:
            self.left = memoryview(next(self.pieces, b""))
        size = min(len(target), len(self.left))
        target[:size] = self.left[:size]
        self.left = self.left[size:]
        return size


def _unpack(fd, limit):
    """A file with the unpacked state, and its size. None when that is larger than the limit."""
    target = os.memfd_create("unpacked", os.MFD_CLOEXEC)
    size = os.write(target, bytes([PLAIN]))
    for piece in _unpacked_pieces(fd):
        size += len(piece)
        if size > limit:
            os.close(target)
            return None
        _write_all(target, [piece])
    return target, size


def _read_index(whole):
    """[(offset, length, read only)] of the large buffers, in order."""
    end = len(whole) - COUNT.size - len(MAGIC)
    if end < 1 or bytes(whole[-len(MAGIC) :]) != MAGIC:
        return []
    (count,) = COUNT.unpack_from(whole, end)
    begin = end - count * ENTRY.size
    if begin < 1:
        raise Damaged("wrong index")
    return list(ENTRY.iter_unpack(whole[begin:end]))


def _header(length, read_only):
    """The pickle's opcode in front of the bytes of a buffer."""
    if not read_only:
        return b"\x96" + length.to_bytes(8, "little")
    return b"B" + length.to_bytes(4, "little") if length <= 0xFFFFFFFF else b"\x8e" + length.to_bytes(8, "little")


def restore(fd, main, code, memory):
    """Fills the namespace of `main`, for which `code` will run, in a sandbox of that much memory. Returns what capture() wants to
    know, and the names whose values could not be read, with what each of them needed.

    Raises whatever reading raises; the namespace may then hold anything."""
    before = Before(fd, memory)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # they are not the program's
        values, lost = before.load(main)
    if type(values) is not dict:
        raise Damaged("not a dict")
    modules = values.get(MODULES)
    main.__dict__.update((name, value) for name, value in values.items() if type(name) is str and not name.startswith("_"))
    before.submodules = _restore_modules(main.__dict__, modules, code) if type(modules) is dict else []
    return before, lost


# ---- modules --------------------------------------------------------------------------------------------------------


class _Later(types.ModuleType):
    """Stands for a module that takes time to import, until somebody asks it for something."""

    def __getattr__(self, attribute):
        return getattr(self._arrive(), attribute)

    def __dir__(self):
        return dir(self._arrive())

    def _arrive(self):
        namespace, submodules = self.__dict__["_waiting"]
        module = _import(self.__name__, submodules)
        for name, value in list(namespace.items()):
            if value is self:
                namespace[name] = module
        return module


def _import(name, submodules):
    __import__(name)
    for submodule in submodules:
        if submodule.startswith(name + "."):
            try:
                __import__(submodule)
            except Exception:
                pass
    return sys.modules[name]


def _restore_modules(namespace, modules, code):
    bound, submodules = modules.get("bound", {}), modules.get("submodules", [])
    wanted = names_in(code) if any(name not in sys.modules for name in bound.values()) else ()
    waiting = {}
    for alias, name in bound.items():
        try:
            if name in sys.modules or alias in wanted:
                namespace[alias] = _import(name, submodules)
            else:
                if name not in waiting:
                    waiting[name] = _Later(name)
                    waiting[name].__dict__["_waiting"] = (namespace, submodules)
                namespace[alias] = waiting[name]
        except Exception:
            pass
    return submodules


def names_in(code):
    """Every name that the code, or code within it, uses. Dotted ones are of import statements."""
    names, todo = set(), [code]
    while todo:
        code = todo.pop()
        names.update(code.co_names)
        todo.extend(constant for constant in code.co_consts if type(constant) is types.CodeType)
    return names


def _bound_modules(namespace, code, submodules):
    bound = {
        name: value.__name__
        for name, value in namespace.items()
        if isinstance(value, types.ModuleType) and not name.startswith("_") and _is_importable(value)
    }
    if not bound:
        return None
    roots = {name.partition(".")[0] for name in bound.values()}
    dotted = {name for name in names_in(code) if "." in name and name in sys.modules}.union(submodules)
    return {"bound": bound, "submodules": sorted(name for name in dotted if name.partition(".")[0] in roots)}


def _is_importable(module):
    name = getattr(module, "__name__", None)
    return type(name) is str and name != "__main__" and (type(module) is _Later or sys.modules.get(name) is module)


# ---- writing --------------------------------------------------------------------------------------------------------


class LeftOut:
    """A value that is not kept. Its name is empty when it is all of them."""

    def __init__(self, name, value, why):
        self.name, self.kind, self.why = name, type(value).__name__, str(why)[:100]
        self.is_over = _is_over(value)

    def __str__(self):
        return f"Cannot serialize '{self.name}' ({self.kind}): {self.why}"


def _is_over(value):
    """Whether nobody can miss it: a closed file, a generator that has come to its end."""
    try:
        if isinstance(value, io.IOBase):
            return value.closed or value in (sys.__stdin__, sys.__stdout__, sys.__stderr__)
        for finished in ("gi_frame", "cr_frame", "ag_frame"):
            if hasattr(value, finished):
                return getattr(value, finished) is None
        if isinstance(value, (types.FrameType, types.TracebackType)):
            return True
        if hasattr(value, "is_alive"):
            return not value.is_alive()
        if getattr(value, "_shutdown", False) is True or getattr(value, "_state", None) in ("CLOSE", "TERMINATE"):  # pools
            return True
        return getattr(value, "returncode", None) is not None
    except Exception:
        return False


def capture(fd, main, code, before, memory):
    """Writes what the namespace holds to `fd`, a memory file one byte larger than the largest state, and cuts that to
    size: 0 bytes when there is nothing to keep, 1 when nothing has changed since `before`. A file whose size did not
    change is of no use: the state was too large. No sandbox has more than `memory` bytes for reading it again.

    Returns names of modules that reading it will need, and what was left out and why."""
    if pickling is None:
        return [], [LeftOut("", None, "cloudpickle is not installed")]
    namespace = {name: value for name, value in main.__dict__.copy().items() if type(name) is str and not name.startswith("_")}
    modules = _bound_modules(namespace, code, before.submodules if before else ())
    values = {name: value for name, value in namespace.items() if not isinstance(value, types.ModuleType)}
    if not values and not modules:
        os.ftruncate(fd, 0)
        return [], []
    sink, needed, left_out = _pickle(values, modules, main)
    if sink is None:
        os.ftruncate(fd, 0)
        return [], left_out
    sink.finish()
    if before and before.pristine is not None and _same(sink.pieces, sink.size, before.pristine):
        os.ftruncate(fd, 1)
    elif sink.size > WRITING_SHARE * memory:
        left_out.append(LeftOut("", None, f"they are {sink.size >> 20} MB, and a run has {int(memory) >> 20} MB in all"))
    else:
        try:
            if not _write(fd, sink):
                left_out.append(LeftOut("", None, f"they are {sink.size >> 20} MB, more than a session may keep"))
        except OSError as error:
            left_out.append(LeftOut("", None, error))
    return needed, left_out


class _Sink:
    """The file of a pickler. Keeps what it is given: buffers as they are, uncopied."""

    def __init__(self):
        self.pieces = [bytes([PLAIN])]
        self.size = 1
        self.index = []

    def write(self, data):
        if type(data) is pickle.PickleBuffer:
            data = self._align(data.raw())
        self.pieces.append(data)
        self.size += len(data)

    def _align(self, buffer):
        header, last = _header(len(buffer), buffer.readonly), self.pieces[-1]
        if type(last) is bytes and last.endswith(header):
            padding = -self.size % ALIGNMENT
            if padding:  # bytes that are pushed and popped again
                padding += ALIGNMENT if padding < 3 else 0
                fill = b"C" + bytes([padding - 3]) + bytes(padding - 3) + b"0"
                self.pieces[-1] = last[: -len(header)] + fill + header
                self.size += padding
            self.index.append((self.size, len(buffer), buffer.readonly))
        return buffer

    def finish(self):
        if self.index:
            self.write(b"".join(ENTRY.pack(*entry) for entry in self.index) + COUNT.pack(len(self.index)) + MAGIC)


class _Nowhere:
    def write(self, data):
        pass


class _Items:
    """Pickles as the dict of these items, and knows which of them is at work."""

    def __init__(self, items):
        self.items = items
        self.at_work = []

    def __reduce__(self):
        return dict, (), None, None, self._each()

    def _each(self):
        for name, value in self.items.items():
            # The pickler asks for a second one before it writes the first.
            self.at_work = [*self.at_work[-1:], name]
            yield name, value


def _pickle(values, modules, main):
    left_out = []
    for name, value in list(values.items()):
        if pickling.is_never_kept(value):
            left_out.append(LeftOut(name, values.pop(name), "it belongs to a running program"))
    while values or modules:
        sink = _Sink()
        pickler = pickling.Pickler(sink, main, values.keys())
        items = _Items({**values, MODULES: modules} if modules else values)
        try:
            pickler.dump(items)
            return sink, pickler.needed(modules), left_out
        except TimeUp:
            raise
        except BaseException as error:
            culprits = [name for name in items.at_work if name in values and _fails(name, values, main)] or items.at_work[-1:]
            for name in culprits:
                left_out.append(LeftOut(name, values.pop(name, None), error))
                if name == MODULES:
                    modules = None
    return None, [], left_out


def _fails(name, values, main):
    try:
        pickling.Pickler(_Nowhere(), main, values.keys()).dump(values[name])
        return False
    except TimeUp:
        raise
    except BaseException:
        return True


class TimeUp(BaseException):
    """Raised in the middle of a capture by whoever limits its time."""


def _same(pieces, size, old):
    if len(old) != size:
        return False
    begin = 0
    for piece in pieces:
        for offset in range(0, len(piece), STRIDE):
            part = bytes(piece[offset : offset + STRIDE])
            if old[begin : begin + len(part)] != part:
                return False
            begin += len(part)
    return True


def _write(fd, sink):
    limit = os.fstat(fd).st_size - 1  # no file can grow beyond it: writing fails there
    if lz4 is not None and sink.size >= PACKED_AT_LEAST and (sink.size > limit or _is_worth_packing(sink)):
        size = _write_packed(fd, sink, limit)
    else:
        size = _write_all(fd, sink.pieces) if sink.size <= limit else None
    if size is None:
        return False
    os.ftruncate(fd, size)
    return True


def _is_worth_packing(sink):
    """Tries a few kilobytes from all over."""
    sample, step, begin, wanted = [], max(4096, sink.size // 16), 0, 0
    for piece in sink.pieces:
        while wanted < begin + len(piece):
            offset = max(0, wanted - begin)
            sample.append(bytes(piece[offset : offset + 4096]))
            wanted += step
        begin += len(piece)
    sample = b"".join(sample)
    ratio = WORTH_UNPACKING if sink.index else WORTH_PACKING
    return len(lz4.block.compress(sample, store_size=False)) < ratio * len(sample)


def _write_packed(fd, sink, limit):
    compressor = lz4.frame.LZ4FrameCompressor(block_size=lz4.frame.BLOCKSIZE_MAX1MB)
    size = _write_all(fd, [bytes([PACKED]), compressor.begin()])
    pieces = iter(sink.pieces)
    next(pieces)  # the version
    for piece in pieces:
        for offset in range(0, len(piece), 1 << 20):
            size += _write_all(fd, [compressor.compress(piece[offset : offset + (1 << 20)])])
            if size > limit:
                return None
    size += _write_all(fd, [compressor.flush()])
    return size if size <= limit else None


def _write_all(fd, pieces):
    pieces, total = [memoryview(piece) for piece in pieces if len(piece)], 0
    while pieces:
        done = os.writev(fd, pieces[:512])
        total += done
        while pieces and done >= len(pieces[0]):
            done -= len(pieces.pop(0))
        if done:
            pieces[0] = pieces[0][done:]
    return total
