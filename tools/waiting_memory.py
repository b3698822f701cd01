#!/usr/bin/env python3
"""Starts a server with one sandbox of each language ready, and says what the interpreters that wait cost in memory and time."""

import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests"))
import harness  # noqa: E402

floors = {f"POD_POOL_{code}": 1 for code in ("JS", "TS", "PHP", "R", "JAVA")} | {"POD_POOL_PY": 0, "POD_POOL_BASH": 0}


def megabytes(pid, what):
    text = pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text()
    return int(text.split(what + ":")[1].split()[0]) / 1024


def milliseconds(pid):
    return sum(int((task / "schedstat").read_text().split()[0]) for task in pathlib.Path(f"/proc/{pid}/task").iterdir()) / 1e6


server = harness.Server(harness.binary(), **floors)
server.start(120)
time.sleep(3)  # the first one of a language may come after the server is ready
try:
    for pid, _ in sorted(server.descendants()):
        command = harness.command_line(pid)
        if "/runtimes/" in command or "/exec/R " in command:
            print(f"{megabytes(pid, 'Private_Dirty'):6.1f} MB private, {megabytes(pid, 'Pss'):4.0f} MB shared out, {milliseconds(pid):5.0f} ms  {command[:90]}")
finally:
    server.discard()
