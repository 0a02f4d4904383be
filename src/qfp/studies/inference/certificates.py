"""How near comes the certificate of an answer to the measured curve?

A certificate is a potential: the solver's curve under it, nothing added, is held against the curve
that was given. Wires that each have a potential of their own.
"""

import numpy as np

from qfp.data import dataset, fresh
from qfp.inference.infer import infer
from qfp.physics import green
from qfp.studies import intervals
from qfp.studies.frame import Option, Study

NEAR = 0.01  # [e^2/h]
SHARES = (0.5, 0.9, 1.0)
NOTES = {
    "residual": "quantiles over the wires of the root mean square difference [e^2/h] between the "
    "given curve and that of the fast solver for the answer under its potential",
    "near": f"share below {NEAR} e^2/h",
    "size": "median root mean square of the potentials, in units of that of a random one: they "
    "fill as many directions as there are fields",
    "exact": "share of answers that are exact",
}


def measure(run):
    """Certificates of test wires, solved again."""
    config, number = run.config, run.options.wires
    device = config.device
    seeds, chosen = fresh.rows_of(config, "test", number).T
    truth, number = dataset.choose(config)[1][chosen].astype(int), len(chosen)
    run.start(f"{number} wires, each under a potential of its own", wires=number)

    def judged(part):
        curves = np.stack([fresh.curve(device, *wire) for wire in zip(truth[part], seeds[part])])
        found = infer(curves, device, certificate="curve", seed=run.seed)
        rows = []
        for own, curve, true in zip(found, curves, truth[part], strict=True):
            exact = green.solve(device, own.answer, own.potential)[0]
            residual = np.sqrt(np.mean((exact - curve) ** 2))
            rows.append([residual, own.potential.std(), (own.answer == true).all()])
        return np.array(rows)

    residual, size, exact = run.in_blocks("certificates", number, judged).T
    return {
        "residual": {str(q): float(np.quantile(residual, q)) for q in SHARES},
        "size": float(np.median(size) * np.sqrt(3) / device.amplitude),
        **intervals.share("near", residual < NEAR),
        **intervals.share("exact", exact.astype(bool)),
    }


def show(result):
    """A line."""
    residual = ", ".join(f"{value:.4f} ({q})" for q, value in result["residual"].items())
    return f"{result['wires']} certificates, e^2/h off (quantile): {residual}"


STUDY = Study(
    name="certificates",
    measure=measure,
    show=show,
    notes=NOTES,
    result="certificates",
    needs=(),
    options={"wires": Option(100, "test configurations")},
)
