"""Tables that readers see: cells with intervals, lines of Markdown, columns of text."""

from qfp.studies.scoring import HIGH

SCORES = {  # of a row as `scoring.scores` gives it: title and format
    "n": ("curves", ""),
    "within_0": ("exact", ".1%"),
    "within_1": ("within 1 site", ".1%"),
    "strict_1": ("within 1 site, Δy strictly", ".1%"),
    "within_2": ("within 2 sites", ".1%"),
    "r_median": ("Pearson r, median", ".3f"),
    "r_high": (f"r >= {HIGH}", ".1%"),
    "r_outside_median": ("r outside antidots, median", ".3f"),
    "r_outside_high": (f"r outside >= {HIGH}", ".1%"),
}


def cell(row, key, form):
    """'97.4% (95.6% to 98.5%)', or '-' where the row has no such column."""
    if key not in row:
        return "-"
    bounds = row.get(f"{key}_interval")
    interval = f" ({bounds[0]:{form}} to {bounds[1]:{form}})" if bounds else ""
    return f"{row[key]:{form}}{interval}"


def against(row, key, difference):
    """'97.4% (+1.2%, -0.1% to +2.5%)': a share, and its difference to a reference's, if any."""
    if not difference:
        return f"{row[key]:.1%}"
    low, high = difference[f"{key}_interval"]
    return f"{row[key]:.1%} ({difference[key]:+.1%}, {low:+.1%} to {high:+.1%})"


def scores_table(rows):
    """The table of {name: scores} as rows of texts, header first; one column a name, intervals in
    brackets."""
    table = [["", *(name.replace("_", " ") for name in rows)]]
    for key, (title, form) in SCORES.items():
        line = [cell(row, key, form) for row in rows.values()]
        if set(line) != {"-"}:
            table.append([title, *line])
    return table


def columns(table):
    """Rows of texts as text in columns."""
    widths = [max(map(len, column)) for column in zip(*table)]
    lines = ("  ".join(text.ljust(width) for text, width in zip(row, widths)) for row in table)
    return "\n".join(line.rstrip() for line in lines)


def markdown(table, right=()):
    """Rows of texts, header first, as a table in Markdown; numbers of the columns that are flush
    right."""
    header, *lines = [
        "|" + "".join(f" {text} |" if text else " |" for text in row) for row in table
    ]
    rule = "".join(f" {'---:' if k in right else '---'} |" for k in range(len(table[0])))
    return "\n".join([header, f"|{rule}", *lines])
