"""What stays of a Python session from one run to the next: read before a program, written after it.

The wire form is one byte for the version (1: plain, 2: one LZ4 frame) and a pickle of a dict, name to value. Modules are
not values: an entry of that dict (MODULES) says which names were bound to them.

Large buffers, the data of an array, are written so that they need not be copied when they are read: a table behind the
pickle, which readers of pickles ignore, says where they are, and they begin at multiples of ALIGNMENT. Reading puts the
mapped file in their place, and pages that the program does not write to are never copied. What the file held stays
visible beside them, so that writing can see that nothing has changed, which costs a comparison.

All of this runs in a sandbox, with the rights of the program whose state it is.
"""

import io
import mmap
import os
import pickle
import struct
import sys
import types
import warnings

try:
    import cloudpickle
except ImportError:  # nothing is kept then
    cloudpickle = None
try:
    import lz4.block
    import lz4.frame
except ImportError:  # nothing is packed then, and what is packed cannot be read
    lz4 = None

PLAIN, PACKED = 1, 2
MODULES = "_kubecoderun_modules"
EARLIER = "<earlier run>"  # the file that functions of earlier runs claim to be from: its text is gone
ALIGNMENT = 64
SMALL = 64 << 10  # less is read at once instead of mapped
STRIDE = 256 << 10  # compared at a time: fits into the processor's cache
PACKED_AT_LEAST = 256  # bytes below which packing is not worth it
WORTH_PACKING, WORTH_UNPACKING = 0.8, 0.5  # packed to plain; the latter when plain buffers need not be read at all
UNPACKED_LIMIT = 1 << 30

ENTRY = struct.Struct("<QQB")
COUNT = struct.Struct("<I")
MAGIC = b"KCRindex"


class Damaged(Exception):
    pass


# ---- reading --------------------------------------------------------------------------------------------------------


class Before:
    """The state that a run begins with. `whole` is a byte and the pickle; `pristine` the same, never written to."""

    def __init__(self, fd):
        size = os.fstat(fd).st_size
        version = os.pread(fd, 1, 0)
        if size < 2 or version[0] not in (PLAIN, PACKED):
            raise Damaged("unknown version")
        if version[0] == PACKED:
            fd, size = _unpack(fd, size)
        if size < SMALL:
            self.whole = self.pristine = os.pread(fd, size, 0)
        else:
            self.whole = mmap.mmap(fd, size, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ | mmap.PROT_WRITE)
            self.pristine = mmap.mmap(fd, size, flags=mmap.MAP_SHARED, prot=mmap.PROT_READ)
        if version[0] == PACKED:
            os.close(fd)

    def load(self):
        whole = memoryview(self.whole)
        index = _read_index(whole)
        if not index:
            return pickle.loads(whole[1:])
        stream, buffers, begin = [], [], 1
        for offset, length, read_only in index:
            header = _header(length, read_only)
            if bytes(whole[offset - len(header) : offset]) != header:
                raise Damaged("wrong index")
            stream += (whole[begin : offset - len(header)], b"\x97\x98" if read_only else b"\x97")
            buffers.append(whole[offset : offset + length])
            begin = offset + length
        stream.append(whole[begin:])
        return pickle.loads(b"".join(stream), buffers=buffers)


def _unpack(fd, size):
    if lz4 is None:
        raise Damaged("no LZ4")
    target = os.memfd_create("unpacked", os.MFD_CLOEXEC)
    os.write(target, bytes([PLAIN]))
    total = 1
    decompressor = lz4.frame.LZ4FrameDecompressor()
    with mmap.mmap(fd, size, prot=mmap.PROT_READ) as packed:
        for begin in range(1, size, STRIDE):
            piece = decompressor.decompress(packed[begin : begin + STRIDE])
            total += len(piece)
            if total > UNPACKED_LIMIT:
                raise Damaged("too large")
            _write_all(target, [piece])
    if not decompressor.eof:
        raise Damaged("cut off")
    return target, total


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


def restore(fd, main, code):
    """Fills the namespace of `main`, for which `code` will run, and returns what capture() wants to know.

    Raises whatever reading raises; the namespace may then hold anything."""
    before = Before(fd)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # they are not the program's
        values = before.load()
    if type(values) is not dict:
        raise Damaged("not a dict")
    modules = values.get(MODULES)
    main.__dict__.update((name, value) for name, value in values.items() if type(name) is str and not name.startswith("_"))
    before.submodules = _restore_modules(main.__dict__, modules, code) if type(modules) is dict else []
    return before


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


