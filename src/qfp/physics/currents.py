"""Where a current flows in the wire: the currents of its bonds, from the scattering states.

From site a to b,  J = 2 Im(psi_b* H_ba psi_a),  summed over the unit-flux states that come in
through lead 0. Through each cross-section the currents along the wire add up to T = Tr(t t^dagger).
"""

import torch

from qfp.physics.green import scattering_states
from qfp.physics.leads import hoppings


def bond_currents(wire, b, ring, removed):
    """Currents of all bonds while electrons come in through lead 0.

    Source: the continuity equation of the Hamiltonian of Sec. III.

    Parameters
    ----------
    wire : Wire
        At field b, with G0 from all sites to the ring.
    b : float
        [rad/plaquette].
    ring : tensor, int (R,)
        Of the removed sites, see geometry.ring.
    removed : tensor, bool (L, W)

    Returns
    -------
    across : tensor (L, W)
        From site (x, y) to (x + 1, y) [e^2/h, for a voltage between the leads]; the last column
        is 0.
    along : tensor (L, W)
        From (x, y) to (x, y + 1); the last row is 0. Both are 0 where a bond ends at a removed
        site.
    """
    n, d = wire.leads.open_modes, hoppings(wire.device, b, ring.device)
    psi = scattering_states(wire, ring)[:, :n].reshape(*removed.shape, n)
    psi = psi.masked_fill(removed[..., None], 0)
    across, along = torch.zeros(2, *removed.shape, dtype=torch.float64, device=ring.device)
    across[:, :-1] = -2 * (psi[:, 1:].conj() * psi[:, :-1]).sum(dim=-1).imag
    along[:-1] = 2 * (d * (psi[1:].conj() * psi[:-1]).sum(dim=-1)).imag
    return across, along
