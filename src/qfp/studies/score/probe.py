"""Is the learned score the force of an energy with its minimum at the true image (Sec. VI)?

Five parts, each kept as a JSON file until the end.
"""

import json

from qfp.studies import frame
from qfp.studies.frame import Option, Study
from qfp.studies.score.dynamics import dynamics
from qfp.studies.score.energies import energies
from qfp.studies.score.memory import against_memory
from qfp.studies.score.pointing import pointing
from qfp.studies.score.soft import soft_directions
from qfp.studies.score.subject import Subject
from qfp.studies.score.summary import show, summary
from qfp.tools import write_text

PARTS = {
    "pointing": pointing,
    "energy": energies,
    "soft": soft_directions,
    "empirical": against_memory,
    "langevin": dynamics,
}
NOTES = {
    "noise": "sigma/alpha = sqrt((1 - alpha_bar)/alpha_bar), noise over signal; lists run over "
    "these levels",
    "mean, low, high": "mean over images and its 95 % bootstrap interval over the images",
    "pointing": "at x_t: cosine ('full') of the score with the way to sqrt(alpha_bar) x0, and in "
    "planes of two pixels (the "
    "paper's four, and random ones on the wire) the share within 90 degrees and the mean cosine; "
    "'other': the "
    "same towards another test image; end: rms distance per pixel of x0_hat from x0; difference: "
    "own curve "
    "minus Gaussian, paired; marked: the noise of 100 steps of this schedule and of the linear one",
    "energy.symmetry": "Frobenius norm of (D - D^T)/2, D = I + sigma^2 J, over that of D (of_D), "
    "of sigma^2 J (of_J) and of D "
    "less its mean diagonal (of_rest), at noisy points; 0 for a field with an energy. untrained: "
    "same "
    "settings, random weights",
    "energy.loops": "|closed line integral| of the score around a rectangle from a noisy point, "
    "over the mean |integral| "
    "along a side (relative); error: its change when the points on a side are halved, in the same "
    "unit",
    "energy.profiles": "beta E(x) - beta E(sqrt(alpha_bar) x0) at fixed noise; stiffness: sigma^2 "
    "times its second derivative "
    "along the unit direction at the start; reach: how far it stays within 10 % of the parabola "
    "fitted to "
    "the first quarter, in the unit of 'at'; downhill: share of images where it falls below its "
    "start",
    "energy.generation": "work of the score along DDIM; the noise level changes on the way, so no "
    "difference of one energy",
    "soft": "largest eigenvalues of the symmetric part of D at sqrt(alpha_bar) x0 (clean) and at "
    "x_t (noisy), residual norms, "
    "share of the squared norm of each eigenvector in the span of the solver's tangents (one step "
    "of an antidot; "
    "another potential), and of another configuration's (control); saddle: an eigenvalue above 1",
    "empirical": "rms distance per wire pixel between x0_hat of the network, of the exact score of "
    "all training pairs, and the "
    "truth; effective: 1 / sum w^2, quartiles; ahead: network's distance to the truth minus "
    "empirical's; width: "
    "s of the curve's weight [e^2/h], the one whose x0_hat is nearest to the truth on development "
    "curves",
    "langevin": "one image a curve from the same x_T; difference: to DDIM, paired, 95 % score "
    "interval",
    "summary": "scalars; NAME_interval is the 95 % interval of NAME",
}


def measured(run, name, subject):
    """One of PARTS, or that of an earlier run that got so far."""
    path = run.folder / f"{name}.json"
    if not path.exists():
        write_text(path, json.dumps(PARTS[name](subject), allow_nan=False))
    return json.loads(path.read_text())


def measure(run):
    """The score around test images. The dear parts take fewer images, see their constants."""
    run.decoder.model.requires_grad_(False)
    test, found = run.rows("test", run.options.curves), {}
    about = {"curves": len(test), "steps": run.sampling.steps}
    run.start(f"{len(test)} test configurations", **about)
    subject = Subject.of(run, test)
    for name in PARTS:
        found[name] = run.part(name, lambda name=name: measured(run, name, subject))
        run.report(f"{name}: done")
    return {"summary": summary(found), **found}


STUDY = Study(
    name="score",
    measure=measure,
    show=show,
    notes=NOTES,
    result="probe_score",
    options={"curves": Option(100, "test configurations"), "parts": frame.PARTS},
)
