"""The Kwant model of the wire: the independent reference for conductance and LDOS (Sec. III).

H = sum_r (4t + V_r) |r><r| - t sum_<r,r'> e^{i phi} |r><r'|, with the Landau gauge phi = b (x -
(W-1)/2) on bonds along +y, so that translation along y holds in the leads. t = a = 1.
"""

import contextlib
import importlib
import warnings

import numpy as np

from qfp.physics import geometry
from qfp.physics.wire import random_potential
from qfp.tools import SettingsError, stream


def _kwant():
    try:
        # without MUMPS Kwant falls back to SciPy's solver, as fast at this size
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            import kwant
            import kwant.solvers.default
    except ImportError:
        raise SettingsError(
            "this needs Kwant, which is not installed: run `make book` in the checkout, or "
            "pip install --no-build-isolation --config-settings=--global-option=--cython "
            "kwant==1.5.0 "
            "after numpy, scipy, setuptools, wheel and cython"
        ) from None
    return kwant


def build(device, mask, potential=None):
    """Finalized Kwant system with both leads attached; lead 0 along -y, lead 1 along +y.

    mask: removed sites, bool (length, width). potential [t]: (length, width) or None for V = 0.
    Parameter: b."""
    kwant = _kwant()
    lattice = kwant.lattice.square(1, norbs=1)
    V = np.zeros(mask.shape) if potential is None else potential

    def onsite(site):
        x, y = site.tag
        return 4.0 + V[y, x]

    def along(site_to, site_from, b):  # (x, y) -> (x, y + 1)
        return -np.exp(1j * b * (site_from.tag[0] - (device.width - 1) / 2))

    system = kwant.Builder()
    sites = [
        lattice(x, y) for y in range(device.length) for x in range(device.width) if not mask[y, x]
    ]
    system[sites] = onsite
    system[kwant.builder.HoppingKind((1, 0), lattice)] = -1.0
    system[kwant.builder.HoppingKind((0, 1), lattice)] = along
    lead = kwant.Builder(kwant.TranslationalSymmetry((0, -1)))
    lead[(lattice(x, 0) for x in range(device.width))] = 4.0
    lead[kwant.builder.HoppingKind((1, 0), lattice)] = -1.0
    lead[kwant.builder.HoppingKind((0, 1), lattice)] = along
    system.attach_lead(lead)
    system.attach_lead(lead.reversed())
    return system.finalized()


def kwant_solvers():
    """Names of Kwant's solvers that are installed: 'sparse' (SciPy's) and perhaps 'mumps'."""
    _kwant()
    found = []
    for name in ("sparse", "mumps"):
        with contextlib.suppress(ImportError):
            importlib.import_module(f"kwant.solvers.{name}")
            found.append(name)
    return found


def _solver(name):
    return importlib.import_module(f"{_kwant().__name__}.solvers.{name}")


def conductance(system, device, b, solver="default"):
    """T = Tr(t t^dagger) [e^2/h] at one field, by Kwant; solver: one of `kwant_solvers`, or Kwant's
    own choice."""
    return _solver(solver).smatrix(system, device.energy, params={"b": float(b)}).transmission(1, 0)


def ldos(system, device, solver="default"):
    """LDOS at b = 0 [1/t], float64 (length, width), by Kwant; 0 on removed sites."""
    density = _solver(solver).ldos(system, device.energy, params={"b": 0.0})
    image = np.zeros((device.length, device.width))
    for site, value in zip(system.sites, density):
        x, y = site.tag
        image[y, x] = value
    return image


def open_modes(system, device, b):
    """Number of open modes of a lead at one field, by Kwant."""
    propagating, _ = system.leads[0].modes(device.energy, params={"b": float(b)})
    return len(propagating.velocities) // 2


def spot_check(device, antidots, curves, images, samples=3):
    """Compare a few stored curves (P, N, F) and images (P, N, L, W) with Kwant; a sentence, 'not
    run: no Kwant' where it is missing.

    Raises SettingsError where they differ by more than the storage's rounding."""
    try:
        for k in range(samples):
            rng = stream("spot check", k)
            p, n = int(rng.integers(curves.shape[0])), int(rng.integers(len(antidots)))
            f = int(rng.integers(device.field_points))
            present = antidots[n][antidots[n][:, 0] >= 0]  # padded where others have more
            system = build(
                device, geometry.removed_mask(present, device), random_potential(p, device)
            )
            dG = abs(conductance(system, device, device.fields[f]) - curves[p, n, f])
            image = images[p, n].astype(float)
            dL = np.max(abs(ldos(system, device) - image) / np.maximum(image, 1e-3))
            if dG > 1e-5 or dL > 2e-3:
                raise SettingsError(
                    f"potential {p}, configuration {n}, field {f} differs from Kwant: dG {dG:.1e}, "
                    f"dLDOS {dL:.1e}"
                )
    except SettingsError as error:
        if "not installed" not in str(error):
            raise
        return "not run: no Kwant"
    return (
        f"{samples} curve points within 1e-5 e^2/h and {samples} images within 2e-3 (relative) "
        "of Kwant"
    )
