"""The explorer of notebook 10: put antidots into the wire, see LDOS and curve from the exact
solver, decode the curve.

What a widget shows is computed by plain functions first; the widgets below only call them.
"""

import time
from dataclasses import dataclass

import ipywidgets as widgets
import numpy as np

from qfp.decoding import decode, metrics
from qfp.figures import network as network_figures
from qfp.figures.pixels import png
from qfp.physics import geometry, green

DPI = 94  # of pictures as wide as they are shown
HERE, KERNEL = "works here, without a kernel", "needs a kernel: run this notebook in Jupyter"


@dataclass(frozen=True)
class Scene:
    """A wire without random potential (V = 0): antidots (2, 2), LDOS (L, W) [1/t], curve (F,)
    [e^2/h]."""

    antidots: np.ndarray
    image: np.ndarray
    conductance: np.ndarray
    note: str  # what a reader should know about this pair
    seconds: float  # time of the solver


def prepare(device):
    """Compute the clean wires of all fields, once a session; seconds it took. Every scene after
    that takes a moment."""
    start = time.perf_counter()
    for b in device.fields:
        green.clean_wire_cached(device, float(b))
    return time.perf_counter() - start


def look(device, antidots):
    """Scene of a pair of antidots, which may overlap; SettingsError where one leaves the wire."""
    antidots = geometry.ordered(antidots)
    start = time.perf_counter()
    conductance, _, image = green.solve(device, antidots, image=True)
    seconds = time.perf_counter() - start
    if not geometry.in_dataset(antidots, device):
        note = (
            "This pair breaks the dataset's rule (one site of clearance each): the network has "
            "seen nothing like it."
        )
    elif (geometry.canonical(antidots, device) != antidots).any():
        places = " and ".join(f"({x}, {y})" for x, y in geometry.canonical(antidots, device))
        note = (
            f"This pair shares its curve with its canonical copy, antidots at {places}: a "
            "decoder can name only that."
        )
    else:
        note = "This pair stands in the canonical placement."
    return Scene(antidots, image, conductance, note, seconds)


@dataclass(frozen=True)
class Answer:
    """What the network says to a scene's curve, beside the truth in the canonical placement."""

    truth: Scene
    decoded: object  # decode.Decoded of one curve
    error: int  # sites by which the consensus is off, see metrics.within


def ask(decoder, scene, samples=4, seed=0):
    """Answer to a scene's curve; decoder: a decode.Decoder."""
    device = decoder.config.device
    truth = look(device, geometry.canonical(scene.antidots, device))
    decoded = decode.decode(decoder, scene.conductance[None], samples, seed=seed)
    return Answer(truth, decoded, int(metrics.within(decoded.consensus[0], truth.antidots, device)))


# --- pictures


def picture(device, scene):
    """PNG of a scene."""
    return png(
        network_figures.wire_and_curve(
            scene.image, scene.antidots, device.fields, scene.conductance, device.radius
        )
    )


def answer_picture(device, answer):
    """PNG of an answer."""
    decoded = answer.decoded
    return png(
        network_figures.truth_and_samples(
            answer.truth.image,
            answer.truth.antidots,
            decoded.ldos[0],
            decoded.antidots[0],
            device.radius,
        ),
        DPI,
    )


def verdict(answer):
    """An answer in a sentence."""
    places = " and ".join(f"({x}, {y})" for x, y in answer.decoded.consensus[0])
    off = (
        "exactly right"
        if answer.error == 0
        else f"off by {answer.error} site" + "s" * (answer.error > 1)
    )
    samples = answer.decoded.ldos.shape[1]
    return (
        f"Consensus of {samples} samples: antidots at {places}, {off} (modulo the symmetries); "
        f"{answer.decoded.probability[0]:.0%} of the samples lie within one site of it."
    )


# --- widgets


def _label(text, works):
    return widgets.HTML(f"<b>{text}</b> <i>[{works}]</i>")


def flipbook(frames, text, description, width="680px"):
    """Slider over PNG frames that needs no kernel: all frames are in the page, the browser shows
    one of them."""
    pictures = [
        widgets.Image(value=frame, format="png", layout={"max_width": "98%", "width": width})
        for frame in frames
    ]
    stack = widgets.Stack(pictures, selected_index=0)
    slider = widgets.IntSlider(
        value=0,
        min=0,
        max=len(frames) - 1,
        description=description,
        readout=False,
        layout={"width": "460px"},
        style={"description_width": "initial"},
    )
    widgets.jslink((slider, "value"), (stack, "selected_index"))
    return widgets.VBox([_label(text, HERE), slider, stack])


class Explorer(widgets.VBox):
    """Sliders for two antidots; LDOS and curve follow. A button decodes the curve with the network
    of `decoder`."""

    def __init__(self, decoder, antidots=((15, 18), (32, 41)), samples=4):
        self.decoder, self.device, self.samples = decoder, decoder.config.device, samples
        r, (W, L) = int(self.device.radius), (self.device.width, self.device.length)
        limits = [(r, W - 1 - r), (r + 1, L - 2 - r)] * 2
        self.sliders = [
            widgets.IntSlider(
                value=value, min=low, max=high, description=name, continuous_update=False
            )
            for name, value, (low, high) in zip(
                ("x1", "y1", "x2", "y2"), np.ravel(antidots).tolist(), limits
            )
        ]
        self.status, self.verdict = widgets.HTML(), widgets.HTML()
        layout = {"max_width": "98%", "width": "680px"}
        self.picture = widgets.Image(format="png", layout=layout)
        self.answer = widgets.Image(format="png", layout=layout)
        self.button = widgets.Button(description="decode it", button_style="primary")
        self.update()
        for slider in self.sliders:
            slider.observe(self.update, "value")
        self.button.on_click(self.decode)
        super().__init__(
            [
                _label("Two antidots, centres in sites", KERNEL),
                widgets.HBox([widgets.VBox(self.sliders[:2]), widgets.VBox(self.sliders[2:])]),
                self.status,
                self.picture,
                _label("Decode this curve", KERNEL),
                self.button,
                self.verdict,
                self.answer,
            ]
        )

    def update(self, change=None):
        """Show the scene of the sliders; their ranges keep the antidots inside the wire."""
        x1, y1, x2, y2 = (slider.value for slider in self.sliders)
        self.scene = look(self.device, [[x1, y1], [x2, y2]])
        # no clock in the committed page
        took = "" if change is None else f" Solved in {1000 * self.scene.seconds:.0f} ms."
        self.status.value = self.scene.note + took
        self.picture.value = picture(self.device, self.scene)
        self.verdict.value = (
            "" if self.verdict.value == "" else "The answer below belongs to an earlier pair."
        )

    def decode(self, button=None):
        """Decode the curve of the scene and show the samples beside the truth."""
        self.verdict.value = "decoding ..."
        answer = ask(self.decoder, self.scene, self.samples)
        self.answer.value = answer_picture(self.device, answer)
        self.verdict.value = verdict(answer)
