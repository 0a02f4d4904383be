"""A page opened in the Chromium of this machine, the network refused: for tests and studies."""

import shutil
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from qfp.tools import SettingsError

NAMES = "chromium", "chromium-browser", "google-chrome", "google-chrome-stable"
LOCAL = "file:", "blob:", "data:"
DOUBLE = "?tables=double"  # whatever the memory of the machine
PATIENCE = 300_000  # [ms] for whatever a page is asked: a machine may do much else
READY = "() => window.QFP_LIVE && QFP_LIVE.live.length && QFP_LIVE.live[0].curve()"


def browser():
    """Path of an installed browser, None where there is none."""
    return next(filter(None, map(shutil.which, NAMES)), None)


@dataclass
class Watched:
    """A page, and what it should not do: errors that it reports, requests beyond file://."""

    page: object  # playwright's
    errors: list = field(default_factory=list)
    refused: list = field(default_factory=list)

    def route(self, route):
        """Let a request through that stays on this machine."""
        if route.request.url.startswith(LOCAL):
            return route.continue_()
        self.refused.append(route.request.url)
        return route.abort()


@contextmanager
def launched():
    """A Chromium of playwright, to be given to `opened`; one at a time.

    Raises
    ------
    SettingsError
        Where no browser or no playwright is installed.
    """
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        raise SettingsError("playwright is not installed: pip install playwright") from None
    if browser() is None:
        raise SettingsError(f"no browser found: install one of {', '.join(NAMES)}")
    with sync_playwright() as started:
        chromium = started.chromium.launch(executable_path=browser(), args=["--no-sandbox"])
        yield chromium
        chromium.close()


@contextmanager
def opened(chromium, path, size=(1280, 900), query=DOUBLE, **settings):
    """Open a page of the file system, `Watched`.

    Parameters
    ----------
    chromium : Browser
        As `launched` gives it.
    path : path
    size : (int, int)
        Of the window [pixels].
    query : str
        What follows the path in the address, such as "?engine=js"; as it is, tables are double.
    **settings
        Of playwright's page, such as color_scheme, has_touch, java_script_enabled.
    """
    viewport = dict(zip(("width", "height"), size))
    page = chromium.new_page(viewport=viewport, offline=True, **settings)
    page.set_default_timeout(PATIENCE)
    watched = Watched(page)
    page.on("console", lambda m: m.type == "error" and watched.errors.append(m.text))
    page.on("pageerror", lambda error: watched.errors.append(str(error)))
    page.route("**/*", watched.route)
    page.goto(Path(path).resolve().as_uri() + query)
    yield watched
    page.close()


def ready(page):
    """Wait until the page's first whole curve is there."""
    page.wait_for_function(READY)


SOLVE = """async ([antidots, radii, field, force]) => {
    const live = QFP_LIVE.live[0], about = { antidots, radii, force };
    const curve = await live.curves.ask({ ...about, type: "curve" });
    const image = await live.painter.ask({ ...about, type: "image", field });
    const plain = ({ ms, ring, fallbacks }, values) => ({ ms, ring, fallbacks, values });
    const values = [curve.curve, image.image].map((found) => Array.from(found || []));
    return [plain(curve, values[0]), plain(image, values[1])];
}"""


def solved(page, antidots, radii, field=0, force=False):
    """What the page's own workers answer to a scene: two dicts, of the curve (values (F,) [e^2/h])
    and of the picture (values (L W,) [1/t] at a field of the sweep), with ms, the sites of the
    ring, and in how many systems pivots were sought everywhere (force: in all of them). No values
    where the ring is refused."""
    places = [[int(v) for v in centre] for centre in antidots]
    return page.evaluate(SOLVE, [places, [float(r) for r in radii], field, force])


def place(page, x, y):
    """Where site (x, y) of the wire is in the window [pixels]."""
    box = page.locator(".qfp-handles").bounding_box()
    wire = page.evaluate("[QFP_LIVE.live[0].wire.width, QFP_LIVE.live[0].wire.length]")
    return (
        box["x"] + (x + 0.5) / wire[0] * box["width"],
        box["y"] + (wire[1] - 0.5 - y) / wire[1] * box["height"],
    )
