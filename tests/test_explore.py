"""The explorer, headless: what the widgets show comes from plain functions."""

import dataclasses

import numpy as np
import pytest
import torch

from qfp.book import explore
from qfp.config import load_preset
from qfp.data.normalise import Normalisation
from qfp.decoding import decode
from qfp.decoding.decode import Decoder
from qfp.model.diffusion import Schedule
from qfp.model.unet import UNet
from qfp.physics import geometry, green
from qfp.tools import SettingsError

CONFIG = load_preset("smoke", device={"field_points": 4}, sampling={"steps": 2})
DEVICE = CONFIG.device


@pytest.fixture
def decoder():
    """What load_decoder gives, with an untrained network."""
    constants = Normalisation((8.0,) * 4, (0.5,) * 4, 0.05, 0.05, DEVICE.width, DEVICE.length)
    model = UNet(CONFIG.network, 4).eval()
    return Decoder(model, CONFIG, constants, Schedule(1000, "cosine", "v"), {})


def test_scene_is_the_exact_solution():
    explore.prepare(DEVICE)
    scene = explore.look(DEVICE, [[33, 41], [10, 20]])
    assert scene.antidots.tolist() == [[10, 20], [33, 41]], "lower one first"
    wires = [
        green.wire(DEVICE, b, np.zeros((DEVICE.length, DEVICE.width)))
        for b in DEVICE.fields[[0, -1]]
    ]
    mask = geometry.removed_mask(scene.antidots, DEVICE)
    rings = torch.as_tensor(geometry.ring(mask))[None]
    exact = [float(green.conductance(wire, rings)[0]) for wire in wires]
    np.testing.assert_allclose(scene.conductance[[0, -1]], exact, atol=1e-9)
    assert (scene.image[mask] == 0).all() and (scene.image[~mask] > 0).all()


def test_notes_and_errors():
    assert "canonical placement." in explore.look(DEVICE, [[15, 18], [32, 41]]).note
    assert "(10, 19) and (33, 40)" in explore.look(DEVICE, [[10, 20], [33, 41]]).note
    assert "dataset's rule" in explore.look(DEVICE, [[5, 18], [32, 41]]).note
    # two antidots in one
    assert "dataset's rule" in explore.look(DEVICE, [[15, 18], [20, 20]]).note
    with pytest.raises(SettingsError, match="leaves the wire"):
        explore.look(DEVICE, [[3, 18], [20, 20]])


def test_answer_is_beside_the_canonical_truth(decoder):
    scene = explore.look(DEVICE, [[10, 20], [33, 41]])
    answer = explore.ask(decoder, scene, samples=2)
    assert answer.truth.antidots.tolist() == [[10, 19], [33, 40]]
    np.testing.assert_allclose(
        answer.truth.conductance, scene.conductance, atol=1e-9, err_msg="copies share the curve"
    )
    again = decode.decode(decoder, scene.conductance[None], 2)
    np.testing.assert_array_equal(answer.decoded.ldos, again.ldos)
    assert f"off by {answer.error} site" in explore.verdict(answer)
    right = dataclasses.replace(answer, error=0)
    assert "exactly right" in explore.verdict(right)
    assert explore.answer_picture(DEVICE, answer).startswith(b"\x89PNG")


def test_pictures_depend_on_the_scene_alone():
    scene = explore.look(DEVICE, [[15, 18], [32, 41]])
    assert explore.picture(DEVICE, scene) == explore.picture(DEVICE, scene)
    assert b"matplotlib" not in explore.picture(DEVICE, scene).lower()


def test_flipbook_needs_no_kernel(monkeypatch):
    """The browser's own link, not a Python callback, joins slider and frames."""
    links = []
    monkeypatch.setattr(explore.widgets, "jslink", lambda *ends: links.append(ends))
    book = explore.flipbook([b"a", b"b", b"c"], "title", "frame")
    label, slider, stack = book.children
    assert explore.HERE in label.value
    assert (slider.min, slider.max) == (0, 2) and [image.value for image in stack.children] == [
        b"a",
        b"b",
        b"c",
    ]
    assert links == [((slider, "value"), (stack, "selected_index"))]


def test_explorer_follows_its_sliders(decoder):
    explorer = explore.Explorer(decoder, samples=1)
    before = bytes(explorer.picture.value)
    assert before.startswith(b"\x89PNG") and " ms" not in explorer.status.value
    explorer.sliders[0].value = 20
    assert explorer.picture.value != before and " ms" in explorer.status.value
    assert explorer.scene.antidots.tolist() == [[20, 18], [32, 41]]


def test_sliders_keep_the_antidots_inside(decoder):
    explorer = explore.Explorer(decoder, samples=1)
    for value in ("min", "max"):
        for slider in explorer.sliders:
            slider.value = getattr(slider, value)
        # one on top of the other
        assert geometry.removed_mask(explorer.scene.antidots, DEVICE).sum() == 81
        assert "dataset's rule" in explorer.status.value


def test_explorer_decodes(decoder):
    explorer = explore.Explorer(decoder, samples=2)
    explorer.button.click()
    assert (
        bytes(explorer.answer.value).startswith(b"\x89PNG")
        and "Consensus of 2 samples" in explorer.verdict.value
    )
    explorer.sliders[0].value = 20
    assert "earlier pair" in explorer.verdict.value
