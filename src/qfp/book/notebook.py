"""A committed notebook's one form: what a re-run on the same machine must reproduce byte by byte,
and nothing else."""

import hashlib
import json
import re

KEPT = ("tags", "mystnb")  # cell metadata; the same as pyproject's jupytext filter
WIDGETS = "application/vnd.jupyter.widget-state+json"
VIEW = "application/vnd.jupyter.widget-view+json"
MODEL = re.compile(r"(?<![0-9a-f])[0-9a-f]{32}(?![0-9a-f])")
ADDRESS = re.compile(r"0x[0-9a-fA-F]{6,}")


def normalise(notebook):
    """Clean a notebook in place and return it: no run metadata, no empty tags, ids that depend on
    content alone."""
    _clean_metadata(notebook)
    _name_cells(notebook.cells)
    for cell in notebook.cells:
        if cell.cell_type == "code":
            cell.outputs = _joined(cell.outputs)
    return _name_widgets(notebook)


def _clean_metadata(notebook):
    widgets = notebook.metadata.get("widgets")
    kernel = notebook.metadata.get("kernelspec", {})
    notebook.metadata.clear()
    notebook.metadata["kernelspec"] = {
        "display_name": "Python 3",
        "language": "python",
        "name": "python3",
        **kernel,
    }
    notebook.metadata["language_info"] = {"name": "python"}
    if widgets:
        notebook.metadata["widgets"] = widgets
    notebook.nbformat, notebook.nbformat_minor = 4, 5
    for cell in notebook.cells:
        kept = {key: cell.metadata[key] for key in KEPT if cell.metadata.get(key)}
        cell.metadata.clear()
        cell.metadata.update(kept)


def _name_cells(cells):
    """Cell ids from the source, so that they survive edits elsewhere and a remake from the .py
    file."""
    seen = {}
    for cell in cells:
        name = hashlib.sha256(f"{cell.cell_type}\n{cell.source}".encode()).hexdigest()[:12]
        seen[name] = seen.get(name, 0) + 1
        cell["id"] = name if seen[name] == 1 else f"{name}-{seen[name]}"


def _joined(outputs):
    """Outputs with neighbouring pieces of one stream joined, run metadata dropped and memory
    addresses masked."""
    joined = []
    for output in outputs:
        if output.output_type == "stream" and joined and joined[-1].get("name") == output.name:
            joined[-1].text += output.text
            continue
        if "metadata" in output:
            output["metadata"] = {
                k: v for k, v in output["metadata"].items() if k.startswith("image/")
            }
        for kind, data in output.get("data", {}).items():
            if kind.startswith("text/") and isinstance(data, str):
                output["data"][kind] = ADDRESS.sub("0x0", data)
        joined.append(output)
    return joined


def _name_widgets(notebook):
    """Replace the random ids of widget models by numbers: first as the outputs show them and refer
    to others, then the rest (links, for example) by their content."""
    states = notebook.metadata.get("widgets", {}).get(WIDGETS, {}).get("state")
    if not states:
        return notebook
    order, queue = {}, []
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            view = output.get("data", {}).get(VIEW)
            if view:
                queue.append(view["model_id"])
    _visit(queue, states, order)

    def content(model):
        text = json.dumps(states[model], sort_keys=True)
        return MODEL.sub(lambda m: f"{order.get(m[0], '-')}", text)

    while len(order) < len(states):
        _visit([min((m for m in states if m not in order), key=content)], states, order)
    text = json.dumps(
        {
            "metadata": notebook.metadata["widgets"],
            "outputs": [c.get("outputs") for c in notebook.cells],
        }
    )
    text = MODEL.sub(lambda m: f"{order[m[0]]:032x}" if m[0] in order else m[0], text)
    import nbformat

    renamed = nbformat.from_dict(json.loads(text))
    state = renamed["metadata"][WIDGETS]["state"]
    renamed["metadata"][WIDGETS]["state"] = nbformat.from_dict(
        {key: state[key] for key in sorted(state)}
    )
    notebook.metadata["widgets"] = renamed["metadata"]
    for cell, outputs in zip(notebook.cells, renamed["outputs"]):
        if outputs is not None:
            cell["outputs"] = outputs
    return notebook


def _visit(queue, states, order):
    """Number models breadth first along their references, keys in sorted order."""
    queue = list(queue)
    while queue:
        model = queue.pop(0)
        if model in order or model not in states:
            continue
        order[model] = len(order) + 1
        queue.extend(MODEL.findall(json.dumps(states[model], sort_keys=True)))
