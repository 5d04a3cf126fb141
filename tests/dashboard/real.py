"""The dashboard of a real gateway: what happens to it is seen, and what is done there happens.

    real.py few ADMIN GATEWAY VERSION [DIRECTORY]
    real.py many ADMIN GATEWAY VERSION [DIRECTORY]

What only the test can do (an endpoint dies, the gateway stands still) it is asked for by a line on stdout, and answers
with a line on stdin when it is done.
"""

import http.client
import json
import sys
import time
import urllib.request

from selenium.webdriver.common.keys import Keys

from browser import Browser

what, ADMIN, GATEWAY, VERSION, *rest = sys.argv[1:]
SHOTS = rest[0] if rest else None
#: Seconds from something happening to its being seen: a round of the page, a few probes, and a busy machine.
SOON = 15
#: An attempt at a path: what would be markup if it were not text. `<` itself no client gets past the gateway.
MARKUP = "/lost/&lt;img&gt;'x'"


def please(what):
    """Has the test do something."""
    print(f"please {what}", flush=True)
    assert sys.stdin.readline().strip() == "done"


def send(method, path):
    """A request through the gateway; its status."""
    connection = http.client.HTTPConnection(GATEWAY, timeout=20)
    connection.request(method, path, body=b"x" if method == "POST" else None)
    status = connection.getresponse().status
    connection.close()
    return status


def api(path):
    with urllib.request.urlopen(f"http://{ADMIN}/api/v1/{path}", timeout=20) as answer:
        return json.load(answer)


def served():
    """Each file with its type, and with the policy that keeps the page to itself."""
    for path, kind in (("", "text/html"), ("dashboard.css", "text/css"), ("dashboard.js", "text/javascript"),
                       ("dashboard/pools.js", "text/javascript")):
        with urllib.request.urlopen(f"http://{ADMIN}/{path}", timeout=20) as answer:
            headers = answer.headers
        policy = headers["Content-Security-Policy"]
        assert headers["Content-Type"] == f"{kind}; charset=utf-8", headers
        assert headers["Referrer-Policy"] == "no-referrer", headers
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'"), policy
        assert "unsafe" not in policy and "frame-ancestors 'none'" in policy, policy


def content(browser, first, second):
    browser.until_text("#version", VERSION)
    browser.until_text("#facts", "Ready", "Generation 1", "none failed in the last minute")
    browser.until_text(".pool", "web", "3 of 3 healthy", first, second)
    browser.until_text("#failures-empty", "Nothing failed")
    browser.until("four plots", "return document.querySelectorAll('#plots svg[role=img] path.line').length === 4")


def liveness(browser, first, second):
    """An endpoint dies, and the page shows it without being loaded again; what was open and focused stays so."""
    browser.run("window.same = true")
    browser.tab_to(first)
    browser.press(Keys.ENTER)
    browser.until_text(".details", "Status", "healthy since")
    please(f"kill {second}")
    began = time.monotonic()
    browser.until("the dead one is shown with why", """
        const row = [...document.querySelectorAll('.endpoint')].find((it) => it.textContent.includes(arguments[0]));
        return row?.dataset.status === 'failing' && row.querySelector('.why').textContent.includes('refused')""",
                  second, patience=SOON)
    print(f"seen after {time.monotonic() - began:.1f} s", flush=True)
    browser.until_text(".pool-head", "2 of 3 healthy", "1 failing")
    assert browser.run("return document.querySelector('.endpoint').textContent.includes(arguments[0])", second), "the troubled one is first"
    assert browser.run("return window.same"), "the page was loaded again"
    assert browser.focused() == first, browser.focused()
    assert browser.run("return [...document.querySelectorAll('.details')].some((it) => !it.hidden)"), "what was open was closed"
    browser.shot("real-failing")
    please(f"revive {second}")
    browser.until_text(".pool-head", "3 of 3 healthy")


