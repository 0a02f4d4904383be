"""Results for a page that should also run without them."""

from qfp.studies.frame import read_result
from qfp.tools import SettingsError


def if_measured(weights, study):
    """What the file of a study holds for these weights; where there is none, an empty dict, and a
    printed line says which command makes it."""
    try:
        result = read_result(weights, study)
    except SettingsError as error:
        print(error)
        return {}
    if not result:
        print(f"no results for the weights {weights}: `qfp study {study.name}` makes them")
    return result
