"""The live page in Firefox, from a folder and served: solved, dragged, led by keys, decoded."""

import functools
import json
import threading
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import firefox
import numpy as np
import pytest
from test_live import DEVICE, JS, SETTLED, SITE, assert_alike
from test_live_decoder import PANEL, VERDICT, by_pytorch, told

from qfp.decoding.decode import load_decoder
from qfp.decoding.positions import positions
from qfp.live import browser, page, scenes

pytestmark = pytest.mark.skipif(
    firefox.installed() is None, reason="no Firefox is installed: apt-get install firefox-esr"
)
READY = browser.READY.removeprefix("() => ")
KEYS = {"right": "\ue014", "up": "\ue013", "shift": "\ue008", "control": "\ue009"}


class Silent(SimpleHTTPRequestHandler):
    """Serves a folder and says nothing."""

    def log_message(self, *ignored):
        pass


@pytest.fixture(scope="module")
def decoder():
    return load_decoder("laptop")


@pytest.fixture(scope="module")
def index(decoder, tmp_path_factory):
    """The page of the paper's wire with its decoder."""
    out = tmp_path_factory.mktemp("firefox") / "page"
    return page.write_page(out, DEVICE, "laptop", decoder=decoder)


@pytest.fixture(scope="module")
def fox():
    with firefox.launched() as found:
        yield found
        assert found.errors() == []


@pytest.fixture(scope="module", params=["file", "served"])
def shown(request, fox, index):
    """Firefox with the page open."""
    if request.param == "file":
        fox.open(index.as_uri() + browser.DOUBLE)
        fox.wait(READY)
        yield fox
        return
    handler = functools.partial(Silent, directory=index.parent)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        fox.open(f"http://127.0.0.1:{server.server_port}/index.html{browser.DOUBLE}")
        fox.wait(READY)
        yield fox
        server.shutdown()


def solved(fox, antidots, radii, field=0):
    """What the page's workers answer, see browser.solved."""
    about = [np.asarray(antidots).tolist(), np.asarray(radii, dtype=float).tolist(), field, False]
    return fox.evaluate(f"({browser.SOLVE})({json.dumps(about)})")


def antidots_of(fox):
    """Antidots of the wire, once picture and curve have followed."""
    fox.wait(f"({SETTLED})()")
    return fox.evaluate("QFP_LIVE.live[0].scene().antidots")


def test_curves_and_images_are_those_of_qfp(shown):
    for k, (antidots, radii) in enumerate(scenes.scenes(DEVICE)[::3]):
        assert_alike(solved(shown, antidots, radii, 9 * k), DEVICE, antidots, radii, 9 * k)
    assert shown.evaluate("QFP_LIVE.live[0].engine") == "wasm"


def test_mouse_and_keys_move_an_antidot(shown):
    (x, y), second = antidots_of(shown)
    box = shown.evaluate(
        "(({ x, y, width }) => [x, y, width])"
        "(document.querySelector('.qfp-antidot').getBoundingClientRect())"
    )
    from_x, from_y = int(box[0] + box[2] / 2), int(box[1] + box[2] / 2)
    site = shown.evaluate("document.querySelector('.qfp-handles').clientWidth") / DEVICE.width
    move = {"type": "pointerMove", "duration": 50, "origin": "viewport"}
    shown.act(
        "pointer",
        move | {"x": from_x, "y": from_y},
        {"type": "pointerDown", "button": 0},
        move | {"x": round(from_x + 6 * site), "y": round(from_y - 4 * site)},
        {"type": "pointerUp", "button": 0},
        pointerType="mouse",
    )
    assert antidots_of(shown) == [[x + 6, y + 4], second]
    key = [{"type": kind, "value": KEYS["right"]} for kind in ("keyDown", "keyUp")]
    far = [{"type": kind, "value": KEYS["up"]} for kind in ("keyDown", "keyUp")]
    shift = [{"type": kind, "value": KEYS["shift"]} for kind in ("keyDown", "keyUp")]
    shown.act("key", *key, shift[0], *far, shift[1])
    assert antidots_of(shown) == [[x + 7, y + 9], second]
    control = [{"type": kind, "value": KEYS["control"]} for kind in ("keyDown", "keyUp")]
    z = [{"type": kind, "value": "z"} for kind in ("keyDown", "keyUp")]
    for _ in range(3):
        shown.act("key", control[0], *z, control[1])
    assert antidots_of(shown) == [[x, y], second]


def test_decode_gives_pytorchs_answer(shown, decoder):
    noise = np.random.default_rng(9).standard_normal((1, 60, 60))
    curve = np.array(shown.evaluate("Array.from(QFP_LIVE.live[0].curve())"))
    given = json.dumps(noise.reshape(1, -1).tolist())
    shown.evaluate(f"(({PANEL}.noise = {given}), 0)")
    shown.evaluate("((document.querySelector('.qfp-samples').value = 1), 0)")
    shown.evaluate("(document.querySelector('.qfp-panel .qfp-main').click(), 0)")
    shown.wait(VERDICT)
    ldos, _ = by_pytorch(decoder, curve, noise, decoder.config.sampling.steps)
    answer = positions(ldos[:, None], DEVICE)[0, 0]
    assert told(answer) in shown.evaluate(VERDICT)


def test_plain_javascript_is_the_same(fox, index):
    fox.open(index.as_uri() + JS)
    fox.wait(READY)
    antidots, radii = scenes.scenes(DEVICE)[9]
    assert_alike(solved(fox, antidots, radii, 5), DEVICE, antidots, radii, 5)
    assert fox.evaluate("QFP_LIVE.live[0].engine") == "js"


@pytest.mark.skipif(not SITE.exists(), reason="the book is not built: make test builds it first")
def test_the_front_page_computes(fox):
    fox.open((SITE / "intro.html").as_uri() + browser.DOUBLE, width=400)
    fox.wait(READY)
    assert fox.evaluate("document.querySelector('.qfp-live').scrollWidth <= innerWidth")
