"""Runs that nobody ran: a history as a server would have written it, for whoever looks at one that is months old."""

import hashlib
import sqlite3
import time

HOUR = 3600
SUMS = ("runs", "succeeded", "failed", "timed_out", "time_us", "cpu_us", "memory_kb", "files", "warm", "cold")


def key_hash(text):
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def this_hour():
    return int(time.time() // HOUR)


def record(data, cells, single_runs=0):
    """In the history of a server that is stopped, below its data directory. cells: (hour since 1970, key's hash, language, and what
    is in SUMS). The first so many runs are also put on record one by one; the dashboard is drawn from the sums. Returns how many runs
    there are."""
    database = sqlite3.connect(data / "metrics.db")
    columns = ", ".join(SUMS)
    with database:
        database.executemany(
            f"INSERT OR REPLACE INTO hourly_sums (hour, api_key_hash, language, {columns}) VALUES ({', '.join('?' * (3 + len(SUMS)))})", cells
        )
        sums = ", ".join(f"sum({name})" for name in SUMS)
        for table, of in (("daily_sums", "hour - hour % 24, api_key_hash, language"), ("hourly_activity", "hour, api_key_hash, ''")):
            database.execute(f"INSERT OR REPLACE INTO {table} SELECT {of}, {sums} FROM hourly_sums GROUP BY 1, 2, 3")
        # What is counted beside: of each hour, and (-1) since ever.
        titles = {"runs": "runs", "succeeded": "runs succeeded", "failed": "runs failed", "timed_out": "runs timed out", "time_us": "runs time"}
        for name, title in titles.items():
            for hour in ("hour", "-1"):
                database.execute(f"INSERT OR REPLACE INTO hourly_counts SELECT {hour}, '{title}', sum({name}) FROM hourly_sums GROUP BY 1")
        count = database.execute("SELECT sum(runs) FROM hourly_sums").fetchone()[0]
        database.executemany(
            "INSERT INTO executions (execution_id, session_id, api_key_hash, language, status, execution_time_ms, created_at)"
            " VALUES (?, 'session', ?, ?, 'completed', 20, ?)",
            ((f"run-{i}", *cells[i % len(cells)][1:3], cells[i % len(cells)][0] * HOUR * 1000) for i in range(single_runs)),
        )
    database.close()
    return count
