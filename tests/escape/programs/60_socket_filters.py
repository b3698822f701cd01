# Filters on sockets take memory of the kernel's own, of which the whole host has a fixed amount.
import socket, struct
program = b"".join(struct.pack("HBBI", 0x04, 0, 0, 1) for _ in range(1000)) + struct.pack("HBBI", 0x06, 0, 0, 0xffff)
buffer = ctypes.create_string_buffer(program)
class Program(ctypes.Structure): _fields_ = [("length", ctypes.c_ushort), ("code", ctypes.c_void_p)]
argument = Program(1001, ctypes.addressof(buffer))
for family, kind in ((socket.AF_INET, socket.SOCK_DGRAM), (socket.AF_INET, socket.SOCK_STREAM), (socket.AF_UNIX, socket.SOCK_DGRAM), (socket.AF_NETLINK, socket.SOCK_RAW)):
    one = socket.socket(family, kind)
    for option in (26, 50, 51, 52): attempt(f"option {option} of {family.name}", lambda: one.setsockopt(socket.SOL_SOCKET, option, bytes(argument)))
for text, family, level, option, value in (("flow labels", socket.AF_INET6, 41, 32, bytes(32)), ("upper protocols", socket.AF_INET, 6, 31, b"tls"),
                                           ("tunnels", socket.AF_INET, 17, 100, b"\1\0\0\0")):  # fmt: skip
    one = socket.socket(family, socket.SOCK_DGRAM if level != 6 else socket.SOCK_STREAM)
    attempt(text, lambda: one.setsockopt(level, option, value))
strict = ctypes.c_int(0)
for call, arguments in (("prctl", (22, 2, ctypes.byref(argument), 0, 0)), ("prctl", (22, 1, 0, 0, 0))):
    ctypes.set_errno(0)
    safe(f"{call}: {errno.errorcode[ctypes.get_errno()]}") if getattr(libc, call)(*arguments) < 0 else vulnerable(f"{call}{arguments} took a filter")
refused("seccomp", "seccomp", 1, 0, ctypes.byref(argument))
