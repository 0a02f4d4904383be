"""What a page shows of a study: the table of its file, or the command that makes the file."""

from qfp.studies import frame, recorded
from qfp.tools import SettingsError


def table(study, weights=None, show=None):
    """The table of a study's file as Markdown, for these weights where it has weights.

    show : function of the result in place of the study's own."""
    result = frame.read_result(weights, study) if weights else recorded(study.name)
    if result:
        return (show or study.show)(result)
    command = f"`qfp study {study.name}`"
    if weights:
        return f"No table for the weights {weights}: {command} makes one."
    return f"No results: {command} makes them."


def if_measured(weights, study):
    """What the file of a study holds for these weights; where there is none, an empty dict, and a
    printed line says which command makes it."""
    try:
        result = frame.read_result(weights, study)
    except SettingsError as error:
        print(error)
        return {}
    if not result:
        print(f"no results for the weights {weights}: `qfp study {study.name}` makes them")
    return result
