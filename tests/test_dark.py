"""Figures of the dark theme: readable, and true to colours that mean numbers."""

import base64
import io
import re

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from qfp.book.dark import COLORS, GROUND, INK, darkened
from qfp.figures import wire


def contrast(one, other):
    """Ratio of WCAG 2.1 between two colours."""

    def luminance(color):
        c = np.array(to_rgb(color))
        linear = np.where(c <= 0.04045, c / 12.92, ((c + 0.055) / 1.055) ** 2.4)
        return linear @ [0.2126, 0.7152, 0.0722]

    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("name", ["BLUE", "ORANGE", "GREEN", "RED", "PURPLE", "SKY", "GREY"])
def test_every_colour_of_the_figures_stands_out(name):
    color = getattr(wire, name).lower()
    assert contrast(COLORS.get(color, color), GROUND) >= 4.5


def test_letters_and_lines_change_and_pixels_do_not():
    with wire.style():
        figure = wire.canvas(2.0)
        ax = figure.subplots()
        wire.ldos_image(ax, np.arange(12.0).reshape(3, 4), [(1, 1)], 0, vmin=0, vmax=11)
        ax.plot([0, 3], [0, 2], color=wire.BLUE)
        ax.plot([0, 3], [2, 0], color="#440154")  # viridis
        wire.outline(ax, [(2, 1)], 0, edgecolor=wire.LIGHT)
        light = svg(figure)
    dark = darkened(light)
    assert pixels(light) and pixels(light) == pixels(dark)
    assert "#0072b2" not in dark and COLORS["#0072b2"] in dark
    assert "#440154" in dark and "#fefefe" in dark and wire.OUTLINE.lower() in dark
    assert dark.count("#ffffff") == 0 and f'<svg fill="{INK}"' in dark


def svg(figure):
    file = io.BytesIO()
    figure.savefig(file, format="svg")
    return file.getvalue().decode()


def pixels(text):
    """The embedded images."""
    return [base64.b64decode(part) for part in re.findall(r'base64,([^"]+)"', text)]
