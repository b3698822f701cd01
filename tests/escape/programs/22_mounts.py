MS_BIND, MS_REMOUNT, MS_REC, MS_PRIVATE = 4096, 32, 16384, 1 << 18
text = ctypes.c_char_p
refused("mount tmpfs", "mount", text(b"x"), text(b"/tmp"), text(b"tmpfs"), 0, 0)
refused("mount proc", "mount", text(b"x"), text(b"/tmp"), text(b"proc"), 0, 0)
refused("remount of / for writing", "mount", text(b"x"), text(b"/"), 0, MS_REMOUNT, 0)
refused("remount of /usr for writing", "mount", text(b"x"), text(b"/usr"), 0, MS_REMOUNT | MS_BIND, 0)
refused("bind over /etc", "mount", text(b"/tmp"), text(b"/etc"), 0, MS_BIND, 0)
refused("private /", "mount", 0, text(b"/"), 0, MS_REC | MS_PRIVATE, 0)
for path in (b"/proc", b"/mnt/data", b"/tmp", b"/usr", b"/etc"): refused(f"umount {path}", "umount2", text(path), 2)
refused("pivot_root", "pivot_root", text(b"/tmp"), text(b"/tmp"))
refused("open_tree", "open_tree", -100, text(b"/"), 1 | 0x80000)
refused("fsopen", "fsopen", text(b"tmpfs"), 0)
refused("fspick", "fspick", -100, text(b"/"), 0)
refused("move_mount", "move_mount", -100, text(b"/tmp"), -100, text(b"/etc"), 0)
refused("mount_setattr", "mount_setattr", -100, text(b"/"), 0, 0, 0)
refused("open_by_handle_at", "open_by_handle_at", -100, 0, 0)
for directory in ("/", "/usr", "/usr/bin", "/usr/lib", "/etc", "/bin", "/lib", "/var", "/mnt", "/opt", "/root", "/home", "/run", "/sys", "/proc", "/dev"):
    attempt(f"a file in {directory}", lambda: os.open(f"{directory}/kcr-probe", os.O_CREAT | os.O_WRONLY))
for directory in ("/root", "/home", "/var/lib", "/boot", "/srv", "/lost+found"):
    try: entries = os.listdir(directory)
    except OSError as problem: safe(f"{directory}: {problem}"); continue
    vulnerable(f"{directory} shows {entries[:5]}") if entries and directory != "/var/lib" else safe(f"{directory} is empty")
for path in ("/etc/shadow", "/etc/gshadow", "/etc/ssh/ssh_host_rsa_key", "/var/run/docker.sock", "/run/docker.sock", "/run/containerd/containerd.sock", "/var/run/secrets/kubernetes.io/serviceaccount/token"):
    attempt(path, lambda: open(path, "rb").read(1))
