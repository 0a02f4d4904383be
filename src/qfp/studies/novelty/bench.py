"""What all parts of the study of novelty share: curves, answers to them, and their judgement."""

import dataclasses

import numpy as np

from qfp.data import foreign, simulate
from qfp.decoding import decode, novelty
from qfp.decoding.decode import head_positions
from qfp.physics import geometry, symmetry
from qfp.studies.frame import Run

FAMILY_CURVES, FEW = 200, 1  # foreign curves of a family that are judged, and the samples of each
TRIAL_CURVES = 100  # foreign curves of a family, behind those, on which the score is chosen


class Clean:
    """Exact curves at V = 0 of all configurations of a device, looked up, not solved again."""

    def __init__(self, device, folder):
        orbits, antidots = geometry.configurations(device)
        # (N, F) [e^2/h]
        self.device, self.curves = device, simulate.simulated(device, antidots, None, folder)
        self.place = {tuple(orbit): n for n, orbit in enumerate(orbits.tolist())}

    def of(self, antidots):
        """Curves (N, F) of pairs; those that the rule of the dataset forbids, which a read-out may
        name, are left out."""
        places = [
            self.place.get(tuple(orbit)) for orbit in geometry.orbit(antidots, self.device).tolist()
        ]
        return self.curves[[n for n in places if n is not None]].astype(float)

    def explained(self, antidots, near=True):
        """As novelty.explained; near=False: of the pairs alone."""
        return [
            self.of(symmetry.neighbours(pair, self.device) if near else np.asarray(pair)[None])
            for pair in antidots
        ]


def consensus(antidots, device):
    """Answers (B, 2, 2) of samples (B, S, 2, 2)."""
    return np.stack([pairs[decode.agree(pairs, device)[0]] for pairs in antidots])


@dataclasses.dataclass(frozen=True)
class Bench:
    """The run, the curves of training configurations and exact curves."""

    run: Run
    training: np.ndarray  # (M, F) [e^2/h]
    clean: Clean

    def values(self, rows):
        """Genuine curves (B, F) of rows (B, 2) of (potential, configuration)."""
        return self.run.pairs.conductance[rows[:, 0], rows[:, 1]].astype(float)

    def family(self, name, rows):
        """Foreign curves: FAMILY_CURVES to judge, and TRIAL_CURVES. rows: of the genuine ones that
        some alter."""
        given = {
            "curves": self.values(rows),
            "low": self.training.min(axis=0),
            "high": self.training.max(axis=0),
        }
        number, run = FAMILY_CURVES + TRIAL_CURVES, self.run
        device, folder = self.clean.device, run.curves_folder
        made = foreign.curves(name, device, number, run.seed, given, folder)
        return np.split(made, [FAMILY_CURVES])

    def answers(self, name, curves, rows, samples):
        """Antidots (B, S, 2, 2) that the decoder's samples show for curves (B, F); the noise is a
        pure function of (seed, row)."""

        def keep(ldos):
            return decode.conclude(ldos, self.clean.device).antidots

        return self.run.samples(f"{name} x{samples}", curves, rows, samples, keep=keep)

    def quick(self, name, curves, rows):
        """Antidots (B, 2, 2) that the read-out of the curve gives; of weights without one, those of
        one sample."""
        head = head_positions(self.run.decoder, curves)
        if head is None:
            return self.answers(name, curves, rows, 1)[:, 0]
        return geometry.canonical(head, self.clean.device)

    def judged(self, reference, curves, answers, noise=None):
        """Novelty (B,) of curves with answers (B, 2, 2), and the rms difference to what explains
        them best [e^2/h]."""
        exact = self.clean.explained(answers)
        square = [
            np.square(curve - own).mean(axis=1).min(initial=np.inf)
            for curve, own in zip(curves, exact, strict=True)
        ]
        return novelty.novelties(reference, curves, exact, noise), float(np.sqrt(np.median(square)))
