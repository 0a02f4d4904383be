"""Libraries of curves and plain networks, from what the network was given, and from more."""

import numpy as np

from qfp import tools
from qfp.data import interpolate
from qfp.decoding import metrics
from qfp.studies.rivals import readers


def libraries(pairs, train, dev, other, other_seed):
    """The libraries {name of ROWS: readers.Library}, and which metric won on dev {name: text}.

    train, dev: rows (M, 2) of (potential, configuration); other (N, F): every configuration's curve
    under `other_seed`. Of pairs.conductance only training curves get into a library or a metric,
    and dev curves choose among metrics."""
    G, orbits, width = pairs.conductance, pairs.orbit, pairs.device.width
    every, known = np.arange(len(orbits)), np.unique(train[:, 1])
    completed = interpolate.complete(G, orbits, known, width, readers.NEIGHBOURS)
    potential = {"changes of potential": readers.potential_changes(G, known)}
    both = potential | {
        "errors of interpolation": readers.interpolation_errors(G, orbits, known, width)
    }
    curves, truth = G[dev.T[0], dev.T[1]], pairs.antidots[dev.T[1]]

    def of(curves, configurations):  # (P, n, F), (n,)
        return readers.Library(
            curves.reshape(-1, curves.shape[-1]),
            np.tile(configurations, len(curves)),
            np.repeat(np.arange(len(curves)), len(configurations)),
        )

    def hits(configurations):
        errors = metrics.within(pairs.antidots[configurations], truth, pairs.device)
        return (errors <= 0).sum() + (errors <= 1).sum()

    given = readers.Library(other, every, np.full(len(every), other_seed))
    tuned = {
        "library_whitened": readers.tuned(given, potential, curves, hits, plain=False),
        "kriged": readers.tuned(of(completed, every), both, curves, hits),
        "kriged_mean": readers.tuned(
            readers.Library(completed.mean(axis=0), every, None), both, curves, hits
        ),
    }
    found = {"nearest": of(G[:, known], known), "library": given}
    return found | {name: pair[0] for name, pair in tuned.items()}, {
        name: pair[1] for name, pair in tuned.items()
    }


def plain_networks(completed, orbits, train, seed, curves, folder):
    """Configurations {name of ROWS: (B,)} that plain networks, each trained here, read from curves
    (B, F), and the number of curves they are trained on {name: int}.

    completed (P, N, F): curves, simulated for the configurations of `train` (M, 2), interpolated
    for others."""
    rows = {
        "mlp": train,
        "mlp_kriged": np.argwhere(np.ones(completed.shape[:2], bool)),
        "mlp_one": train[train[:, 0] == 0],
    }
    found = {}
    for name, (p, n) in ((name, part.T) for name, part in rows.items()):
        found[name] = tools.kept(
            folder / f"{name}.npy",
            lambda p=p, n=n: readers.Mlp(completed[p, n], n, orbits, seed, readers.PLAIN).read(
                curves
            ),
        )
    return found, {name: len(part) for name, part in rows.items()}
