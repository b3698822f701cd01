"""What a run may not leave behind while its server goes on: processes, mounts, descriptors. Control groups stay, to be used again.

Seen from outside, by the ids that processes have in their namespaces: sandboxd is process 1 of one, and the agent of each sandbox of
another below it. How many sandboxes wait for a program changes with what was asked lately, so it is compared with what the server says."""

import contextlib
import dataclasses
import os
import pathlib

from harness import groups_of, wait_until


def _ids(pid):
    """The ids that a process has, from the outermost namespace to its own; none when it is gone."""
    with contextlib.suppress(OSError):
        for line in pathlib.Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("NSpid:"):
                return [int(word) for word in line.split()[1:]]
    return []


def _descriptors(pid):
    try:
        return len(os.listdir(f"/proc/{pid}/fd"))
    except OSError:
        return 0


@dataclasses.dataclass
class Remains:
    """How it is now."""

    agents: int = 0
    guests: int = 0  # all other processes of sandboxes
    available: int = 0  # sandboxes, says the server
    busy: int = 0
    groups: int = 0
    mounts: int = 0
    descriptors: dict = dataclasses.field(default_factory=dict)  # of worker and sandboxd

    @classmethod
    def of(cls, server):
        now = cls()
        depth = len(_ids(server.pid))
        for pid, _ in server.descendants():
            ids = _ids(pid)
            if len(ids) == depth + 1 and ids[-1] == 1:
                with contextlib.suppress(OSError):  # it has ended meanwhile, which others will say
                    now.mounts = len(pathlib.Path(f"/proc/{pid}/mountinfo").read_text().splitlines())
                now.descriptors["sandboxd"] = _descriptors(pid)
            elif len(ids) == depth + 2 and ids[-1] == 1:
                now.agents += 1
            elif len(ids) >= depth + 2:
                now.guests += 1
        for pid in server.role("worker"):
            now.descriptors["worker"] = _descriptors(pid)
        now.groups = len(groups_of(server))
        pool = server.get("/health/detailed").json()["services"]["pod_pool"]["details"]
        now.available = pool["total_available"]
        now.busy = pool["total_in_use"] + pool["total_creating"] + pool["waiting"]
        return now

    def problems(self, before, runs):
        """What is more than it was `before`, with `runs` since then, each of which may have left a state that is kept open."""
        found = []
        if self.busy:
            found.append(f"{self.busy} sandboxes are still in use or being made")
        if self.agents != self.available:
            found.append(f"{self.agents} sandboxes where the server has {self.available}")
        if self.guests != self.agents:
            found.append(f"{self.guests} processes in {self.agents} sandboxes that wait")
        if self.mounts != before.mounts:
            found.append(f"{self.mounts} mounts where {before.mounts} were")
        new_groups, new_sandboxes = max(0, self.groups - before.groups), max(0, self.available - before.available)
        for role, extra in (("sandboxd", 16 * new_groups + 4), ("worker", 3 * new_sandboxes + runs + 16)):
            if self.descriptors.get(role, 0) > before.descriptors.get(role, 0) + extra:
                found.append(f"{self.descriptors[role]} descriptors of {role} where {before.descriptors.get(role)} were")
        return found


def left_behind(server, before, runs, seconds=30):
    """What does not go away; nothing, as soon as nothing is there."""
    last = []

    def clean():
        last[:] = Remains.of(server).problems(before, runs)
        return not last

    wait_until(clean, seconds, 0.2)
    return last
