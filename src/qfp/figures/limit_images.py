"""Images of wires beside those that the decoder makes of them (notebooks 14 and 17), in grids of
`figures.wire`."""

from qfp.figures.wire import image_grid


def changed_curves(truth, antidots, images, found, shown=3):
    """The first wires, true image (B, L, W) first, then {name: (B, L, W)}; antidots (B, 2, 2)
    outlined, dashed those that are found in the images, {name: (B, 2, 2)}."""
    wires = range(min(shown, len(truth)))
    return image_grid(
        [[truth[i], *(ldos[i] for ldos in images.values())] for i in wires],
        [f"wire {i + 1}" for i in wires],
        ["truth", *images],
        [[antidots[i]] * (1 + len(images)) for i in wires],
        dashed=[[antidots[i], *(pairs[i] for pairs in found.values())] for i in wires],
    )


def triples(cases):
    """Cases with three images each, two cases a row: their images, titles, antidots (outlined) and
    found (dashed), each a sequence of three."""
    rows = [cases[start : start + 2] for start in range(0, len(cases), 2)]

    def joined(name):
        return [[entry for case in row for entry in getattr(case, name)] for row in rows]

    return image_grid(
        joined("images"),
        [""] * len(rows),
        joined("titles"),
        joined("antidots"),
        dashed=joined("found"),
    )
