# Invalid arguments on purpose: a kernel that gets to look at them has let the call through.
import time
now = (ctypes.c_long * 2)(int(time.time()), 0)
for name, arguments in dict(userfaultfd=(0,), kexec_load=(0, 0, 0, 0), kexec_file_load=(-1, -1, 0, 0, 0), init_module=(0, 0, 0), finit_module=(-1, 0, 0), delete_module=(0, 0), reboot=(0, 0, 0, 0),
                            clock_settime=(0, ctypes.byref(now)), settimeofday=(ctypes.byref(now), 0), swapon=(0, 0), acct=(ctypes.c_char_p(b"/mnt/data/acct"),), sethostname=(ctypes.c_char_p(b"kcr"), 3),
                            iopl=(3,), ioperm=(0, 1, 1), quotactl=(0x800002 << 8, 0, 0, 0)).items():
    refused(name, name, *arguments)
