"""What an exact judgement says of a curve."""

from dataclasses import dataclass

import numpy as np

from qfp.physics import symmetry
from qfp.physics.wire import Device


def largest_chi2(fields):
    """chi2 above which no candidate explains a curve at so many fields, 100 for 64: of 520 dev
    curves, each under a fresh potential, one lay above."""
    return fields + 4.5 * fields**0.5


@dataclass(frozen=True)
class Posterior:
    """The exact posterior of one curve, from the Schroedinger equation and no network.

    Source: Sec. III's wire; importance weights and evidence as in Dax et al. (2023).

    Attributes
    ----------
    device : Device
    antidots : ndarray, int (C, K, 2)
        Candidates, canonical placement, the most probable first.
    probability : ndarray (C,)
        Of each candidate, all configurations equally likely before.
    log_evidence : ndarray (C,)
        Natural logarithm of the density of the curve.
    chi2 : float
        Of the curve under the best candidate; about F, the number of fields, or less.
    explained : bool
        Whether chi2 is at most `largest_chi2`, as wires of this kind have it: if not, no answer can
        be trusted.
    expected, covariance : ndarray (F,), (F, F)
        Of the best candidate's curve over all random potentials [e^2/h].
    proposed : Proposed or None
        What the network's samples were worth, where there were some.
    source : str
        'proposals', 'library' or 'search': where the candidates came from.
    measured : ndarray (F,)
        The curve that was judged [e^2/h]: as given, or with `unknown` taken off.
    unknown : dict or None
        {name: (value, standard deviation)} of what a `Nuisance` left open, in its units.
    numbers : dict or None
        {K: probability} of each number of antidots that was thought possible, where several were.
    temperature : float
        k_B T [t] of the wire, the most probable one where it was not known.
    temperatures : dict or None
        {temperature: probability} of each that was thought possible, where several were.
    curve : ndarray (F,)
        The certificate, None where none was asked for: the exact curve of the best candidate under
        `potential` [e^2/h].
    residual : float
        Root mean square of what it leaves of the measured curve [e^2/h].
    converged : bool
        Whether the evidence stayed in the last step to the most probable potential.
    potential : ndarray (L, W)
        A probable one under which the best candidate has the measured curve [t]; where that is not
        `explained`, the most probable one, which misses it.
    ldos, ldos_spread : ndarray (L, W)
        Mean and standard deviation over potentials of the posterior [1/t], at b = 0.

    Examples
    --------
    >>> [field for field in qfp.Posterior.__dataclass_fields__][1:3]
    ['antidots', 'probability']
    """

    device: Device
    antidots: np.ndarray
    probability: np.ndarray
    log_evidence: np.ndarray
    chi2: float
    explained: bool
    expected: np.ndarray
    covariance: np.ndarray
    proposed: object
    source: str
    measured: np.ndarray
    unknown: dict | None = None
    numbers: dict | None = None
    temperature: float = 0.0
    temperatures: dict | None = None
    curve: np.ndarray | None = None
    residual: float | None = None
    converged: bool | None = None
    potential: np.ndarray | None = None
    ldos: np.ndarray | None = None
    ldos_spread: np.ndarray | None = None

    @property
    def spread(self):
        """Standard deviation (F,) of the best candidate's curve over random potentials [e^2/h]."""
        return np.sqrt(np.diag(self.covariance))

    @property
    def answer(self):
        """The most probable antidots (K, 2)."""
        return self.antidots[0]

    @property
    def copies(self):
        """How many placements in the wire share the answer's curve at V = 0: the inversions and all
        shifts along y, between which a curve cannot choose while the potential is unknown."""
        return len(symmetry.placements(self.answer, self.device))


@dataclass(frozen=True)
class Proposed:
    """A network's samples as a proposal for the exact posterior.

    Attributes
    ----------
    samples : int
    mass : float
        Posterior probability of what the samples name.
    effective : float
        Effective sample size: samples of the exact posterior that they are worth.
    """

    samples: int
    mass: float
    effective: float


def proposed(antidots, candidates, probability):
    """Proposed of samples (S, K, 2), given the posterior of candidates (C, K, 2).

    A sample has the weight p/q, q the share of samples that name the same."""
    names = [tuple(np.ravel(a).tolist()) for a in antidots]
    exact = {tuple(np.ravel(a).tolist()): p for a, p in zip(candidates, probability, strict=True)}
    share = {name: names.count(name) / len(names) for name in names}
    mass = sum(exact.get(name, 0.0) for name in share)
    squares = sum(exact.get(name, 0.0) ** 2 / q for name, q in share.items())
    effective = len(names) * mass**2 / squares if squares else 0.0
    return Proposed(len(names), float(mass), float(effective))
