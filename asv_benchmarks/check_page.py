"""`python asv_benchmarks/check_page.py [FOLDER]`: opens html/ in headless Chromium.

The page must load, list every benchmark and draw a graph over the history, without an error in the
console and without another host. FOLDER gets pictures of the grid and of the graph.
"""

import functools
import json
import sys
import tempfile
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from selenium import webdriver
from selenium.webdriver.support.ui import WebDriverWait

PAGE = Path(__file__).parent / "html"
GRAPH = "ratios.OverNumPy.track_ratio_to_numpy"
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--window-size=1400,1000",
)  # fmt: skip
NAMES = "return $('#summarygrid-display a').map((_, link) => $(link).attr('href')).get()"
POINTS = """
    const plot = $('#main-graph').data('plot');
    return plot ? plot.getData().map(line => line.data.filter(point => point[1]).length) : [];
"""
COLORED = """
    return $('#main-graph canvas').toArray().reduce((colored, canvas) => {
        const pixels = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
        for (let i = 0; i < pixels.length; i += 4) {
            const [red, green, blue, alpha] = pixels.subarray(i, i + 4);
            colored += alpha > 128 && Math.max(red, green, blue) - Math.min(red, green, blue) > 60;
        }
        return colored;
    }, 0);
"""


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_):
        """No line for each request."""


def browser(profile):
    options = webdriver.ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    for flag in (*FLAGS, f"--user-data-dir={profile}"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    return webdriver.Chrome(options, webdriver.ChromeService("/usr/bin/chromedriver"))


def elsewhere(driver, address):
    """What the page asked other hosts for."""
    messages = [json.loads(entry["message"])["message"] for entry in driver.get_log("performance")]
    asked = [
        message["params"]["request"]["url"]
        for message in messages
        if message["method"] == "Network.requestWillBeSent"
    ]
    return [url for url in asked if url.startswith("http") and not url.startswith(address)]


def check(driver, address, pictures):
    expected = set(json.loads((PAGE / "index.json").read_text())["benchmarks"])
    driver.get(address)
    wait = WebDriverWait(driver, 60)
    shown = {name.split("#")[1] for name in wait.until(lambda _: driver.execute_script(NAMES))}
    wait.until(lambda _: driver.execute_script("return $.active === 0"))  # requests under way
    picture(driver, pictures, "grid.png")
    assert shown >= expected, f"not listed: {sorted(expected - shown)}"

    driver.get(f"{address}/#{GRAPH}")
    points = wait.until(lambda _: driver.execute_script(POINTS))
    colored = driver.execute_script(COLORED)
    picture(driver, pictures, "graph.png")
    assert max(points) > 1, f"no line over the history: {points}"
    assert colored > 100, f"nothing is drawn: {colored} colored pixels"

    errors = [entry["message"] for entry in driver.get_log("browser") if entry["level"] == "SEVERE"]
    assert not errors, errors
    other = elsewhere(driver, address)
    assert not other, f"asked for elsewhere: {other}"
    print(f"{len(expected)} benchmarks listed; {GRAPH}: {len(points)} lines, {sum(points)} points")


def picture(driver, folder, name):
    if folder:
        driver.save_screenshot(str(Path(folder, name)))


def main(pictures=None):
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(PAGE)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with tempfile.TemporaryDirectory() as profile:
        driver = browser(profile)
        try:
            check(driver, f"http://127.0.0.1:{server.server_port}", pictures)
        finally:
            driver.quit()


if __name__ == "__main__":
    main(*sys.argv[1:])
