"""Writes grafana_dashboard.json: python3 make_dashboard.py. Panels are few words here and many there."""

import json
import pathlib

HERE = pathlib.Path(__file__).parent


def target(expression, legend):
    return {"expr": expression, "legendFormat": legend, "datasource": {"type": "prometheus", "uid": "${datasource}"}}


def panel(title, unit, *targets, kind="timeseries", width=12, height=8, description=""):
    return {
        "title": title, "type": kind, "description": description, "datasource": {"type": "prometheus", "uid": "${datasource}"},
        "fieldConfig": {"defaults": {"unit": unit, "min": 0}, "overrides": []},
        "targets": [one | {"refId": chr(ord("A") + number)} for number, one in enumerate(targets)],
        "gridPos": {"w": width, "h": height},
    }  # fmt: skip


def rate(name, by="", match=""):
    inner = f'sum by ({by}) (rate({name}{{job=~"$job"{match}}}[$__rate_interval]))'
    return inner


def quantile(part, name, by="", match=""):
    return f'histogram_quantile({part}, sum by (le{", " + by if by else ""}) (rate({name}_bucket{{job=~"$job"{match}}}[$__rate_interval])))'


EXITED = ', outcome="exited"'
RUNS, REQUESTS = "kubecoderun_run_duration_seconds", "kubecoderun_http_request_duration_seconds"
PANELS = [
    panel("Runs", "ops", target(rate("kubecoderun_runs_total"), "runs"), kind="stat", width=6, height=4),
    panel("Runs that succeed", "percentunit",
          target(rate("kubecoderun_runs_total", match=EXITED) + " / " + rate("kubecoderun_runs_total"), "exited"),
          kind="stat", width=6, height=4),
    panel("Slowest of a hundred", "s", target(quantile(0.99, RUNS), "p99"), kind="stat", width=6, height=4),
    panel("Runs that found a sandbox ready", "percentunit",
          target(f'{rate("kubecoderun_pool_hits_total")} / {rate("kubecoderun_pool_acquisitions_total")}', "hits"), kind="stat", width=6, height=4),
    panel("Runs by language", "ops", target(rate("kubecoderun_runs_total", "language"), "{{language}}")),
    panel("Runs by outcome", "ops", target(rate("kubecoderun_runs_total", "outcome"), "{{outcome}}")),
    panel("Time of a run", "s", *(target(quantile(part, RUNS), f"p{int(part * 100)}") for part in (0.5, 0.95, 0.99))),
    panel("Waiting of a run", "s", *(target(quantile(part, "kubecoderun_run_wait_seconds"), f"p{int(part * 100)}") for part in (0.5, 0.95, 0.99))),
    panel("Where the time of runs goes", "s", target(rate("kubecoderun_run_step_seconds_sum", "step"), "{{step}}"),
          description="Seconds of each step in a second."),
    panel("Memory of a run", "bytes", target(quantile(0.95, "kubecoderun_run_peak_memory_bytes", "language"), "{{language}} p95")),
    panel("Sandboxes", "short", target('sum(kubecoderun_pool_available{job=~"$job"})', "ready"),
          target('sum(kubecoderun_pool_in_use{job=~"$job"})', "in use"), target('sum(kubecoderun_pool_creating{job=~"$job"})', "being made"),
          target('sum(kubecoderun_pool_waiting{job=~"$job"})', "runs that wait")),
    panel("Sandboxes that were not ready", "ops", target(rate("kubecoderun_pool_exhaustions_total"), "should have been"),
          target(rate("kubecoderun_pool_misses_total"), "made while somebody waited"), target(rate("kubecoderun_pool_refusals_total"), "refused")),
    panel("Requests by status", "ops", target(rate(f"{REQUESTS}_count", "status"), "{{status}}")),
    panel("Time of requests", "s", target(quantile(0.95, REQUESTS, "route"), "{{route}} p95")),
    panel("Time of stores", "s", target(quantile(0.95, "kubecoderun_store_duration_seconds", "store, operation"), "{{store}} {{operation}} p95")),
    panel("Stores that fail", "ops", target(rate("kubecoderun_store_failures_total", "store, operation"), "{{store}} {{operation}}")),
    panel("Limits that were hit", "ops", target(rate("kubecoderun_limits_hit_total", "limit"), "{{limit}}")),
    panel("The server process", "bytes", target('process_resident_memory_bytes{job=~"$job"}', "{{instance}} memory")),
]  # fmt: skip


def placed(panels):
    x = y = row = 0
    for number, one in enumerate(panels, 1):
        width, height = one["gridPos"]["w"], one["gridPos"]["h"]
        if x + width > 24:
            x, y, row = 0, y + row, 0
        one["gridPos"] |= {"x": x, "y": y}
        one["id"] = number
        x, row = x + width, max(row, height)
    return panels


def variable(name, label, kind, **more):
    return {"name": name, "label": label, "type": kind} | more


DASHBOARD = {
    "title": "KubeCodeRun", "uid": "kubecoderun", "schemaVersion": 38, "version": 1, "refresh": "30s", "timezone": "browser",
    "time": {"from": "now-6h", "to": "now"}, "tags": ["kubecoderun"], "panels": placed(PANELS),
    "templating": {"list": [
        variable("datasource", "Data source", "datasource", query="prometheus"),
        variable("job", "Job", "query", query="label_values(kubecoderun_build_info, job)", includeAll=True, multi=True, allValue=".+",
                 datasource={"type": "prometheus", "uid": "${datasource}"}, refresh=2,
                 current={"selected": True, "text": ["All"], "value": ["$__all"]}),
    ]},
}  # fmt: skip

if __name__ == "__main__":
    (HERE / "grafana_dashboard.json").write_text(json.dumps(DASHBOARD, indent=1) + "\n")
