"""How the dashboard looks and feels, with the made-up answers of fixture.py: every status, 1,000 endpoints, a phone,
light and dark, the keyboard, a token, a refusal.

    looks.py [DIRECTORY]     # where screenshots go; none without

What it asserts: nothing overflows the window, every text has enough contrast, what is open, focused or scrolled to
stays so while the page is updated, text stays text, and a thousand endpoints are there soon.
"""

import json
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

from selenium.webdriver.common.keys import Keys

from browser import Browser

FIXTURE = Path(__file__).with_name("fixture.py")
SHOTS = sys.argv[1] if len(sys.argv) > 1 else None
#: Milliseconds from the navigation to the last row, on a busy machine in a debug build of everything.
SOON = 10_000


class Fixture:
    def __init__(self, *arguments):
        self.process = subprocess.Popen([sys.executable, FIXTURE, *arguments], stdout=subprocess.PIPE, text=True)
        self.url = f"http://127.0.0.1:{int(self.process.stdout.readline())}"

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.kill()
        self.process.wait()

    def status(self):
        with urllib.request.urlopen(f"{self.url}/api/v1/status", timeout=10) as answer:
            return json.load(answer)


def settled(browser):
    browser.until_text("#pool-list", "healthy")
    browser.until_text("#failure-list", "rescued")
    browser.until_text("#facts", "Ready")


def right(browser, name):
    """What holds for every view."""
    assert browser.overflow() <= 0, f"{name}: {browser.overflow()} px too wide"
    assert browser.contrasts() == [], f"{name}: {browser.contrasts()}"
    browser.shot(name)


def light_and_dark(url):
    with Browser(url, shots=SHOTS) as browser:
        for scheme in ("light", "dark"):
            browser.emulate(1360, 1000, scheme)
            browser.open()
            settled(browser)
            right(browser, f"overview-{scheme}")
            browser.run("document.querySelector('.endpoint .toggle').click(); at = document.querySelector('#pools'); at.scrollIntoView()")
            right(browser, f"endpoint-{scheme}")
            browser.run("[1, 4].forEach((i) => document.querySelectorAll('.failure .toggle')[i].click()); document.querySelector('#failures').scrollIntoView()")
            browser.until_text(".timeline", "closed_before_answer", "retry", "completed")
            right(browser, f"timeline-{scheme}")
            browser.run("document.querySelector('.as-table summary').click(); document.querySelector('#traffic').scrollIntoView()")
            assert browser.run("return document.querySelectorAll('#plots-table tbody tr').length") == 300
            right(browser, f"table-{scheme}")
        # A path that was written to become markup is text.
        browser.until_text(".failure .whole", "<script>document.title='owned'</script><img src=x onerror=alert(1)>")
        assert browser.run("return document.querySelectorAll('main script, main img').length") == 0
        assert browser.run("return document.title").endswith("Switchback")
        assert browser.run("return document.querySelectorAll('#plots svg[role=img] > title ~ desc').length") == 4
        assert browser.console() == []
        assert browser.foreign_requests() == []


