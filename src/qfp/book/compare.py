"""Outputs of tagged cells, executed again, beside the committed ones."""

import re

from qfp.tools import SettingsError

COMPARED = "nbval-check-output"  # tag of cells whose outputs must be the same again
ADDRESS = re.compile(r"0x[0-9a-fA-F]{6,}")


def compared_outputs(notebook):
    """[(source, [(kind, text)])] of the cells tagged for comparison: text only, addresses masked,
    streams joined."""
    found = []
    for cell in notebook.cells:
        if cell.cell_type != "code" or COMPARED not in cell.metadata.get("tags", []):
            continue
        texts = {}
        for output in cell.outputs:
            if output.output_type == "stream":
                texts[output.name] = texts.get(output.name, "") + output.text
            for kind, data in output.get("data", {}).items():
                if kind.startswith("text/"):
                    texts[kind] = texts.get(kind, "") + data
        masked = [(kind, ADDRESS.sub("ADDRESS", text)) for kind, text in sorted(texts.items())]
        found.append((cell.source, masked))
    return found


def compare_outputs(name, committed, executed):
    """Number of tagged cells that agree; SettingsError names the first that does not."""
    import nbformat

    before = compared_outputs(nbformat.read(committed, as_version=4))
    after = compared_outputs(nbformat.read(executed, as_version=4))
    for (source, old), (_, new) in zip(before, after, strict=True):
        if old != new:
            old_lines, new_lines = (
                " ".join(text for _, text in side).splitlines() for side in (old, new)
            )
            line = next(
                (pair for pair in zip(old_lines, new_lines) if pair[0] != pair[1]),
                (f"{len(old_lines)} lines", f"{len(new_lines)} lines"),
            )
            first = source.strip().splitlines()[0]
            raise SettingsError(
                f"{name}, cell ({first[:60]}): committed {line[0][:120]!r}, now {line[1][:120]!r}"
            )
    return len(before)
