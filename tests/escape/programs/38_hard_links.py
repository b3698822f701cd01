# An input with a second name, and files of the system.
for target in ("/etc/passwd", "/usr/bin/env", "/proc/self/exe", "/proc/version"):
    attempt(f"hard link to {target}", lambda: os.link(target, "linked-" + target.replace("/", "_"), follow_symlinks=True))
os.link("input.txt", "second.txt")
os.link("second.txt", "third.txt")
with open("third.txt", "a") as file: file.write(" changed")
open("real.txt", "w").write("mine")
safe("links made")
