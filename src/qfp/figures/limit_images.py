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
    """A column a case: its images, titles, antidots (outlined) and found (dashed), each a sequence
    of three: the truth, the generated image and the nearest training image."""
    images, titles, antidots, found = (
        list(zip(*(getattr(case, name) for case in cases)))
        for name in ("images", "titles", "antidots", "found")
    )
    return image_grid(
        images, ["truth", "generated", "nearest in training"], titles, antidots, dashed=found
    )
