"""Processor time of a run with all that belongs to it, beside that of the bare tool: starts a server of its own, lets it run one small program
after the other, and adds up what its processes used, sandboxes that have ended included. Rounds of both take turns, so that a busy
machine slows both; the ratio says more than the times.

    /usr/bin/python3 tools/run_cost.py [--runs 200] [--rounds 3] [LANGUAGE]...

--history: what the history of runs adds to that. Two servers take turns, one that keeps it in its file and one that does not.
"""

import argparse
import os
import pathlib
import resource
import statistics
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "tests"))
from harness import binary, started, wait_until  # noqa: E402

PROGRAMS = {
    "py": ("print('hello')", ["/usr/bin/python3", "-c"]),
    "bash": ("echo hello", ["/bin/bash", "-c"]),
    "js": ("console.log('hello')", ["/usr/bin/node", "-e"]),
    "php": ("<?php echo 'hello';", ["/usr/bin/php", "-r"]),
}


def used_by(server):
    """Seconds of processors that the server's processes have used, with those of theirs that have ended."""
    ticks = 0
    for pid in [server.pid, *(pid for pid, _ in server.descendants())]:
        try:
            text = pathlib.Path(f"/proc/{pid}/stat").read_text()
        except OSError:
            continue
        ticks += sum(int(word) for word in text[text.rindex(")") + 2 :].split()[11:15])
    return ticks / os.sysconf("SC_CLK_TCK")


def quiet(server):
    """Waits until nothing is made for later."""
    time.sleep(1)
    wait_until(lambda: server.get("/health/detailed").json()["services"]["pod_pool"]["details"]["total_creating"] == 0, 60)


def of_runs(server, language, code, runs):
    quiet(server)
    before = used_by(server)
    for _ in range(runs):
        server.run(language, code)
    quiet(server)
    return (used_by(server) - before) / runs


def of_tool(command, code, runs):
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    for _ in range(runs):
        subprocess.run([*command, code.removeprefix("<?php ")], stdout=subprocess.DEVNULL, check=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime) / runs


def of_history(options):
    servers = [started(binary()), started(binary(), SQLITE_METRICS_ENABLED="false", DETAILED_METRICS_ENABLED="false")]
    try:
        code, _ = PROGRAMS["py"]
        for server in servers:
            of_runs(server, "py", code, 20)
        rounds = []
        for number in range(options.rounds):
            pair = servers if number % 2 == 0 else servers[::-1]
            costs = {server.port: of_runs(server, "py", code, options.runs) for server in pair}
            rounds.append([costs[server.port] * 1e3 for server in servers])
        kept, none = (statistics.median(column) for column in zip(*rounds))
        more = statistics.median(100 * (one / other - 1) for one, other in rounds)
        spread = [100 * (one / other - 1) for one, other in rounds]
        print(f"with history {kept:.2f} ms a run, without {none:.2f} ms: {more:+.1f} % ({min(spread):+.1f} to {max(spread):+.1f} in"
              f" {options.rounds} rounds of {options.runs}); load average {os.getloadavg()[0]:.1f}")  # fmt: skip
    finally:
        for server in servers:
            server.discard()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("languages", nargs="*", default=["py"], metavar="LANGUAGE", help=", ".join(PROGRAMS))
    parser.add_argument("--history", action="store_true", help="what the history of runs adds")
    options = parser.parse_args()
    if options.history:
        return of_history(options)
    server = started(binary())
    try:
        for language in options.languages:
            code, command = PROGRAMS[language]
            of_runs(server, language, code, 20)
            rounds = [(of_runs(server, language, code, options.runs), of_tool(command, code, options.runs)) for _ in range(options.rounds)]
            ours, bare = (statistics.median(column) * 1e3 for column in zip(*rounds))
            ratio = statistics.median(one / other for one, other in rounds)
            print(f"{language}: {ours:.1f} ms a run, {bare:.1f} ms bare, ratio {ratio:.2f}; load average {os.getloadavg()[0]:.1f}", flush=True)
    finally:
        server.discard()


if __name__ == "__main__":
    main()
