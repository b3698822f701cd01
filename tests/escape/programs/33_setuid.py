# Programs that would give us another user.
import shutil, stat, subprocess
status = dict(line.rstrip("\n").split(":\t", 1) for line in open("/proc/self/status") if ":\t" in line)
for name, wanted in dict(NoNewPrivs="1", Seccomp="2").items():
    safe(f"{name} {wanted}") if status.get(name) == wanted else vulnerable(f"{name} is {status.get(name)}")
for name in ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"):
    safe(f"{name} is empty") if int(status[name], 16) == 0 else vulnerable(f"{name} is {status[name]}")
vulnerable(f"groups {os.getgroups()}") if set(os.getgroups()) - {65532, 65534} else safe("no other group")
for path in ("/usr/bin/su", "/usr/bin/mount", "/usr/bin/passwd", "/usr/bin/newgrp", "/usr/bin/sudo", "/usr/bin/pkexec", "/usr/bin/newuidmap"):
    if os.path.exists(path) and os.stat(path).st_mode & stat.S_ISUID: safe(f"{path} is setuid, which must not matter")
result = subprocess.run(["sh", "-c", "su -c id root </dev/null; sudo -n id; mount -t tmpfs x /tmp"], capture_output=True, text=True)
vulnerable(f"root: {result.stdout}") if "uid=0" in result.stdout else safe("no way to root")
for id_ in (0, 1, 1000, 65534):
    attempt(f"setuid {id_}", lambda: os.setresuid(id_, id_, id_)); attempt(f"setgid {id_}", lambda: os.setresgid(id_, id_, id_)); attempt(f"setgroups {id_}", lambda: os.setgroups([id_]))
shutil.copy("/usr/bin/id", "/tmp/id")
try: os.chmod("/tmp/id", 0o6755)
except OSError as problem: safe(f"chmod: {problem}")
try: output = subprocess.run(["/tmp/id", "-u"], capture_output=True, text=True).stdout.strip()
except OSError as problem: output = "65532"; safe(f"execution: {problem}")
safe("a setuid copy gains nothing") if output == "65532" else vulnerable(f"a setuid copy is {output}")
