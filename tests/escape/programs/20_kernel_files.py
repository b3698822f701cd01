# Opened only, never written.
import glob
for path in ("/proc/sysrq-trigger", "/proc/sys/kernel/core_pattern", "/proc/sys/kernel/hostname", "/proc/sys/kernel/modprobe", "/proc/sys/vm/drop_caches", "/proc/sys/net/ipv4/ip_forward",
             "/proc/sys/fs/binfmt_misc/register", "/sys/kernel/uevent_helper", "/sys/power/state", "/dev/mem", "/dev/kmem", "/dev/port", "/dev/kmsg", "/proc/acpi/wakeup", "/proc/irq/default_smp_affinity"):
    attempt(f"{path} for writing", lambda: os.open(path, os.O_WRONLY))
for path in ("/proc/kcore", "/proc/kmsg", "/dev/mem", "/dev/kmsg", "/proc/kpagecount", "/proc/kpageflags", "/sys/kernel/debug/x", "/sys/firmware/efi", "/proc/keys", "/proc/timer_list", "/proc/sched_debug"):
    attempt(f"{path} for reading", lambda: open(path, "rb").read(16) or (_ for _ in ()).throw(OSError("empty")))
allowed = {"null", "zero", "full", "random", "urandom", "tty", "shm", "fd", "stdin", "stdout", "stderr", "pts", "ptmx"}
extra = set(os.listdir("/dev")) - allowed
vulnerable(f"devices {sorted(extra)[:10]}") if extra else safe("no other device")
attempt("clear the kernel's log", lambda: syscall("syslog", 3, ctypes.create_string_buffer(16), 16))
