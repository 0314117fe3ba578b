"""A real browser: Chromium, driven by playwright-core under Node. Without them these tests are skipped, and say why."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
HOME = HERE.parents[1] / "build" / "browser"
NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")


@pytest.fixture(scope="session")
def chromium() -> str:
    """The path of the browser."""
    found = next(filter(None, map(shutil.which, NAMES)), None)
    if found is None:
        pytest.skip(f"no browser: none of {', '.join(NAMES)} is on the PATH (Debian: apt-get install chromium)")
    return found


@pytest.fixture(scope="session")
def playwright() -> Path:
    """The folder with node_modules/playwright-core, installed into build/browser at the first use."""
    if shutil.which("node") is None or shutil.which("npm") is None:
        pytest.skip("no Node: node and npm are not on the PATH (Debian: apt-get install nodejs npm)")
    if not (HOME / "node_modules" / "playwright-core").is_dir():
        HOME.mkdir(parents=True, exist_ok=True)
        command = ["npm", "install", "--no-save", "--no-audit", "--no-fund", "--prefix", str(HOME), "playwright-core@1"]
        done = subprocess.run(command, capture_output=True, text=True, timeout=300)
        if done.returncode:
            pytest.skip(f"playwright-core could not be installed: {done.stderr.strip()[-300:]}")
    return HOME


@pytest.fixture
def visit(chromium: str, playwright: Path, tmp_path: Path) -> Any:
    """Runs a scenario (a file beside this one) on a page, and gives back what it saw."""

    def run(scenario: str, page: Path, **options: Any) -> Any:
        shutil.copy(HERE / scenario, playwright / scenario)
        shutil.copy(HERE / "browser.mjs", playwright / "browser.mjs")
        given = {"chromium": chromium, "page": page.as_uri(), "shots": str(tmp_path), **options}
        done = subprocess.run(
            ["node", str(playwright / scenario), json.dumps(given)], capture_output=True, text=True, timeout=120
        )
        assert done.returncode == 0, done.stderr[-3000:]
        return json.loads(done.stdout.strip().splitlines()[-1])

    return run