def a_thousand(url):
    with Browser(url, shots=SHOTS) as browser:
        for scheme in ("light", "dark"):
            browser.emulate(1360, 1000, scheme)
            browser.open()
            settled(browser)
            right(browser, f"thousand-{scheme}")
        browser.until_text("#pools-count", "1,000 endpoints in 20 pools")
        shown = browser.run("return document.querySelectorAll('.endpoint').length")
        assert 0 < shown < 50, f"{shown} rows: the healthy ones are counted, not shown"
        first = browser.run("return [...document.querySelectorAll('.pool .toggle')].map((it) => it.innerText).slice(0, 2)")
        assert first[0] == "api", first

        # Every one of them at once.
        took = browser.run("""
            const began = performance.now();
            document.querySelectorAll('.pool-head .toggle[aria-expanded=false]').forEach((it) => it.click());
            document.querySelectorAll('button.more').forEach((it) => it.hidden || it.click());
            document.body.getBoundingClientRect();
            return performance.now() - began""")
        assert browser.run("return document.querySelectorAll('.endpoint').length") == 1000
        assert took < SOON, took
        print(f"1,000 rows: {took:.0f} ms", flush=True)

        # An update leaves focus, scroll position and what is open.
        browser.run("""
            const row = document.querySelectorAll('.endpoint')[700];
            row.querySelector('.toggle').click(); row.querySelector('.toggle').focus();
            row.scrollIntoView({block: 'center'}); window.row = row""")
        # Rows that come into sight are laid out first.
        browser.driver.execute_async_script("requestAnimationFrame(() => requestAnimationFrame(arguments[0]))")
        browser.run("window.text = row.textContent; window.before = row.getBoundingClientRect().top")
        browser.until("an update", "return window.row.textContent !== window.text")
        assert browser.run("return document.activeElement.closest('.endpoint') === window.row && !window.row.querySelector('.details').hidden")
        moved = browser.run("return Math.abs(window.row.getBoundingClientRect().top - window.before)")
        assert moved < 5, f"the row moved by {moved} px"

        # Looked for.
        browser.run("document.querySelector('#pools-text').focus()")
        browser.press("no space left")
        browser.until_text("#pools-count", "1 endpoint of 1,000 found")
        assert browser.console() == []


def very_many(url):
    """Of more than are asked for at once, only those of pools that are open are."""
    with Browser(url, shots=SHOTS) as browser:
        browser.emulate(1360, 1000)
        browser.open()
        browser.until_text("#pools-count", "8,000 endpoints in 20 pools")
        browser.until_text(".pool", "api", "396 of 400 healthy")
        assert browser.run("return document.querySelectorAll('.endpoint').length") == 0
        browser.run("document.querySelector('.pool .toggle').click()")
        browser.until_text(".pool", "Show 396 healthy endpoints more", "10.1.0.11:8080")
        asked = browser.run("return performance.getEntriesByType('resource').map((it) => it.name)")
        assert [it for it in asked if it.endswith("/pools/api")] and not [it for it in asked if "endpoints=true" in it], asked
        assert browser.console() == []


def on_a_phone(url):
    with Browser(url, shots=SHOTS) as browser:
        browser.emulate(360, 780, phone=True, scale=2)
        browser.open()
        settled(browser)
        right(browser, "phone")
        browser.run("document.querySelector('.endpoint .toggle').click(); document.querySelector('.pool').scrollIntoView()")
        right(browser, "phone-endpoint")
        browser.run("document.querySelectorAll('.failure .toggle')[1].click(); document.querySelectorAll('.failure')[1].scrollIntoView()")
        right(browser, "phone-timeline")
        browser.run("document.querySelector('.as-table summary').click(); document.querySelector('#traffic').scrollIntoView()")
        right(browser, "phone-table")
        browser.emulate(360, 780, "dark", phone=True, scale=2)
        browser.run("document.querySelector('[data-action=disabled]').click()")
        right(browser, "phone-confirm-dark")


