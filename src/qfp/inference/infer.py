"""Exact inference: candidates, their likelihood, and the potential that explains the curve.

Candidates come from the library of all configurations or from a network's samples; the second-order
likelihood weighs them; where that leaves a doubt, or no candidate explains the curve, each is
refined and weighed by its evidence at the optimum. The best one is refined always: it is the
certificate.
"""

import dataclasses
import os
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import NamedTuple

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from qfp.data.workers import one_torch_thread
from qfp.inference import library as libraries
from qfp.inference.candidates import from_library, from_proposals, without_copies
from qfp.inference.likelihood import Expected, expected, judge, probabilities
from qfp.inference.posterior import Posterior, largest_chi2, proposed
from qfp.inference.refine import Refined, images, refine
from qfp.physics import green
from qfp.tools import SettingsError, progress_bar, stream

SURE = 0.999  # probability from which on the second order decides alone
DOUBTS = 3, 1e-3  # at most so many candidates are refined, and of at least this probability
HARD = 60.0  # nats that refining may bring where the second order explains nothing
QUICK, PATIENT = 1, 5  # Gauss-Newton steps for the certificate, and where evidences decide


def infer(curves, device, noise=None, proposals=None, *, certificate=True, seed=0, progress=False):
    """Exact posterior of the antidots, the potential and the LDOS, for each of some curves.

    Source: Sec. III's wire, solved exactly; the method is this project's.

    Parameters
    ----------
    curves : array (B, F)
        [e^2/h], at the fields of the device.
    device : Device
    noise : array (B, F), optional
        Standard deviations of the curves [e^2/h].
    proposals : sequence of B arrays, int (S, 2, 2), optional
        Antidots that a network proposes; they and their neighbours are the candidates, and the
        library of all configurations only where none of these explains the curve.
    certificate : bool
        Whether the potential and the LDOS are recovered where the answer does not need them; it is
        more than half of the work.
    seed : int
        Of the draws of potentials.
    progress : bool
        Whether a progress bar is shown.

    Returns
    -------
    list of B Posterior

    Raises
    ------
    SettingsError
        Where curves do not fit the device, or noise and proposals the curves.

    Examples
    --------
    >>> wire = qfp.load_preset("laptop").device
    >>> curve = qfp.solve(wire, [[14, 20], [35, 41]], qfp.random_potential(0, wire))[0]
    >>> found = qfp.infer(curve[None], wire, proposals=[[[[14, 19], [35, 41]]]])[0]
    >>> found.answer.tolist(), bool(found.probability[0] > 0.99)
    ([[14, 19], [35, 40]], True)
    """
    curves, errors, proposals = checked(curves, device, noise, proposals)
    one = partial(infer_one, device=device, certificate=certificate)
    # one thread a curve: the matrices are small, and more threads only wait for each other
    with (
        threadpool_limits(1, "blas"),
        one_torch_thread(),
        ThreadPoolExecutor(
            os.cpu_count(), initializer=torch.set_num_threads, initargs=(1,)
        ) as pool,
    ):
        prepare(device, pool, any(given is None for given in proposals))
        seeds = [[seed, k] for k in range(len(curves))]
        found = pool.map(one, curves, errors, proposals, seeds)
        return list(
            progress_bar(
                found, total=len(curves), desc="judged", unit="curve", disable=not progress
            )
        )


def checked(curves, device, noise, proposals):
    """Curves (B, F), and noise and proposals of each, None where there is none. SettingsError where
    they do not fit together."""
    curves = np.asarray(curves, float)
    if curves.ndim != 2 or curves.shape[1] != device.field_points or not np.isfinite(curves).all():
        raise SettingsError(
            f"curves: expected finite numbers of shape (B, {device.field_points}), a row for each "
            f"curve; got {curves.dtype} {curves.shape}"
        )
    errors = [None] * len(curves)
    if noise is not None:
        noise = np.asarray(noise, float)
        if (
            noise.shape not in (curves.shape, curves.shape[1:], (1, curves.shape[1]))
            or not (np.isfinite(noise) & (noise >= 0)).all()
        ):
            raise SettingsError(
                f"noise: expected standard deviations, 0 or more, of shape {curves.shape} or "
                f"{curves.shape[1:]}; got shape {noise.shape}"
            )
        errors = np.broadcast_to(noise, curves.shape)
    if proposals is None:
        proposals = [None] * len(curves)
    if len(proposals) != len(curves):
        raise SettingsError(f"proposals: {len(proposals)} for {len(curves)} curves: give one each")
    return curves, errors, proposals


def prepare(device, pool, library=False):
    """What all curves share, once: clean wires of all fields, and the library where it is used."""
    list(pool.map(partial(green.clean_wire_cached, device), map(float, device.fields)))
    if library:
        libraries.library(device)


def infer_one(curve, noise=None, proposals=None, seed=(0,), *, device, certificate=True):
    """Posterior of one curve (F,) [e^2/h]; see `infer`."""
    largest, source = largest_chi2(len(curve)), "library" if proposals is None else "proposals"
    if proposals is None:
        antidots = from_library(device, curve, noise)
    else:
        antidots = from_proposals(device, curve, noise, proposals)
    second = SecondOrder.of(device, curve, noise, antidots)
    if source == "proposals" and second.chi2[second.log.argmax()] > largest:
        more = from_library(device, curve, noise)
        antidots, source = without_copies(np.concatenate([antidots, more])), "library"
        second = SecondOrder.of(device, curve, noise, antidots)
    weighed = weigh(device, curve, noise, antidots, second, certificate)
    probability = probabilities(weighed.log)
    samples = None if proposals is None else proposed(proposals, weighed.antidots, probability)
    found = Posterior(
        device,
        weighed.antidots,
        probability,
        weighed.log,
        weighed.chi2,
        bool(weighed.chi2 <= largest),
        weighed.mean,
        weighed.spread,
        samples,
        source,
    )
    if weighed.best is None:
        return found
    best, rng = weighed.best, stream("posterior", *seed)
    ldos, spread = images(device, found.answer, best, rng) if certificate else (None, None)
    return dataclasses.replace(
        found,
        curve=best.curve,
        shift=best.shift,
        residual=best.residual,
        converged=best.converged,
        potential=best.potential,
        ldos=ldos,
        ldos_spread=spread,
    )


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
    spread: np.ndarray  # (F,) [e^2/h]


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
    spread = np.sqrt(np.diag(expectation.first[first] + expectation.rest[first]))
    best = found.get(first)
    return Weighed(antidots[order], log[order], least, best, expectation.mean[first], spread)
