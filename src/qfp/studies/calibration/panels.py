"""What the figures of a calibration.json draw (qfp.figures.calibration)."""

import numpy as np

from qfp.studies.calibration import sbc
from qfp.studies.calibration.text import KINDS

SYMBOLS = dict(zip(sbc.COORDINATES, ("$x_1$", "$x_2$", r"$\Delta y$")))
CURVES = {"all": "all curves", "differing": "not all equal"}


def reliability(result):
    """{title: {what is drawn: bins}}: the truth, and where there is one a further sample in its
    place."""
    drawn = {"the truth": result["reliability"], "a further sample": result["further_sample"]}
    return {
        title: {label: part[name]["bins"] for label, part in drawn.items() if name in part}
        for name, title in KINDS.items()
    }


def ranks(result):
    """{symbol: (histogram (cells,) of all curves, its band (2, cells), {curves: (number, difference
    of the ECDF (cells - 1,), its band (2, cells - 1))})}."""
    panels = {}
    for name, symbol in SYMBOLS.items():
        differences, above = {}, []
        for part, curves in CURVES.items():
            histogram = np.array(result["sbc"][name][part]["histogram"])
            number = histogram.sum()
            band, limits = sbc.bands(max(number, 1), len(histogram))
            differences[curves] = number, sbc.ecdf_difference(histogram), limits
            above.append((histogram, band))
        panels[symbol] = *above[0], differences
    return panels
