"""Whether the API does what its OpenAPI document says: schemathesis asks, and checks each answer.

schemathesis runs in a process of its own, found beside this Python or on the path; where it is
missing, this skips. ``GENERIFY_TEST_N_EXAMPLES=80`` asks more.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from web_site import make_song, running_site, send

_PLACES = os.pathsep.join((str(Path(sys.executable).parent), os.environ.get("PATH", "")))
SCHEMATHESIS = shutil.which("schemathesis", path=_PLACES)
if SCHEMATHESIS is None:
    pytest.skip("schemathesis is not installed: pip install schemathesis", allow_module_level=True)

KEY = "a key"
CONFIG = f"""
hooks = "{(Path(__file__).parent / "web_schema_hooks.py").as_posix()}"
request-timeout = 60
headers = {{ X-API-Key = "{KEY}" }}
"""
LIMITS = {"n_waiting": 50, "long_seconds": 600.0, "long_timeline_seconds": 600.0}


def test_the_api_does_what_its_document_says(tmp_path: Path) -> None:
    config = tmp_path / "schemathesis.toml"
    config.write_text(CONFIG, encoding="utf-8")
    n_examples = os.environ.get("GENERIFY_TEST_N_EXAMPLES", "3")
    # A script that has a key finds its answers again without a cookie.
    with running_site(tmp_path / "site", api_keys=(KEY,), **LIMITS) as site:
        with site.visitor(headers={"X-API-Key": KEY}) as visitor:
            assert send(visitor, make_song()).status_code == 201  # the worker is awake
        asked = ("run", "--seed", "1", "--max-examples", n_examples, "--no-color")
        done = subprocess.run(
            [str(SCHEMATHESIS), "--config-file", str(config), *asked,
             f"{site.url}/api/v1/openapi.json"],
            cwd=tmp_path, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert site.left_uploads() == []
    assert done.returncode == 0, done.stdout[-10_000:] + done.stderr
