"""Exact inference of many curves: what they share is made once, each is judged by itself."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from qfp.data.workers import one_torch_thread
from qfp.inference import library as libraries
from qfp.inference.candidates import LISTED
from qfp.inference.decide import Case, decide, decide_case, decide_unknown
from qfp.inference.surrogate import surrogate
from qfp.physics import discs, geometry, green, leads, thermal
from qfp.threads import cores
from qfp.tools import SettingsError, progress_bar, project_root


def infer(
    curves,
    device,
    noise=None,
    proposals=None,
    *,
    nuisance=None,
    numbers=(2,),
    temperature=0.0,
    certificate=True,
    seed=0,
    progress=False,
):
    """Exact posterior of the antidots, the potential and the LDOS, for each of some curves.

    Source: Sec. III's wire, solved exactly; the method is this project's.

    Parameters
    ----------
    curves : array (B, F)
        [e^2/h], at the fields of the device.
    device : Device
    noise : number, array (F,), (B, F) or (B, F, F), optional
        Standard deviation of the curves [e^2/h], of all, of each field or of each curve and field;
        or covariances of their errors [(e^2/h)^2].
    proposals : sequence of B sequences of antidots, int (K, 2), optional
        What a network proposes for each curve. One or two antidots: these and their neighbours are
        the candidates, and the library of all configurations only where none of them explains the
        curve. More: the search begins with them. Of several `numbers`, those that are not proposed
        are judged only where none of the others explains the curve.
    nuisance : Nuisance, optional
        What a measurement adds that is not known exactly: inferred with the answer. Candidates then
        come from the library, or with three and more antidots from a search, which begins with the
        proposals.
    numbers : sequence of int
        Of antidots that the wire may have, each as likely before; without proposals, candidates
        come from the library, or from a search where there are three and more.
    temperature : float or sequence of floats
        k_B T of the wire [t], or several that it may have, each as likely before; of several,
        candidates come from the library, and the lower ones are favoured where their averages have
        smaller errors. For each energy of the average, three to nine (see
        `thermal.warm`), a library takes a minute of one core, once, and a curve as long as at
        T = 0.
    certificate : bool or 'curve'
        Whether the potential and the LDOS are recovered where the answer does not need them; it is
        more than half of the work. 'curve' leaves the LDOS out.
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
        Where curves do not fit the device, or noise and proposals the curves, or so many antidots
        have no place, or a temperature is none or is asked for with three and more antidots.

    Examples
    --------
    >>> wire = qfp.load_preset("laptop").device
    >>> curve = qfp.solve(wire, [[14, 20], [35, 41]], qfp.random_potential(0, wire))[0]
    >>> found = qfp.infer(curve[None], wire, proposals=[[[[14, 19], [35, 41]]]])[0]
    >>> found.answer.tolist(), bool(found.probability[0] > 0.99)
    ([[14, 19], [35, 40]], True)
    """
    curves, errors, proposals = checked(curves, device, noise, proposals)
    cases = cases_of(device, numbers, temperature)
    if len(cases) > len(numbers):  # one set of candidates for all temperatures
        proposals = [()] * len(curves)
    library = nuisance is not None or not all(map(len, proposals))
    one = partial(
        decide_case,
        cases=cases,
        decide=decide if nuisance is None else partial(decide_unknown, nuisance=nuisance),
        certificate=certificate,
    )
    with threads() as pool:
        for case in cases:
            searched = library or case.number > LISTED
            prepare(case.device, pool, (case.number,) if searched else ())
        seeds = [[seed, k] for k in range(len(curves))]
        found = pool.map(one, curves, errors, proposals, seeds)
        return list(
            progress_bar(
                found, total=len(curves), desc="judged", unit="curve", disable=not progress
            )
        )


@contextmanager
def threads():
    """Pool of one thread a curve: the matrices are small, and more threads only wait for each
    other."""
    options = {"initializer": torch.set_num_threads, "initargs": (1,)}
    with (
        threadpool_limits(1, "blas"),
        one_torch_thread(),
        ThreadPoolExecutor(cores(), **options) as pool,
    ):
        yield pool


def cases_of(device, numbers, temperature):
    """Cases of some numbers of antidots and temperatures; SettingsError before the first library
    is made."""
    if not len(numbers):
        raise SettingsError("numbers: expected numbers of antidots such as (2,), none is there")
    if tuple(numbers) != (2,):
        geometry.sampled(device, max(numbers), 0)
    temperatures = np.atleast_1d(temperature).tolist()
    if max(numbers) > LISTED and any(temperatures):
        raise SettingsError(
            f"temperature with {max(numbers)} antidots: three and more are searched at T = 0 only; "
            "temperature 0 takes the wire for a cold one"
        )
    if not temperatures:
        raise SettingsError("temperature: expected a number or a list of them, none is there")
    wires = [(T, thermal.warm(device, T)) for T in temperatures]
    return [Case(number, T, own) for number in numbers for T, own in wires]


def checked(curves, device, noise, proposals):
    """Curves (B, F), noise of each, None where there is none, and proposals. SettingsError where
    they do not fit together."""
    curves = np.asarray(curves, float)
    if curves.ndim != 2 or curves.shape[1] != device.field_points or not np.isfinite(curves).all():
        raise SettingsError(
            f"curves: expected finite numbers of shape (B, {device.field_points}), a row for each "
            f"curve; got {curves.dtype} {curves.shape}"
        )
    errors = [None] * len(curves) if noise is None else errors_of(noise, *curves.shape)
    if proposals is None:
        proposals = [()] * len(curves)
    if len(proposals) != len(curves):
        raise SettingsError(f"proposals: {len(proposals)} for {len(curves)} curves: give one each")
    return curves, errors, proposals


def errors_of(noise, B, F):
    """Standard deviations (F,) or covariance (F, F) of each of B curves."""
    noise = np.asarray(noise, float)
    if noise.ndim < 3 and noise.shape in ((), (1,), (F,), (1, F), (B, F)):
        if (np.isfinite(noise) & (noise >= 0)).all():
            return np.broadcast_to(noise, (B, F))
    elif noise.shape in ((1, F, F), (B, F, F)) and np.isfinite(noise).all():
        if all(covariant(one) for one in noise):
            return np.broadcast_to(noise, (B, F, F))
    raise SettingsError(
        f"noise: expected standard deviations, 0 or more: a number, ({F},) or {(B, F)}, or "
        f"covariances {(B, F, F)}; got shape {noise.shape}"
    )


def covariant(matrix):
    """Whether a matrix is symmetric and has no negative eigenvalue, to rounding."""
    size = np.abs(matrix).max()
    return (
        np.allclose(matrix, matrix.T, rtol=0, atol=1e-9 * size)
        and np.linalg.eigvalsh(matrix)[0] >= -1e-9 * size
    )


def prepare(device, pool, numbers=()):
    """What all curves share, once: clean wires of all fields, and the libraries or the forward
    models of some numbers of antidots."""
    for _, own in thermal.parts(device):
        leads.keep_steps(own, project_root() / "runs" / "curves")
    if green.are_kept(device):
        list(pool.map(lambda b: list(green.clean_wires(device, b)), map(float, device.fields)))
    for number in numbers:
        if number <= LISTED:
            libraries.library(device, number)
        else:
            list(pool.map(partial(discs.scatterers, device), map(float, device.fields)))
            surrogate(device, number)
