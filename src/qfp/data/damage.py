"""What is wrong with a dataset file, and which chunks of it to compute again."""

from typing import NamedTuple

import numpy as np

from qfp.data import numbers
from qfp.data.dataset import (
    LDOS_BLOCK,
    ORIENTATION,
    ROWS,
    expected_arrays,
    layout,
    read_settings,
    shapes,
)
from qfp.data.stored import LEAST, UNREADABLE, DamagedError, foreign, opened
from qfp.physics.kwant_model import spot_check
from qfp.tools import SettingsError


class Problem(NamedTuple):
    """One thing that is wrong with a dataset file, and what mends it."""

    text: str  # a sentence
    # beginning of the names of the chunks to compute again (see generate.chunks)
    lost: str | None = None
    fatal: bool = False  # nothing does: the file must be generated again


def validate(path):
    """Problems of a dataset file, a list of Problem; empty where it is whole. Reads every byte
    (checksums).

    Raises SettingsError where there is no such file, or it is none of ours."""
    try:
        settings = read_settings(path)
    except DamagedError as error:
        return [Problem(str(error), fatal=True)]
    problems, small = [], expected_arrays(settings, path)
    masks = numbers.removed_masks(small["antidots"], settings.device)  # (N, L, W)
    sizes = shapes(settings)
    with opened(path) as file:
        if file.attrs.get("orientation") != ORIENTATION:
            problems.append(Problem("the attribute orientation is missing or garbled"))
        for name, kind in layout(settings).items():
            problems += damaged_array(file, name, kind, sizes[name], small.get(name), masks)
        if not problems:
            try:
                spot_check(settings.device, small["antidots"], file["conductance"], file["ldos"])
            # the checksums hold, so nothing says which other values are wrong, too
            except SettingsError as error:
                text = f"{error}: remove the file and generate it again"
                problems.append(Problem(text, fatal=True))
    return problems


def damaged_array(file, name, kind, shape, known, masks):
    """Problems of one array of an open file. kind: as in LAYOUT; known: its
    values, None where the settings do not say them; masks: removed sites (N, L, W)."""
    dtype, units, description = kind
    lost = None if known is not None else f"{name}_"
    expected = f"{np.dtype(dtype)} {shape} [{units}], {description}"
    try:
        fault = foreign(file, name, dtype, shape)
        if fault:
            return [Problem(f"/{name} is {fault}", lost)]
        data = file[name]
        attributes = f"[{data.attrs['units']}], {data.attrs['description']}"
        found = f"{data.dtype} {data.shape} {attributes}"
        if found != expected:
            return [Problem(f"/{name} is {found}; expected {expected}", lost)]
        if lost:
            return list(damaged_rows(name, data, masks))
        if not np.allclose(data[()], known, rtol=1e-12, atol=0):
            return [Problem(f"/{name} is not what the settings give")]
    except UNREADABLE:
        return [Problem(f"/{name}: missing, checksum wrong or unreadable", lost)]
    return []


def damaged_rows(name, data, masks):
    """Problems of /conductance or /ldos, one for each HDF5 chunk: there checksums lie. masks:
    removed sites (N, L, W)."""
    for p in range(len(data)):
        for n in range(0, len(masks), ROWS[name]):
            end = min(n + ROWS[name], len(masks))
            try:
                values, fault = data[p, n:end], None
            except UNREADABLE:
                fault = "checksum wrong or unreadable"
            else:
                if not np.isfinite(values).all() or (values < LEAST).any():
                    fault = "not finite, or negative"
                elif name == "ldos" and values[masks[n:end]].any():
                    fault = "not 0 on removed sites"
            if fault:
                lost = (
                    f"conductance_p{p}_"
                    if name == "conductance"
                    else f"ldos_p{p}_n{n // LDOS_BLOCK * LDOS_BLOCK:05d}"
                )
                yield Problem(
                    f"/{name}[{p}, {n}:{end}] (potential {p}, configurations {n} to {end - 1}): "
                    f"{fault}",
                    lost,
                )
