"""The picture of the first page and of the README: a curve, and what is read from it.

Run `python book/decoded.py` in the checkout's environment; it writes book/assets/decoded.png (some
seconds). The wire is the first of the test configurations, under a potential of its own, as in
`qfp study inference`: nobody chose it.
"""

from pathlib import Path

import numpy as np

import qfp
from qfp.data import fresh
from qfp.data.dataset import choose
from qfp.figures import wire as wire_figures
from qfp.figures.pixels import png


def decoded():
    """Device; curve, antidots and LDOS of the wire; LDOS and antidots of a sample; Posterior."""
    config = qfp.load_preset("laptop")
    wire, number = config.device, fresh.numbers(config, "test", 1)
    antidots, seed = choose(config)[1][number][0], fresh.seeds_of("test", 1)[0]
    curve, _, ldos = qfp.solve(wire, antidots, qfp.random_potential(seed, wire), image=True)
    found = qfp.load("laptop").decode(curve[None], samples=4, seed=0)
    posterior = qfp.infer(curve[None], wire, proposals=found.antidots)[0]
    return wire, (curve, antidots, ldos), (found.ldos[0, 0], found.antidots[0, 0]), posterior


@wire_figures.style()
def picture(wire, measured, sample, posterior):
    """What is measured, what is true, what the network draws, what the exact posterior knows."""
    curve, antidots, ldos = measured
    figure = wire_figures.canvas(4.6)
    above, below = figure.subfigures(2, height_ratios=[1, 1.35])
    left, right = above.subplots(), below.subplots(1, 3)
    wire_figures.curve(left, wire.fields, curve, color="black", linewidth=2.4, label="given")
    look = {"color": wire_figures.ORANGE, "linestyle": "--", "linewidth": 1.4}
    own = "the answer's, under its potential"
    wire_figures.curve(left, wire.fields, posterior.curve, **look, label=own)
    left.legend()
    top = np.quantile(ldos, 0.995)
    share = f"{posterior.probability[0]:.1%}".replace("100.0%", "> 99.9%")
    panels = {
        "truth": (ldos, antidots),
        "network, one sample": sample,
        f"solver: {share}": (posterior.ldos, posterior.answer),
    }
    for ax, (title, (image, circles)) in zip(right, panels.items(), strict=True):
        look = {"labels": False, "vmin": 0, "vmax": top}
        shown = wire_figures.ldos_image(ax, image, circles, wire.radius, **look)
        ax.set_title(title)
    below.colorbar(shown, ax=right, label="LDOS [1/t]", shrink=0.8)
    return figure


if __name__ == "__main__":
    target = Path(__file__).parent / "assets" / "decoded.png"
    target.write_bytes(png(picture(*decoded()), dpi=160))
