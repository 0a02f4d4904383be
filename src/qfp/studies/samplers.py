"""How few network evaluations give the paper's 1,000-step generation: samplers compared on the same
curves and noise.

Every sampler decodes the same test configurations once each, from the same x_T, so that differences
to all T ancestral steps are paired. Blocks of samples are kept until the end, as in evaluate, so a
killed run resumes.
"""

import dataclasses

from qfp.decoding import decode, metrics
from qfp.studies.accuracy import (
    BLOCK,
    HIGH,
    cell,
    check_use,
    choose,
    finished,
    hits,
    opened,
    sampled,
    scores,
)
from qfp.tools import digest, project_root

RUNS = tuple(
    (sampler, steps) for sampler in ("ancestral", "ddim", "dpm2m") for steps in (50, 20, 10, 5)
)
NOTES = {
    "rows": "SAMPLER STEPS: one sample a curve; the reference is the paper's generation, all "
    "ancestral steps",
    "network_evaluations": "of the whole U-Net for one sample; a gamma other than 1 takes two a "
    "step",
    "difference": "share minus that of the reference on the same curves and x_T (within k sites; "
    f"r >= {HIGH}); 95 % "
    "score interval of Tango for paired shares",
}


def measured(decoder, sampling, values, rows, folder, name, seed, reference=None):
    """One sample a curve with these settings: (row of the table, hits by curve).

    values: curves (B, F), antidots (B, 2, 2), LDOS (B, L, W) of `rows`, blocks in `folder`;
    reference: the hits to which the row's difference is taken, on the same curves."""
    curves, antidots, truth = values
    answer = decode.conclude(
        sampled(decoder, sampling, curves, rows, 1, folder, name, seed), decoder.config.device
    )
    found = answer.antidots[:, 0], antidots, answer.ldos[:, 0], truth
    successes = hits(decoder.config.device, *found)
    row = {
        "sampler": sampling.sampler,
        "steps": sampling.steps,
        "network_evaluations": sampling.steps * (1 if sampling.gamma == 1 else 2),
        **scores(decoder.config.device, *found, seed),
    }
    return row if reference is None else row | {
        "difference": metrics.differences(successes, reference)
    }, successes


def run_samplers(
    config, weights, data="data/laptop.h5", out="results/samplers.json", curves=200, report=print
):
    """Compare RUNS with all T ancestral steps on `curves` test configurations; writes `out` and
    returns what it holds.

    config: for gamma and the seed. Costs about T + 255 network evaluations a curve. Raises
    SettingsError where the weights were trained on other data, so that a test configuration could
    be one that they have seen."""
    check_use(out, curves=curves)
    decoder, pairs, parts, about = opened(weights, data, config.seed)
    test = choose(parts, "test", curves, config.seed)
    p, n = test.T
    runs, gamma = (("ancestral", decoder.config.diffusion.steps), *RUNS), config.sampling.gamma
    about |= {"curves": len(test), "gamma": gamma}
    folder = project_root() / "runs" / f"samplers-{digest(about, BLOCK)[:12]}"
    report(
        f"{len(test)} test configurations, {sum(steps for _, steps in runs)} steps each; "
        f"blocks in {folder.relative_to(project_root())}"
    )
    values = pairs.conductance[p, n], pairs.antidots[n], pairs.ldos[p, n]
    rows, reference = {}, None
    for sampler, steps in runs:
        name, sampling = (
            f"{sampler} {steps}",
            dataclasses.replace(config.sampling, sampler=sampler, steps=steps),
        )
        rows[name], successes = measured(
            decoder, sampling, values, test, folder, name, config.seed, reference
        )
        reference = reference or successes
    result = {**about, "reference": "{} {}".format(*runs[0]), "rows": rows, "notes": NOTES}
    return finished(out, result, [folder], as_markdown(result), report)


def as_markdown(result):
    """The table of a samplers.json in Markdown, a line for each sampler; differences to the
    reference in brackets."""
    shown = {"exact": "within_0", "within 1 site": "within_1", f"r >= {HIGH}": "r_high"}
    lines = [
        f"| | evaluations | Pearson r, median | {' | '.join(shown)} |",
        "| --- " * (3 + len(shown)) + "|",
    ]
    for name, row in result["rows"].items():
        line = [name, str(row["network_evaluations"]), cell(row, "r_median", ".3f")]
        for key in shown.values():
            text = f"{row[key]:.1%}"
            if "difference" in row:
                low, high = row["difference"][f"{key}_interval"]
                text += f" ({row['difference'][key]:+.1%}, {low:+.1%} to {high:+.1%})"
            line.append(text)
        lines.append(f"| {' | '.join(line)} |")
    return "\n".join(lines)
