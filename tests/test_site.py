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

APPEARED = "document.getAnimations().every((one) => one.playState === 'finished')"


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


@pytest.mark.parametrize("look", LOOKS)
def test_a_word_is_explained_and_a_figure_shown_large(chromium, look):
    """By keyboard alone: the text appears, Escape takes it away; so does the figure, and the focus
    is where it was. Accessible while they are open."""
    path = SITE / "notebooks" / "06_exact.html"
    with browser.opened(chromium, path, **LOOKS[look]) as found:
        page, focus = found.page, "document.activeElement"
        term = page.locator("a.term").first
        term.focus()
        tip = page.get_by_role("tooltip")
        assert len(tip.text_content()) > 40 and term.get_attribute("title") is None
        assert term.get_attribute("aria-describedby") == tip.get_attribute("id")
        assert Axe().run(page, options=RULES).response["violations"] == []
        page.keyboard.press("Escape")
        assert tip.count() == 0
        figure = page.locator(".qfp-enlarge").first
        figure.focus()
        page.keyboard.press("Enter")
        shown = page.get_by_role("dialog").locator("img")
        assert shown.get_attribute("alt") == figure.locator("img").get_attribute("alt")
        assert shown.bounding_box()["width"] > figure.bounding_box()["width"]
        page.wait_for_function(APPEARED)
        assert Axe().run(page, options=RULES).response["violations"] == []
        page.keyboard.press("Escape")
        page.wait_for_function(f"{focus}.className === 'qfp-enlarge'")
        assert page.get_by_role("dialog").count() == 0


def test_a_finger_reads_a_word_before_it_follows_the_link(chromium):
    path = SITE / "notebooks" / "06_exact.html"
    with browser.opened(chromium, path, has_touch=True, **LOOKS["phone"]) as found:
        term = found.page.locator("a.term").first
        term.tap()
        found.page.get_by_role("tooltip").wait_for()
        assert "06_exact" in found.page.url
        term.tap()
        found.page.wait_for_url("**/glossary.html#*")


def test_a_page_is_printed(tmp_path):
    """What `make pdf` does with the whole book, in a process of its own."""
    source, target = tmp_path / "page.html", tmp_path / "page.pdf"
    source.write_text("<h1>a wire</h1>")
    command = [sys.executable, "-m", "qfp.book.pdf", source, target]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0 and str(target) in done.stdout
    assert target.read_bytes().startswith(b"%PDF")


def test_figures_follow_the_theme(chromium):
    """On dark pages the drawings for them, whole; on light ones the others."""
    address = "document.querySelector('figure img').getAttribute('src')"
    with browser.opened(chromium, SITE / "notebooks" / "06_exact.html", **LOOKS["dark"]) as found:
        page = found.page
        page.wait_for_function(f"{address}.endsWith('-dark.svg')")
        page.wait_for_function("document.querySelector('figure img').naturalWidth > 100")
        page.evaluate("document.documentElement.dataset.theme = 'light'")
        page.wait_for_function(f"!{address}.endsWith('-dark.svg')")
