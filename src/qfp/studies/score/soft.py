"""In which directions is the learned energy soft, and what do they change in the image?"""

from qfp.studies import intervals
from qfp.studies.score import forcefield
from qfp.studies.score.energies import ENERGY_NOISE
from qfp.studies.score.subject import spread, tangents
from qfp.tools import progress_bar

SOFT_IMAGES, SOFT, BLOCKS = 24, 6, 7


def softest_of(subject, row, place, t, known, control):
    """Largest eigenvalues of D of one row's image, and shares of its eigenvectors in tangents.

    place: 'clean' or 'noisy'; known, control: tangents of this row and of another."""
    if place == "clean":
        x = float(subject.schedule.alpha_bar[t]) ** 0.5 * subject.images(row[None])
    else:
        x = subject.noisy(row[None], t)
    score = subject.field(subject.condition(row[None]).repeat(SOFT), t)
    given = subject.variance(t), x, SOFT, BLOCKS, subject.seeds(row[None])
    values, vectors, residuals = forcefield.softest(score, *given)
    shares = {}
    for kind, own in known.items():
        shares[kind] = forcefield.share_in_span(vectors[0], own)
        shares[f"{kind}_control"] = forcefield.share_in_span(vectors[0], control[kind])
    saddle = float((values > 1).any())
    return {"eigenvalues": values[0], "residuals": residuals[0], "saddle": saddle, **shares}


def soft_directions(subject):
    """Part (c): largest eigenvalues of D at the true image and at a noisy point, and what lies in
    the solver's tangents."""
    rows = subject.test[:SOFT_IMAGES]
    known = [tangents(subject, row) for row in rows]
    times, found = subject.levels(ENERGY_NOISE), {"clean": [], "noisy": []}
    levels = [(place, t) for place in found for t in times]
    for place, t in progress_bar(levels, desc="soft directions", unit="level"):
        each = [
            softest_of(subject, row, place, t, known[i], known[i - 1]) for i, row in enumerate(rows)
        ]
        entry = {name: spread([one[name] for one in each], subject.seed) for name in each[0]}
        hits = int(sum(one["saddle"] for one in each))
        entry["saddle"] |= {"interval": list(intervals.wilson(hits, len(each)))}
        found[place].append(entry)
    return {
        "noise": subject.ratio[times].tolist(),
        "images": len(rows),
        "tangents": [len(k["both"]) for k in known],
        **found,
    }
