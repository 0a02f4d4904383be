"""Answers to curves as values of JSON, as lines, and as what a report draws: by the network alone,
or by physics."""

import numpy as np

from qfp.decoding.sets import POSSIBLE
from qfp.inference.posterior import largest_chi2
from qfp.physics import green
from qfp.physics.units import SIEMENS

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
        "numbers": numbers_of(decoded, i),
        "novelty": None if judged is None else float(judged.novelty[i]),
        "flagged": None if judged is None else bool(judged.flagged[i]),
    }


def numbers_of(decoded, i):
    """{K: probability} of each number of antidots by a network that reads any, else None."""
    if not hasattr(decoded, "numbers"):
        return None
    return {K: float(p) for K, p in enumerate(decoded.numbers[i], 1) if p >= POSSIBLE}


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
        },
        "copies": own.copies,
        "numbers": own.numbers,
        "temperature": own.temperature,
        "temperatures": own.temperatures,
        "unknown": {name: told for name, told, _ in unknown(answers, i)},
        "candidates_from": own.source,
        "network": None if own.proposed is None else _network(answers, i),
    }


def _network(answers, i):
    """What the network said, and what its samples were worth as a proposal."""
    own, decoded = answers.posterior[i].proposed, answers.decoded
    return {
        "antidots": decoded.consensus[i].tolist(),
        "share": float(decoded.probability[i]),
        "numbers": numbers_of(decoded, i),
        "samples": own.samples,
        "effective_samples": own.effective,
        "posterior_mass": own.mass,
    }


def unknown(answers, i):
    """(name, (value, standard deviation), unit) of what was inferred of the measurement, in the
    file's units; the background's are those of each coefficient."""
    units = {
        "gain": ("gain", 1.0, ""),
        "series": ("series_ohm", 1 / (SIEMENS * answers.spin), " ohm"),
        "offset": ("offset", 1 / (answers.tesla or 1.0), " T" if answers.tesla else " rad"),
        "background": ("background", float(answers.spin), " e^2/h"),
    }
    found = []
    for own, values in (answers.posterior[i].unknown or {}).items():
        name, scale, unit = units[own]
        found.append((name, tuple((scale * np.array(v)).tolist() for v in values), unit))
    return found


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
            "predicted": own.curve,
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


def places(pair):
    """'(10, 20) and (33, 41)'."""
    return " and ".join(f"({x}, {y})" for x, y in pair)


def verdict(answers, i):
    """Whether the answer to curve i can be trusted, in a line."""
    if answers.posterior is not None:
        return certificate_line(answers.posterior[i])
    if answers.judged is None:
        return "novelty not judged: no reference for these weights"
    value = answers.judged.novelty[i]
    if answers.judged.flagged[i]:
        return f"unlike the training curves: novelty {value:.1f}, above 1; do not trust this answer"
    return f"like the training curves: novelty {value:.2f}, not above 1"


def unknown_line(name, told, unit):
    """'gain 0.0152 +- 0.0028'."""
    pairs = zip(*told, strict=True) if np.ndim(told[0]) else [told]
    values = ", ".join(f"{value:.3g} +- {error:.2g}" for value, error in pairs)
    return f"{name} {values}{unit}"


def certificate_line(posterior):
    """What the certificate says, in a line."""
    fields = len(posterior.curve)
    if not posterior.explained:
        return (
            f"no wire of this kind explains the curve: chi2 {posterior.chi2:.0f} for {fields} "
            f"fields, above {largest_chi2(fields):.0f}; do not trust this answer"
        )
    return (
        f"explained by physics: chi2 {posterior.chi2:.0f} for {fields} fields; certificate "
        f"{posterior.residual:.4f} e^2/h off"
    )


def temperature_lines(posterior, kelvin):
    """'k_B T = 0.0045 t (0.3 K)', where it is not zero, and what others were worth."""
    told = {
        T: f"{T:.3g} t" + (f" ({T / kelvin:.3g} K)" if kelvin else "")
        for T in posterior.temperatures or [posterior.temperature]
    }
    if posterior.temperatures is None:
        return [f"at k_B T = {text}" for T, text in told.items() if T]
    shares = ", ".join(f"{told[T]}: {p:.4f}" for T, p in posterior.temperatures.items())
    return [f"k_B T, {shares}"]


def numbers_line(numbers):
    """'number of antidots, 2: 0.0012, 3: 0.9988'."""
    return "number of antidots, " + ", ".join(f"{K}: {p:.4f}" for K, p in numbers.items())


def as_text(answers, i):
    """Answer i in a few lines."""
    decoded, lines = answers.decoded, []
    if decoded is not None:
        consensus, samples = decoded.consensus[i], decoded.ldos.shape[1]
        agreed = f"{decoded.probability[i]:.0%} of {samples} samples"
    if answers.posterior is None:
        pairs, answer = decoded.candidates[i], consensus
        exact = sum(share for pair, share in pairs if (pair == consensus).all())
        lines.append(f"{agreed} agree within one site, {exact:.0%} exactly")
    else:
        own = answers.posterior[i]
        pairs, answer = list(zip(own.antidots, own.probability, strict=True)), own.answer
        lines.append(f"probability {own.probability[0]:.4f}, from the exact solver")
        if decoded is not None:
            lines.append(
                f"network: {places(consensus)}, {agreed} within one site; they "
                f"hold {own.proposed.mass:.0%} of the posterior"
            )
        lines += [unknown_line(*one) for one in unknown(answers, i)]
        lines += temperature_lines(own, answers.kelvin)
        if own.numbers is not None:
            lines.append(numbers_line(own.numbers))
    if decoded is not None and numbers_of(decoded, i):
        lines.append(f"{numbers_line(numbers_of(decoded, i))}, by the network")
    others = [(p, pair) for pair, p in pairs if (pair != answer).any() and p >= 0.001]
    return "\n  ".join(
        [
            f"{answers.files[i]}: antidots at (x, y) = {places(answer)}",
            *lines,
            *(f"{p:.1%} for {places(pair)}" for p, pair in others[:3]),
            verdict(answers, i),
        ]
    )
