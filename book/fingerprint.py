"""The picture of the first page and of the README: two wires, their interference patterns and their
fingerprints.

Run `python book/fingerprint.py` in the checkout's environment; it writes
book/assets/fingerprint.png (some seconds).
"""

from pathlib import Path

import numpy as np

from qfp.config import load_preset
from qfp.figures import wire as wire_figures
from qfp.physics import green
from qfp.physics.wire import random_potential

WIRES = [[(14, 19), (34, 40)], [(14, 19), (31, 40)]]  # the upper antidot three sites to the left
COLORS = (wire_figures.BLUE, wire_figures.RED)


@wire_figures.style()
def picture():
    """Two wires that differ by the place of one antidot, and their curves."""
    device = load_preset("laptop").device
    solved = [green.solve(device, wire, random_potential(0, device), image=True) for wire in WIRES]
    figure = wire_figures.canvas(2.9, 9.2)
    *left, right = figure.subplots(1, 3, width_ratios=[1, 1, 2.1])
    top = np.quantile([image for _, _, image in solved], 0.995)
    for ax, wire, (_, _, image), name, color in zip(left, WIRES, solved, "AB", COLORS):
        wire_figures.ldos_image(ax, image, wire, device.radius, vmin=0, vmax=top)
        ax.set_title(f"wire {name}", color=color)
    for (G, _, _), name, color, line in zip(solved, "AB", COLORS, ("-", "--")):
        wire_figures.curve(
            right, device.fields, G, color=color, linestyle=line, label=f"wire {name}"
        )
    right.legend()
    return figure


if __name__ == "__main__":
    picture().savefig(
        Path(__file__).parent / "assets" / "fingerprint.png", dpi=130, metadata={"Software": None}
    )
