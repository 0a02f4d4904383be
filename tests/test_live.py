"""The live wire: its data, its files, and what it solves in a real browser, the network off."""

import contextlib
import dataclasses
import hashlib
import re
import shutil
import subprocess

import numpy as np
import pytest
import torch

from qfp import tools
from qfp.cli import main
from qfp.config import load_preset
from qfp.live import browser, data, page, scenes
from qfp.physics import currents, geometry, green
from qfp.physics.leads import leads_cached
from qfp.physics.wire import Device
from qfp.studies.live import page as study
from qfp.tools import SettingsError, project_root

DEVICE = load_preset("laptop").device
SMALL = Device(21, 24, 0.8, 2, 0.06, 6, 0.05)  # of odd width
# a level of the sites behind the ring of a disc of radius 6 is near the energy at the last field,
# and there to the last digit
SINGULAR = Device(50, 60, 0.5, 6, 0.0152461, 2, 0.05)
CROSSING = dataclasses.replace(SINGULAR, field_max=0.015246142615251522)
WIDE = Device(72, 92, 0.5, 5, 0.01, 2, 0.0)
CLOSE = 1e-10
JS = browser.DOUBLE + "&engine=js"  # in plain JavaScript
SINGLE = "?tables=single"
needs_browser = pytest.mark.skipif(
    browser.browser() is None, reason="no browser is installed: apt-get install chromium"
)

# --- the data


@pytest.mark.parametrize("b", [0.0, 0.0127, 0.05])
def test_one_self_energy_is_all_of_the_wire(b):
    """Sigma_0 = P Sigma_1 P, persymmetric; B_-n = P B_n P; B_n = B_n^T."""
    wire = green.clean_wire_cached(DEVICE, b)
    below, above = wire.leads.sigma.numpy()
    np.testing.assert_allclose(below, above[::-1, ::-1], atol=1e-13)
    np.testing.assert_allclose(above, above[::-1, ::-1].T, atol=1e-12)
    blocks = wire.g.reshape(2 * DEVICE.length - 1, DEVICE.width, DEVICE.width).numpy()
    np.testing.assert_allclose(blocks, blocks.swapaxes(1, 2), atol=1e-12)
    np.testing.assert_allclose(blocks[::-1], blocks[:, ::-1, ::-1], atol=1e-12)


