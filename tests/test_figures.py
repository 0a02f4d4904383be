"""Figures: the right way up, in sites, drawable from arrays alone."""

import io
import warnings
from types import SimpleNamespace

import matplotlib
import matplotlib.pyplot as plt
import numpy as np
import pytest
import scipy.ndimage
import torch
from matplotlib.patches import Circle

from qfp.config import load_preset
from qfp.figures import architecture as architecture_figures
from qfp.figures import attention as attention_figures
from qfp.figures import calibration as calibration_figures
from qfp.figures import limit_images, samplers, shares
from qfp.figures import limits as limits_figures
from qfp.figures import network as network_figures
from qfp.figures import score as score_figures
from qfp.figures import solver as solver_figures
from qfp.figures import two_stage as two_stage_figures
from qfp.figures import waves as wave_figures
from qfp.figures import wire as wire_figures
from qfp.model import anatomy
from qfp.model.unet import UNet
from qfp.physics import geometry
from qfp.studies.limits import memory_report
from qfp.studies.score import forcefield

DEVICE = load_preset("smoke").device
RNG = np.random.default_rng(0)
PAIR = np.array([[10, 20], [33, 41]])
IMAGE = np.where(geometry.removed_mask(PAIR, DEVICE), 0.0, 0.1 * RNG.random((60, 50)))
FIELDS = DEVICE.fields
CURVE = 8 + RNG.random(64)


def rendered(figure):
    """PNG bytes; every warning is an error."""
    buffer = io.BytesIO()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure.savefig(buffer, format="png")
    return buffer.getvalue()


def axes():
    with wire_figures.style():
        return wire_figures.canvas(3).subplots()


def test_row_0_is_drawn_at_the_bottom_and_pixels_lie_on_their_sites():
    for margin, cell, shape in ((0, 1, (60, 50)), (5, 1, (60, 60)), (5, 4, (15, 15))):
        ax = axes()
        shown = wire_figures.ldos_image(ax, np.zeros(shape), margin=margin, cell=cell)
        assert shown.origin == "lower"
        left, right, bottom, top = shown.get_extent()
        assert (left, bottom) == (-0.5 - margin, -0.5)
        assert ((right - left) / shape[1], (top - bottom) / shape[0]) == (cell, cell)
        assert not ax.yaxis_inverted() and ax.get_aspect() == 1
        assert (ax.get_xlabel(), ax.get_ylabel()) == ("x [site]", "y [site]")


def test_outlines_enclose_the_removed_sites():
    ax = axes()
    wire_figures.ldos_image(ax, IMAGE, PAIR, DEVICE.radius)
    circles = [patch for patch in ax.patches if isinstance(patch, Circle)]
    y, x = np.nonzero(geometry.removed_mask(PAIR, DEVICE))
    inside = [np.hypot(x - c.center[0], y - c.center[1]) <= c.radius for c in circles]
    assert len(circles) == 2 and np.any(inside, axis=0).all()
    y, x = np.nonzero(~geometry.removed_mask(PAIR, DEVICE))
    outside = [np.hypot(x - c.center[0], y - c.center[1]) > c.radius for c in circles]
    assert np.all(outside, axis=0).mean() > 0.98


def window():
    """Removed sites, ring and neighbours of two antidots in a window of the wire."""
    removed, ring = geometry.removed_mask(PAIR, DEVICE), np.zeros((60, 50), bool)
    ring.flat[geometry.ring(removed)] = True
    return removed[10:50], ring[10:50], (scipy.ndimage.binary_dilation(removed) & ~removed)[10:50]


def test_ring_picture_shows_every_site_once_and_bonds_between_remaining_ones():
    removed, ring, neighbours = window()
    (ax,) = solver_figures.rings({"a": (removed, ring, neighbours)}).axes
    *bonds, stays, beside, rim, inside = ax.collections
    sites = [
        {(x, y) for x, y in kind.get_offsets().astype(int)} for kind in (stays, beside, rim, inside)
    ]
    assert [len(kind) for kind in sites[1:]] == [neighbours.sum(), 2 * 28, 2 * 81 - 2 * 28]
    assert sum(map(len, sites)) == len(set.union(*sites)) == removed.size
    # (bond, end, (x, y))
    ends = np.concatenate([part.get_segments() for part in bonds]).astype(int)
    assert (
        np.all(abs(np.diff(ends, axis=1)).sum(axis=-1) == 1)
        and not removed[ends[..., 1], ends[..., 0]].any()
    )
    across, along = ~removed[:, 1:] & ~removed[:, :-1], ~removed[1:] & ~removed[:-1]
    assert len(ends) == across.sum() + along.sum()


