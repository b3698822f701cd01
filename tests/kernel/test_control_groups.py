"""Control groups of version 2, on a kernel of our own: machines that run tests often have version 1. Needs User-mode Linux, a kernel
that is a program (apt-get install user-mode-linux), and takes minutes, so it is not among the packages that ./test installs. It sees the
root directory of this machine, read-only, with memory file systems over what is written to."""

import os
import pathlib
import re
import shutil
import subprocess

import pytest

pytestmark = pytest.mark.slow

# What is done there, as process 1. Each part ends with a line "<name> <exit status>".
SCRIPT = """#!/bin/bash
export PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/tmp
mount -t proc proc /proc; mount -t sysfs sys /sys; mkdir -p /dev/shm
for directory in /tmp /run /dev/shm; do mount -t tmpfs -o mode=1777 none $directory; done
mount -t cgroup2 -o nsdelegate none /sys/fs/cgroup
ip link set lo up
cd /tmp
groups=/sys/fs/cgroup
inside='printf "%%s\\n" hello "$(cat /proc/self/cgroup)"'
export MAX_EXECUTION_TIME=300  # such a kernel is slow
run() { timeout 400 %(program)s run --lang bash "$@"; }
export -f run; export inside

run - <<<"$inside"; echo "root-group $?"
MAX_MEMORY_MB=64 run - <<<'dd if=/dev/zero of=/dev/null bs=200M count=1'; echo "memory $?"
MAX_PIDS=64 run - <<<'for i in $(seq 80); do sleep 20 & done'; echo "processes $?"

echo "+memory +pids +cpu" >$groups/cgroup.subtree_control
mkdir -p $groups/system.slice/a.service $groups/user.slice $groups/container
(echo $BASHPID >$groups/system.slice/a.service/cgroup.procs; run - <<<"$inside"); echo "service $?"

echo "+memory +pids +cpu" >$groups/user.slice/cgroup.subtree_control
scope=$groups/user.slice/a.scope
mkdir $scope; chown 31000:31000 $scope $scope/cgroup.procs $scope/cgroup.subtree_control $scope/cgroup.threads
(echo $BASHPID >$scope/cgroup.procs; exec setpriv --reuid 31000 --regid 31000 --clear-groups bash -c 'run - <<<"$inside"'); echo "scope $?"

(echo $BASHPID >$groups/container/cgroup.procs
 exec unshare --cgroup --mount bash -c 'umount /sys/fs/cgroup; mount -t cgroup2 none /sys/fs/cgroup; run - <<<"$inside"'); echo "container $?"
find $groups -name 'sandbox-*'; echo "left $?"
exec %(off)s
"""

OFF = "#include <sys/reboot.h>\n#include <unistd.h>\nint main(void) { reboot(RB_POWER_OFF); pause(); }\n"


@pytest.fixture(scope="module")
def parts(program):
    """What each part of the script printed: {name: (status, text)}."""
    kernel = os.environ.get("LINUX_UML") or shutil.which("linux.uml")
    if not kernel:
        pytest.skip("no linux.uml (apt-get install user-mode-linux)")
    if os.geteuid() != 0:
        pytest.skip("only root is root of this machine's files there")
    directory = pathlib.Path("/var/tmp") / f"kubecoderun-test-{os.getpid()}"  # not below what the script hides
    directory.mkdir()
    try:
        subprocess.run(["gcc", "-static", "-x", "c", "-o", directory / "off", "-"], input=OFF.encode(), check=True)
        script = directory / "init"
        script.write_text(SCRIPT % {"program": program, "off": directory / "off"})
        script.chmod(0o755)
        arguments = ["mem=2G", "root=/dev/root", "rootfstype=hostfs", "rootflags=/", "ro", "con=null", "con0=null,fd:1", "quiet", f"init={script}"]
        done = subprocess.run([kernel, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=3600)
    finally:
        shutil.rmtree(directory)
    text, found = done.stdout.decode(errors="replace").replace("\r", ""), {}
    for match in re.finditer(r"(.*?)^([a-z-]+) (\d+)$", text, re.DOTALL | re.MULTILINE):
        found[match[2]] = (int(match[3]), match[1])
    assert "left" in found, text[-3000:]
    return found


@pytest.mark.parametrize("place", ["root-group", "service", "scope", "container"])
def test_sandboxes_are_made_wherever_the_server_is(parts, place):
    status, text = parts[place]
    assert status == 0 and "hello\n0::/\n" in text, text


def test_memory_is_limited(parts):
    status, text = parts["memory"]
    assert status != 0 and "Out of memory" in text, text


def test_processes_are_limited(parts):
    assert "Resource temporarily unavailable" in parts["processes"][1], parts["processes"][1]


def test_no_group_of_a_sandbox_stays(parts):
    assert "sandbox-" not in parts["left"][1]
