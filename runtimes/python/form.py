"""The form in which a state is written and read again: one byte for the version (1: plain, 2: one LZ4 frame) and a pickle of a dict,
name to value.

Large buffers, the data of an array, are written so that they need not be copied when they are read: a table behind the
pickle, which readers of pickles ignore, says where they are, and they begin at multiples of ALIGNMENT. Reading puts the
mapped file in their place, and pages that the program does not write to are never copied. What the file held stays
visible beside them, so that writing can see that nothing has changed, which costs a comparison."""

import contextlib
import io
import mmap
import os
import pickle
import resource
import struct

import salvage

try:
    import lz4.block
    import lz4.frame
except ImportError:  # nothing is packed then, and what is packed cannot be read
    lz4 = None

PLAIN, PACKED = 1, 2
ALIGNMENT = 64
SMALL = 64 << 10  # less is read at once instead of mapped
STRIDE = 256 << 10  # compared or unpacked at a time: fits into the processor's cache
PACKED_STRIDE = 16 << 10  # taken at a time for unpacking
PACKED_AT_LEAST = 256  # bytes below which packing is not worth it
WORTH_PACKING, WORTH_UNPACKING = 0.8, 0.5  # packed to plain; the latter when plain buffers need not be read at all
MAPPED_SHARE = 0.125  # of the sandbox's memory that a packed state may take beside the values that are made of it
READING_SHARE = 0.7  # of it that values may take in all when they are read
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


# ---- writing --------------------------------------------------------------------------------------------------------


class Sink:
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


def is_same(pieces, size, old):
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


def write(fd, sink):
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