def by_keyboard(fixture):
    """The last of a pool is disabled, against advice; nothing but the keyboard is used."""
    with Browser(fixture.url, shots=SHOTS) as browser:
        browser.emulate(1360, 1000)
        browser.open()
        settled(browser)
        browser.press(Keys.TAB)
        assert browser.focused() == "Skip to pools and endpoints", browser.focused()
        browser.press(Keys.ENTER)
        browser.tab_to("10.2.0.10:8080")
        browser.press(Keys.ENTER)
        browser.tab_to("Disable")
        browser.press(Keys.ENTER)
        browser.until_text("#confirm", "Disable: 10.2.0.10:8080", "No other endpoint of pool checkout is healthy")
        assert browser.focused() == "Cancel"
        browser.press(Keys.ESCAPE)
        browser.until("it is closed", "return !document.querySelector('#confirm').open")
        assert browser.focused() == "Disable", "the focus is where it was"

        browser.press(Keys.ENTER)
        browser.tab_to("Disable", 3)
        browser.press(Keys.ENTER)
        browser.until_text("#confirm-error", "would have nobody left")
        assert browser.focused() == "Cancel", "not what a second Enter would press"
        browser.shot("refused")
        browser.tab_to("Disable all the same", 3)
        browser.press(Keys.ENTER)
        browser.until_text("#message", "10.2.0.10:8080 of pool checkout is disabled")
        browser.until_text(".pool[data-urgency='0']", "0 of 4 healthy")
        browser.until_text("#facts", "nobody healthy in checkout")
        assert browser.focused() == "Disable", "the focus is where it was"

        # A weight that is overridden stays so.
        browser.tab_to("10.1.0.13:8080", 400)
        browser.press(Keys.ENTER)
        browser.tab_to("Enable")
        browser.press(Keys.ENTER)
        browser.tab_to("Enable", 3)
        browser.press(Keys.ENTER)
        browser.until_text("#message", "10.1.0.13:8080 of pool api is enabled")
        mine = [it for it in fixture.status()["overrides"] if it["endpoint"] == "10.1.0.13:8080"]
        assert mine == [{"pool": "api", "endpoint": "10.1.0.13:8080", "state": "enabled", "weight": 5}], mine

        # The refusal is on the console, as every answer above 399 is.
        assert browser.console(but=["409"]) == []


def lost_hidden_and_paused(url):
    with Browser(url, shots=SHOTS) as browser:
        browser.emulate(1360, 1000)
        browser.open()
        settled(browser)
        network = {"latency": 0, "downloadThroughput": -1, "uploadThroughput": -1}
        browser.cdp("Network.enable")
        browser.cdp("Network.emulateNetworkConditions", offline=True, **network)
        browser.until_text("#banner", "can't be reached")
        browser.until_text("#live", "Lost")
        right(browser, "lost")
        browser.cdp("Network.emulateNetworkConditions", offline=False, **network)
        browser.until_text("#live", "Live")
        browser.until("the banner is gone", "return document.querySelector('#banner').hidden")

        asked = "return performance.getEntriesByType('resource').length"
        for stop, go in (("Object.defineProperty(document, 'hidden', {value: true, configurable: true}); document.dispatchEvent(new Event('visibilitychange'))",
                          "delete document.hidden; document.dispatchEvent(new Event('visibilitychange'))"),
                         ("document.querySelector('#pause').click()", "document.querySelector('#pause').click()")):
            browser.run("performance.setResourceTimingBufferSize(10000);" + stop)
            time.sleep(1)  # What was asked for before has been answered.
            before = browser.run(asked)
            time.sleep(3)
            assert browser.run(asked) == before, "it asks though nobody looks"
            browser.run(go)
            browser.until("it asks again", f"{asked} > {before}")


def with_a_token(url):
    with Browser(url, shots=SHOTS) as browser:
        browser.emulate(1360, 1000)
        browser.open()
        browser.until_text("#token", "asks for a token")
        right(browser, "token")
        browser.press("wrong", Keys.ENTER)
        browser.until_text("#token", "does not know this token")
        browser.press("correct-horse", Keys.ENTER)
        settled(browser)
        browser.until("the form is gone", "return document.querySelector('#token').hidden")
        assert "correct-horse" not in browser.run("return document.documentElement.outerHTML + document.cookie + location.href")
        browser.open()
        settled(browser)
        browser.run("document.querySelector('#forget').click()")
        browser.until_text("#token", "asks for a token")


with Fixture("14") as fixture:
    light_and_dark(fixture.url)
    lost_hidden_and_paused(fixture.url)
    by_keyboard(fixture)
with Fixture("1000") as fixture:
    a_thousand(fixture.url)
    on_a_phone(fixture.url)
with Fixture("8000") as fixture:
    very_many(fixture.url)
with Fixture("14", "correct-horse") as fixture:
    with_a_token(fixture.url)