def plane():
    return forcefield.Plane(
        ((20, 40), (30, 50)),
        RNG.normal(size=(50, 2)),
        RNG.normal(size=(50, 2)),
        np.zeros(2),
        np.ones(50),
    )


def network_of(preset):
    settings = load_preset(preset).network
    with torch.device("meta"):
        model = UNet(settings, DEVICE.field_points)
    return anatomy.architecture(model), anatomy.condition_path(model), model.unshuffle


def head_rows(*means):
    """Rows 'heads' of the attention study at two levels: heads a, b, ... of these preferences."""
    heads = {
        name: {"mean": [0, mean], "mean_interval": [(-1, 1), (mean - 0.1, mean + 0.2)]}
        for name, mean in zip("abc", means)
    }
    return {"heads": heads, "sorted": [list(heads)] * 2}


AUC = [(f"head {k}", *RNG.random((4, 5))) for k in range(4)]
TOLD = [
    {"difference": row[0], "difference_interval": np.sort(row[1:], axis=0).T}
    for row in RNG.random((4, 3, 5))
]
WAVES = {
    f"up15 head {k}": dict(zip(("own", "other", "difference"), row))
    | {"difference_interval": row[:2]}
    for k, row in enumerate(RNG.random((2, 3)))
}
POWER = {"strengths": [0, 0.05]} | dict.fromkeys(("all", "away"), {"detected": [0, 1]})


def spread(number):
    """Mean, low and high over `number` levels."""
    return dict(zip(("mean", "low", "high"), RNG.random((3, number)) + 0.1))


