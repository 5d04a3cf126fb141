#!/usr/bin/env python3
"""Tells what `run` saw, from what it left in its scratch directory. Exit status 1: a GET or PUT failed.

usage: report.py SCRATCH PROXY get|mixed
"""

import json
import pathlib
import sys
from collections import Counter

ROW = "{:8} {:>9} {:>8} {:>8} {:>10} {:>10} {:>10}   {}"


def listed(counts):
    return ", ".join(f"{name}: {count}" for name, count in sorted(counts.items())) or "-"


def print_row(name, requests, failures, row):
    latencies = (f"{row[key]:.1f} ms" for key in ("p50", "p99", "max"))
    print(ROW.format(name, requests, sum(failures.values()), row.get("waited", "-"), *latencies, listed(failures)))


def of_wrk(text):
    row = json.loads(next(line for line in text.splitlines() if line.startswith("WRK "))[4:])
    failures = {status: count for status, count in row["statuses"].items() if status != "200"}
    for kind in ("connect", "read", "write", "timeout"):
        if row[kind]:
            failures[f"socket {kind}"] = row[kind]
    print_row("GET", row["requests"], failures, row)
    return sum(failures.values())


def of_load(text, scratch):
    promised = 0
    for method, row in json.loads(text).items():
        print_row(method, row["requests"], row["failed"], row)
        if method != "POST":
            promised += sum(row["failed"].values())
    print("\nA POST on a connection that dies after it was sent may have been executed, and must not be sent")
    print("again: such failures are right. GET and PUT may be repeated: none of theirs is.")
    posts = Counter()
    for log in scratch.glob("backend*/posts.log"):
        posts.update(log.read_text().split())
    twice = sum(1 for count in posts.values() if count > 1)
    print(f"POSTs executed: {len(posts)}, of these more than once: {twice}")
    return promised + twice


def of_access_log(scratch):
    lines = [json.loads(line) for line in (scratch / "access.jsonl").read_text().splitlines()]
    # A load that ends leaves what it has under way.
    left = [line for line in lines if line.get("reason") == "client_gone" or line["status"] is None
            and all(attempt["outcome"] in ("client_gone", "abandoned") for attempt in line["attempts"])]
    lines = [line for line in lines if line not in left]
    failed = [line for line in lines if "reason" in line]
    rescued = [line for line in lines if "reason" not in line]
    print("\nFrom Switchback's access log:")
    print(f"  rescued requests: {len(rescued)}  (by attempts: "
          f"{listed(Counter(len(line['attempts']) for line in rescued))})")
    print(f"  failed requests: {len(failed)}  ({listed(Counter(line['method'] for line in failed))})")
    print(f"  left by the load as it ended: {len(left)}")
    ended = Counter((attempt["outcome"], attempt.get("decision", "-"))
                    for line in lines for attempt in line["attempts"] if attempt["outcome"] != "completed")
    for (outcome, decision), count in sorted(ended.items()):
        print(f"  attempts: {outcome:24} {decision:24} {count:>7}")
    for line in [line for line in failed if line["method"] != "POST"][:10]:
        print("  " + json.dumps(line))


def of_metrics(scratch):
    wanted = ("switchback_requests_rescued_total", "switchback_access_log_dropped_total",
              "switchback_client_errors_total")
    print("From its metrics:")
    for line in (scratch / "metrics").read_text().splitlines():
        if line.startswith(wanted) and not line.endswith(" 0"):
            print("  " + line)


def main():
    scratch, proxy, methods = pathlib.Path(sys.argv[1]), sys.argv[2], sys.argv[3]
    text = (scratch / "load").read_text()
    print(ROW.format("", "requests", "failed", "over 1 s", "p50", "p99", "max", "failures"))
    failures = of_wrk(text) if methods == "get" else of_load(text, scratch)
    if proxy == "switchback":
        of_access_log(scratch)
        of_metrics(scratch)
    return 1 if failures else 0


sys.exit(main())
