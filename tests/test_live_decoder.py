"""The decoder in a page: its worker, run under node, against PyTorch; its kernels against their
source."""

import base64
import dataclasses
import hashlib
import json
import shutil
import subprocess
from pathlib import Path

import numpy as np
import playwright
import pytest
import torch
from test_curves import MESSY, smooth, text
from torch.nn.init import normal_

from qfp.config import load_preset
from qfp.data.measured import read_curve
from qfp.data.normalise import Normalisation
from qfp.decoding import metrics
from qfp.decoding.decode import Decoder, agree, head_positions, load_decoder
from qfp.decoding.positions import positions, recover
from qfp.live import browser, page
from qfp.live import decoder as live
from qfp.model import exported
from qfp.model.diffusion import Schedule, guided, sample
from qfp.physics import geometry
from qfp.studies.attention import watch
from qfp.studies.live import network

DRIVER = Path(playwright.__file__).parent / "driver" / "node"  # playwright brings one
NODE = shutil.which("node") or shutil.which(DRIVER)
HERE = Path(__file__).parent
CONFIG = load_preset("laptop")
DEVICE = CONFIG.device
needs_node = pytest.mark.skipif(NODE is None, reason="no node: the page's decoder is not run")


def node(program, *arguments, given):
    """What a program of tests/ prints as JSON under node, from JSON on its stdin."""
    done = subprocess.run(
        [NODE, HERE / program, *arguments], input=json.dumps(given), capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return json.loads(done.stdout)


def written(folder, decoder):
    """Path of a decoder's script, written into a folder."""
    return folder / live.write(folder, decoder)["file"]


def replies(script, messages, engine="wasm"):
    """Replies of the worker of a written script to messages; the first, that it is ready, is left
    out."""
    first, *rest = node("decoder_node.js", script, engine, given=messages)
    assert (first["type"], first["engine"]) == ("ready", engine), first
    return rest


def decode_message(curve, noise, steps):
    """Message that asks for samples of a curve from given noise (S, 60, 60)."""
    own = [row.ravel().tolist() for row in noise]
    return {
        "type": "decode",
        "id": 1,
        "curve": curve.tolist(),
        "steps": steps,
        "samples": len(own),
        "noise": own,
    }


def by_pytorch(decoder, curve, noise, steps):
    """Samples from noise (S, 60, 60) as the worker reports them: LDOS (S, L, W), and what each step
    showed, (t, x, x0, B_j)."""
    model, shown = decoder.model, []

    def note(index, t, x, x0_hat):
        B = watch.importance_at(model, x.float(), t, condition)
        shown.append((t, x[:, 0].numpy(), x0_hat[:, 0].numpy(), B))

    with torch.no_grad(), pytest.MonkeyPatch.context() as patch:
        start = torch.from_numpy(noise)[:, None]
        patch.setattr("qfp.model.diffusion.initial_noise", lambda *ignored: start)
        condition = model.encode(decoder.normal.curve(curve[None])).repeat(len(noise))
        eps = guided(model, decoder.schedule, condition)
        seeds, shape = range(len(noise)), noise.shape[1:]
        x = sample(eps, decoder.schedule, seeds, (1, *shape), "ddim", steps, callback=note)
    return decoder.normal.ldos(x), shown


def assert_same_course(found, decoder, curve, noise, steps, atol=1e-4):
    """Steps, samples and consensus of the worker are PyTorch's."""
    ldos, shown = by_pytorch(decoder, curve, noise, steps)
    seen = [r for r in found if r["type"] == "step"]
    assert [(r["sample"], r["step"]) for r in seen] == [
        (s, k) for s in range(len(noise)) for k in range(steps)
    ]
    for r in seen:
        t, x, x0, importance = shown[r["step"]]
        assert r["t"] == t
        for name, expected in (("x", x), ("clean", x0)):
            np.testing.assert_allclose(r[name], expected[r["sample"]].ravel(), atol=atol)
        assert list(r["importance"]) == list(importance)
        for name, B in importance.items():
            assert r["importance"][name]["side"] == B.shape[-1]
            heads = r["importance"][name]["heads"]
            np.testing.assert_allclose(heads, B[r["sample"]].ravel(), atol=atol, rtol=2e-5)
    pairs = positions(ldos[:, None], decoder.config.device)[:, 0]
    samples = [r for r in found if r["type"] == "sample"]
    assert [r["antidots"] for r in samples] == pairs.tolist()
    for r, image in zip(samples, ldos, strict=True):
        np.testing.assert_allclose(r["ldos"], image.ravel(), atol=atol)
    best, k = agree(pairs, decoder.config.device)
    last = found[-1]
    assert last["antidots"] == pairs[best].tolist() and last["probability"] == (k <= 1).mean()
    np.testing.assert_allclose(last["ldos"], ldos[k <= 1].mean(axis=0).ravel(), atol=atol)


@pytest.fixture(scope="module")
def shipped(tmp_path_factory):
    """The shipped decoder, and its script."""
    decoder = load_decoder("laptop")
    return decoder, written(tmp_path_factory.mktemp("page"), decoder)


@pytest.fixture(scope="module")
def curves():
    """The three curves of notebooks/curves, and nine more between and beside them."""
    files = sorted((HERE.parent / "notebooks" / "curves").glob("*.csv"))
    own = np.stack(
        [np.genfromtxt(f, delimiter=",", comments="#", skip_header=2)[:, 1] for f in files]
    )
    rng = np.random.default_rng(0)
    mixed = rng.dirichlet([1, 1, 1], 9) @ own
    return np.concatenate([own, mixed + 0.05 * rng.standard_normal(mixed.shape)])


@needs_node
@pytest.mark.parametrize("engine", ["wasm", "js"])
def test_the_read_out_is_pytorchs(shipped, curves, engine):
    decoder, script = shipped
    asked = [{"type": "read", "id": k, "curve": c.tolist()} for k, c in enumerate(curves)]
    found = replies(script, asked, engine)
    assert [r["id"] for r in found] == list(range(len(curves)))
    assert [r["antidots"] for r in found] == head_positions(decoder, curves).tolist()


@needs_node
def test_samples_their_steps_and_attention_are_pytorchs_for_given_noise(shipped, curves):
    decoder, script = shipped
    noise = np.random.default_rng(1).standard_normal((len(curves), 60, 60))
    for k, part in enumerate((noise[:3], noise[3:4], noise[4:5])):
        steps = (4, 10, 1)[k]
        found = replies(script, [decode_message(curves[k], part, steps)])
        assert_same_course(found, decoder, curves[k], part, steps)


def random_decoder(network, prediction, target, **wire):
    """Decoder with random weights in every layer, as bf16 holds them: no layer is left at 0."""
    config = dataclasses.replace(
        CONFIG,
        device=dataclasses.replace(DEVICE, **wire),
        network=dataclasses.replace(CONFIG.network, **network),
        diffusion=dataclasses.replace(CONFIG.diffusion, prediction=prediction, steps=40),
        training=dataclasses.replace(CONFIG.training, curve_target=target),
    )
    model = exported.network_of(config).eval()
    for value in model.parameters():
        if value.dim() > 1:
            normal_(value.data, std=value[0].numel() ** -0.5)
        value.data = value.data.bfloat16().float()
    size = config.device.width, config.device.length
    normal = Normalisation(tuple(np.full(64, 5.0)), tuple(np.full(64, 2.0)), 0.06, 0.04, *size)
    return Decoder(model, config, normal, Schedule.of(config.diffusion), {})


THREE_LEVELS = {
    "unshuffle": 1,
    "channels": (8, 10, 12),
    "attention": ("none", "linear", "full"),
    "blocks": 1,
    "heads": 2,
    "condition_hidden": 22,
    "condition_blocks": 1,
    "condition_width": 12,
    "condition_layers": 2,
    "grid_width": 38,
    "condition_channels": (2, 3, 5),
}
FLAT = {"channels": (16, 24), "attention": ("full", "none"), "condition_layers": 0}


@needs_node
def test_plain_javascript_makes_the_same_samples(shipped, curves):
    decoder, script = shipped
    noise = np.random.default_rng(8).standard_normal((1, 60, 60))
    found = replies(script, [decode_message(curves[1], noise, 2)], "js")
    assert_same_course(found, decoder, curves[1], noise, 2)


@needs_node
@pytest.mark.parametrize("engine", ["wasm", "js"])
@pytest.mark.parametrize(
    "network, prediction, target",
    [(THREE_LEVELS, "v", "positions"), (FLAT, "v", "none"), (FLAT, "epsilon", "pooled")],
    ids=["three levels", "no read-out", "noise predicted"],
)
def test_another_architecture_runs_too(network, prediction, target, curves, tmp_path, engine):
    decoder = random_decoder(network, prediction, target)
    script = written(tmp_path, decoder)
    noise = np.random.default_rng(2).standard_normal((1, 60, 60))
    asked = [{"type": "read", "id": 0, "curve": curves[0].tolist()}]
    first, *rest = replies(script, asked + [decode_message(curves[0], noise, 3)], engine)
    read = head_positions(decoder, curves[:1])
    assert first["antidots"] == (None if read is None else read[0].tolist())
    if prediction == "v":
        assert_same_course(rest, decoder, curves[0], noise, 3)
        return
    # x0 = (x - s ε) / a: at strong noise the rounding of ε is magnified
    x0 = by_pytorch(decoder, curves[0], noise, 3)[1][2][2]
    scale = np.abs(x0).max()
    np.testing.assert_allclose(np.divide(rest[2]["clean"], scale), x0.ravel() / scale, atol=1e-3)


@needs_node
def test_seeds_give_noise_that_comes_again(shipped, curves):
    def asked(seed, samples):
        message = decode_message(curves[0], np.empty((samples, 0)), 1)
        return message | {"noise": None, "seed": seed}

    found = replies(shipped[1], [asked(3, 3), asked(3, 2), asked(4, 1)])
    first = np.array([r["x"] for r in found if r["type"] == "step"])
    np.testing.assert_array_equal(first[:2], first[3:5])
    assert len(np.unique(first[:, 0])) == 4, "each sample and each seed has its own"
    numbers = first[[0, 1, 2, 5]].ravel()
    assert abs(numbers.mean()) < 0.03 and abs(numbers.std() - 1) < 0.03
    assert abs((numbers**4).mean() - 3) < 0.2
    assert abs(np.corrcoef(numbers[:-1], numbers[1:])[0, 1]) < 0.03


@needs_node
def test_what_fails_is_told(shipped):
    asked = [{"type": "decode", "id": 7, "curve": [1.0], "samples": 1}]
    (found,) = replies(shipped[1], asked)
    assert found["type"] == "error" and found["id"] == 7 and "64" in found["message"]


@needs_node
def test_positions_consensus_and_steps_are_those_of_the_package():
    rng = np.random.default_rng(3)
    images = rng.standard_normal((5, DEVICE.length, DEVICE.width))
    images[2:, 20:34, 10:24] -= 3  # a wide hole: the best discs overlap and must not
    antidots = geometry.configurations(DEVICE)[1]
    pairs = antidots[rng.choice(len(antidots), 40)] + rng.integers(-1, 2, (40, 2, 2))
    pairs[::4] = pairs[1::4] + [1, -2]
    steps = [(1000, n) for n in (1, 2, 5, 10, 50, 999, 1000)] + [(40, 3)]
    given = {
        "device": {name: getattr(DEVICE, name) for name in live.NEEDED},
        "images": images.reshape(5, -1).tolist(),
        "pairs": pairs.tolist(),
        "steps": steps,
        "source": live.worker_source(),
    }
    found = node("decoder_positions.js", given=given)
    np.testing.assert_array_equal(found["recovered"], recover(images, DEVICE))
    np.testing.assert_array_equal(found["canonical"], geometry.canonical(pairs, DEVICE))
    k = metrics.within(pairs[:, None], pairs[None], DEVICE)
    np.testing.assert_array_equal(found["within"], k)
    groups = np.split(pairs, 5)
    assert found["agreed"] == [agree(group, DEVICE)[0] for group in groups]
    schedule = Schedule(1000, "cosine"), Schedule(40, "cosine")
    for (T, n), own in zip(steps, found["respaced"], strict=True):
        np.testing.assert_array_equal(own, schedule[T == 40].respaced(n))


def test_the_kernels_are_compiled_from_their_source(tmp_path):
    recorded = dict(
        line.split()[::-1] for line in (live.WEB / "decoder.sha256").read_text().splitlines()
    )
    assert set(recorded) == {"decoder.c", "decoder.wasm"}
    for name, expected in recorded.items():
        own = hashlib.sha256((live.WEB / name).read_bytes()).hexdigest()
        assert own == expected, f"{name} changed: make wasm"


@needs_node
@pytest.mark.skipif(not (shutil.which("clang") and shutil.which("wasm-ld")), reason="no clang")
def test_the_kernels_compile_again(shipped, curves, tmp_path, monkeypatch):
    decoder = shipped[0]
    for source in live.WEB.glob("*.c"):
        shutil.copy(source, tmp_path)
    subprocess.run(["make", "-s", "wasm", f"WEB={tmp_path}"], cwd=HERE.parent, check=True)
    fresh = (tmp_path / "decoder.wasm").read_bytes()
    monkeypatch.setattr(live, "wasm", lambda: fresh)
    noise = np.random.default_rng(4).standard_normal((1, 60, 60))
    found = replies(written(tmp_path, decoder), [decode_message(curves[0], noise, 2)])
    assert_same_course(found, decoder, curves[0], noise, 2)


@needs_node
@pytest.mark.parametrize("width, length", [(33, 26), (21, 30)])
def test_a_wire_of_other_images_runs_too(width, length, curves, tmp_path):
    """Wider than long, or an odd number of sites across: padding on all sides."""
    decoder = random_decoder({"channels": (16, 24)}, "v", "positions", width=width, length=length)
    script, side = written(tmp_path, decoder), decoder.config.device.side
    noise = np.random.default_rng(2).standard_normal((2, side, side))
    asked = [{"type": "read", "id": 0, "curve": curves[0].tolist()}]
    first, *rest = replies(script, asked + [decode_message(curves[0], noise, 2)])
    assert first["antidots"] == head_positions(decoder, curves[:1])[0].tolist()
    assert_same_course(rest, decoder, curves[0], noise, 2)


# --- CSV files

# where the page says something else than qfp, which has options
PAGES_OWN = {
    "Latin-1": "is not UTF-8: save it as 'CSV UTF-8'",
    "tesla": "is it in tesla? Then this page reads rad/plaquette; qfp decode --lattice-nm A reads",
    "a little tesla": "too few: the decoder has 64 fields, give at least 32 (is it in tesla",
    "siemens": "is it in siemens? Then this page reads e^2/h; qfp decode --siemens reads siemens",
    "[T]": "field is in [T]: this page reads rad/plaquette; qfp decode --lattice-nm A reads tesla",
    "[mT]": "field is in [mT]: it must be in [rad/plaquette]",
    "[S]": "conductance is in [S]: this page reads e^2/h",
    "noise [S]": "noise is in [S]: this page reads e^2/h",
}


def read_in_page(contents):
    """What the page reads from the contents of CSV files, str or bytes: {conductance, notes} or
    {error} of each."""
    data = [c.encode() if isinstance(c, str) else c for c in contents]
    given = {
        "source": (live.WEB / "decoder-csv.js").read_text(),
        "grid": DEVICE.fields.tolist(),
        "modes": 11,
        "files": [base64.b64encode(d).decode() for d in data],
    }
    return node("decoder_csv.js", given=given)


@needs_node
def test_a_messy_file_is_one_line_in_the_page():
    """Whatever qfp makes of it; the page reads plain files alone, and says so in its words."""
    cases = {
        name: (content, PAGES_OWN.get(name, ""))
        for name, (content, options, _) in MESSY.items()
        if content is not None and not options  # the page has no options and no folders
    }
    found = read_in_page([content for content, _ in cases.values()])
    for (name, (_, wanted)), reply in zip(cases.items(), found, strict=True):
        error = reply.get("error", "")
        assert wanted in error and "\n" not in error, f"{name}: {reply}"
        assert error.startswith("curve.csv"), name


@needs_node
def test_good_files_are_read_as_qfp_reads_them(tmp_path):
    """To rounding where the points stand on the fields; between them the page interpolates, and qfp
    smooths as the noise allows."""
    grid, rng = DEVICE.fields, np.random.default_rng(5)
    there = np.concatenate([-grid[:0:-1], grid])
    fine = np.linspace(0, 0.06, 200) + rng.uniform(0, 1e-4, 200)
    plain = [
        text(),
        text(grid[::-1]),
        text().replace("\n", ",\r\n"),
        "# measured\n\n" + text().replace("\n", ",7\n").replace("e,7", "e,open_modes") + "\n,\n",
        text().replace("field,conductance", '"Field [rad/plaquette]"," Conductance (e²/h) "'),
        text(smooth(grid), grid, header="conductance,field"),
        b"\xef\xbb\xbf" + text().encode(),
        text(there, smooth(there)),
    ]
    between = [
        text(np.linspace(-0.05, 0.05, 64)),
        text(fine, smooth(fine)),
        text(np.linspace(0.001, 0.0499, 90)),
    ]
    contents = plain + between
    for k, (content, found) in enumerate(zip(contents, read_in_page(contents), strict=True)):
        data = content.encode() if isinstance(content, str) else content
        (tmp_path / "curve.csv").write_bytes(data)
        curve = read_curve(tmp_path / "curve.csv", DEVICE)
        off = 1e-6 if k < len(plain) else 0.05
        np.testing.assert_allclose(found["conductance"], curve.conductance, atol=off)
        if k >= len(plain):
            assert any("interpolat" in note or "taken from" in note for note in found["notes"]), k


# --- in the browser

needs_browser = pytest.mark.skipif(
    browser.browser() is None, reason="no browser is installed: apt-get install chromium"
)
VERDICT = "document.querySelector('.qfp-verdict').textContent"
PANEL = "QFP_LIVE.live[0].decoderPanel"
TEST_CSV = HERE.parent / "notebooks" / "curves" / "test.csv"


@pytest.fixture(scope="module")
def index(shipped, tmp_path_factory):
    """A page of the shipped decoder's wire, with the decoder beside it."""
    out = tmp_path_factory.mktemp("live") / "page"
    return page.write_page(out, DEVICE, "laptop", decoder=shipped[0])


@pytest.fixture(scope="module")
def watched(chromium, index):
    """It, open, and solved once."""
    with browser.opened(chromium, index) as found:
        found.page.wait_for_function(browser.READY)
        yield found


@pytest.fixture
def panel(watched):
    """Its page; it must not have reported an error or asked for anything beyond its folder."""
    yield watched.page
    assert watched.errors == [] and watched.refused == []


def wait(shown, condition):
    """Wait until something holds."""
    shown.wait_for_function(condition)


def decoded(shown, noise):
    """Verdict after the samples from given noise (S, 60, 60) that the page begins now."""
    own = [row.ravel().tolist() for row in noise]
    shown.evaluate(f"noise => {PANEL}.noise = noise", own)
    shown.locator(".qfp-samples").select_option(str(len(noise)))
    shown.get_by_role("button", name="Decode").click()
    wait(shown, VERDICT)
    return shown.locator(".qfp-verdict").inner_text()


def told(pairs):
    """A pair as the page writes it."""
    return " and ".join(f"({x}, {y})" for x, y in pairs)


@needs_browser
def test_nothing_of_the_decoder_is_loaded_before_the_press(panel):
    scripts = "Array.from(document.scripts, s => s.src).filter(s => /decoder-/.test(s)).length"
    loaded = "performance.getEntriesByType('resource').filter(e => /decoder-/.test(e.name)).length"
    assert panel.evaluate(scripts) == panel.evaluate(loaded) == 0
    assert "The first press loads 13 MB" in panel.locator(".qfp-panel").inner_text()


@needs_browser
def test_decode_gives_pytorchs_answer_and_the_solver_judges_it(panel, shipped):
    decoder, noise = shipped[0], np.random.default_rng(6).standard_normal((2, 60, 60))
    curve = np.array(panel.evaluate("Array.from(QFP_LIVE.live[0].curve())"))
    verdict = decoded(panel, noise)
    ldos, _ = by_pytorch(decoder, curve, noise, decoder.config.sampling.steps)
    pairs = positions(ldos[:, None], DEVICE)[:, 0]
    answer = pairs[agree(pairs, DEVICE)[0]]
    assert told(answer) in verdict and "2 of 2 samples" in verdict
    captions = panel.locator(".qfp-thumbs .qfp-caption").all_inner_texts()
    assert [told(pair) in text for pair, text in zip(pairs, captions, strict=True)] == [True, True]
    scene = panel.evaluate("QFP_LIVE.live[0].scene().antidots")
    assert (answer == geometry.canonical(scene, DEVICE)).all(), "the network knows this wire"
    assert "this wire, or a copy of it, gave the curve" in verdict
    head = panel.locator(".qfp-head")
    assert head.locator("option").count() == 16
    head.select_option("up30 2")
    assert "B_j of up30, head 3" in panel.locator(".qfp-maps").inner_text()


@needs_browser
def test_the_read_out_follows_a_hole(panel, shipped):
    if panel.evaluate(f"{PANEL}.model === null"):
        decoded(panel, np.random.default_rng(6).standard_normal((1, 60, 60)))
    handle = panel.locator(".qfp-antidot").first
    handle.focus()
    for key, steps in (("ArrowUp", 1), ("ArrowRight", 2)):
        for _ in range(steps):
            before = panel.locator(".qfp-read").inner_text()
            panel.keyboard.press(key)
            wait(panel, f"document.querySelector('.qfp-read').textContent !== {before!r}")
    wait(panel, "document.querySelector('.qfp-read').textContent.includes('The wire is')")
    scene = panel.evaluate("QFP_LIVE.live[0].scene().antidots")
    truth = geometry.canonical(scene, DEVICE)
    wait(panel, f"document.querySelector('.qfp-read').textContent.includes({told(truth)!r})")
    curve = np.array([panel.evaluate("Array.from(QFP_LIVE.live[0].curve())")])
    read = head_positions(shipped[0], curve)[0]
    off = metrics.within(read, truth, DEVICE)
    text = panel.locator(".qfp-read").inner_text()
    assert f"ms: {told(read)}: {f'{off} site' if off else 'right'}" in text
    panel.get_by_role("button", name="Add", exact=True).click()
    wait(panel, "/never seen such a wire/.test(document.querySelector('.qfp-read').textContent)")
    panel.get_by_role("button", name="Undo").click()


@needs_browser
def test_a_file_of_ones_own_is_decoded_and_bad_ones_are_told(panel, shipped, tmp_path):
    drop = """([name, text]) => {
        const data = new DataTransfer();
        data.items.add(new File([text], name));
        const event = { dataTransfer: data, bubbles: true, cancelable: true };
        document.querySelector('.qfp-plot').dispatchEvent(new DragEvent('drop', event));
    }"""
    noise = np.random.default_rng(7).standard_normal((1, 60, 60))
    panel.evaluate(f"noise => {PANEL}.noise = noise", [noise[0].ravel().tolist()])
    panel.locator(".qfp-samples").select_option("1")
    panel.evaluate(drop, ["mine.csv", TEST_CSV.read_text()])
    # the verdict on the curve before stands until the file is read
    wait(panel, f"{PANEL}.given?.name === 'mine.csv' && {VERDICT}.startsWith('Answer')")
    curve = read_curve(TEST_CSV, DEVICE).conductance
    answer = positions(by_pytorch(shipped[0], curve, noise, 10)[0][None], DEVICE)[0, 0]
    verdict = panel.locator(".qfp-verdict").inner_text()
    assert told(answer) in verdict and "A random potential can do that" in verdict
    assert "dashed: mine.csv" in panel.locator(".qfp-legend").inner_text()
    panel.get_by_role("button", name="Put the answer").click()
    wait(panel, f"JSON.stringify(QFP_LIVE.live[0].curveOf.antidots) === '{compact(answer)}'")
    exact = np.array(panel.evaluate("Array.from(QFP_LIVE.live[0].curve())"))
    assert f"{np.sqrt(np.mean((exact - curve) ** 2)):.3f} e²/h rms" in verdict
    (tmp_path / "bad.csv").write_text("field,conductance\n0,5\n0.01,high\n")
    panel.locator(".qfp-file").set_input_files(tmp_path / "bad.csv")
    wait(panel, "/line 3: conductance 'high' is not a number/.test(document.body.textContent)")
    panel.get_by_role("button", name="Back to the wire's own curve").click()
    assert panel.evaluate(f"{PANEL}.given") is None
    panel.locator(".qfp-legend").wait_for(state="hidden")  # when the picture is drawn again


def compact(pair):
    """A pair as JSON without spaces."""
    return json.dumps(np.asarray(pair).tolist(), separators=(",", ":"))


@needs_browser
def test_a_run_is_stopped_and_begun_again(panel):
    panel.evaluate(f"{PANEL}.noise = undefined")
    steps = panel.evaluate(f"{PANEL}.model.sampling.steps")
    panel.evaluate(f"{PANEL}.model.sampling.steps = 500")  # it is stopped before it is done
    panel.locator(".qfp-samples").select_option("16")
    panel.get_by_role("button", name="Decode this curve").click()
    wait(panel, "/^Sample 1/.test(document.querySelector('.qfp-panel .qfp-say').textContent)")
    panel.get_by_role("button", name="Stop").click()
    panel.evaluate(f"{PANEL}.model.sampling.steps = {steps}")
    panel.locator(".qfp-samples").select_option("2")
    panel.get_by_role("button", name="Decode this curve").click()
    wait(panel, VERDICT)
    assert "of 2 samples" in panel.locator(".qfp-verdict").inner_text()
    assert panel.locator(".qfp-thumbs .qfp-map").count() == 2


@needs_browser
def test_the_study_compares_like_with_like(panel, shipped, monkeypatch):
    monkeypatch.setattr(network, "READS", 3)
    row = network.compare(panel, shipped[0], samples=1)
    assert 0 < row["agreement"] < 1e-4 and row["steps"] == 10
    for name in ("wasm", "pytorch"):
        assert 0 < row[name]["read_ms"] < row[name]["sample_ms"]


@needs_browser
def test_the_page_decodes_without_webassembly(chromium, index):
    with browser.opened(chromium, index, query=browser.DOUBLE + "&engine=js") as found:
        shown = found.page
        wait(shown, browser.READY)
        assert "plain JavaScript" in shown.locator(".qfp-clock").inner_text()
        shown.locator(".qfp-samples").select_option("1")
        shown.get_by_role("button", name="Decode this curve").click()
        shown.wait_for_function(VERDICT)
        assert "this wire, or a copy of it" in shown.locator(".qfp-verdict").inner_text()
        assert "some seconds a sample" in shown.locator(".qfp-panel").inner_text()
        assert found.errors == []


@needs_browser
def test_a_page_whose_weights_are_missing_says_so(index, chromium, tmp_path):
    alone = shutil.copytree(index.parent, tmp_path / "page")
    (alone / "decoder-laptop.js").unlink()
    with browser.opened(chromium, alone / "index.html") as found:
        wait(found.page, browser.READY)
        found.page.get_by_role("button", name="Decode this curve").click()
        wait(found.page, "/decoder-laptop.js did not load/.test(document.body.textContent)")


def test_weights_are_written_where_they_fit():
    assert live.fitting(load_preset("smoke")).config.preset == "laptop"
    assert live.fitting(dataclasses.replace(CONFIG, weights="nothing")) is None
    assert live.fitting(load_preset("antidots")) is None, "its network reads any number"
    longer = dataclasses.replace(DEVICE, energy=0.6)
    assert live.fitting(dataclasses.replace(CONFIG, device=longer)) is None
