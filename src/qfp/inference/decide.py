"""The judgement of one curve: candidates, their likelihood, and the potential that explains it.

Candidates come from the library of all configurations or from a network's samples; the second-order
likelihood weighs them; where that leaves a doubt, or no candidate explains the curve, each is
refined and weighed by its evidence at the optimum. The best one is refined always: it is the
certificate.
"""

import dataclasses
from typing import NamedTuple

import numpy as np
from scipy.special import logsumexp

from qfp.inference.candidates import LISTED, from_proposals, of_number, without_copies
from qfp.inference.likelihood import Expected, expected, judge, probabilities
from qfp.inference.nuisance import linear
from qfp.inference.posterior import Posterior, largest_chi2, proposed
from qfp.inference.refine import Refined, certified, images, refine, rms
from qfp.physics import geometry, thermal
from qfp.tools import stream

SURE = 0.999  # probability from which on the second order decides alone
DOUBTS = 3, 1e-3  # at most so many candidates are refined, and of at least this probability
HARD = 60.0  # nats that refining may bring where the second order explains nothing
QUICK, PATIENT = 1, 5  # Gauss-Newton steps for the certificate, and where evidences decide
ROUNDS, CLOSE = 6, 0.1  # of unknown parameters, and standard deviations at which they stay


def worth(device, proposals, candidates, probability):
    """`Proposed` of a network's samples (S, K, 2) in any placement, None where there are none."""
    if proposals is None:
        return None
    return proposed(geometry.canonical(np.asarray(proposals, int), device), candidates, probability)


def decide(
    curve, noise=None, proposals=None, seed=(0,), *, device, number=2, named=None, certificate=True
):
    """Posterior of one curve (F,) [e^2/h] of `number` antidots, with noise (F,), or (F, F) as in
    `covariance_of`; named: candidates that a search has found; the rest as in `infer`."""
    antidots, second, source = likely(device, curve, noise, proposals, number, seed, named)
    weighed = weigh(device, curve, noise, antidots, second, certificate)
    probability = probabilities(weighed.log)
    samples = worth(device, proposals, weighed.antidots, probability)
    found = Posterior(
        device,
        weighed.antidots,
        probability,
        weighed.log,
        weighed.chi2,
        bool(weighed.chi2 <= largest_chi2(len(curve))),
        weighed.mean,
        weighed.covariance,
        samples,
        source,
        curve,
    )
    if weighed.best is None:
        return found
    best, rng = weighed.best, stream("posterior", *seed)
    potential, exact, residual = best.potential, best.curve, rms(curve - best.curve)
    if found.explained:  # any curve has a potential, if that may be as large as it likes
        potential, exact, residual = certified(device, found.answer, curve, best, noise)
    pictures = certificate is True
    ldos, spread = images(device, found.answer, best, rng) if pictures else (None, None)
    return dataclasses.replace(
        found,
        curve=exact,
        residual=residual,
        converged=best.converged,
        potential=potential,
        ldos=ldos,
        ldos_spread=spread,
    )


def likely(device, curve, noise, proposals, number, seed, named=None):
    """Candidates (C, K, 2), their SecondOrder, and where they came from: the library, too, where
    none that a network proposes explains the curve."""
    source = "search" if number > LISTED else "library" if proposals is None else "proposals"
    if source == "proposals":
        antidots = from_proposals(device, curve, noise, proposals)
    else:
        antidots = of_number(device, curve, noise, number, seed, named, proposals)
    second = SecondOrder.of(device, curve, noise, antidots)
    if source == "proposals" and second.chi2[second.log.argmax()] > largest_chi2(len(curve)):
        more = of_number(device, curve, noise, number)
        antidots, source = without_copies(np.concatenate([antidots, more])), "library"
        second = SecondOrder.of(device, curve, noise, antidots)
    return antidots, second, source


def decide_unknown(
    curve, noise, proposals, seed, *, device, nuisance, number=2, named=None, certificate=True
):
    """Posterior of one measured curve (F,) [e^2/h] whose Nuisance is inferred with the answer."""
    theta, mean, b = np.zeros(len(nuisance.prior)), None, device.fields
    for _ in range(ROUNDS):
        own = linear(nuisance, curve, noise, b, theta, mean)
        named = of_number(device, own.curve, own.error, number, seed, named, proposals)
        expectation, log, _ = SecondOrder.of(device, own.curve, own.error, named)
        best = expectation.part(log.argmax())
        left, covariance = own.curve - best.mean, best.first + best.rest + own.error
        moved, spread = own.parameters(left, covariance)
        stays = mean is not None and (np.abs(moved - theta) < CLOSE * spread).all()
        theta, mean = moved, best.mean
        if stays:
            break
    own = linear(nuisance, curve, noise, b, theta, mean)
    options = {"device": device, "number": number, "named": named, "certificate": certificate}
    found = decide(own.curve, own.error, None, seed, **options)
    theta, spread = own.parameters(own.curve - found.expected, found.covariance + own.error)
    values, errors = nuisance.values(theta), nuisance.values(spread)
    measured, _ = nuisance.taken_off(curve, b, theta)
    samples = worth(device, proposals, found.antidots, found.probability)
    found = dataclasses.replace(
        found,
        measured=measured,
        unknown={name: (values[name], errors[name]) for name in values},
        proposed=samples,
    )
    if found.curve is None:
        return found
    return dataclasses.replace(found, residual=rms(measured - found.curve))


