"""What the races of training steps and of samplers say, in sentences."""

import itertools

import numpy as np

from qfp.studies.speed import race

BOUND = 1.5  # times as fast: less is said of each peer


def panels(steps, curves):
    """Times of the peers in times of ours, of a race of training steps and one of samplers: {title:
    {network: {precision: (ratio, (low, high))}}}."""

    def pairs(row, raced):
        return {p: (row[p]["ratio"], row[p]["ratio_interval"]) for p in raced}

    peers = {name: row for name, row in curves["ratios"].items() if name in steps["ratios"]}
    many = max(curves["stretch"], key=int)
    fast = curves["samplers"][-1]
    return {
        "a training step": {
            name: pairs(row["ours"], steps["raced"]) for name, row in steps["ratios"].items()
        },
        f"a generation, {many} together": {
            name: pairs(row[fast][many], curves["raced"]) for name, row in peers.items()
        },
    }


def run(result):
    """How a race was run, and which peers are not clearly beaten."""
    lows = [f"less than {BOUND} times as fast: {line}" for line in race.below(result, BOUND)]
    return [
        f"{result['threads']} thread(s), {result['device']}, clock: {result['clock']}; "
        f"{result['rounds']} rounds",
        *(lows or [f"at least {BOUND} times as fast everywhere"]),
    ]


def shares(result):
    """Where the time of our training step goes."""
    rows = result["contestants"]["ours"]
    return [
        f"a training step of ours, {p}: "
        + ", ".join(f"{kind} {part:.0%}" for kind, part in rows[p]["shares"].items())
        for p in result["raced"]
    ]


def precisions(result):
    """How far bf16 answers as fp32 does; nothing where it was not raced."""
    alike = result["precisions"]
    if "difference" not in alike:
        return []
    more = alike["difference"]
    low, high = more["within_0_interval"]
    return [
        f"bf16 finds the antidots of fp32 on {alike['same_antidots']} of {alike['curves']} test "
        f"curves; exact {more['within_0']:+.1%} ({low:+.1%} to {high:+.1%}); images differ by "
        f"{alike['rms_difference']:.4f} of the LDOS' spread (rms), at most by "
        f"{alike['largest_difference']:.2f}"
    ]


def whole(result):
    """A whole generation beside what its stretch says, and beside the fast sampler."""
    (slow, fast), ours = result["samplers"], result["contestants"]["ours"]
    lines = []
    for p, row in result["whole"].items():
        gap = row["curve_s"] / row["stretch_s"] - 1
        times = row["curve_s"] / ours[p]["1"][fast]["curve_s"]
        lines.append(
            f"a whole generation, {slow}, {p}: {row['curve_s']:.1f} s, {gap:+.0%} against what its "
            f"stretch says; {times:.0f} times {fast}"
        )
    return lines


def peers(result):
    """Training steps of each peer beside the one before."""
    rows, lines = result["contestants"], []
    for wide, narrow in itertools.pairwise(race.PEERS):
        slow, fast = (
            {p: np.array(rows[name][p]["seconds"]) for p in result["raced"]}
            for name in (wide, narrow)
        )
        ratios = {p: np.median(slow[p] / fast[p]) for p in slow}
        parts = (f"{ratio:.1f} times as fast in {p}" for p, ratio in ratios.items())
        lines.append(f"a training step, {narrow} beside {wide}: " + ", ".join(parts))
    return lines


def told(steps, curves):
    """Lines about results of the studies training-speed and sampling-speed, either may be empty."""
    lines = [line for result in (steps, curves) if result for line in run(result)]
    if steps:
        lines += shares(steps)
    if curves:
        lines += precisions(curves) + whole(curves)
    return "\n".join(lines + (peers(steps) if steps else []))
