"""The package as a whole: how long its import takes, and how large its wheel is."""

import importlib.metadata
import json
import os
from pathlib import Path
from urllib.parse import unquote, urlsplit

from .common import ENGINES, engine_module


class Import:
    """Without NumPy's own import, in a fresh process each time. Bound by overhead."""

    params = [list(ENGINES)]
    param_names = ["engine"]
    number = 1
    repeat = (3, 10, 5.0)

    def setup(self, engine):
        engine_module(engine)

    def timeraw_import_fastgather(self, engine):
        setup = f"import os, numpy; os.environ['FASTGATHER_BACKEND'] = {engine!r}"
        return "import fastgather", setup


class Wheel:
    """The wheel that the commit was installed from, which pip keeps the address of (PEP 610)."""

    unit = "bytes"

    def setup(self):
        origin = importlib.metadata.distribution("fastgather").read_text("direct_url.json")
        address = json.loads(origin or "{}").get("url", "")
        self.path = Path(unquote(urlsplit(address).path))
        if self.path.suffix != ".whl" or not self.path.is_file():
            raise NotImplementedError("fastgather was not installed from a wheel that is there")

    def track_wheel_size(self):
        return os.path.getsize(self.path)
