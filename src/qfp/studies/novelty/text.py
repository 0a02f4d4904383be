"""What a novelty.json says, in sentences."""

from qfp.studies import tables

MOST, LEAST = 0.95, 3  # share of a kind that is flagged nearly always; kinds that are named


def foreign_kinds(result):
    """Rows of the families that ought to be flagged, slight noise left out."""
    families, slight = result["families"], result["slight"]
    return [row for name, row in families.items() if not row["genuine"] and name not in slight]


def flags_text(result):
    """How often test curves are flagged, and foreign ones."""
    test, foreign = result["test"], foreign_kinds(result)
    most = sum(row["flagged"] > MOST for row in foreign)
    rarest = sorted(foreign, key=lambda row: row["flagged"])[:LEAST]
    named = "; ".join(f"{row['label']} {row['flagged']:.1%}" for row in rarest)
    return (
        f"test curves flagged: {tables.cell(test, 'flagged', '.1%')} of {test['n']}\n"
        f"flagged in more than {100 * MOST:g} %: {most} of {len(foreign)} kinds of foreign curves; "
        f"least often: {named}"
    )


def right_text(result):
    """How often answers to flagged test curves are right, and to the others."""
    lines = []
    for name, row in result["test"]["right"].items():
        exact, near = (tables.cell(row, f"within_{k}", ".1%") for k in (0, 1))
        answers = f", answer exact on {exact}, within one site on {near}" if row["n"] else ""
        lines.append(f"{name} test curves: {row['n']}{answers}")
    return "\n".join(lines)
