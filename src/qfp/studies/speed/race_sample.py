"""What does a decoded curve cost, by the paper's thousand steps and by few, ours and the peer's?"""

from typing import NamedTuple

import numpy as np
import torch

from qfp import studies
from qfp.model.diffusion import Schedule
from qfp.model.precision import keep_memory, processor
from qfp.studies import frame, tables, timing
from qfp.studies.frame import Option, Study
from qfp.studies.speed import contestants, peer, race
from qfp.studies.speed.precisions import agreement, encoded, evaluated

STRETCH = {32: 2, 1: 8}  # steps of a sampler that are timed, by images drawn at a time


class Samplers(NamedTuple):
    """What is raced: {title: (sampler, steps)}, the slow one first; where, and in what."""

    config: object
    schedule: Schedule
    methods: dict
    device: str
    precisions: tuple


def raceway(config, device):
    """Samplers of a config on a device."""
    schedule, own = Schedule.of(config.diffusion), config.sampling
    methods = {
        f"ancestral {schedule.steps}": ("ancestral", schedule.steps),
        f"{own.sampler} {own.steps}": (own.sampler, own.steps),
    }
    return Samplers(config, schedule, methods, device, race.raced(device))


def stretch_of(samplers, model, sampler, batch, precision):
    """A function that draws `batch` images with the STRETCH of a sampler."""
    y = torch.randn(batch, samplers.config.device.field_points, device=samplers.device)
    steps, schedule = STRETCH[batch], samplers.schedule
    return lambda: evaluated(model, schedule, y, range(batch), sampler, steps, precision)


def enter(samplers, name, widths):
    """A contestant's row of the result and its calls {(name, precision, batch, what): function}: a
    peer with the faster of two kinds of attention."""
    device, rows, calls = samplers.device, {}, {}
    models = [
        contestants.network(name, samplers.config, widths, plain).to(device).eval()
        for plain in race.implementations(widths)
    ]
    for batch in STRETCH:
        for precision in samplers.precisions:
            tried = [
                timing.settled(stretch_of(samplers, model, "ddim", batch, precision), device)
                for model in models
                if len(models) > 1
            ]
            plain = bool(tried and np.argmin(tried))
            model, key = models[plain], (name, precision, batch)
            rows.setdefault(precision, {})[str(batch)] = race.attention(widths, plain)
            for sampler, _ in samplers.methods.values():
                calls[*key, sampler] = stretch_of(samplers, model, sampler, batch, precision)
            y = torch.randn(batch, samplers.config.device.field_points, device=device)
            calls[*key, "encode"] = lambda m=model, y=y, p=precision: encoded(m, y, p)
    return {"parameters": peer.parameters(models[0]), "widths": widths} | rows, calls


def costs(samplers, seconds):
    """Seconds a curve {(name, precision, batch, title): (rounds,)}: encoding, once, and all steps
    of a sampler."""
    found = {}
    for key in {key[:3]: None for key in seconds}:
        once, batch = seconds[*key, "encode"], key[2]
        for title, (sampler, steps) in samplers.methods.items():
            step = (seconds[*key, sampler] - once) / STRETCH[batch]
            found[*key, title] = (once + steps * step) / batch
    return found


def ratios(samplers, cost):
    """Each peer's cost over ours by sampler, batch and precision, and our slow sampler's over the
    fast one's."""

    def over(slow, fast):
        return {
            str(batch): {
                p: timing.ratio(
                    cost[slow[0], p, batch, slow[1]],
                    cost[fast[0], p, batch, fast[1]],
                    samplers.config.seed,
                )
                for p in samplers.precisions
            }
            for batch in STRETCH
        }

    slow, fast = samplers.methods
    found = {
        name: {title: over((name, title), ("ours", title)) for title in samplers.methods}
        for name in race.PEERS
    }
    return found | {"ours": {f"{slow} to {fast}": over(("ours", slow), ("ours", fast))}}


def whole(samplers, rows):
    """Seconds of one image by all steps of the slow sampler, timed as a whole, and by the stretch;
    rows: ours."""
    (slow, method), config, device = (
        next(iter(samplers.methods.items())),
        samplers.config,
        samplers.device,
    )
    model = contestants.network("ours", config, None, False).to(device).eval()
    y, found = torch.randn(1, config.device.field_points, device=device), {}
    for p in samplers.precisions:

        def all_steps(p=p):
            return evaluated(model, samplers.schedule, y, range(1), *method, p)

        stretch = rows[p]["1"][slow]["curve_s"]
        found[p] = {"curve_s": timing.timed(all_steps, device), "stretch_s": stretch}
    return found


def measure(run):
    """Race the samplers with our network and with its peers', and compare precisions on unseen
    configurations.

    Raises SettingsError where results/samplers.json, which says what the fast sampler costs in
    accuracy, is missing or was measured on other weights."""
    peer.library()
    config, rounds = run.config, run.options.rounds
    quoted = frame.read_result(config.weights, studies.find("samplers"))
    device, widths = processor(), contestants.sizes(config)[1]
    samplers = raceway(config, device)
    run.report(f"on {device}, {' and '.join(samplers.precisions)}")
    judged = agreement(config, run.options.curves, samplers.precisions)
    if "bf16" in samplers.precisions:
        text = "bf16 finds the antidots of fp32 on {same_antidots} of {curves} curves"
        run.report(text.format(**judged["precisions"]))
    keep_memory()
    rows, calls = {}, {}
    for name in ("ours", *race.PEERS):
        rows[name], own = enter(samplers, name, widths.get(name))
        calls |= own
    cost = costs(samplers, timing.take_turns(calls, rounds, device))
    for (name, precision, batch, title), seconds in cost.items():
        each = {"curve_s": float(np.median(seconds)), "seconds": seconds.tolist()}
        rows[name][precision][str(batch)][title] = each
    known, titles = quoted.get("rows", {}), list(samplers.methods)
    return {
        **judged,
        **race.about(config, device, rounds=rounds, stretch=STRETCH, samplers=titles),
        "config_sha256": judged["config_sha256"],
        "contestants": rows,
        "ratios": ratios(samplers, cost),
        "whole": whole(samplers, rows["ours"]),
        "accuracy": {title: known[title] for title in titles if title in known},
    }


def show(result):
    """A table for each number of images at a time: seconds a curve, and in brackets how many times
    ours that is, with its interval."""
    parts, columns = [], [(title, p) for title in result["samplers"] for p in result["raced"]]
    for batch in map(str, result["stretch"]):
        table = [["network", *(f"{title}, {p} [s]" for title, p in columns)]]
        for name, row in result["contestants"].items():
            cells = []
            for title, p in columns:
                times = ""
                if name != "ours":
                    found = result["ratios"][name][title][batch][p]
                    times = f" ({tables.cell(found, 'ratio', '.2f')})"
                cells.append(f"{row[p][batch][title]['curve_s']:.3g}{times}")
            table.append([name, *cells])
        parts.append(f"{batch} at a time\n\n{tables.markdown(table)}")
    return "\n\n".join(parts)


STUDY = Study(
    name="sampling-speed",
    measure=measure,
    show=show,
    notes=race.notes,
    result="bench_sample",
    needs=(),
    options={
        "curves": Option(100, "unseen configurations on which precisions are compared"),
        "rounds": Option(5, "rounds in which contestants take turns"),
    },
)
