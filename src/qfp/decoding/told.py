"""Answers to curves as values of JSON, and as what a report draws: by the network alone, or by
physics."""

from qfp.inference.posterior import largest_chi2
from qfp.physics import green

SHOWN = 0.001  # least probability of a candidate that a report draws


def as_dict(answers, i):
    """Answer i as values of JSON."""
    found = {"file": answers.files[i]}
    found |= _by_network(answers, i) if answers.posterior is None else _by_physics(answers, i)
    return found | {"notes": list(answers.notes[i]), "seconds": round(answers.seconds, 3)}


def _by_network(answers, i):
    """Its answer, its samples and, with a reference, its novelty."""
    decoded, judged = answers.decoded, answers.judged
    candidates = [
        {"antidots": pair.tolist(), "share": share} for pair, share in decoded.candidates[i]
    ]
    return {
        "antidots": decoded.consensus[i].tolist(),
        "probability": float(decoded.probability[i]),
        "samples": decoded.ldos.shape[1],
        "candidates": candidates,
        "novelty": None if judged is None else float(judged.novelty[i]),
        "flagged": None if judged is None else bool(judged.flagged[i]),
    }


def _by_physics(answers, i):
    """The exact posterior, its certificate, and what the network's samples were worth."""
    own = answers.posterior[i]
    candidates = [
        {"antidots": pair.tolist(), "probability": float(p)}
        for pair, p in zip(own.antidots, own.probability, strict=True)
    ]
    return {
        "antidots": own.answer.tolist(),
        "probability": float(own.probability[0]),
        "candidates": candidates,
        "novelty": own.chi2 / largest_chi2(len(own.expected)),
        "flagged": not own.explained,
        "certificate": {
            "chi2": own.chi2,
            "fields": len(own.curve),
            "residual": own.residual,
            "converged": own.converged,
            "curve": own.curve.tolist(),
            "shift": own.shift.tolist(),
        },
        "copies": own.copies,
        "candidates_from": own.source,
        "network": None if own.proposed is None else _network(answers, i),
    }


def _network(answers, i):
    """What the network said, and what its samples were worth as a proposal."""
    own, decoded = answers.posterior[i].proposed, answers.decoded
    return {
        "antidots": decoded.consensus[i].tolist(),
        "share": float(decoded.probability[i]),
        "samples": own.samples,
        "effective_samples": own.effective,
        "posterior_mass": own.mass,
    }


def report_parts(answers, i):
    """Antidots (2, 2) of answer i, a line about them, and what the report draws."""
    return (_drawn_of_network if answers.posterior is None else _drawn_of_physics)(answers, i)


def _drawn_of_network(answers, i):
    """Antidots (2, 2) that the samples agree on, a line, and what the report draws."""
    decoded, judged = answers.decoded, answers.judged
    answer, samples = decoded.consensus[i], decoded.ldos[i]
    said = f"{decoded.probability[i]:.0%} of {len(samples)} samples agree within one site"
    return (
        answer,
        said,
        {
            "predicted": green.clean_curves(answers.device, answer[None])[0]
            if judged is None
            else judged.predicted[i],
            "images": (samples.mean(axis=0), samples.std(axis=0)),
            "candidates": decoded.candidates[i],
            "flagged": judged is not None and bool(judged.flagged[i]),
        },
    )


def _drawn_of_physics(answers, i):
    """The most probable antidots (2, 2), a line, and what the report draws."""
    own = answers.posterior[i]
    return (
        own.answer,
        f"probability {own.probability[0]:.4f}",
        {
            "predicted": own.curve + own.shift,
            "images": (own.ldos, own.ldos_spread),
            "candidates": tuple(
                (pair, p)
                for k, (pair, p) in enumerate(zip(own.antidots, own.probability, strict=True))
                if k == 0 or p >= SHOWN
            ),
            "flagged": not own.explained,
            "band": (own.expected, own.spread),
        },
    )
