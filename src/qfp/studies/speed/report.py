"""What results/bench_solver.json says, in tables and sentences (notebook 03)."""

import numpy as np

from qfp.studies import tables

SHARES = {  # of the dataset's time
    "pristine": "the wires without antidots",
    "pairs": "the pairs",
    "images": "the images",
    "rest": "starting, compressing, writing",
}
SINGLE = 1e-5  # [e^2/h] error of single precision that a reader is told of
THOUSAND = 1000


def single_solves(bench):
    """Rows of `race` for one conductance, in both precisions."""
    for suffix, precision, other in (("", "double", "Kwant"), ("_single", "single", "double")):
        yield [
            f"one conductance, {precision} precision",
            f"{bench['kwant_ms']:.1f} ms",
            f"{bench[f'fast{suffix}_ms']:.4f} ms",
            f"{bench[f'ratio_per_solve{suffix}']:,.0f}",
            f"≤ {bench[f'max_difference{suffix}']:.0e} e²/h from {other}",
        ]


def race(bench):
    """Kwant and this solver, a line for each thing that was timed."""
    F = bench["device"]["field_points"]
    curve = F * bench["kwant_ms"]
    table = [
        ["what", "Kwant", "this solver", "ratio", "accuracy"],
        *single_solves(bench),
        [
            f"a curve of {F} fields at V = 0",
            f"{curve:,.0f} ms",
            f"{bench['clean_curve_ms']:.0f} ms, after {bench['clean_setup_s']:.1f} s once",
            f"{curve / bench['clean_curve_ms']:,.0f}",
            "as double",
        ],
        [
            "one LDOS image",
            f"{bench['kwant_image_ms']:.1f} ms",
            f"{bench['image_ms']:.2f} ms",
            f"{bench['kwant_image_ms'] / bench['image_ms']:,.0f}",
            "single precision",
        ],
        [
            f"the dataset: {bench['dataset_pairs']:,} curves and images, 2 processes",
            f"{bench['kwant_dataset_days']:.1f} days, extrapolated",
            f"{bench['dataset_s'] / 60:.1f} min",
            f"{bench['ratio_dataset']:,.0f}",
            "curves in double precision",
        ],
    ]
    return tables.markdown(table, right=(1, 2, 3))


def floor(bench):
    """The least time of one solve on this core, and where the dataset's time goes."""
    flops, room = bench["machine_flops"], bench["machine_bandwidth"]
    own, least = bench["fast_ms"], bench["floor_ms"]
    table = [
        ["of one solve", "amount", "at this core's measured rate", "time"],
        [
            "operations",
            f"{bench['flops'] / 1e6:.2f} Mflop",
            f"{flops / 1e9:.0f} Gflop/s",
            f"{1e6 * bench['flops'] / flops:.1f} µs",
        ],
        [
            "own matrices",
            f"{bench['bytes'] / 1e3:.0f} kB",
            f"{room / 1e9:.1f} GB/s",
            f"{1e6 * bench['bytes'] / room:.1f} µs",
        ],
        ["**floor** (the larger)", "", "", f"{1e3 * least:.1f} µs"],
        ["**the code**", "", "", f"{1e3 * own:.1f} µs, {own / least:.1f} times the floor"],
    ]
    shares = (f"{100 * bench['shares'][key]:.0f} % {name}" for key, name in SHARES.items())
    text = tables.markdown(table, right=(1, 2, 3))
    return f"{text}\n\nTime of the whole dataset: {', '.join(shares)}."


def growth(bench):
    """Columns of the race over widths, {name: (K,)}, 'amortised' beside them: the time of a solve
    [ms] of which all configurations bear the wire."""
    rows = bench["widths"]
    found = {key: np.array([row[key] for row in rows]) for key in rows[0]}
    found["amortised"] = found["pair_ms"] + found["pristine_ms"] / found["configurations"]
    return found


def cost_lines(bench):
    """Times against the width, as `figures.solver.solver_cost` takes them: widths (K,), lines
    {label: (K,) [ms]}, and guides."""
    found = growth(bench)
    lines = {
        "Kwant, one solve": found["kwant_ms"],
        "the wire without antidots,\nonce a potential and field": found["pristine_ms"],
        "here, one solve,\nall configurations sharing": found["amortised"],
        "of it the pair's own": found["pair_ms"],
    }
    first, last = found["width"][-2:]
    guides = [
        (first, last, 1.5 * found["pristine_ms"][-1], 4),
        (first, last, 0.62 * found["kwant_ms"][-1], 2),
    ]
    return found["width"], lines, guides


def exponents(bench):
    """How each time grows between the two widest wires, and how many configurations wires have."""
    width, lines, _ = cost_lines(bench)
    first, last = width[-2:]
    told = []
    for label, t in lines.items():
        power = np.log(t[-1] / t[-2]) / np.log(last / first)
        label = label.replace("\n", " ")
        told.append(f"from W = {first} to {last} as W to the power {power:3.1f}: {label}")
    counts = (f"{row['configurations']:,} at W = {row['width']}" for row in bench["widths"])
    return "\n".join([*told, f"configurations: {', '.join(counts)}"])


def single_precision(bench):
    """The error of single precision, as a sentence."""
    error = bench["max_difference_single"]
    kept = "below" if error < SINGLE else "above"
    return (
        "**A third limit is single precision.** Its largest error over all configurations and "
        f"fields,\n{error:.1e} e²/h, is {kept} {SINGLE:.0e} e²/h. The dataset's curves are "
        "computed in double precision."
    )


def alone(bench, ring):
    """What a wire costs that shares nothing, as sentences; ring: sites of one antidot's."""
    own, kwant = bench["pristine_ms"], bench["kwant_ms"]
    compared = "slower" if own > kwant else "faster"
    repaid = int(np.ceil(own / (kwant - bench["fast_ms"])))
    # ring whose factorisation, 8/3 R^3, takes as long
    large = (3 / 8 * 1e-3 * kwant * bench["machine_flops"]) ** (1 / 3)
    return (
        f"A single wire under a potential of its own costs {own:.0f} ms here and {kwant:.0f} ms in "
        f"Kwant: here it is {compared}. The\nrecursion is paid back from {repaid} configurations "
        f"on. At this core's rate, factorising for a ring of about {large:,.0f} sites,\n"
        f"{large / ring:.0f} antidots, would cost as much as Kwant's whole solve."
    )


def verdict(bench):
    """What the race means, as a list."""
    ratio = bench["ratio_per_solve"]
    speed = f"{ratio:,.0f} times faster, short of a thousand"
    speed = "a thousand times faster" if ratio >= THOUSAND else speed
    whole = "less" if bench["ratio_dataset"] < ratio else "more"
    return (
        "* **Exact: yes.** What differs from Kwant is rounding: "
        f"{bench['max_difference']:.0e} e²/h at most in the\n  {bench['kwant_solves']} solves of "
        "the race, spread over the sweep, and less than the bounds above for overlapping and odd "
        f"shapes.\n* **Speed: {speed}**, for a conductance within the dataset, in double "
        "precision. For the dataset as a whole, with\n  images and a file on disk, it is "
        f"{whole}: {bench['ratio_dataset']:,.0f} times.\n"
        "* It is a statement about *many configurations of one wire*, not about Kwant, which "
        "solves systems that this\n  solver cannot."
    )