def failures(browser):
    """Requests that are rescued, and one that cannot be, with their attempts on a time line."""
    # Fewer than would eject whoever cuts them off.
    for _ in range(3):
        assert send("GET", "/rescued") == 200
    assert send("POST", MARKUP) == 502
    browser.until_text(".failure[data-kind=rescued]", "/rescued", "closed_before_answer", "2 attempts")
    browser.until_text(".failure[data-kind=failed]", MARKUP, "502", "not idempotent")
    assert browser.run("return document.querySelectorAll('main img').length") == 0

    browser.run("document.querySelector('#failures').focus()")
    browser.tab_to("/rescued")
    browser.press(Keys.ENTER)
    browser.until_text(".timeline li:first-of-type", "closed_before_answer", "→ retry", "in all")
    browser.until_text(".timeline li:last-of-type", "completed 200", "first byte after")
    bars = browser.run("""const open = document.querySelector('.failure .details:not([hidden])');
        return [...open.querySelectorAll('.track .bar')].map((it) => it.getBoundingClientRect()).map((it) => [it.left, it.right])""")
    assert len(bars) == 2 and all(right > left for left, right in bars), bars
    assert bars[0][0] < bars[1][0], "the second began after the first"
    browser.shot("real-timeline")

    browser.run("document.querySelector('#failures-text').focus()")
    browser.press("lost")
    browser.until_text("#failures-count", "1 failed")
    browser.until("the failed one is found", "return [...document.querySelectorAll('.failure[data-kind=failed]')].length === 1")
    browser.press(*[Keys.BACKSPACE] * 4)
    browser.run("const it = document.querySelector('#failures-pool'); it.value = 'idle'; it.dispatchEvent(new Event('change'))")
    browser.until("of the other pool none failed", "return document.querySelectorAll('.failure[data-kind=failed]').length === 0")
    browser.run("const it = document.querySelector('#failures-pool'); it.value = ''; it.dispatchEvent(new Event('change'))")
    browser.until_text(".failure[data-kind=failed]", "502")
    browser.until_text(".plot[data-series=failed]", "1 in")


def action(browser, first):
    """Drained and enabled by keyboard alone."""
    def state():
        return [it.get("state") for it in api("status")["overrides"] if it["endpoint"] == first]

    browser.run("document.querySelector('#pools').focus()")
    browser.tab_to(first)
    for verb, named, shown in (("Drain", "drain", "draining"), ("Enable", "enabled", "healthy")):
        browser.tab_to(verb)
        browser.press(Keys.ENTER)
        browser.until_text("#confirm", f"{verb}: {first}")
        assert browser.focused() == "Cancel"
        assert state() != [named], "not before it is confirmed"
        browser.tab_to(verb, 3)
        browser.press(Keys.ENTER)
        browser.until_text("#message", first, "of pool web")
        browser.until("the focus is back", "return document.activeElement.innerText === arguments[0]", verb)
        assert state() == [named], state()
        browser.until("the page shows it", """
            const row = [...document.querySelectorAll('.endpoint')].find((it) => it.textContent.includes(arguments[0]));
            return row.dataset.status === arguments[1] && row.textContent.includes('override: ' + arguments[2])""", first, shown, named)
        browser.shot(f"real-{named}")
    browser.tab_to("Clear override")
    browser.press(Keys.ENTER)
    browser.tab_to("Clear override", 3)
    browser.press(Keys.ENTER)
    browser.until_text("#message", "is as configured")
    assert state() == []


def gone_and_back(browser):
    please("stop")
    browser.until_text("#banner", "can't be reached", patience=30)
    browser.shot("real-lost")
    please("continue")
    browser.until_text("#live", "Live", patience=30)
    assert browser.run("return document.querySelector('#banner').hidden && window.same")


def few():
    served()
    with Browser(f"http://{ADMIN}", shots=SHOTS) as browser:
        browser.emulate(1360, 1000)
        browser.open()
        pool = next(it for it in api("pools?endpoints=true")["pools"] if it["name"] == "web")
        first, second, *_ = [it["address"] for it in pool["endpoints"]]
        content(browser, first, second)
        liveness(browser, first, second)
        failures(browser)
        action(browser, first)
        assert browser.console() == []
        gone_and_back(browser)
        for scheme in ("light", "dark"):
            browser.emulate(1360, 1000, scheme)
            assert browser.contrasts() == [], browser.contrasts()
            browser.shot(f"real-{scheme}")
        browser.emulate(360, 780, phone=True)
        assert browser.overflow() <= 0
        assert browser.console(but=["Failed to load resource"]) == []
        assert browser.foreign_requests() == []


def many():
    """A thousand endpoints: from the navigation to all that is shown, and to each of them."""
    with Browser(f"http://{ADMIN}", shots=SHOTS) as browser:
        browser.emulate(1360, 1000)
        began = time.monotonic()
        browser.open()
        browser.until_text("#pools-count", "1,000 endpoints in 10 pools")
        took = time.monotonic() - began
        browser.run("document.querySelectorAll('.pool-head .toggle[aria-expanded=false], button.more').forEach((it) => it.click())")
        browser.run("document.querySelectorAll('button.more').forEach((it) => it.hidden || document.querySelectorAll('.endpoint').length === 1000 || it.click())")
        browser.until("every endpoint", "return document.querySelectorAll('.endpoint').length === 1000")
        print(f"a thousand: {took:.1f} s, each of them {time.monotonic() - began:.1f} s", flush=True)
        assert took < SOON
        assert browser.overflow() <= 0
        assert browser.console() == []


{"few": few, "many": many}[what]()
