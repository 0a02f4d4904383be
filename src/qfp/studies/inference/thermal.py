"""What do temperature and lost phase do to decoders, and what does a known temperature restore?

Test configurations, each under a fresh random potential. A temperature averages a curve over
energies; here over many more of them than the likelihood takes. Lost phase is that of a voltage
probe (`qfp.physics.dephasing`), which no likelihood here knows of.
"""

import dataclasses

import numpy as np

from qfp.data import fresh
from qfp.decoding import decode, metrics
from qfp.inference.infer import infer
from qfp.physics import dephasing, geometry, thermal
from qfp.physics.rows import Rows
from qfp.physics.wire import random_potential
from qfp.studies import intervals, tables
from qfp.studies.frame import Option, Study
from qfp.tools import SettingsError

TEMPERATURE = (0.0, 0.003, 0.01, 0.02)  # k_B T [t]
MAYBE, AMONG = (0.0, 0.01, 0.02), 0.01  # where it is not known, and tried at
DEPHASING = (0.0003, 0.003)  # eta [t]
# energies of the curves on either side of the Fermi energy, in units of `thermal.coherence`: the
# error of their average is 0.003 to 0.010 e^2/h, a third of that which the likelihood expects
FINE = (0.14, 0.27, 0.54, 0.9, 1.3, 1.8, 2.5, 3.4)
STRIDE = 3  # of the fields that exact inference is given: it costs a third
SEEN = 32  # first test wires, on which the expected error of a low temperature was chosen
SAMPLES, STEPS = 4, 5  # of the network, as `qfp decode` takes them
NOTES = {
    "temperature": "k_B T [t]",
    "dephasing": "eta [t]: half of hbar over the time in which an electron loses its phase",
    "network": f"consensus of {SAMPLES} samples, of {STEPS} steps each, from all fields",
    "plain": f"exact inference that takes the curve for one at T = 0, from every {STRIDE}rd field",
    "known": "exact inference that is told the temperature, from the same fields",
    "unknown": f"exact inference where k_B T is one of {MAYBE}; the first wires; answered: how "
    "often each of these",
    "exact, within_1": "share of answers that are exact, and within one site",
    "right_or_flagged": "exact, or said not to be explained",
    "errors": "expected error [e^2/h] of the likelihood's average at each temperature",
    "change": "root mean square of what temperature or dephasing does to the curves [e^2/h]",
}


def measure(run):
    """Rows of the network and of exact inference at temperatures, and with lost phase."""
    run.require_unseen()
    chosen = fresh.numbers(run.decoder.config, "test", SEEN + run.options.wires)[SEEN:]
    device, number = run.decoder.config.device, len(chosen)
    if not number:
        raise SettingsError(
            f"{run.weights[0]}: its split has no test configurations beyond the first {SEEN}, on "
            "which a choice was made; train on a dataset with more configurations"
        )
    seeds = fresh.seeds_of("thermal", SEEN + number)[SEEN:]
    run.start(
        f"{number} wires, each under a fresh potential",
        chosen.tolist(),
        seeds.tolist(),
        wires=number,
        unknown_wires=min(run.options.unknown, number),
        fields=len(device.fields[::STRIDE]),
        energies=2 * len(FINE) + 1,
        errors=[getattr(thermal.warm(device, T), "error", 0.0) for T in TEMPERATURE],
        reach=[2 * k + 1 for k in range(1, len(thermal.AWAY) + 1)],
    )
    truth = run.pairs.antidots[chosen].astype(int)
    wires = Wires(device, truth, seeds)
    curves = run.in_blocks("energies", number, wires.at_energies)
    cold = wires.averaged(curves, 0.0)
    result = {"temperature": [], "dephasing": []}
    for T in TEMPERATURE:
        own = wires.averaged(curves, T)
        row = judged(run, wires, f"T_{T}", own, T)
        result["temperature"].append({"value": T, "change": rms(own - cold)} | row)
    for eta in DEPHASING:
        own = run.in_blocks(f"eta_{eta}", number, lambda part, eta=eta: wires.dephased(part, eta))
        row = judged(run, wires, f"eta_{eta}", own)
        result["dephasing"].append({"value": eta, "change": rms(own - cold)} | row)
    return result


def rms(values):
    """Root mean square."""
    return float(np.sqrt(np.mean(np.square(values))))


