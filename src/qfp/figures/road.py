"""Figure of a new network: wires that it never saw, what they are and what it says of them."""

import numpy as np

from qfp.figures.wire import BLUE, canvas, curve, ldos_image, outline, style


@style()
def examples(fields, curves, antidots, truth, images, answers, radius, tesla=None):
    """One row a wire: its exact curve (B, F) [e²/h], its LDOS (B, L, W) [1/t], the network's image
    (B, L, W).

    antidots, answers (B, 2, 2): true ones, drawn on the LDOS, and those that the exact solver chose
    among the network's samples, on its image; tesla: b [rad/plaquette] of one, where the axis is to
    be in tesla."""
    figure = canvas(2.5 * len(curves), 7.6)
    rows = figure.subplots(len(curves), 3, width_ratios=[1.7, 1, 1], squeeze=False)
    for k, (measured, real, drawn) in enumerate(rows):
        curve(measured, fields / (tesla or 1.0), curves[k], color=BLUE)
        if tesla:
            measured.set_xlabel("magnetic field B [T]")
        top = np.quantile(truth[k], 0.995)
        for ax, image, pair in ((real, truth[k], antidots[k]), (drawn, images[k], answers[k])):
            ldos_image(ax, image, labels=False, vmin=0, vmax=top)
            outline(ax, pair, radius)
    for ax, title in zip(rows[0], ("curve", "exact LDOS", "decoded from the curve"), strict=True):
        ax.set_title(title, loc="left")
    return figure