class Case(NamedTuple):
    """What a wire may be."""

    number: int  # of antidots
    temperature: float  # k_B T [t]
    device: object  # at the temperature


def decide_case(curve, noise, proposals, seed, *, cases, decide, certificate=True):
    """Posterior of one curve (F,) [e^2/h] of the most probable of some Cases, each as likely
    before; `decide` judges a curve for one of them. Numbers that are not among the proposals, a
    sequence of antidots (K, 2), come second where some are."""

    def own(case, **options):
        error = thermal.with_error(case.device, noise)
        wire = {"device": case.device, "number": case.number}
        same = [antidots for antidots in proposals if len(antidots) == case.number]
        found = decide(curve, error, np.array(same) if same else None, seed, **wire, **options)
        return dataclasses.replace(found, temperature=case.temperature)

    if len(cases) == 1:
        return own(cases[0], certificate=certificate)
    proposed = set(map(len, proposals))
    first = [case for case in cases if case.number in proposed] or cases
    found = [own(case, certificate=False) for case in first]
    if any(one.explained for one in found):
        cases = first
    elif len(first) < len(cases):
        cases = first + [case for case in cases if case not in first]
        found += [own(case, certificate=False) for case in cases[len(first) :]]
    count = [geometry.count(case.device, case.number) for case in cases]
    log = [logsumexp(one.log_evidence) - np.log(n) for one, n in zip(found, count, strict=True)]
    share, best = probabilities(np.array(log)), int(np.argmax(log))
    answer = found[best]
    if certificate:
        answer = own(cases[best], named=answer.antidots, certificate=certificate)
    return dataclasses.replace(
        answer,
        numbers=shares([case.number for case in cases], share),
        temperatures=shares([case.temperature for case in cases], share),
    )


def shares(values, share):
    """{value: its share} of the cases that have it; None where all have one value."""
    found = {v: float(sum(s for w, s in zip(values, share) if w == v)) for v in values}
    return found if len(found) > 1 else None


class SecondOrder(NamedTuple):
    """What the second order says of candidates."""

    expectation: Expected
    log: np.ndarray  # (C,)
    chi2: np.ndarray  # (C,)

    @classmethod
    def of(cls, device, curve, noise, antidots):
        """Of candidates (C, 2, 2) for a curve (F,)."""
        expectation = expected(device, antidots, curve, noise)
        return cls(expectation, *judge(curve, expectation, noise))


class Weighed(NamedTuple):
    """Candidates in the order of their evidence, and what the best one expects."""

    antidots: np.ndarray  # (C, 2, 2)
    log: np.ndarray  # (C,)
    chi2: float
    best: Refined | None
    mean: np.ndarray  # (F,) [e^2/h]
    covariance: np.ndarray  # (F, F) [(e^2/h)^2], over potentials


def weigh(device, curve, noise, antidots, second, certificate):
    """Weighed of candidates (C, 2, 2): by the second order, or by refined evidences where that
    leaves a doubt."""
    (expectation, log, chi2), largest = second, largest_chi2(len(curve))
    order = np.argsort(-log)
    first = order[0]
    sure = probabilities(log)[first] >= SURE and chi2[first] <= largest

    def refined(k, steps):
        rest = expectation.rest[k]
        return refine(device, antidots[k], curve, expectation.shift[k], rest, noise, steps)

    if sure:
        found = {first: refined(first, QUICK)} if certificate else {}
        least = min([chi2[first], *(one.chi2 for one in found.values())])
    else:
        behind = -np.log(DOUBTS[1]) if chi2[first] <= largest else HARD
        likely = [k for k in order[: DOUBTS[0]] if log[k] >= log[first] - behind]
        found = {k: refined(k, PATIENT) for k in likely}
        for k, one in found.items():
            log[k] = one.log_evidence
        # those that were not refined stay behind those that were
        below = np.nextafter(min(log[k] for k in likely), -np.inf)
        log = np.array([v if k in found else min(v, below) for k, v in enumerate(log)])
        order = np.argsort(-log)
        first = order[0]
        least = found[first].chi2
    _, _, C, Q = expectation.part(first)
    best = found.get(first)
    return Weighed(antidots[order], log[order], least, best, expectation.mean[first], C + Q)
