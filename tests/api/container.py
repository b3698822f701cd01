"""A container of our own making, as a cluster's: no capabilities, a filter of system calls like that of container engines, a
read-only root, user 65532, loopback; /mnt/data, /tmp, /dev/shm and, for a server's data, /data can be written to.

    container.py FOLDER-OF-THE-BUILD COMMAND...

Run as root. Ends with the command's status. /kubecoderun is the program. With KCR_TEST_GROUP, a control group's directory, the container is
in that group and sees it, as most containers do.
"""

import ctypes
import fcntl
import os
import pathlib
import socket
import struct
import sys

LIBC = ctypes.CDLL(None, use_errno=True)
NEW_NAMESPACES = 0x00020000 | 0x20000000 | 0x40000000 | 0x08000000 | 0x04000000 | 0x02000000  # mount, pid, net, ipc, uts, cgroup
READ_ONLY, NO_SUID, NO_DEVICES, NO_EXECUTION, REMOUNT, BIND, RECURSIVE, PRIVATE = 1, 2, 4, 8, 32, 4096, 16384, 1 << 18
USER = 65532
# What engines refuse a container without capabilities, x86-64 (others skip the test).
REFUSED = [101, 155, 161, 163, 165, 166, 167, 168, 169, 170, 171, 172, 173, 175, 176, 179, 212, 216, 246, 248, 249, 250, 256, 272, 279,
           298, 303, 304, 308, 310, 311, 312, 313, 320, 321, 323, 425, 426, 427, 428, 429, 430, 431, 432, 433, 442]
CLONE, CLONE3, ERRNO, ALLOW = 56, 435, 0x00050000, 0x7FFF0000


def check(result):
    if result != 0:
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))


def mount(source, target, kind=None, flags=0, options=None):
    encode = lambda text: None if text is None else str(text).encode()  # noqa: E731
    check(LIBC.mount(encode(source), encode(target), encode(kind), ctypes.c_ulong(flags), encode(options)))


def show(source, target):
    """Read-only, in the place of `target`."""
    target = pathlib.Path(target)
    if pathlib.Path(source).is_dir():
        target.mkdir(parents=True, exist_ok=True)
    else:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.touch()
    mount(source, target, flags=BIND | RECURSIVE)
    if not str(target).startswith("/tmp/dev"):
        mount(None, target, flags=REMOUNT | BIND | READ_ONLY | NO_SUID)


def make_root(build):
    mount(None, "/", flags=RECURSIVE | PRIVATE)
    build = pathlib.Path(build).resolve()
    held = {name: os.open(path, os.O_PATH) for name, path in
            {"kubecoderun": build / "kubecoderun", "runtimes": build / "runtimes"}.items()}
    root = pathlib.Path("/tmp")
    mount("root", root, "tmpfs", 0, "mode=0755")
    for name in ("usr", "etc"):
        show("/" + name, root / name)
    for name in ("bin", "sbin", "lib", "lib32", "lib64", "libx32"):
        if pathlib.Path("/", name).is_symlink():
            (root / name).symlink_to(os.readlink(f"/{name}"))
        elif pathlib.Path("/", name).exists():
            show(f"/{name}", root / name)
    for name, held_open in held.items():
        show(f"/proc/self/fd/{held_open}", root / name)
    for name in ("null", "zero", "full", "random", "urandom", "tty"):
        show(f"/dev/{name}", root / "dev" / name)
    (root / "dev/fd").symlink_to("/proc/self/fd")
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        (root / "dev" / name).symlink_to(f"/proc/self/fd/{number}")
    (root / "build").symlink_to("/tmp/build")
    if group := os.environ.get("KCR_TEST_GROUP"):
        show(group, root / "sys/fs/cgroup" / ("" if os.path.exists(group + "/memory.current") else "memory"))
    for name in ("mnt/data", "data", "tmp", "proc", "old", "var", "dev/shm"):
        (root / name).mkdir(parents=True)
    for name in ("mnt/data", "data", "tmp", "dev/shm"):
        mount("volume", root / name, "tmpfs", NO_SUID | NO_DEVICES, f"mode=0755,uid={USER},gid={USER}")
    mount("proc", root / "proc", "proc", NO_SUID | NO_DEVICES | NO_EXECUTION)
    os.chdir(root)
    check(LIBC.pivot_root(b".", b"old"))
    os.chdir("/")
    check(LIBC.umount2(b"old", 2))
    mount(None, "/", flags=REMOUNT | BIND | READ_ONLY)


def bring_up_loopback():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, 0x8914, struct.pack("16sH14x", b"lo", 0x41))  # SIOCSIFFLAGS: up, running


def drop():
    for capability in range(64):
        LIBC.prctl(24, capability, 0, 0, 0)  # PR_CAPBSET_DROP
    os.setgroups([])
    os.setresgid(USER, USER, USER)
    os.setresuid(USER, USER, USER)
    check(LIBC.prctl(38, 1, 0, 0, 0))  # PR_SET_NO_NEW_PRIVS
    load, equal, has, give = 0x20, 0x15, 0x45, 0x06
    code = [(load, 0, 0, 0)]
    for number in REFUSED:
        code += [(equal, 0, 1, number), (give, 0, 0, ERRNO | 1)]
    code += [(equal, 0, 1, CLONE3), (give, 0, 0, ERRNO | 38)]
    code += [(equal, 0, 3, CLONE), (load, 0, 0, 16), (has, 0, 1, 0x7E020000), (give, 0, 0, ERRNO | 1), (give, 0, 0, ALLOW)]
    program = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *one) for one in code))
    header = ctypes.create_string_buffer(struct.pack("HxxxxxxP", len(code), ctypes.addressof(program)))
    check(LIBC.prctl(22, 2, header, 0, 0))  # PR_SET_SECCOMP, SECCOMP_MODE_FILTER


def main():
    build, *command = sys.argv[1:]
    if group := os.environ.get("KCR_TEST_GROUP"):
        pathlib.Path(group, "cgroup.procs").write_text("0")
    check(LIBC.unshare(NEW_NAMESPACES))
    child = os.fork()
    if child == 0:
        LIBC.prctl(1, 9, 0, 0, 0)  # PR_SET_PDEATHSIG, SIGKILL
        bring_up_loopback()
        make_root(build)
        drop()
        LIBC.prctl(1, 9, 0, 0, 0)
        environment = {"PATH": "/usr/bin:/bin", "HOME": "/tmp", "ALLOW_WEAK_SANDBOX": "namespaces", "RUNTIMES_DIR": "/runtimes"}
        environment |= {name: value for name, value in os.environ.items() if name.startswith("KCR_TEST_") or name in ("MAX_MEMORY_MB", "MAX_PIDS")}
        os.execve(command[0], command, environment)
    _, status = os.waitpid(child, 0)
    sys.exit(os.waitstatus_to_exitcode(status) % 256)


main()