def test_packed_half_of_a_persymmetric_matrix_is_all_of_it():
    sigma = leads_cached(DEVICE, 0.02).sigma[1].numpy()
    half, W = data.packed(sigma), DEVICE.width
    again = np.zeros_like(sigma)
    rows, columns = np.nonzero(np.add.outer(np.arange(W), np.arange(W)) < W)
    again[rows, columns] = again[W - 1 - columns, W - 1 - rows] = half
    assert half.shape == (W * (W + 1) // 2,)
    np.testing.assert_allclose(again, sigma, atol=1e-12)


def test_scenes_are_of_many_kinds_and_seeded():
    found = scenes.scenes(DEVICE)
    assert len(found) == 20 and {len(radii) for _, radii in found} == {1, 2, 3, 4, 5, 6}
    for (one, _), (other, _) in zip(found, scenes.scenes(DEVICE)):
        np.testing.assert_array_equal(one, other)
    apart = [np.hypot(*(a[1] - a[0])) < sum(r) for a, r in found if len(a) == 2]
    assert sum(apart) >= scenes.OVERLAPPING


def test_wires_that_no_page_can_hold_are_refused():
    with pytest.raises(SettingsError, match=r"GiB in the browser.*fewer field_points"):
        data.described(Device(90, 200, 0.5, 5, 0.01, 400, 0.0), "wide")
    with pytest.raises(SettingsError, match="opens no mode"):
        data.described(Device(12, 30, 0.01, 2, 0.05, 2, 0.0), "closed")


# --- the files


def test_compiled_solver_is_of_its_source():
    for line in (page.WEB / "solver.sha256").read_text().splitlines():
        digest, name = line.split()
        assert hashlib.sha256((page.WEB / name).read_bytes()).hexdigest() == digest, (
            f"{name} changed: run `make wasm`"
        )


def test_script_keeps_to_itself_and_loads_nothing():
    text = page.script()
    assert text.startswith("(function () {") and text.rstrip().endswith("})();")
    assert not re.search(r"\b(fetch|import|require|define|XMLHttpRequest)\s*\(", text)
    assert "http" not in text.replace("http://www.w3.org/2000/svg", "")
    assert "https:" not in page.source(["page.html", "live.css"])


def test_the_study_opens_only_a_book_of_this_state(tmp_path):
    with pytest.raises(SettingsError, match="holds no built book: `make book`"):
        study.front_page(tmp_path)
    own = tmp_path / "_static" / "live" / "live.js"
    own.parent.mkdir(parents=True)
    own.write_text("// of yesterday")
    with pytest.raises(SettingsError, match="is of another state of the live wire"):
        study.front_page(tmp_path)
    own.write_text(page.script())
    assert study.front_page(tmp_path) == tmp_path / "intro.html"


def test_command_writes_a_folder_and_refuses_to_write_over_one(tmp_path, capsys):
    out, gaas = tmp_path / "page", tmp_path / "gaas.yaml"
    text = (project_root() / "presets" / "gaas.yaml").read_text()
    gaas.write_text(text.replace("field_points: 64", "field_points: 3"))
    assert main(["live", "--device", str(gaas), "--out", str(out)]) == 0
    names = {path.name for path in out.iterdir()}
    assert names == {"index.html", "live.css", "live.js", "wire-gaas.js", "wire-gaas.png"}
    assert '"name": "T"' in (out / "wire-gaas.js").read_text()
    assert 'rel="icon"' in (out / "index.html").read_text()
    assert "open it in a browser" in capsys.readouterr().out
    assert main(["live", "--out", str(out)]) == 2
    error = capsys.readouterr().err
    assert "exists: choose another name" in error and error.count("\n") == 1
    assert main(["live", "--preset", "nothing", "--out", str(tmp_path / "new")]) == 2
    assert capsys.readouterr().err.count("\n") == 1


# --- in the browser


@pytest.fixture(scope="module")
def index(tmp_path_factory):
    """The page of the paper's wire."""
    return page.write_page(tmp_path_factory.mktemp("live") / "page", DEVICE, "laptop")


def test_a_page_loads_at_most_two_megabytes_before_it_is_touched(index):
    loaded = re.findall(r'(?:src|href)="([\w.-]+\.(?:js|css))"', index.read_text())
    assert loaded == ["live.css", "wire-laptop.js", "live.js"]
    assert sum((index.parent / name).stat().st_size for name in loaded) < 2e6


def wait(watched, condition=browser.READY):
    """Wait until something holds in the page."""
    watched.page.wait_for_function(condition)


@pytest.fixture(scope="module")
def watched(chromium, index):
    """The page, open."""
    with browser.opened(chromium, index) as found:
        wait(found)
        yield found


@pytest.fixture
def fresh(watched):
    """The open page, with the two antidots that it begins with, and silent at the end."""
    watched.page.evaluate("(s) => QFP_LIVE.live[0].show(s)", START)
    wait(watched, SETTLED)
    yield watched.page
    assert watched.errors == [] and watched.refused == []


START = {"antidots": page.start(DEVICE).tolist(), "radii": [5, 5]}
# the picture and the curve belong to what stands in the wire
SETTLED = """() => {
    const live = QFP_LIVE.live[0], now = JSON.stringify(live.scene());
    const of = (q) => q && JSON.stringify({ antidots: q.antidots, radii: q.radii });
    const picture = of(live.imageOf) === now && live.imageOf.field === live.field;
    return picture && of(live.curveOf) === now;
}"""


def settled(shown):
    """(antidots, curve (F,), LDOS (L W,)) of a page once it has followed."""
    shown.wait_for_function(SETTLED)
    shown.evaluate("new Promise(requestAnimationFrame)")  # in which the rest is drawn
    scene, curve, image = shown.evaluate(
        "[QFP_LIVE.live[0].scene().antidots, Array.from(QFP_LIVE.live[0].curve()),"
        " Array.from(QFP_LIVE.live[0].image)]"
    )
    return scene, np.array(curve), np.array(image)


def assert_solved(shown, device, antidots, radii, field=0, force=False):
    """The browser's answer is qfp's; returns its two replies."""
    replies = browser.solved(shown, antidots, radii, field, force)
    assert_alike(replies, device, antidots, radii, field)
    return replies


def assert_alike(replies, device, antidots, radii, field):
    """Curve and picture that a browser solved are qfp's."""
    curve, image = replies
    G, ldos = scenes.exact(device, antidots, radii, field)
    np.testing.assert_allclose(curve["values"], G, atol=CLOSE, rtol=0)
    np.testing.assert_allclose(image["values"], ldos.ravel(), atol=CLOSE, rtol=0)


@needs_browser
@pytest.mark.skipif(
    not shutil.which("clang"), reason="clang is not installed: apt-get install clang lld"
)
def test_source_compiles_without_a_warning_and_solves(chromium, tmp_path, monkeypatch):
    """The line of the Makefile, on the compiler that is here; what it makes is run."""
    makefile = (page.WEB.parents[3] / "Makefile").read_text()
    line = re.search(r"^CLANG = (.*)$", makefile, re.M)[1].split()
    out = tmp_path / "solver.wasm"
    command = [*line, "-Wall", "-Werror", "-o", out, page.WEB / "solver.c"]
    made = subprocess.run(command, capture_output=True, text=True)
    assert made.returncode == 0, made.stderr
    monkeypatch.setattr(page, "wasm", out.read_bytes)
    fresh = page.write_page(tmp_path / "page", SMALL, "small")
    with browser.opened(chromium, fresh) as found:
        wait(found)
        assert_solved(found.page, SMALL, [[5, 8], [14, 15]], [2, 3], field=4)
        assert found.page.evaluate("QFP_LIVE.live[0].engine") == "wasm" and found.errors == []


@needs_browser
def test_curves_and_images_are_those_of_qfp(fresh):
    for k, (antidots, radii) in enumerate(scenes.scenes(DEVICE)):
        assert_solved(fresh, DEVICE, antidots, radii, field=7 * k % 64, force=k == 3)
    assert fresh.evaluate("QFP_LIVE.live[0].engine") == "wasm"


@needs_browser
def test_plain_javascript_is_the_same(chromium, index):
    with browser.opened(chromium, index, query=JS) as plain:
        wait(plain)
        for k, (antidots, radii) in enumerate(scenes.scenes(DEVICE)[5::3]):
            assert_solved(plain.page, DEVICE, antidots, radii, field=5 * k, force=k == 2)
        assert plain.page.evaluate("QFP_LIVE.live[0].engine") == "js"
        assert "plain JavaScript" in plain.page.locator(".qfp-clock").inner_text()
        assert plain.errors == [] and plain.refused == []


@needs_browser
def test_a_browser_without_webassembly_takes_plain_javascript(chromium, tmp_path):
    """As one is that compiles nothing, for its owner's safety."""
    small = page.write_page(tmp_path / "page", SMALL, "small")
    flags = ["--no-sandbox", "--js-flags=--jitless"]
    old = chromium.browser_type.launch(executable_path=browser.browser(), args=flags)
    with contextlib.closing(old), browser.opened(old, small) as found:
        assert found.page.evaluate("typeof WebAssembly") == "undefined"
        wait(found)
        assert_solved(found.page, SMALL, [[5, 8], [14, 15]], [2, 2], field=3)
        assert found.page.evaluate("QFP_LIVE.live[0].engine") == "js" and found.errors == []


@needs_browser
@pytest.mark.parametrize("query", [browser.DOUBLE, JS])
def test_another_wire_of_odd_width(chromium, tmp_path, query):
    other = page.write_page(tmp_path / "page", SMALL, "small")
    with browser.opened(chromium, other, query=query) as found:
        wait(found)
        for antidots, radii in (
            ([[5, 8], [14, 15]], [2, 2]),
            ([[6, 9]], [4.5]),
            ([[3, 5], [5, 6]], [2, 3]),
        ):
            assert_solved(found.page, SMALL, antidots, radii, field=4)
        assert found.errors == []


def smallest_share(device, antidots, radii):
    """Smallest singular value of G0[D, D] at the last field, of the largest."""
    ring = torch.as_tensor(geometry.ring(geometry.removed_mask(antidots, device, radii)))
    g = green.clean_wire_cached(device, device.field_max).between(ring[:, None], ring)
    values = torch.linalg.svdvals(g)
    return float(values[-1] / values[0])


@needs_browser
@pytest.mark.parametrize("query", [browser.DOUBLE, JS])
@pytest.mark.parametrize("device, share, taken", [(SINGULAR, 1e-5, 0), (CROSSING, 1e-13, 1)])
def test_singular_ring_is_solved_by_complete_pivoting(
    chromium, tmp_path, query, device, share, taken
):
    """Radius 6, where a level of the isolated sites meets the energy: near it by either way of
    pivoting, on it the solver changes to the complete one by itself."""
    antidots, radii = [[15, 20], [34, 40]], [6, 6]
    assert smallest_share(device, antidots, radii) < share
    other = page.write_page(tmp_path / "page", device, "singular")
    with browser.opened(chromium, other, query=query) as found:
        wait(found)
        replies = assert_solved(found.page, device, antidots, radii, field=1)
        assert [reply["fallbacks"] for reply in replies] == [taken, taken]
        replies = assert_solved(found.page, device, antidots, radii, field=1, force=True)
        assert [reply["fallbacks"] for reply in replies] == [2, 1]


@needs_browser
@pytest.mark.parametrize("engine", ["", "&engine=js"])
def test_tables_of_single_precision_keep_the_curve_to_five_digits(chromium, index, engine):
    """A copy of a wire still counts as the same, and the page says how exact it is."""
    with browser.opened(chromium, index, query=SINGLE + engine) as found:
        wait(found)
        shown, few = found.page, scenes.scenes(DEVICE)[:: 8 if engine else 1]
        for antidots, radii in few:
            curve, image = browser.solved(shown, antidots, radii)
            G, ldos = scenes.exact(DEVICE, antidots, radii)
            np.testing.assert_allclose(curve["values"], G, atol=1e-5, rtol=0)
            np.testing.assert_allclose(image["values"], ldos.ravel(), atol=CLOSE, rtol=0)
        assert max(abs(np.array(curve["values"]) - G)) > 1e-10, "tables are single"
        assert "single precision: G to 10⁻⁵ e²/h" in shown.locator(".qfp-clock").inner_text()
        size = shown.evaluate("QFP_LIVE.live[0].curves.bytes")
        assert size is None if engine else size < 80e6
        before, curve, _ = settled(shown)
        shown.get_by_role("button", name="Same curve").click()
        again = settled(shown)[1]
        assert abs(again - curve).max() < shown.evaluate("QFP_LIVE.live[0].same")


@needs_browser
@pytest.mark.parametrize("query", [browser.DOUBLE, JS])
def test_currents_are_those_of_qfp_and_add_up_to_the_conductance(chromium, index, query):
    ask = """async ([antidots, field]) => {
        const about = { type: "image", antidots, radii: [5, 5], field };
        return Array.from((await QFP_LIVE.live[0].painter.ask(about)).flow);
    }"""
    antidots, field = [[14, 20], [33, 38]], 37
    b, removed = float(DEVICE.fields[field]), geometry.removed_mask(antidots, DEVICE)
    ring, mask = torch.as_tensor(geometry.ring(removed)), torch.as_tensor(removed)
    wire = green.clean_wire_cached(DEVICE, b)
    right = torch.stack(currents.bond_currents(wire, b, ring, mask)).numpy()
    with browser.opened(chromium, index, query=query) as found:
        wait(found)
        flow = np.reshape(found.page.evaluate(ask, [antidots, field]), right.shape)
        np.testing.assert_allclose(flow, right, atol=CLOSE, rtol=0)
        G = green.conductance(wire, ring[None])[0].item()
        np.testing.assert_allclose(flow[1, :-1].sum(axis=1), G, atol=CLOSE)


@needs_browser
def test_the_current_is_shown_and_hidden(fresh):
    ink = """() => {
        const canvas = document.querySelector(".qfp-arrows"), { width, height } = canvas;
        const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
        return data.reduce((sum, value, i) => sum + (i % 4 === 3 && value > 0), 0);
    }"""
    settled(fresh)
    assert fresh.evaluate(ink) == 0
    fresh.get_by_role("button", name="Show the current").click()
    wait_for_ink = f"() => ({ink})() > 500"
    fresh.wait_for_function(wait_for_ink)
    assert fresh.get_by_text("adds up to G").is_visible()
    fresh.get_by_role("button", name="Hide the current").click()
    fresh.wait_for_function(f"() => ({ink})() === 0")


@needs_browser
def test_a_drag_by_mouse_changes_picture_and_curve(fresh):
    before, curve, image = settled(fresh)
    (x, y), _ = before
    fresh.mouse.move(*browser.place(fresh, x, y))
    fresh.mouse.down()
    fresh.mouse.move(*browser.place(fresh, x + 6, y + 9), steps=5)
    fresh.mouse.up()
    after, moved, picture = settled(fresh)
    assert after == [[x + 6, y + 9], before[1]]
    assert abs(moved - curve).max() > 0.01 and abs(picture - image).max() > 0.01
    np.testing.assert_allclose(moved, green.solve(DEVICE, after)[0], atol=CLOSE)
    fresh.get_by_role("button", name="Undo").click()
    assert settled(fresh)[0] == before


@needs_browser
def test_keys_move_resize_and_remove_an_antidot(fresh):
    before, curve, image = settled(fresh)
    (x, y), second = before
    handle = fresh.locator(".qfp-antidot").first
    fresh.locator(".qfp-antidot").nth(1).focus()
    fresh.keyboard.press("Shift+Tab")
    assert handle.evaluate("node => node === document.activeElement"), "Tab goes from hole to hole"
    fresh.keyboard.press("ArrowRight")
    fresh.keyboard.press("Shift+ArrowUp")
    after, moved, picture = settled(fresh)
    assert after == [[x + 1, y + 5], second]
    assert abs(moved - curve).max() > 0.01 and abs(picture - image).max() > 0.01
    assert f"x {x + 1}, y {y + 5}, radius 5" in handle.get_attribute("aria-label")
    fresh.keyboard.press("+")
    settled(fresh)
    assert fresh.evaluate("QFP_LIVE.live[0].scene().radii") == [5.5, 5]
    for _ in range(9):
        fresh.keyboard.press("Shift+ArrowLeft")
    assert settled(fresh)[0][0] == [5, y + 5], "the wall stops it"
    fresh.keyboard.press("Delete")
    assert settled(fresh)[0] == [second]
    fresh.keyboard.press("Delete")
    assert settled(fresh)[0] == [second], "one stays"
    fresh.keyboard.press("Control+z")
    assert settled(fresh)[0] == [[5, y + 5], second]
    fresh.get_by_label("Radius of the chosen antidot").focus()
    fresh.keyboard.press("ArrowRight")
    settled(fresh)
    assert fresh.evaluate("QFP_LIVE.live[0].scene().radii") == [6, 5]
    fresh.keyboard.press("Control+z")
    assert settled(fresh)[0] == [[5, y + 5], second]
    assert fresh.evaluate("QFP_LIVE.live[0].scene().radii") == [5.5, 5]


@needs_browser
def test_field_is_chosen_with_slider_and_pointer(fresh):
    antidots = settled(fresh)[0]
    fresh.locator(".qfp-field").focus()
    for _ in range(3):
        fresh.keyboard.press("ArrowRight")
    assert fresh.evaluate("QFP_LIVE.live[0].field") == 3
    box = fresh.locator(".qfp-plot").bounding_box()
    fresh.mouse.click(box["x"] + 0.6 * box["width"], box["y"] + 0.5 * box["height"])
    field = fresh.evaluate("QFP_LIVE.live[0].field")
    assert 25 < field < 45
    _, curve, image = settled(fresh)
    ldos = scenes.exact(DEVICE, antidots, [5, 5], field)[1]
    np.testing.assert_allclose(image, ldos.ravel(), atol=CLOSE)
    assert f"{curve[field]:.3f} e²/h" in fresh.locator(".qfp-readout").inner_text()
    fresh.evaluate("QFP_LIVE.live[0].look(0)")


@needs_browser
def test_copies_share_the_curve(fresh):
    seen = []
    for _ in range(3):
        before, curve, _ = settled(fresh)
        fresh.get_by_role("button", name="Same curve").click()
        after, again, _ = settled(fresh)
        assert after != before
        assert abs(again - curve).max() < 1e-9
        fresh.wait_for_function("document.querySelector('.qfp-note').textContent")
        seen.append(fresh.locator(".qfp-note").inner_text())
    words = ["wall to wall", "along the wire", "lead to lead"]
    assert all("the same curve" in text for text in seen)
    assert {next(w for w in words if w in text) for text in seen} == set(words)


@needs_browser
def test_antidots_are_added_up_to_six(fresh):
    add = fresh.get_by_role("button", name="Add", exact=True)
    for _ in range(4):
        add.click()
    antidots = settled(fresh)[0]
    assert len(antidots) == 6 and add.is_disabled()
    assert min(np.hypot(*np.subtract(antidots[0], a)) for a in antidots[1:]) > 5
    fresh.get_by_role("button", name="Remove").click()
    assert len(settled(fresh)[0]) == 5


@needs_browser
def test_rings_that_are_too_large_are_refused(chromium, tmp_path):
    other = page.write_page(tmp_path / "page", WIDE, "wide")
    centres = [[x, y] for x in (16, 54) for y in (16, 45, 74)]
    ring = len(geometry.ring(geometry.removed_mask(centres, WIDE, [12] * 6)))
    with browser.opened(chromium, other) as found:
        wait(found)
        shown = found.page
        shown.evaluate("(s) => QFP_LIVE.live[0].show(s)", {"antidots": centres, "radii": [12] * 6})
        shown.wait_for_function("/up to 320/.test(document.querySelector('.qfp-note').textContent)")
        assert f"have {ring} edge sites" in shown.locator(".qfp-note").inner_text() and ring > 320
        shown.evaluate(
            "(s) => QFP_LIVE.live[0].show(s)", {"antidots": centres[:4], "radii": [12] * 4}
        )
        settled(shown)
        assert shown.locator(".qfp-note").inner_text() == "" and found.errors == []


@needs_browser
def test_game_is_won_by_a_copy_of_the_hidden_wire(fresh):
    hidden = {"antidots": [[14, 20], [35, 41]], "radii": [5, 5]}
    fresh.evaluate("(s) => QFP_LIVE.live[0].game.start(s)", hidden)
    say = fresh.locator(".qfp-say")
    fresh.wait_for_function("/^Residual/.test(document.querySelector('.qfp-say').textContent)")
    _, curve, _ = settled(fresh)
    right = np.sqrt(np.mean((curve - green.solve(DEVICE, hidden["antidots"])[0]) ** 2))
    assert f"Residual {right:.3f} e²/h" in say.inner_text() and right > 0.01
    fresh.evaluate(
        "(s) => QFP_LIVE.live[0].show(s)", {"antidots": [[35, 25], [14, 46]], "radii": [5, 5]}
    )
    fresh.wait_for_function("/^Found/.test(document.querySelector('.qfp-say').textContent)")
    fresh.get_by_role("button", name="Leave the game").click()
    fresh.wait_for_function("document.querySelector('.qfp-target path').getAttribute('d') === ''")


@needs_browser
def test_narrow_pages_are_stacked_and_move_by_touch(chromium, index):
    settings = {"has_touch": True, "is_mobile": True, "color_scheme": "dark"}
    with browser.opened(chromium, index, (390, 844), query="", **settings) as phone:
        wait(phone)
        shown = phone.page
        assert shown.evaluate("QFP_LIVE.live[0].small"), "a phone's tables are single"
        wire, side = (shown.locator(name).bounding_box() for name in (".qfp-wire", ".qfp-side"))
        assert side["y"] >= wire["y"] + wire["height"]
        assert shown.evaluate("document.documentElement.scrollWidth") <= 390
        assert shown.evaluate("document.documentElement.dataset.theme") == "dark"
        (x, y), _ = settled(shown)[0]
        client = shown.context.new_cdp_session(shown)
        for kind, place in (
            ("touchStart", (x, y)),
            ("touchMove", (x + 4, y - 3)),
            ("touchEnd", None),
        ):
            points = [] if place is None else [dict(zip("xy", browser.place(shown, *place)))]
            client.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})
        assert settled(shown)[0][0] == [x + 4, y - 3]


