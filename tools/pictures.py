#!/usr/bin/python3
"""Takes the pictures in docs/ anew, of a server that it starts: `./dev pictures`, or with a folder for them as its argument.

What they show is made up: a week of a team, written into the history before the server starts.
"""

import math
import os
import pathlib
import random
import shutil
import sqlite3
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "tests" / "pages")]

import harness  # noqa: E402
import recorded_runs  # noqa: E402
import requests  # noqa: E402
import test_pages  # noqa: E402

SHARES = {"py": 0.62, "bash": 0.14, "js": 0.12, "r": 0.06, "cpp": 0.04, "go": 0.02}
TEAMS = {"Assistant": 0.6, "Notebooks": 0.3, "Nightly reports": 0.1}


def busy(hour):
    """How much is asked of the server in that hour, between 0 and 1: little at night and at the weekend."""
    weekday, of_day = (hour // 24 + 3) % 7, hour % 24
    curve = max(0.04, math.exp(-(((of_day - 13) / 4) ** 2)))
    return curve * (0.25 if weekday >= 5 else 1)


def week(keys):
    now = recorded_runs.this_hour()
    dice = random.Random(7)
    for hour in range(now - 24 * 7, now + 1):
        for key, team in keys:
            for language, share in SHARES.items():
                runs = round(900 * busy(hour) * share * team * dice.uniform(0.8, 1.2))
                if runs == 0:
                    continue
                failed, timed_out = round(runs * dice.uniform(0.01, 0.05)), round(runs * dice.uniform(0, 0.006))
                cold = round(runs * dice.uniform(0, 0.02))
                time = round(runs * dice.uniform(38, 52) * 1000 * (1 + busy(hour)))
                yield (hour, key, language, runs, runs - failed - timed_out, failed, timed_out, time, time // 2, runs * 30_000, runs // 3, runs - cold, cold)


# Of a hundred runs, how many took up to so long: the numbers of bounds of src/metrics/buckets.h (50, 100, 250, 500 ms).
TIMES = {6: 35, 7: 52, 8: 11, 9: 2}


def record_times(data):
    with sqlite3.connect(data / "metrics.db") as database:
        for bucket, share in TIMES.items():
            database.execute(
                f"INSERT OR REPLACE INTO hourly_counts SELECT hour, 'run time|{bucket}', sum(runs) * {share} / 100 FROM hourly_sums GROUP BY hour"
            )


def main():
    folder = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else ROOT / "docs").resolve()
    server = harness.Server(harness.binary(), MASTER_API_KEY=test_pages.MASTER).start(120)
    try:
        keys = []
        for name, share in TEAMS.items():
            made = requests.post(server.url + "/api/v1/admin/keys", json={"name": name}, headers={"x-api-key": test_pages.MASTER}, timeout=30)
            keys.append((made.json()["record"]["key_hash"][:16], share))
        server.stop()
        recorded_runs.record(server.data, list(week(keys)))
        record_times(server.data)
        server.start(120)
        with tempfile.TemporaryDirectory() as place:
            os.environ["PAGES_PICTURES"] = place
            test_pages.drive("pictures.mjs", server)
            for picture in sorted(pathlib.Path(place).glob("*.png")):
                if shutil.which("pngquant"):
                    subprocess.run(["pngquant", "--force", "--output", picture, picture], check=True, timeout=60)
                shutil.copy(picture, folder / picture.name)
                print(folder / picture.name)
    finally:
        server.discard()


if __name__ == "__main__":
    main()
