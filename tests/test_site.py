"""The built book as a reader meets it, in a real browser with the network off."""

import subprocess
import sys

import pytest
from axe_playwright_python.sync_playwright import Axe

from qfp import tools
from qfp.live import browser

SITE = tools.project_root() / "runs" / "check" / "_build" / "html"  # where make test builds it
RULES = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"], "resultTypes": ["violations"]}

pytestmark = [
    pytest.mark.skipif(
        browser.browser() is None, reason="no browser is installed: apt-get install chromium"
    ),
    pytest.mark.skipif(
        not SITE.exists(), reason="the book is not built: make test builds it first"
    ),
]
LOOKS = {
    "desk": {"size": (1280, 900)},
    "dark": {"size": (1280, 900), "color_scheme": "dark"},
    "phone": {"size": (390, 844)},
}


@pytest.mark.parametrize("look", LOOKS)
@pytest.mark.parametrize(
    "name", ["intro", "scorecard", "notebooks/10_live", "notebooks/06_exact", "api"]
)
def test_pages_are_accessible(chromium, name, look):
    """No violation of WCAG 2.1 AA that axe-core finds; nothing wider than the window."""
    with browser.opened(chromium, SITE / f"{name}.html", **LOOKS[look]) as found:
        found.page.wait_for_timeout(2500)
        assert Axe().run(found.page, options=RULES).response["violations"] == []
        wide = found.page.evaluate("document.documentElement.scrollWidth")
        assert wide <= LOOKS[look]["size"][0]


def test_a_page_is_printed(tmp_path):
    """What `make pdf` does with the whole book, in a process of its own."""
    source, target = tmp_path / "page.html", tmp_path / "page.pdf"
    source.write_text("<h1>a wire</h1>")
    command = [sys.executable, "-m", "qfp.book.pdf", source, target]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0 and str(target) in done.stdout
    assert target.read_bytes().startswith(b"%PDF")
