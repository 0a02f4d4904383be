"""A few wires decoded here and now: from their curves, and from curves that were changed."""

from typing import NamedTuple

import numpy as np

from qfp.data.dataset import Pairs, configurations_of
from qfp.data.simulate import simulate
from qfp.decoding import decode, metrics, novelty, positions
from qfp.studies.frame import noise_seeds
from qfp.studies.limits.robustness import noisy


class Wires(NamedTuple):
    """Test configurations under potential 0."""

    pairs: Pairs
    rows: np.ndarray  # (B, 2) potential and configuration

    @property
    def curves(self):
        """Their curves (B, F) [e^2/h]."""
        return self.pairs.conductance[0]

    @property
    def truth(self):
        """Their images (B, L, W) [1/t]."""
        return self.pairs.ldos[0].astype(float)


class Given(NamedTuple):
    """What the decoder is given."""

    curves: np.ndarray  # (B, F) [e^2/h]
    gamma: float  # 0: the curves are not read


def simulated(trained, number):
    """The first `number` test configurations of a trained config, as Wires."""
    chosen = np.array(configurations_of(trained, "test")[:number])
    pairs = simulate(trained, chosen, potentials=(0,))
    return Wires(pairs, np.stack([np.zeros_like(chosen), chosen], axis=1))


def changed(wires, seed):
    """What is decoded of Wires, {name: Given}: the curves as they are, with noise, at fields that
    are off by one step, G(b_k - db) with G(-b) = G(b), and not at all."""
    curves = wires.curves
    return {
        "as it is": Given(curves, 1.0),
        "noise 0.05 e²/h": Given(noisy(curves, wires.rows, 0.05, seed), 1.0),
        "one field step off": Given(curves[:, abs(np.arange(curves.shape[1]) - 1)], 1.0),
        "no curve": Given(curves, 0.0),
    }


def decoded(decoder, wires, given, config):
    """One sample (B, L, W) [1/t] for each of Wires from what is given, by a config's seed and
    sampling. All that is given of a wire starts from the same noise."""
    seeds, own = noise_seeds(wires.rows, 1, config.seed), config.sampling
    return decode.draw(decoder, given.curves, seeds, own.steps, own.sampler, given.gamma)[:, 0]


def scale(wires):
    """How large a field step is, and how much the curves vary, as two lines."""
    device, curves = wires.pairs.device, wires.curves
    step, quanta = device.fields[1], device.fields[1] * device.width * device.length / (2 * np.pi)
    return (
        f"one field step: {step:.2g} rad/plaquette, of a sweep to {device.field_max:g}; "
        f"{quanta:.2f} flux quanta through the wire\nthe curves themselves vary over the sweep by "
        f"{np.median(curves.std(axis=1)):.2f} e²/h (standard deviation, median), and from one "
        f"field to the next by {np.median(np.abs(np.diff(curves))):.2f} e²/h"
    )


def scores(wires, images):
    """A line for each of images {name: (B, L, W)}: antidots found, and likeness to the truth."""
    device, lines = wires.pairs.device, []
    for name, ldos in images.items():
        answers = positions.positions(ldos[:, None], device)[:, 0]
        errors = metrics.within(answers, wires.pairs.antidots, device)
        r = np.median(metrics.pearson(ldos, wires.truth))
        lines.append(
            f"{name}: {np.sum(errors == 0)} of {len(errors)} exact, {np.sum(errors <= 1)} within "
            f"one site, Pearson r {r:.3f} (median)"
        )
    return "\n".join(lines)


def flagged(reference, given, images):
    """How many curves the novelty flags, a line for each of `given` {name: Given} that is read."""
    lines = []
    for name, (curves, gamma) in given.items():
        if gamma:
            answers = decode.conclude(images[name][:, None], reference.device)
            judged = novelty.judge(reference, curves, answers)
            lines.append(
                f"the wires above, {name}: {judged.flagged.sum()} of {len(curves)} flagged"
            )
    return "\n".join(lines)