def capture(fd, main, code, before):
    """Writes what the namespace holds to `fd`, a memory file one byte larger than the largest state, and cuts that to
    size: 0 bytes when there is nothing to keep, 1 when nothing has changed since `before`. A file whose size did not
    change is of no use: the state was too large.

    Returns names of modules that reading it will need, and what was left out and why."""
    if cloudpickle is None:
        return [], ["cloudpickle is not installed"]
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
    if before and _same(sink.pieces, sink.size, before.pristine):
        os.ftruncate(fd, 1)
    else:
        try:
            _write(fd, sink)
        except OSError as error:
            left_out.append(str(error))
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
        if isinstance(value, NEVER_KEPT):
            left_out.append(_reason(name, values.pop(name), "it belongs to a running program"))
    while values or modules:
        sink = _Sink()
        pickler = _Pickler(sink, main, values.keys())
        items = _Items({**values, MODULES: modules} if modules else values)
        try:
            pickler.dump(items)
            return sink, pickler.needed(modules), left_out
        except TimeUp:
            raise
        except BaseException as error:
            culprits = [name for name in items.at_work if name in values and _fails(name, values, main)] or items.at_work[-1:]
            for name in culprits:
                left_out.append(_reason(name, values.pop(name, None), error))
                if name == MODULES:
                    modules = None
    return None, [], left_out


def _fails(name, values, main):
    try:
        _Pickler(_Nowhere(), main, values.keys()).dump(values[name])
        return False
    except TimeUp:
        raise
    except BaseException:
        return True


def _reason(name, value, why):
    return f"Cannot serialize '{name}' ({type(value).__name__}): {str(why)[:100]}"


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
    if size is not None:
        os.ftruncate(fd, size)


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


# ---- pickling what a session made -----------------------------------------------------------------------------------


def _never_kept():
    import socket
    import threading

    return (
        io.IOBase, socket.socket, threading.Thread, type(threading.Lock()), type(threading.RLock()), types.GeneratorType,
        types.CoroutineType, types.AsyncGeneratorType, types.FrameType, types.TracebackType,
    )  # fmt: skip


NEVER_KEPT = _never_kept()


class _Namespace:
    """Pickles as the namespace of the program that reads it."""

    def __init__(self, main):
        self.main = main

    def __reduce__(self):
        return getattr, (self.main, "__dict__")


def _refuse_file(file):
    raise pickle.PicklingError("open files are not kept")


if cloudpickle is not None:

    def _reduce_code(code):
        if code.co_filename == "/mnt/data/code.py":
            code = code.replace(co_filename=EARLIER)
        return cloudpickle.CloudPickler.dispatch_table[types.CodeType](code)

    class _Pickler(cloudpickle.CloudPickler):
        """Functions of the session do not take their globals along: they find those of the session they are read into."""

        dispatch_table = cloudpickle.CloudPickler.dispatch_table.new_child(
            {types.CodeType: _reduce_code, io.TextIOWrapper: _refuse_file}
        )

        def __init__(self, file, main, kept):
            super().__init__(file, protocol=5)
            self._main, self._kept = main, kept
            self.globals_ref[id(main.__dict__)] = _Namespace(main)
            self._types, self._names = set(), set()

        def reducer_override(self, obj):
            kind = type(obj)
            self._types.add(obj if isinstance(obj, type) else kind)
            if kind is types.BuiltinFunctionType or kind is types.FunctionType:
                self._names.add(obj.__module__)
            return super().reducer_override(obj)

        def _dynamic_function_reduce(self, func):
            reduced = list(super()._dynamic_function_reduce(func))
            if func.__globals__ is self._main.__dict__:
                slots = reduced[2][1]
                slots["__globals__"] = {
                    name: value
                    for name, value in slots["__globals__"].items()
                    if name not in self._kept and not isinstance(value, (types.ModuleType, NEVER_KEPT))
                }
                slots["_cloudpickle_submodules"] = []
            return tuple(reduced)

        def needed(self, modules):
            """Top-level modules outside of the standard library that reading will import, or code is likely to use."""
            names = self._names.union(getattr(kind, "__module__", None) for kind in self._types)
            names.update(modules["bound"].values() if modules else ())
            names = {name.partition(".")[0] for name in names if type(name) is str}
            return sorted(names - sys.stdlib_module_names - {"cloudpickle", "__main__", __name__})
