"""Dephasing: electrons that lose their phase, and go on.

An imaginary potential -i eta takes electrons away everywhere, at the rate 2 eta / hbar. They are
given back by a voltage probe: one reservoir that is coupled to all sites alike and carries no
current, so that what it takes it returns, without phase (Buettiker 1988; Brouwer and Beenakker
1997). Being one, it also forgets where an electron was: right for a wire that electrons cross in
less time than they keep their phase, and for no longer one.
"""

from qfp.physics.rows import Elimination


def conductance(device, removed, potential, eta):
    """Curve of a wire whose electrons lose their phase.

    Source: Brouwer and Beenakker (1997), the conductance of two leads and a voltage probe,
    G = T_10 + T_1p T_p0 / (T_p0 + T_p1), with T_p0 = 2 eta sum |psi|^2 over the sites and so on.

    Parameters
    ----------
    device : Device
    removed : array, bool (L, W)
    potential : array (L, W)
        [t].
    eta : float
        [t], half of hbar over the time in which a phase is lost; 0 gives the coherent curve.

    Returns
    -------
    ndarray (F,)
        [e^2/h].
    """
    T, (taken, from_other, given) = Elimination(device, removed).dephased(potential, eta)
    return T + given * taken / (taken + from_other) if eta else T
