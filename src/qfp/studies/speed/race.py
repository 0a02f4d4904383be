"""What does a training step cost, ours and the peer's?

Contestants take turns in rounds (qfp.studies.timing); weights and data are random.
"""

import platform

import numpy as np
import torch

from qfp.model.precision import fast_bf16, processor
from qfp.studies import tables, timing
from qfp.studies.frame import Option, Study
from qfp.studies.speed import contestants, peer
from qfp.studies.speed.contestants import OURS, PEERS
from qfp.tools import as_dict, digest

PRECISIONS = ("fp32", "bf16")
NOTES = {
    "peer": "diffusers' UNet2DConditionModel behind our own path from the curve to its tokens, "
    "narrowed until both together "
    "have as many parameters as our whole network; it reads the tokens by cross-attention, made "
    "anew in each step",
    "attention": "the faster of diffusers' two implementations here, chosen for each peer and "
    "precision before the race",
    "shares": "parts of the processor time of one step under torch's profiler, by kind of "
    "operation",
    "clock": "'processor': time of this process on its processor, where one thread computes; "
    "'wall' otherwise",
    "ratio": "seconds of the peer over seconds of ours within a round: median over rounds, 95 % "
    "bootstrap interval",
    "step": "training: batch made in memory, forward, backward, clipping, AdamW; ours also "
    "averages its weights",
    "peak_gib": "largest memory of a process that does such steps and nothing else, for a peer "
    "with the implementation of "
    "attention that needs less; net_gib: less that of one which only imports the same; on a GPU "
    "what its allocator "
    "held at most",
    "whole": "one image by our network and all steps of the slow sampler, timed as a whole, and "
    "what the stretch says",
    "curve_s": "seconds of drawing one image: encoding the curves, and as many steps as the "
    "sampler takes, of which a stretch "
    "is timed, as they all cost the same; reading positions off an image is left out, it is the "
    "same for all",
}


def raced(device):
    """The PRECISIONS that are worth a race: without the arithmetic for it, bf16 takes a processor
    ten times as long."""
    return PRECISIONS if fast_bf16(device) else PRECISIONS[:1]


def notes(result):
    """What the names of both races' results mean."""
    return {**NOTES, "contestants": {**OURS, **PEERS}}


def about(config, device, **more):
    """What both results say of their making."""
    cuda = device == "cuda"
    name = torch.cuda.get_device_name() if cuda else torch.backends.cpu.get_cpu_capability()
    return {
        "config_sha256": digest(as_dict(config)),
        "preset": config.preset,
        "device": device,
        "clock": timing.clock(device),
        "processor": name,
        "threads": torch.get_num_threads(),
        "seed": config.seed,
        "raced": list(raced(device)),
        **more,
        "versions": {
            "torch": torch.__version__,
            "diffusers": peer.library().__version__,
            "python": platform.python_version(),
        },
    }


def implementations(widths):
    """Values of `plain` that a contestant can have: a peer has two kinds of attention."""
    return (False,) if widths is None else (False, True)


def attention(widths, plain):
    """What a result says of a peer's attention; nothing of ours."""
    return {} if widths is None else {"attention": "plain" if plain else "fused"}


def enter(name, config, widths, precision, device, imports):
    """What a contestant in one precision needs and is made of, and the function that takes its
    step. imports: GiB of a process that does nothing else, {whether it is ours: GiB}."""
    tried = {
        plain: contestants.alone(name, config, widths, precision, plain, device)
        for plain in implementations(widths)
    }
    plain = min(tried, key=lambda plain: tried[plain][0])
    peak = min(peak for _, peak in tried.values())
    row = {"peak_gib": peak, "net_gib": peak - imports[widths is None]} | attention(widths, plain)
    step = contestants.trainee(name, config, widths, precision, plain, device)
    if widths is None:
        step()
        row["shares"] = contestants.shares(step)
    return row, step


def ratios(seconds, device, seed):
    """Each peer's seconds over ours, {peer: {ours: {precision: ratio}}}."""
    return {
        name: {
            own: {p: timing.ratio(seconds[name, p], seconds[own, p], seed) for p in raced(device)}
            for own in OURS
        }
        for name in PEERS
    }


def measure(run):
    """Race training steps of our network and of its peers."""
    peer.library()
    config, rounds, device = run.config, run.options.rounds, processor()
    ours, widths = contestants.sizes(config)
    run.report(f"on {device}, {' and '.join(raced(device))}")
    imported = {True: None, False: ()}  # widths
    imports = {
        mine: contestants.alone(None, None, imported[mine], None, False, device)[1]
        for mine in imported
    }
    rows, steps = {}, {}
    for name in (*OURS, *PEERS):
        own = widths.get(name)
        count = (
            ours if own is None else peer.parameters(contestants.network(name, config, own, False))
        )
        rows[name] = {"parameters": count, "widths": own}
        for precision in raced(device):
            row, step = enter(name, config, own, precision, device, imports)
            rows[name][precision], steps[name, precision] = row, step
        run.report(f"{name}: {count:,} parameters, memory measured")
    seconds, batch = timing.take_turns(steps, rounds, device), config.training.batch
    for (name, precision), values in seconds.items():
        rate = float(np.median(batch / values))
        rows[name][precision] |= {"images_per_s": rate, "seconds": values.tolist()}
    raceway = {"batch": batch, "rounds": rounds, "contestants": rows}
    return about(config, device, **raceway, ratios=ratios(seconds, device, config.seed))


def show(result):
    """Each contestant, then ours against each peer."""
    precisions = result["raced"]
    heads = [text for p in precisions for text in (f"images/s, {p}", f"net GiB, {p}")]
    table = [["network", "parameters", *heads]]
    for name, row in result["contestants"].items():
        cells = [
            text
            for p in precisions
            for text in (f"{row[p]['images_per_s']:.1f}", f"{row[p]['net_gib']:.2f}")
        ]
        table.append([name, f"{row['parameters']:,}", *cells])
    against = [(own, p) for own in OURS for p in precisions]
    ratio_table = [["times as many images/s as", *(f"{own}, {p}" for own, p in against)]]
    for name, row in result["ratios"].items():
        cells = (tables.cell(row[own][p], "ratio", ".2f") for own, p in against)
        ratio_table.append([name, *cells])
    return f"{tables.markdown(table)}\n\n{tables.markdown(ratio_table)}"


def below(result, bound):
    """Where a peer is not clearly beaten by that factor: a line of text for each of its ratios
    whose interval begins below."""
    lines = []

    def look(row, path):
        if "ratio" not in row:
            for key, value in row.items():
                look(value, (*path, key))
        elif row["ratio_interval"][0] < bound:
            lines.append(f"{', '.join(path)}: {tables.cell(row, 'ratio', '.2f')}")

    for name in PEERS:
        look(result["ratios"].get(name, {}), (name,))
    return lines


STUDY = Study(
    name="training-speed",
    measure=measure,
    show=show,
    notes=notes,
    result="bench_train",
    needs=(),
    options={"rounds": Option(9, "rounds in which contestants take turns")},
)
