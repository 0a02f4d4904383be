"""What the parts of a score result say, in lines for a reader: one function a part."""

import numpy as np

from qfp.studies.score.energies import DIRECTIONS
from qfp.studies.score.summary import nearest
from qfp.studies.scoring import HIGH


def spread_at(values, index, form):
    """'0.974 (0.971 to 0.976)' of an entry of spread values."""
    mean, low, high = (values[key][index] for key in ("mean", "low", "high"))
    return f"{mean:{form}} ({low:{form}} to {high:{form}})"


def levels_text(pointing):
    """Cosine, share of arrows on planes and distance of their ends, level by level, of part
    'pointing' as `live.pointing` gives it."""
    lines, names = [], {"full": "full", "planes": "within", "end": "end"}
    for i, level in enumerate(pointing["noise"]):
        lines.append(f"σ/α = {level:.3g}")
        for label, row in pointing["rows"].items():
            texts = [f"{name} {spread_at(row[key], i, '.3f')}" for name, key in names.items()]
            lines.append(f"  {label:13s} {'; '.join(texts)}")
    return "\n".join(lines)


def pointing_text(pointing):
    """What random planes show after the steps of Fig. 5."""
    mark, lines = nearest(pointing["noise"], pointing["marked"][0]), []
    for label, row in pointing["rows"].items():
        own, other = (row[f"within_random{end}"]["mean"][mark] for end in ("", "_other"))
        lines.append(
            f"{label}, σ/α = {pointing['noise'][mark]:.2g}: within 90° on random planes "
            f"{own:.1%}, towards another wire's image {other:.1%}"
        )
    paired = spread_at(pointing["difference"]["within_random"], mark, "+.1%")
    return "\n".join([*lines, f"own curve minus Gaussian, paired: {paired}"])


def energy_text(energy):
    """Antisymmetric shares, and integrals around rectangles."""
    symmetry, loops, lines = energy["symmetry"], energy["loops"], []
    for i, level in enumerate(symmetry["noise"]):
        shares = ", ".join(
            f"{label} {symmetry[label]['of_rest']['mean'][i]:.2f}"
            for label in ("trained", "untrained")
        )
        lines.append(
            f"σ/α = {level:.2g}: antisymmetric share {shares}; over the norm of σ²J "
            f"{symmetry['trained']['of_J']['mean'][i]:.3f}"
        )
    noise = ", ".join(f"{level:.2g}" for level in loops["noise"])
    for label, row in loops.items():
        if isinstance(row, dict):
            pairs = zip(row["relative"]["mean"], row["error"]["mean"])
            values = ", ".join(f"{value:.4f} (error {error:.1g})" for value, error in pairs)
            lines.append(f"around a rectangle, {label}: {values} at σ/α = {noise}")
    return "\n".join(lines)


def profiles_text(energy):
    """Energies along straight lines, and the work along a generation."""
    lines = []
    for name in DIRECTIONS:
        for level, row in zip(energy["loops"]["noise"], energy["profiles"][name]["levels"]):
            lines.append(
                f"{name:9s} σ/α = {level:.2g}: stiffness {row['stiffness']['mean']:.2f} / σ², "
                f"parabola up to {row['reach_in_noise_radii']['mean']:.2f} noise radii, below its "
                f"start for {row['downhill']:.0%}"
            )
    work = energy["generation"]["work"]["mean"]
    falls = np.mean(np.diff(work) > 0)
    lines.append(
        f"work of the score along a generation (no one energy): {work[-1]:.3g}, downhill in "
        f"{falls:.0%} of the steps"
    )
    return "\n".join(lines)


def live_soft_text(found):
    """Shares of live.Soft in the span of the antidots' steps."""
    shares = ", ".join(f"{share:.2f}" for share in found.shares)
    pixels = found.vectors[0].size
    return (
        f"share of the four directions in the span of the antidots' steps: {shares} "
        f"({len(found.changes)} of {pixels} directions)"
    )


def soft_text(soft):
    """Eigenvalues at clean and noisy images, and what the softest directions change."""
    lines = []
    for place in ("clean", "noisy"):
        for level, row in zip(soft["noise"], soft[place]):
            low, high = row["saddle"]["interval"]
            values = ", ".join(f"{value:.2f}" for value in row["eigenvalues"]["mean"])
            names = ("position", "potential", "both", "both_control")
            position, potential, both, control = (row[name]["mean"][0] for name in names)
            lines.append(
                f"{place}, σ/α = {level:.2g}: eigenvalues {values}; an eigenvalue above 1 for "
                f"{row['saddle']['mean']:.0%} ({low:.0%} to {high:.0%}); softest direction: "
                f"{position:.2f} antidots' steps, {potential:.2f} potentials, {both:.2f} both, "
                f"of another wire {control:.2f}"
            )
    return "\n".join(lines)


def memory_text(result):
    """The network beside the exact score of its training pairs, and what samplers make of it."""
    memory = result["empirical"]
    lines = [f"{memory['known']:,} training pairs, width of a curve {memory['width']:g} e²/h"]
    for name, part in (("unseen", "test"), ("trained on", "train")):
        for label in ("curve", "no curve"):
            for i, level in enumerate(memory["noise"]):
                ahead = spread_at(memory[part][label]["ahead"], i, "+.3f")
                lines.append(
                    f"{f'{name}, {label}':21s} σ/α = {level:5.1f}: network's distance minus the "
                    f"training set's {ahead}"
                )
    for name, row in result["langevin"].items():
        lines.append(
            f"sampled by {name}: within one site {row['within_1']:.1%}, r >= {HIGH} for "
            f"{row['r_high']:.1%}"
        )
    return "\n".join(lines)