POINTING = {kind: spread(4) for kind in ("full", "within", "end", "within_random", "full_other")}
LEVEL = {"energy": spread(5), "parabola": np.arange(5.0), "reach": {"mean": 3}}
PROFILE = {"at": np.arange(5), "levels": [LEVEL, LEVEL]}
DISTANCES = {key: spread(3) for key in ("network", "empirical", "apart")}
MEMORY = dict.fromkeys(("curve", "no curve"), DISTANCES | {"effective": RNG.random((3, 3)) + 0.1})
MAPS = RNG.normal(size=(6, 60, 60))
RATIO = np.geomspace(0.01, 1e4, 8)
PATH = SimpleNamespace(
    t=np.arange(7, 1, -1),
    x=MAPS[:, None],
    x0=MAPS[:, None],
    importance={"up15": RNG.random((6, 1, 4, 15, 15))},
)
AGAINST_NOISE = {
    "noise": np.geomspace(0.2, 2e4, 10),
    "given": np.sort(RNG.random((3, 10)), 0)[[1, 0, 2]],
    "null": np.sort(RNG.random((3, 10)), 0)[[1, 0, 2]],
    "readout": 0.9,
}
BINS = [
    {"n": 3, "forecast": 0.5, "right": 0.4, "right_interval": [0.2, 0.6], "from": 0.4, "to": 0.6},
    {"n": 0, "from": 0.6, "to": 1.0},
    {"n": 2, "forecast": 1.0, "right": 1.0, "right_interval": [0.6, 1.0], "from": 1.0, "to": 1.0},
]
RANKS = np.arange(8), np.array([np.zeros(8), 9 * np.ones(8)])
ECDF = RNG.normal(size=7), np.array([-np.ones(7), np.ones(7)])
CASE = "histogram", "band", "difference", "limits"
SHARES = np.sort(RNG.random((3, 4)), axis=0)[[1, 0, 2]]
THREE = dict.fromkeys(("exact", "near", "alike"), SHARES)
CLOUD = tuple(RNG.random((2, 9)))
FIGURES = {
    "factors": lambda: limits_figures.factors(
        {
            "noise": ("σ", np.array([0, 0.01, 0.1, 1]), THREE, None, True),
            "shift": ("steps", np.arange(-2, 2), THREE, dict.fromkeys(THREE, 0.9), False),
        }
    ),
    "steps": lambda: limits_figures.steps(
        {"share exact": {name: ([5, 10, 20, 50], SHARES) for name in ("ddim", "dpm2m")}}
    ),
    "against change": lambda: limits_figures.against_change(
        {
            "exact": {
                name: (np.geomspace(0.01, 0.2, 4), SHARES, names)
                for name, names in (("a", None), ("b", None), ("c", "0123"))
            }
        }
    ),
    "distances": lambda: limits_figures.distances(
        {"test, exact": CLOUD, "a decoder that remembers": CLOUD}, {"truth": CLOUD[0]}
    ),
    "changed curves": lambda: limit_images.changed_curves(
        [IMAGE] * 4,
        [PAIR] * 4,
        {"a": [IMAGE] * 4, "b": [IMAGE] * 4},
        dict.fromkeys("ab", [PAIR] * 4),
    ),
    "triples": lambda: limit_images.triples(
        [memory_report.Triple((IMAGE,) * 3, tuple("abc"), (PAIR, PAIR, ()), ((), PAIR, PAIR))] * 4
    ),
    "reliability": lambda: calibration_figures.reliability(
        {"a": {"truth": BINS, "sample": BINS}, "b": {"truth": BINS}}
    ),
    "ranks": lambda: calibration_figures.ranks(
        {name: (*RANKS, {"all": (50, *ECDF), "some": (0, *ECDF)}) for name in "ab"}
    ),
    "comparison": lambda: calibration_figures.comparison(
        dict.fromkeys("abcd", {"bins": BINS} | dict(zip(CASE, (*RANKS, *ECDF))))
    ),
    "network of laptop": lambda: architecture_figures.network(*network_of("laptop")),
    "network of paper": lambda: architecture_figures.network(*network_of("paper")),
    "who sees which label": lambda: architecture_figures.labels(70, 30),
    "samplers": lambda: samplers.against_evaluations(
        {
            name: {"sampler": name, "network_evaluations": 10}
            | dict.fromkeys(samplers.SCORES, 0.9)
            | {f"{key}_interval": [0.8, 0.95] for key in samplers.SCORES}
            for name in samplers.LOOKS
        }
    ),
    "costs": lambda: samplers.costs(
        {"a step": {"peer": {"fp32": (3.4, (3.3, 3.5)), "bf16": (4.8, (4.4, 4.9))}}}
    ),
    "forward process": lambda: network_figures.forward_process(
        MAPS, range(6), np.geomspace(0.01, 1e3, 6), PAIR
    ),
    "training steps": lambda: network_figures.training_steps(
        RNG.random((4, 8)) + 0.1, RNG.random((4, 8)), RNG.random(4)
    ),
    "training log": lambda: network_figures.training_log(
        np.arange(30),
        {"<0.5": RNG.random(30), ">5": RNG.random(30)},
        np.arange(3),
        {"within one site": RNG.random(3)},
    ),
    "short training log": lambda: network_figures.training_log(
        np.arange(2), {"<0.5": RNG.random(2)}, np.arange(1), {"a": np.ones(1)}
    ),
    "attention steps": lambda: attention_figures.attention_steps(PATH, "up15", RATIO, PAIR),
    "attention auc": lambda: attention_figures.attention_auc(
        np.geomspace(100, 0.1, 5), {"down15": AUC, "up15": AUC}, 0.85
    ),
    "attention frame": lambda: next(attention_figures.attention_frames(PATH, "up15", RATIO, PAIR)),
    "through generation": lambda: attention_figures.through_generation(
        {
            "ratio": np.geomspace(1e4, 0.01, 5),
            "attention": dict.fromkeys(("down15", "up15", "up30"), {"heads": TOLD}),
            "images": {"x_t": TOLD[0], "x0": TOLD[1]},
        }
    ),
    "first step": lambda: attention_figures.first_step(
        {
            f"head {k}": SimpleNamespace(
                difference=0.3, bounds=(0.2, 0.4), without_curve=(-0.1, 0.1)
            )
            for k in range(3)
        }
    ),
    "preferences": lambda: attention_figures.preferences(
        {"a": head_rows(0.1, 0.2, 0.3), "b": head_rows(-0.3, 0.3)}
    ),
    "wave correlation": lambda: wave_figures.wave_correlation({"all": WAVES, "away": WAVES}),
    "wave power": lambda: wave_figures.wave_power(POWER),
    "two stages": lambda: two_stage_figures.patterns(
        {
            "general": {"r": dict.fromkeys(two_stage_figures.LINES, np.linspace(0, 1, 11))},
            "restricted": {"r": {"two_stage": np.linspace(0.5, 1, 11)}},
        },
        0.6,
    ),
    "two stages, images": lambda: two_stage_figures.side_by_side(
        SimpleNamespace(images=np.array([[IMAGE] * 3] * 2), antidots=[PAIR, PAIR])
    ),
    "score planes": lambda: score_figures.score_planes({name: plane() for name in "abcd"}, 0.02),
    "score pointing": lambda: score_figures.score_pointing(
        {
            "noise": np.geomspace(0.1, 20, 4),
            "marked": [0.2],
            "rows": {"network": POINTING, "∅": POINTING},
        }
    ),
    "energy tests": lambda: score_figures.energy_tests(
        {"noise": [0.2, 1, 5]} | dict.fromkeys(("trained", "untrained"), {"of_rest": spread(3)}),
        {"noise": [0.2, 1], "images": 3, "a, b": {"relative": spread(2)}},
    ),
    "energy profiles": lambda: score_figures.energy_profiles(
        [1, 5], dict.fromkeys(("noise", "one site", "other"), PROFILE)
    ),
    "soft directions": lambda: score_figures.soft_directions(
        MAPS[:4], np.ones(4), {"x1 + 1": MAPS[0], "dy + 1": MAPS[1]}, PAIR
    ),
    "against memory": lambda: score_figures.against_memory(
        {"noise": [2, 5, 100], "test": MEMORY, "train": MEMORY}
    ),
    "learning": lambda: network_figures.learning(
        np.arange(1, 4), {"exact": RNG.random((3, 3)), "off": RNG.random((3, 3))}, 0.95
    ),
    "learning curve": lambda: shares.learning_curve(
        {
            name: [
                np.array([images, *np.sort(RNG.random((3, len(images))), 0)[[1, 0, 2]]])
                for images in ([2e4, 1e5, 1e6], [1e6], [1e4, 1e5, 1e7])
            ]
            for name in "abc"
        },
        0.95,
    ),
    "ablations": lambda: network_figures.ablations(
        {
            name: (np.arange(1, 4), {"exact": RNG.random((3, 3)), "off": RNG.random((3, 3))})
            for name in "abcdefghijkl"
        },
        ["off", "exact"],
        {"one": list("bcdx"), "two": list("efgh")},
    ),
    "score against noise": lambda: network_figures.score_against_noise(
        {
            "within one site": {"a": AGAINST_NOISE, "b": AGAINST_NOISE},
            "r": {"a": AGAINST_NOISE | {"readout": None}},
        }
    ),
    "wire and curve": lambda: network_figures.wire_and_curve(
        IMAGE, PAIR, FIELDS, CURVE, title="V = 0"
    ),
    "rings": lambda: solver_figures.rings(dict.fromkeys("abc", window())),
    "solver cost": lambda: solver_figures.solver_cost(
        np.array([20, 50, 70]), {"Kwant": CURVE[:3], "here": CURVE[3:6]}, [(20, 50, 9.0, 4)]
    ),
    "resonance": lambda: solver_figures.resonance(
        FIELDS,
        {"radius 5": CURVE, "radius 6": CURVE},
        0.015,
        FIELDS[1:],
        {"factorised": 0 * CURVE[1:], "inverted": 1e-9 * CURVE[1:]},
    ),
    "truth and samples": lambda: network_figures.truth_and_samples(
        IMAGE, PAIR, np.stack([IMAGE] * 4), np.stack([PAIR] * 4)
    ),
    "shares": lambda: shares.whiskers(
        {
            "some": {"one": {"within_1": 0.9, "within_1_interval": [0.8, 0.95]}},
            "others": {"two": {"within_0": 1.0, "within_0_interval": [0.9, 1.0]}},
        },
        names={"one": "the first"},
    ),
    "other shares": lambda: shares.whiskers(
        {"": {"one": {"right": 0.9, "right_interval": [0.8, 0.95]}}},
        {"right": ("the consensus", "black", "o")},
        wanted=None,
    ),
}


@pytest.mark.parametrize("name", FIGURES)
def test_figure_draws(name):
    settings = dict(matplotlib.rcParams)
    picture = rendered(FIGURES[name]())
    assert picture.startswith(b"\x89PNG") and len(picture) > 5000
    assert dict(matplotlib.rcParams) == settings, "the style must not leak"
    assert not plt.get_fignums(), "pyplot must not know the figure, or a notebook shows it twice"


def test_names_of_rows_are_words_and_formulas():
    score = {"right": 0.9, "right_interval": [0.8, 0.95]}
    rows = dict.fromkeys(("$k_BT$ = 0 t", "no_curve", "test"), score)
    names = {"test": "test_curves"}
    figure = shares.whiskers({"": rows}, {"right": ("right", "black", "o")}, names)
    told = [label.get_text() for label in figure.axes[0].get_yticklabels()]
    assert told == ["$k_BT$ = 0 t", "no curve", "test_curves"]
