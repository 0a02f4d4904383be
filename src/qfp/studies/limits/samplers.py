"""How few network evaluations give the paper's generation in a thousand steps?

Every sampler decodes the same test configurations once each, from the same x_T, so that differences
to all T ancestral steps are paired.
"""

import dataclasses

from qfp.studies import tables
from qfp.studies.frame import Option, Study
from qfp.studies.intervals import differences
from qfp.studies.scoring import HIGH

RUNS = tuple(
    (sampler, steps) for sampler in ("ancestral", "ddim", "dpm2m") for steps in (50, 20, 10, 5)
)
NOTES = {
    "rows": "SAMPLER STEPS: one sample a curve; the reference is the paper's generation, all "
    "ancestral steps",
    "network_evaluations": "of the whole U-Net for one sample; a gamma other than 1 takes two a "
    "step",
    "difference": "share minus that of the reference on the same curves and x_T (within k sites; "
    f"r >= {HIGH}); 95 % score interval of Tango for paired shares",
}


def row_of(answers, sampling, device, seed, reference=None):
    """Row of the table for Answers that these settings gave; reference: hits by curve to which the
    row's difference is taken."""
    row = {
        "sampler": sampling.sampler,
        "steps": sampling.steps,
        "network_evaluations": sampling.steps * (1 if sampling.gamma == 1 else 2),
        **answers.scores(device, seed),
    }
    if reference is not None:
        row["difference"] = differences(answers.hits(device), reference)
    return row


def measure(run):
    """A row for each of RUNS and for all T ancestral steps; T + 255 network evaluations a curve."""
    test, device = run.rows("test", run.options.curves), run.pairs.device
    runs = (("ancestral", run.decoder.config.diffusion.steps), *RUNS)
    run.start(
        f"{len(test)} test configurations, {sum(steps for _, steps in runs)} steps each",
        curves=len(test),
        gamma=run.sampling.gamma,
    )
    rows, reference = {}, None
    for sampler, steps in runs:
        name = f"{sampler} {steps}"
        sampling = dataclasses.replace(run.sampling, sampler=sampler, steps=steps)
        answers = run.singles(name, test, sampling)
        rows[name] = row_of(answers, sampling, device, run.seed, reference)
        reference = reference or answers.hits(device)
    return {"reference": "{} {}".format(*runs[0]), "rows": rows}


def show(result):
    """A line for each sampler; differences to the reference in brackets."""
    shown = {"exact": "within_0", "within 1 site": "within_1", f"r >= {HIGH}": "r_high"}
    table = [["", "evaluations", "Pearson r, median", *shown]]
    for name, row in result["rows"].items():
        shares = (tables.against(row, key, row.get("difference")) for key in shown.values())
        evaluations = str(row["network_evaluations"])
        table.append([name, evaluations, tables.cell(row, "r_median", ".3f"), *shares])
    return tables.markdown(table)


STUDY = Study(
    name="samplers",
    measure=measure,
    show=show,
    notes=NOTES,
    result="samplers",
    options={"curves": Option(200, "test configurations")},
)
