"""What the browser's solver needs of a wire: the self-energy of one lead at each field.

At V = 0 everything follows from it (qfp.physics.green.clean_wire): with P the inversion x -> W-1-x
and B_n = G0[y, y - n],  Sigma_0 = P Sigma_1 P,  B_-n = P B_n P  and  B_n = B_n^T.  Sigma_1 is
persymmetric, P Sigma_1^T P = Sigma_1, so that its entries i + j <= W - 1 are all of it.
"""

import base64

import numpy as np

from qfp.physics.leads import leads_cached
from qfp.tools import SettingsError

LARGEST = 1 << 30  # bytes of tables in the browser, above which no page is written
LATTICE = {
    "symbol": "b",
    "name": "rad/plaquette",
    "per": 1.0,
}  # of the field, in the lattice's unit


def packed(sigma):
    """Entries i + j <= W - 1 of a persymmetric matrix (W, W) [t], row by row: (W (W + 1) / 2,)."""
    W = len(sigma)
    rows, columns = np.nonzero(np.add.outer(np.arange(W), np.arange(W)) <= W - 1)
    return ((sigma + sigma[::-1, ::-1].T) / 2)[rows, columns]  # the two differ by rounding


def tables(device):
    """Bytes of the blocks B_n of all fields, most of what the browser keeps of a device."""
    W = device.width
    return 8 * W * (W + 1) * device.length * device.field_points


def described(device, name, unit=None):
    """What a page is given of a wire, as JSON values.

    Parameters
    ----------
    device : Device
    name : str
        By which the page finds it.
    unit : dict, optional
        'symbol' and 'name' of the magnetic field and how many of it a rad/plaquette is, 'per'; None
        is the lattice's.

    Returns
    -------
    dict
        sigma: base 85 (RFC 1924) of float64, little-endian, (F, W (W + 1) / 2, 2) [t].

    Raises
    ------
    SettingsError
        Where the tables would be more than a browser should hold, or the energy is at a threshold.
    """
    if tables(device) > LARGEST:
        raise SettingsError(
            f"live page: {device.width} x {device.length} sites at {device.field_points} fields "
            f"would take {tables(device) / 2**30:.1f} GiB in the browser, at most "
            f"{LARGEST >> 30} is sensible: fewer field_points, or a coarser lattice"
        )
    leads = [leads_cached(device, float(b)) for b in device.fields]
    modes = [lead.open_modes for lead in leads]
    if not all(modes):
        raise SettingsError(
            f"live page: energy {device.energy:g} t opens no mode at every field up to "
            f"{device.field_max:g}: nothing flows there; raise the energy or lower the field"
        )
    sigma = np.stack([packed(lead.sigma[1].numpy()) for lead in leads])  # (F, W (W + 1) / 2)
    return {
        "name": name,
        "width": device.width,
        "length": device.length,
        "radius": device.radius,
        "energy": device.energy,
        "fields": device.fields.tolist(),
        "modes": modes,
        "unit": unit or LATTICE,
        "sigma": base64.b85encode(sigma.view(np.float64).astype("<f8").tobytes()).decode(),
    }