@needs_browser
def test_on_paper_it_is_light_and_has_nothing_to_press(chromium, index):
    with browser.opened(chromium, index, color_scheme="dark") as found:
        wait(found)
        shown, ink = found.page, "getComputedStyle(document.querySelector('.qfp-live')).color"
        on_screen = shown.evaluate(ink)
        shown.emulate_media(media="print")
        assert shown.evaluate(ink) == "rgb(31, 36, 48)" != on_screen
        assert shown.locator(".qfp-plot").is_visible() and shown.locator(".qfp-picture").count()
        assert not any(button.is_visible() for button in shown.locator(".qfp-row button").all())


@needs_browser
def test_without_scripts_a_picture_stands_there(chromium, index):
    with browser.opened(chromium, index, java_script_enabled=False) as still:
        assert still.page.locator("noscript img").get_attribute("alt") == page.ALT
        assert still.page.locator("noscript img").bounding_box()["width"] > 300


@needs_browser
def test_directive_puts_it_on_pages_of_a_book(chromium, tmp_path):
    """On a page in a folder, beside a loader of modules."""
    from sphinx.application import Sphinx

    source = tmp_path / "source"
    (source / "deep").mkdir(parents=True)
    (source / "conf.py").write_text("extensions = ['qfp.book.live']\nqfp_live = ['laptop']\n")
    (source / "index.rst").write_text("Book\n====\n\n.. toctree::\n\n   deep/page\n")
    text = "Page\n====\n\n.. live:: laptop\n   :hero:\n\n.. live:: nothing\n"
    (source / "deep" / "page.rst").write_text(text)
    out, log = tmp_path / "html", (tmp_path / "log").open("w+")
    Sphinx(source, source, out, tmp_path / "trees", "html", status=None, warning=log).build()
    log.seek(0)
    assert "live wire 'nothing': qfp_live in _config.yml names ['laptop']" in log.read()
    with browser.opened(chromium, out / "deep" / "page.html") as found:
        wait(found)
        assert found.page.locator(".qfp-game").count() == 0
        assert found.errors == [] and found.refused == []


SITE = tools.project_root() / "runs" / "check" / "_build" / "html"  # where make test builds it


@needs_browser
@pytest.mark.skipif(not SITE.exists(), reason="the book is not built: make test builds it first")
def test_the_console_of_the_book_is_silent(chromium):
    """On the front page, a page with widgets and formulas, the live page and one without either."""
    for name in ("intro", "notebooks/09_score", "notebooks/10_live", "claims"):
        with browser.opened(chromium, SITE / f"{name}.html") as found:
            found.page.wait_for_timeout(3000)
            assert (found.errors, found.refused) == ([], []), name
            assert "thebe" not in found.page.content()
