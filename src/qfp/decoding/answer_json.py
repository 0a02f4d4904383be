"""Answers to curves as values of JSON, one object a curve."""

from qfp.inference.posterior import largest_chi2


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
    own, decoded = answers.posterior[i], answers.decoded
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
        "network": {
            "antidots": decoded.consensus[i].tolist(),
            "share": float(decoded.probability[i]),
            "samples": own.proposed.samples,
            "effective_samples": own.proposed.effective,
            "posterior_mass": own.proposed.mass,
            "candidates_from": own.source,
        },
    }