@dataclasses.dataclass(frozen=True)
class Wires:
    """Wires with antidots (B, 2, 2), each under the potential of its own seed (B,)."""

    device: object
    antidots: np.ndarray
    seeds: np.ndarray

    @property
    def away(self):
        """Energies [t] of `at_energies`, from the Fermi energy."""
        pairs = thermal.coherence(self.device) * np.array(FINE)
        return np.concatenate([-pairs[::-1], [0.0], pairs])

    def each(self, part):
        """(removed sites, potential) of the wires of a part (slice)."""
        for pair, seed in zip(self.antidots[part], self.seeds[part], strict=True):
            yield geometry.removed_mask(pair, self.device), random_potential(int(seed), self.device)

    def at_energies(self, part):
        """Curves (B, energies, F) [e^2/h] of a part."""
        E = self.device.energy + self.away
        own = [dataclasses.replace(self.device, energy=float(energy)) for energy in E]
        return np.stack(
            [[Rows(at, gone).conductance(V) for at in own] for gone, V in self.each(part)]
        )

    def averaged(self, curves, temperature):
        """Curves (B, F) [e^2/h] at a temperature [t], of curves (B, energies, F)."""
        if not temperature:
            return curves[:, len(FINE)]
        reach = thermal.RANGE * thermal.coherence(self.device)
        return np.einsum("e,bef->bf", thermal.quadrature(self.away, temperature, reach)[0], curves)

    def dephased(self, part, eta):
        """Curves (B, F) [e^2/h] of a part with lost phase."""
        return np.stack(
            [dephasing.conductance(self.device, gone, V, eta) for gone, V in self.each(part)]
        )


def judged(run, wires, name, curves, temperature=None):
    """Row of curves (B, F) at a temperature, None where there is no such."""
    device, truth = wires.device, wires.antidots
    few = curves[:, ::STRIDE]
    coarse = dataclasses.replace(
        device, field_points=few.shape[1], field_max=device.fields[::STRIDE][-1]
    )

    def network(part):
        seeds = [decode.sample_seeds(k, SAMPLES) for k in range(part.start, part.stop)]
        found = decode.conclude(decode.draw(run.decoder, curves[part], seeds, STEPS), device)
        return found.consensus.reshape(-1, 4)

    def exactly(told):
        def compute(part):
            found = infer(few[part], coarse, temperature=told, certificate=False, seed=run.seed)
            rows = [[*one.answer.ravel(), one.explained, one.temperature] for one in found]
            return np.array(rows, float)

        return compute

    number = len(curves)
    rows = {"network": scored(device, run.in_blocks(f"{name}_network", number, network), truth)}
    rows["plain"] = scored(device, run.in_blocks(f"{name}_plain", number, exactly(0.0)), truth)
    if temperature:
        known = run.in_blocks(f"{name}_known", number, exactly(temperature))
        rows["known"] = scored(device, known, truth)
    if temperature == AMONG:
        some = min(run.options.unknown, number)
        free = run.in_blocks(f"{name}_unknown", some, exactly(MAYBE))
        rows["unknown"] = scored(device, free, truth[:some])
        rows["unknown"]["answered"] = {str(T): int((free[:, 5] == T).sum()) for T in MAYBE}
    return rows


def scored(device, found, truth):
    """Row of answers (B, 4 or more): x, y, x, y, whether explained; against antidots (B, 2, 2)."""
    off = metrics.within(found[:, :4].astype(int).reshape(-1, 2, 2), truth, device)
    row = {"n": len(off)} | intervals.share("exact", off == 0)
    row |= intervals.share("within_1", off <= 1)
    if found.shape[1] > 4:
        row |= intervals.share("right_or_flagged", (off == 0) | (found[:, 4] == 0))
        row |= intervals.share("flagged", found[:, 4] == 0)
    return row


READERS = {
    "network": "network",
    "plain": "exact, not told",
    "known": "exact, told",
    "unknown": "exact, told a range",
}


def show(result):
    """A line for each temperature and strength of dephasing, and each reader."""
    columns = {
        "exact": "exact",
        "within 1 site": "within_1",
        "flagged": "flagged",
        "exact or flagged": "right_or_flagged",
    }
    lines = [["curves", "changed by [e²/h]", "read by", "of", *columns]]
    for name, label in (("temperature", "k_B T = {:g} t"), ("dephasing", "η = {:g} t")):
        for row in result[name]:
            for reader, text in READERS.items():
                if reader not in row:
                    continue
                own = row[reader]
                cells = [tables.cell(own, key, ".0%") for key in columns.values()]
                change = f"{row['change']:.3f}"
                lines.append([label.format(row["value"]), change, text, str(own["n"]), *cells])
    return tables.markdown(lines)


STUDY = Study(
    name="thermal",
    measure=measure,
    show=show,
    notes=NOTES,
    result="thermal",
    needs=("weights", "pairs"),
    options={
        "wires": Option(40, "test configurations, each under a fresh potential"),
        "unknown": Option(12, "of these, at a temperature that is not told"),
    },
)
