# Lists of access rights on files, up to 64 KB each, are charged to no group.
import struct
open("mine", "w").close()
os.mkdir("folder")
entries = [(1, 6, 0xffffffff), (2, 4, 1), (4, 4, 0xffffffff), (16, 4, 0xffffffff), (32, 4, 0xffffffff)]
rights = struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)
attempt("of a file", lambda: os.setxattr("mine", "system.posix_acl_access", rights))
attempt("of what comes into a folder", lambda: os.setxattr("folder", "system.posix_acl_default", rights))
attempt("by descriptor", lambda: os.setxattr(os.open("mine", os.O_RDWR), "system.posix_acl_access", rights))
