# Files of control groups, wherever they are mounted. Opened only.
places = {line.split()[1] for line in open("/proc/mounts") if line.split()[2] in ("cgroup", "cgroup2")} | {"/sys/fs/cgroup"}
names = {"release_agent", "notify_on_release", "cgroup.procs", "tasks", "memory.limit_in_bytes", "memory.max", "memory.swap.max", "pids.max", "cpu.max", "cpu.cfs_quota_us", "cgroup.subtree_control", "devices.allow", "cgroup.freeze"}
seen = 0
for place in places:
    for directory, subdirectories, files in os.walk(place):
        for name in names & set(files):
            seen += 1
            attempt(f"{directory}/{name}", lambda: os.open(f"{directory}/{name}", os.O_WRONLY))
        attempt(f"a group in {directory}", lambda: os.mkdir(f"{directory}/kcr-probe"), lambda _: os.rmdir(f"{directory}/kcr-probe"))
        if seen > 200: break
text = open("/proc/self/cgroup").read()
vulnerable(f"the path of our group is visible: {text[:200]}") if "kubecoderun" in text else safe("group path hidden")
