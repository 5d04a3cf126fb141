"""A real browser with the dashboard in it: Debian's Chromium, headless, through its WebDriver.

Every wait has a deadline. What the page writes to its console, and every request that it makes, is kept.
"""

import base64
import json
import time
from pathlib import Path
from urllib.parse import urlsplit

from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.keys import Keys

PATIENCE = 20
ARGUMENTS = ["--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu", "--no-first-run",
             "--disable-background-networking", "--disable-component-update", "--disable-sync", "--hide-scrollbars",
             # Loopback and nothing else.
             "--no-proxy-server", "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1"]

# The lowest contrast of the texts that are seen: WCAG 2.2, 1.4.3; each with the least that it may have.
CONTRAST = """
const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
const rgba = (text) => { canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = text; canvas.fillRect(0, 0, 1, 1);
  return [...canvas.getImageData(0, 0, 1, 1).data]; };
const light = ([r, g, b]) => [r, g, b].map((c) => c / 255)
  .map((c) => c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
  .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
const over = (top, below) => top.slice(0, 3).map((c, i) => c * top[3] / 255 + below[i] * (1 - top[3] / 255));
const ground = (element) => {
  if (element === null) return [255, 255, 255];
  const color = rgba(getComputedStyle(element).backgroundColor);
  return color[3] === 255 ? color : over(color, ground(element.parentElement));
};
const found = new Map();
const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (texts.nextNode()) {
  const element = texts.currentNode.parentElement;
  if (!texts.currentNode.data.trim() || element.closest('svg, noscript, .aside, .heads, .skip') || !element.checkVisibility()) continue;
  const below = ground(element);
  const [a, b] = [light(over(rgba(getComputedStyle(element).color), below)), light(below)];
  const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
  if (ratio < 4.5) found.set(element.className + ' ' + element.tagName, ratio.toFixed(2) + ' ' + texts.currentNode.data.slice(0, 40));
}
return [...found].map((it) => it.join(': '));
"""


class Browser:
    def __init__(self, url, width=1360, height=900, shots=None):
        options = webdriver.ChromeOptions()
        options.binary_location = "/usr/bin/chromium"
        for argument in [*ARGUMENTS, f"--window-size={width},{height}"]:
            options.add_argument(argument)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
        self.driver = webdriver.Chrome(service=Service("/usr/bin/chromedriver"), options=options)
        self.url = url
        self.shots = Path(shots) if shots else None
        self.requests = []

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        if kind is not None and self.shots:
            self.shot("failed")
        self.driver.quit()

    def open(self, path="/"):
        self.driver.get(self.url + path)

    def run(self, script, *arguments):
        return self.driver.execute_script(script, *arguments)

    def until(self, what, script, *arguments, patience=PATIENCE):
        """Waits until a script yields something that is true, and yields that."""
        end = time.monotonic() + patience
        while True:
            found = self.run(script, *arguments)
            if found:
                return found
            assert time.monotonic() < end, f"not within {patience} s: {what}\n{self.text()[:4000]}"
            time.sleep(0.05)

    def text(self):
        return self.run("return document.body.innerText")

    def until_text(self, selector, *texts, patience=PATIENCE):
        """Waits until an element of this selector has all of these texts."""
        script = """return [...document.querySelectorAll(arguments[0])].some((element) =>
            element.checkVisibility() && arguments[1].every((text) => element.textContent.includes(text)))"""
        self.until(f"{selector} with {texts}", script, selector, list(texts), patience=patience)

    def press(self, *keys):
        ActionChains(self.driver).send_keys(*keys).perform()

    def focused(self):
        """What has the focus: its text, or its label."""
        return self.run("""const it = document.activeElement;
            return it.getAttribute('aria-label') || (it.matches('a, button') && it.innerText) || it.id || it.tagName""")

    def tab_to(self, text, most=200):
        """Presses Tab until what has this text has the focus."""
        for _ in range(most):
            if text in self.focused():
                return
            self.press(Keys.TAB)
        raise AssertionError(f"no way by Tab to {text!r}; the focus is on {self.focused()!r}")

    def emulate(self, width, height, scheme="light", phone=False, scale=1):
        self.cdp("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=scale, mobile=phone)
        self.cdp("Emulation.setTouchEmulationEnabled", enabled=phone)
        self.cdp("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme},
                                                         {"name": "prefers-reduced-motion", "value": "reduce"}])

    def cdp(self, command, **parameters):
        return self.driver.execute_cdp_cmd(command, parameters)

    def shot(self, name):
        if self.shots is None:
            return
        picture = self.cdp("Page.captureScreenshot", format="png")["data"]
        self.shots.mkdir(parents=True, exist_ok=True)
        (self.shots / f"{name}.png").write_bytes(base64.b64decode(picture))

    def overflow(self):
        """How much wider than the window the page is, in pixels."""
        return self.run("return document.documentElement.scrollWidth - document.documentElement.clientWidth")

    def contrasts(self):
        """Texts with too little contrast."""
        return self.run(CONTRAST)

    def console(self, but=()):
        """Errors and warnings of the page since they were asked for last, but those with one of these words."""
        lines = [it["message"] for it in self.driver.get_log("browser") if it["level"] in ("SEVERE", "WARNING")]
        return [line for line in lines if not any(word in line for word in but)]

    def foreign_requests(self):
        """Requests that went elsewhere than to where the page came from."""
        for entry in self.driver.get_log("performance"):
            message = json.loads(entry["message"])["message"]
            if message["method"] == "Network.requestWillBeSent":
                self.requests.append(message["params"]["request"]["url"])
        own = urlsplit(self.url).netloc
        parts = map(urlsplit, self.requests)
        return [it.geturl()[:200] for it in parts if it.scheme not in ("data", "chrome", "about", "blob") and it.netloc != own]
