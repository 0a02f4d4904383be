"""What failing looks like: a posterior that is known, sampled well and badly.

The samplers are sbc.TOYS.
"""

import numpy as np

from qfp.studies.calibration import forecasts, sbc
from qfp.studies.calibration.calibration import SAMPLES
from qfp.studies.calibration.text import confidence


def case(name, number=1000, seed=0):
    """What reliability and ranks say of one of sbc.TOYS: {bins, excess, excess_interval, histogram
    and its band, difference of the ECDF and its limits, differing, outside}."""
    samples, truth = sbc.toy(number, SAMPLES, seed, *sbc.TOYS[name])
    less, (share, right) = samples[:, :-1], forecasts.most_frequent(samples, truth)
    more = forecasts.further(
        *forecasts.most_frequent(less, samples[:, -1]), forecasts.most_frequent(less, truth)[1]
    )
    samples, truth = samples[..., None], truth[:, None]  # one coordinate
    uniform = sbc.tie_breakers(
        np.stack([np.zeros(number, int), np.arange(number)], axis=1), 1, seed
    )
    found, some = sbc.ranks(samples, truth, uniform)[:, 0], sbc.differing(samples, truth)[:, 0]
    histogram = np.bincount(found, minlength=SAMPLES + 1)
    band, limits = sbc.bands(number, SAMPLES + 1)
    return {
        "bins": forecasts.binned(share, right, forecasts.bin_of(share)),
        "excess": more["excess"],
        "excess_interval": more["excess_interval"],
        "histogram": histogram,
        "band": band,
        "difference": sbc.ecdf_difference(histogram),
        "limits": limits,
        "differing": np.bincount(found[some], minlength=SAMPLES + 1),
        "outside": sbc.coverage(*(part[:, 0] for part in sbc.outside(samples, truth))),
    }


def cases(seed):
    """{name: case} of all samplers."""
    return {name: case(name, seed=seed) for name in sbc.TOYS}


def cases_text(cases):
    """What each sampler's shares, ranks and ranges give away, a line each."""
    lines = []
    for name, case in cases.items():
        p, outside = sbc.uniformity(case["histogram"])["ecdf_p"], case["outside"]
        ranks = "are not uniform" if p < 0.01 else "look uniform"
        often = outside["share_interval"][0] > outside["expected"]
        lines.append(
            f"{name}: {confidence(*case['excess_interval'])}; ranks {ranks}; truth outside the "
            f"samples {'more' if often else 'no more'} often than it should be"
        )
    return "\n".join(lines)


def check_cases(cases):
    """AssertionError unless exact samples stay within the band, and each fault has its shape."""
    within = {name: sbc.within(case["difference"], case["limits"]) for name, case in cases.items()}
    assert within == {name: name == "calibrated" for name in sbc.TOYS}
    # quarters of the ranks
    shape = {name: case["histogram"].reshape(4, -1).sum(axis=1) for name, case in cases.items()}
    assert min(shape["overconfident"][[0, 3]]) > max(shape["overconfident"][1:3]), "U"
    assert max(shape["underconfident"][[0, 3]]) < min(shape["underconfident"][1:3]), "hump"
    assert (np.diff(shape["biased"]) < 0).all(), "slope"
