"""A few unseen wires and the network's own generations of them, on which attention is looked at
without the study's large file: what is counted here must agree with it."""

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from qfp.data import dataset
from qfp.data.simulate import simulate
from qfp.decoding.decode import Decoder
from qfp.model.condition import GRID
from qfp.model.diffusion import initial_noise
from qfp.physics import geometry
from qfp.studies.attention import marks, watch
from qfp.studies.attention.rows import interval

FRAMES = (0, 50, 99, 150, 199, 299, 399, 499, 599, 699, 849, 999)  # of a thousand steps


class Marked(NamedTuple):
    """How maps mark the antidots, means over the curves; low, high: 95 % of own - other, paired."""

    label: str
    own: np.ndarray  # (S,) AUC for the curve's own antidots
    other: np.ndarray  # (S,) the same maps against those of the other curves
    low: np.ndarray  # (S,)
    high: np.ndarray  # (S,)


class FirstStep(NamedTuple):
    """A head where the image is pure noise; bounds are 95 % intervals of own - other."""

    own: float
    difference: float  # own - other
    bounds: tuple  # (low, high)
    without_curve: tuple  # (low, high), the same pass with the empty condition


@dataclass(frozen=True)
class Subject:
    """A decoder and unseen wires B of it, under one potential. seed: of intervals and of the first
    wire's noise; the wires have the noise of the seeds 0 to B - 1."""

    decoder: Decoder
    pairs: dataset.Pairs
    seen: int  # how many of the wires were seen in training
    seed: int

    @classmethod
    def of(cls, decoder, number, seed):
        """The first `number` test wires of a decoder's split, from the exact solver."""
        own = decoder.config
        test, train = (dataset.configurations_of(own, part) for part in ("test", "train"))
        pairs = simulate(own, test[:number], potentials=(0,))
        return cls(decoder, pairs, len({*test[:number]} & {*train}), seed)

    @cached_property
    def blocks(self):
        """Names of the layers of full attention at 15 x 15."""
        return watch.full_layers(self.decoder.model)

    @property
    def antidots(self):
        """Their antidots, int (B, 2, 2)."""
        return self.pairs.antidots.astype(int)

    @cached_property
    def cells(self):
        """Cells on an antidot, bool (B, 15, 15)."""
        return marks.grid_cells(self.antidots, self.pairs.device)

    @cached_property
    def valid(self):
        """Cells on the wire, bool (15, 15)."""
        return marks.wire_cells(self.pairs.device)

    @cached_property
    def ratio(self):
        """σ/α of each diffusion step, (T,)."""
        return self.decoder.schedule.ratio.numpy()

    @cached_property
    def truth(self):
        """The true images averaged over cells, normalised: (B, 15, 15)."""
        images = self.decoder.normal.image(self.pairs.ldos[0].astype(np.float32))
        return marks.cell_means(images[:, 0].numpy())

    @cached_property
    def condition(self):
        """What the network makes of the curves."""
        decoder = self.decoder
        return decoder.model.encode(decoder.normal.curve(self.pairs.conductance[0]))

    def follow(self, condition, seeds, steps, sampler, keep=None):
        """watch.Trajectory of the blocks along generations, one for each of the seeds."""
        given = self.decoder.model, self.decoder.schedule, condition, seeds, steps, sampler
        return watch.importance_trajectory(*given, self.blocks, keep)

    def one_generation(self):
        """watch.Trajectory of the first wire through all ancestral steps, kept at those nearest to
        FRAMES of a thousand."""
        T = self.decoder.schedule.steps
        keep = sorted({index * (T - 1) // 999 for index in FRAMES})
        return self.follow(self.condition.index([0]), [self.seed], T, "ancestral", keep)

    def generations(self, steps):
        """watch.Trajectory of all wires along DDIM."""
        return self.follow(self.condition, list(range(len(self.cells))), steps, "ddim")

    def without_curve(self):
        """B_j {block: (B, head, 15, 15)} of the first step's pass with the empty condition."""
        model, (B, side) = self.decoder.model, (len(self.cells), self.pairs.device.side)
        x = initial_noise((1, side, side), list(range(B))).float()
        last = self.decoder.schedule.steps - 1
        return watch.importance_at(model, x, last, model.null(B), self.blocks)

    def mark(self, label, maps):
        """`Marked` of maps (S, B, 15, 15): large values are to mean antidots."""
        own, other = marks.own_and_other(marks.auc_table(maps, self.cells, self.valid))
        bounds = interval(own - other, self.seed).T
        return Marked(label, own.mean(axis=-1), other.mean(axis=-1), *bounds)

    def mark_heads(self, importance):
        """`Marked` of each head of B_j {block: (S, B, head, 15, 15)}: {block: [head 1, ...]}."""
        return {
            block: [self.mark(f"head {h + 1}", B[:, :, h]) for h in range(B.shape[2])]
            for block, B in importance.items()
        }

    def mark_all(self, path):
        """`Marked` of all heads and of the images along a Trajectory: {block or 'images': [...]}.

        Of images, low values are to mean antidots."""
        images = [
            self.mark("noisy image $x_t$", -marks.cell_means(path.x)),
            self.mark(r"predicted $\hat x_0$", -marks.cell_means(path.x0)),
        ]
        return self.mark_heads(path.importance) | {"images": images}

    def first_steps(self, groups, empty):
        """{'BLOCK head H': FirstStep} of `mark_all` and of `without_curve`."""
        controls = self.mark_heads({block: B[None] for block, B in empty.items()})
        return {
            f"{block} {with_curve.label}": FirstStep(
                with_curve.own[0],
                with_curve.own[0] - with_curve.other[0],
                (with_curve.low[0], with_curve.high[0]),
                (without.low[0], without.high[0]),
            )
            for block, heads in controls.items()
            for with_curve, without in zip(groups[block], heads)
        }

    def usual(self):
        """Map (B, 15, 15) of where antidots usually are, one for all wires: the share of all
        configurations with an antidot in the cell."""
        device = self.pairs.device
        share = marks.grid_cells(geometry.configurations(device)[1], device).mean(axis=0)
        return np.broadcast_to(share, self.cells.shape)

    def prior(self):
        """AUC of the map of where antidots usually are."""
        table = marks.auc_table(self.usual(), self.cells, self.valid)
        return marks.own_and_other(table)[0].mean()

    def places(self):
        """Cells (B, 15, 15) of the lower and the upper antidot, beside antidots and elsewhere."""
        lower, upper = (
            marks.grid_cells(self.antidots[:, k : k + 1], self.pairs.device) for k in (0, 1)
        )
        rim = self.valid & marks.rim_cells(self.cells)
        elsewhere = self.valid & ~self.cells & ~rim
        return {"lower": lower, "upper": upper, "rim": rim, "elsewhere": elsewhere}

    def show(self):
        """What is looked at, in two lines."""
        blocks, layers = self.blocks, self.decoder.model.attention_layers()
        return (
            f"blocks with full attention at {GRID} x {GRID}: {', '.join(blocks)}; heads: "
            f"{layers[blocks[0]].heads}\n"
            f"{self.seen} of the wires below were seen in training; {self.valid.sum()} of "
            f"{self.valid.size} cells lie on the wire"
        )
