"""A gateway's admin listener with made-up answers: the page of the source tree, and an API that tells of a
bad day in a fleet of as many endpoints as are wanted.

    fixture.py [ENDPOINTS]      # 1,000 unless said; the first line of its output is its port

For what a real gateway cannot be brought to at once: every status beside every other, and a page that looks
the same each time it is photographed. What the page does with a real gateway is in tests/dashboard.rs.
"""

import json
import math
import random
import sys
from datetime import datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

PAGE = Path(__file__).parents[2] / "crates/admin/src/dashboard"
POLICY = ("default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self' data:; "
          "base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
TYPES = {".html": "text/html; charset=utf-8", ".css": "text/css; charset=utf-8",
         ".js": "text/javascript; charset=utf-8"}
NAMES = ["web", "api", "checkout", "search", "media", "assets", "auth", "billing", "cart", "feed", "graphql", "images",
         "inventory", "mail", "orders", "payments", "profiles", "reports", "reviews", "uploads"]
STEP = 2


def rfc3339(time):
    return time.astimezone(timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Fleet:
    """What the API tells: made once, aged and moved a little each time it is asked for."""

    def __init__(self, endpoints):
        self.dice = random.Random(7)
        self.began = datetime.now(timezone.utc)
        names = NAMES if endpoints > 50 else NAMES[:3]
        self.pools = [self.pool(name, at, self.share(endpoints, len(names), at)) for at, name in enumerate(names)]
        self.overrides = []
        self.failures = [self.failure(at) for at in range(100)]
        self.base = [self.step(at) for at in range(300)]

    @staticmethod
    def share(endpoints, pools, at):
        return endpoints // pools + (at < endpoints % pools)

    def pool(self, name, at, size):
        endpoints = [self.endpoint(at, number) for number in range(size)]
        ills = {0: [self.failing, self.drained], 1: [self.ejected, self.probation, self.drained, self.pending],
                2: [self.disabled, self.failing, self.full_disk]}.get(at, [])
        for number, ill in enumerate(ills):
            if number + 1 < size:
                ill(endpoints[number + 1])
        return {"name": name, "protocol": "h2" if at == 3 else "http/1.1", "probed": at != 5, "endpoints": endpoints}

    def endpoint(self, pool, number):
        dice, hours = self.dice, 60 * 60
        return {
            "address": f"10.{pool}.{number // 200}.{10 + number % 200}:8080", "status": "healthy",
            "age": dice.randrange(2 * hours, 90 * hours), "why": "its probes pass", "reachable": True, "weight": 1,
            "tier": 0, "zone": "abc"[number % 3], "in_flight": dice.randrange(6),
            "latency_ms": round(dice.uniform(3, 28), 2), "attempts": dice.randrange(80_000, 120_000), "failed": 0,
            "outcomes": {}, "probe": None}

    def ill(self, endpoint, status, age, why, probe=None, **outcomes):
        endpoint.update(status=status, age=age, why=why, probe=probe, in_flight=0, outcomes=outcomes,
                        failed=sum(outcomes.values()))

    def failing(self, it):
        self.ill(it, "failing", 74, "probes: connection refused", "connection refused", connection_refused=17)
        it["reachable"] = False
        it.pop("latency_ms")

    def ejected(self, it):
        self.ill(it, "ejected", 8, "consecutive_failures: 5 in a row, the last one closed_before_answer",
                 closed_before_answer=41, http_response_timeout=6)
        it["until"] = 14

    def probation(self, it):
        self.ill(it, "probation", 3, "its ejection is over: success_rate", failure_status=212)

    def drained(self, it):
        it.update(status="draining", age=900, why="the operator drains it", override={"state": "drain", "weight": 5}, weight=5, in_flight=2)

    def pending(self, it):
        self.ill(it, "pending", 1, "its first probe has no result yet")
        it.update(attempts=0)
        it.pop("latency_ms")

    def disabled(self, it):
        self.ill(it, "disabled", 5400, "the configuration says so")

    def full_disk(self, it):
        self.ill(it, "failing", 340, "probes: answered 503, no space left on device", "answered 503",
                 failure_status=9)

    def told(self, endpoint):
        now = datetime.now(timezone.utc)
        ran = (now - self.began).total_seconds()
        its = {key: value for key, value in endpoint.items() if key not in ("age", "until", "probe", "outcomes")}
        its["since"] = rfc3339(self.began - timedelta(seconds=endpoint["age"]))
        if "until" in endpoint and endpoint["status"] == "ejected":
            its["ejected_until"] = rfc3339(now + timedelta(seconds=endpoint["until"] - ran % endpoint["until"]))
        if its["attempts"] and endpoint["status"] == "healthy":
            its["attempts"] += int(ran * 12)
            its["in_flight"] = self.dice.randrange(6)
        passed = endpoint["probe"] is None
        its["last_probe"] = {"time": rfc3339(now - timedelta(seconds=self.dice.random() * 2)), "passed": passed,
                             "took_ms": 1.25} | ({} if passed else {"error": endpoint["probe"]})
        outcomes = {"completed": its["attempts"] - its["failed"]} | endpoint["outcomes"]
        its["outcomes"] = [{"outcome": name, "count": n} for name, n in outcomes.items() if n > 0]
        return its

    def view(self, pool, endpoints):
        told = [self.told(it) for it in pool["endpoints"]]
        order = ["healthy", "pending", "draining", "probation", "ejected", "failing", "disabled"]
        counts = {status: sum(it["status"] == status for it in told) for status in order}
        view = {"name": pool["name"], "protocol": pool["protocol"], "probed": pool["probed"],
                "healthy": counts["healthy"], "total": len(told),
                "statuses": [{"status": status, "count": n} for status, n in counts.items() if n],
                "waiting": 0, "attempts": sum(it["attempts"] for it in told), "failed": sum(it["failed"] for it in told)}
        return view | ({"endpoints": told} if endpoints else {})

    def step(self, at):
        dice = self.dice
        bad = 160 <= at < 174 or 250 <= at < 255
        return {"requests": int(1180 + 260 * math.sin(at / 55) + 60 * math.sin(at / 9) + dice.gauss(0, 28)), "failed": int(dice.random() > 0.6) if bad else 0,
                "rescued": dice.randrange(20, 90) if bad else int(dice.random() > 0.9) * 2,
                "retries": dice.randrange(24, 110) if bad else int(dice.random() > 0.9) * 3,
                "in_flight": dice.randrange(20, 60)}

    def history(self):
        now = datetime.now(timezone.utc)
        end = now - timedelta(seconds=now.timestamp() % STEP)
        moved = int((now - self.began).total_seconds() // STEP)
        steps = [self.base[(at + moved) % len(self.base)] | {"time": rfc3339(end - timedelta(seconds=STEP * (len(self.base) - 1 - at)))}
                 for at in range(len(self.base))]
        return {"step_s": STEP, "steps": steps}

    def failure(self, at):
        dice = self.dice
        ids = f"01JD{at:04}{dice.randrange(16 ** 10):010X}"
        paths = ["/api/cart", "/api/orders/81723", "/search?", "/checkout/confirm", "/img/hero.avif", "/"]
        base = {"time": rfc3339(self.began - timedelta(seconds=3 + at * 4.7)), "id": ids, "client": f"203.0.113.{at % 200}",
                "method": "GET", "host": "shop.example.com", "path": paths[at % len(paths)].rstrip("?"), "status": 200, "bytes_in": 0,
                "bytes_out": 512, "pool": NAMES[at % 3], "route": "shop.example.com/", "protocol": "h2"}
        first, second, third = (f"10.{at % 3}.0.{n}:8080" for n in (11, 12, 14))
        refused = {"endpoint": first, "reused": False, "duration_ms": 0.31, "outcome": "connection_refused", "sent": "no",
                   "decision": "retry", "detail": "Connection refused (os error 111)"}
        closed = {"endpoint": second, "reused": True, "start_ms": 0.42, "duration_ms": 18.2, "connect_ms": 0,
                  "outcome": "closed_before_answer", "sent": "maybe", "decision": "retry"}
        good = {"endpoint": third, "reused": False, "start_ms": 24.1, "duration_ms": 21.7, "connect_ms": 2.4,
                "first_byte_ms": 14.9, "outcome": "completed", "status": 200}
        if at % 9 == 4:
            slow = {"endpoint": second, "reused": False, "duration_ms": 2000.4, "connect_ms": 1.1,
                    "outcome": "http_response_timeout", "sent": "maybe", "decision": "stop: not idempotent"}
            return base | {"method": "POST", "path": "/checkout/confirm", "status": 504, "bytes_in": 981, "duration_ms": 2001.2, "attempts": [slow],
                           "reason": "http_response_timeout", "origin": "gateway", "decision": "stop: not idempotent", "healthy": 3, "total": 4}
        if at == 1:
            base |= {"path": "/<script>document.title='owned'</script><img src=x onerror=alert(1)>"}
        if at % 4 == 1:
            return base | {"duration_ms": 46.3, "attempts": [refused, closed, good]}
        return base | {"duration_ms": 23.9, "attempts": [refused, good | {"start_ms": 0.5, "endpoint": second}]}

    def override(self, pool, address, change, force):
        """The status of the answer."""
        its = next((it for it in self.pools if it["name"] == pool), {"endpoints": []})
        endpoint = next((it for it in its["endpoints"] if it["address"] == address), None)
        if endpoint is None:
            return 404
        serving = [it for it in its["endpoints"] if it["status"] == "healthy" and it is not endpoint]
        if change.get("state") == "disabled" and not serving and not force:
            return 409
        endpoint.pop("override", None)
        if change:
            endpoint["override"] = change
        status = {"drain": "draining", "disabled": "disabled"}.get(change.get("state"), "healthy")
        endpoint.update(status=status, age=(self.began - datetime.now(timezone.utc)).total_seconds(), why="the operator has overridden it" if change else "its probes pass")
        return 204

    def status(self):
        overridden = [{"pool": pool["name"], "endpoint": it["address"]} | it["override"]
                      for pool in self.pools for it in pool["endpoints"] if it.get("override")]
        last = {"time": rfc3339(self.began - timedelta(seconds=1260)), "asked_by": "a change of the files", "applied": True}
        return {"version": "0.1.0", "started": rfc3339(self.began - timedelta(days=3)), "ready": True, "reasons": [],
                "listeners": ["0.0.0.0:443"], "connections": 412, "requests_in_flight": 38, "generation": 12,
                "last_reload": last, "overrides": overridden}


class Handler(BaseHTTPRequestHandler):
    fleet = None
    token = None

    def answer(self, status, body=b"", kind="application/json"):
        body = json.dumps(body).encode() if not isinstance(body, bytes) else body
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Security-Policy", POLICY)
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        url = urlsplit(self.path)
        file = PAGE / (url.path.removeprefix("/") or "index.html").removeprefix("dashboard/")
        if file.parent == PAGE and file.is_file():
            text = file.read_bytes().replace(b"{{version}}", b"0.1.0")
            return self.answer(200, text, TYPES[file.suffix])
        if self.token and self.headers.get("Authorization") != f"Bearer {self.token}":
            return self.answer(401, {"title": "Unauthorized", "status": 401, "detail": "a bearer token is needed"})
        query = parse_qs(url.query)
        fleet = self.fleet
        parts = unquote(url.path).removeprefix("/api/v1/").split("/")
        if parts == ["status"]:
            return self.answer(200, fleet.status())
        if parts == ["pools"]:
            return self.answer(200, {"pools": [fleet.view(it, query.get("endpoints") != ["false"]) for it in fleet.pools]})
        if parts[0] == "pools" and len(parts) == 2:
            return self.answer(200, next(fleet.view(it, True) for it in fleet.pools if it["name"] == parts[1]))
        if parts == ["history"]:
            return self.answer(200, fleet.history())
        if parts == ["failures"]:
            pool = query.get("pool", [None])[0]
            return self.answer(200, {"failures": [it for it in fleet.failures if pool in (None, it["pool"])]})
        self.answer(404, {"title": "Not Found", "detail": "there is nothing here"})

    def change(self):
        url = urlsplit(self.path)
        _, _, _, _, pool, _, address, _ = url.path.split("/")
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        change = json.loads(body) if body else {}
        status = self.fleet.override(unquote(pool), unquote(address), change, "force=true" in url.query)
        if status == 204:
            return self.answer(204)
        detail = f"pool {pool} would have nobody left who serves" if status == 409 else "there is no such endpoint"
        self.answer(status, {"title": "Conflict", "status": status, "detail": detail, "may_be_forced": status == 409})

    do_PUT = do_DELETE = change

    def log_message(self, *_):
        pass


if __name__ == "__main__":
    Handler.fleet = Fleet(int(sys.argv[1]) if len(sys.argv) > 1 else 1000)
    Handler.token = sys.argv[2] if len(sys.argv) > 2 else None
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    print(server.server_port, flush=True)
    server.serve_forever()
