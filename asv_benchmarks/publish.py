"""`python asv_benchmarks/publish.py`: asv's page in html/, which needs no other host.

asv's own page loads its libraries from three hosts. Here they come from npm (package.json) and lie
beside the page, so that it works wherever it is served, and is tested as it is published.
"""

import json
import re
import shutil
import subprocess
import sys
from pathlib import Path

FOLDER = Path(__file__).parent
PAGE = FOLDER / "html"
PACKAGES = FOLDER / "node_modules"

# The last part of an address in asv's page, and the file that npm has of it.
LIBRARIES = {
    "bootstrap.min.css": "bootstrap/dist/css/bootstrap.min.css",
    "bootstrap.min.js": "bootstrap/dist/js/bootstrap.min.js",
    "jquery-3.3.1.min.js": "jquery/dist/jquery.min.js",
    "jquery.flot.categories.min.js": "flot/jquery.flot.categories.js",
    "jquery.flot.min.js": "flot/jquery.flot.js",
    "jquery.flot.orderBars.js": "flot-orderbars/js/jquery.flot.orderBars.js",
    "jquery.flot.selection.min.js": "flot/jquery.flot.selection.js",
    "jquery.flot.time.min.js": "flot/jquery.flot.time.js",
    "md5.min.js": "blueimp-md5/js/md5.min.js",
    "stupidtable.min.js": "stupid-table-plugin/stupidtable.min.js",
}
ELSEWHERE = re.compile(r'(src|href)="https://[^"]*/([^"/]+\.(?:js|css))" integrity="[^"]*"')


def beside(match):
    """The attribute with the address of our copy, which is made."""
    attribute, name = match.groups()
    if name not in LIBRARIES:
        sys.exit(f"publish.py: asv's page loads {name}, which LIBRARIES does not know")
    (PAGE / "libraries").mkdir(exist_ok=True)
    shutil.copy(PACKAGES / LIBRARIES[name], PAGE / "libraries" / name)
    return f'{attribute}="libraries/{name}"'


def main():
    subprocess.run(["npm", "install", "--no-audit", "--no-fund", "--no-package-lock", "--silent"],
                   cwd=FOLDER, check=True)  # fmt: skip
    subprocess.run([sys.executable, "-m", "asv", "publish"], cwd=FOLDER, check=True)
    for name in json.loads((PAGE / "index.json").read_text())["benchmarks"]:
        summary = PAGE / "graphs" / "summary" / f"{name}.json"  # the grid asks for each
        if not summary.exists():
            summary.write_text("[]")
    index = PAGE / "index.html"
    text, number = ELSEWHERE.subn(beside, index.read_text())
    index.write_text(text)
    print(f"{index}: {number} libraries beside it")


if __name__ == "__main__":
    main()
