"""The parser of settings: any text is a value or one line, a number is the one that it says."""

import errno
import fcntl
import math

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from qfp.book.parameters import parse_parameters
from qfp.commands.settings import parse_changes
from qfp.config import load_preset
from qfp.files import alone_in, sole
from qfp.tools import SettingsError, one_line, reason, write_atomic
from qfp.values import parsed


@settings(max_examples=300)
@given(st.text(alphabet=st.characters(), max_size=40))
@example("!!binary aGk=")
@example("[" * 3000)
@example("2020-99-99")
@example("&a [*a]")
@example("{[a]: 1}")
@example("\ud800")
def test_any_text_is_a_plain_value_or_one_line(text):
    try:
        value = parsed(text, "here")
    except SettingsError as error:
        assert str(error).startswith("here")
        assert one_line(error).isprintable()
        return
    parts = [value]
    while parts:
        part = parts.pop()
        assert part is None or type(part) in (bool, int, float, str, list, dict)
        if isinstance(part, list | dict):
            parts += part.values() if isinstance(part, dict) else part


@given(st.floats(allow_nan=False, allow_infinity=False), st.sampled_from(["", "e", "E", "f", "g"]))
def test_a_number_is_what_it_says_however_it_is_written(value, form):
    text = f"{value:.17{form}}" if form else repr(value)
    found = parsed(text, "here")
    assert type(found) in (int, float) and found == float(text)


@given(st.integers())
def test_a_whole_number_is_what_it_says(value):
    assert parsed(str(value), "here") == value and type(parsed(str(value), "here")) is int


@settings(max_examples=100)
@given(
    st.sampled_from(["seed", "device.width", "training.learning_rate", "weights", "x.y"]), st.text()
)
def test_any_change_of_a_setting_is_taken_or_one_line(key, text):
    try:
        config = load_preset("smoke", **parse_changes([f"{key}={text}"]))
    except SettingsError as error:
        assert one_line(error).isprintable()
        return
    assert config.seed >= 0 and 2 <= config.device.width
    assert math.isfinite(config.training.learning_rate)
    if key == "weights" and text != "null":
        assert config.weights == text  # as it was typed


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_a_parameter_that_is_text_stays_what_was_typed(text):
    types = {"curve": str}.get
    found = parse_parameters([f"curve={text}"], lambda name, more=None: types(name))
    assert found == {"curve": None if text == "null" else text}


@pytest.mark.parametrize(
    "number, words",
    [(errno.EACCES, "no permission"), (errno.EROFS, "read-only"), (errno.ENOSPC, "disk is full")],
)
def test_a_failed_write_says_why_and_leaves_nothing(tmp_path, number, words):
    def write(handle):
        handle.write(b"half")
        raise OSError(number, "told by the system")

    with pytest.raises(SettingsError, match=words):
        write_atomic(tmp_path / "file", write)
    assert not list(tmp_path.iterdir()) and words in reason(OSError(number, ""))


def test_a_folder_is_given_to_one_at_a_time(tmp_path):
    with sole(tmp_path, "training"):
        with pytest.raises(SettingsError, match="another process is training there"):
            with sole(tmp_path, "training"):
                pass
    with sole(tmp_path, "training"):
        pass


@pytest.mark.parametrize("when", ["before", "meanwhile", "meanwhile, and it is there again"])
def test_the_lock_of_a_folder_that_is_gone_is_none(tmp_path, monkeypatch, when):
    """Who was there removes it while a second process asks; a third one may make it again."""
    real, folder = fcntl.flock, tmp_path / "parts"

    def late(handle, how):
        folder.rmdir()
        if "again" in when:
            folder.mkdir()
        real(handle, how)

    if when != "before":
        folder.mkdir()
    monkeypatch.setattr(fcntl, "flock", late)
    with pytest.raises(SettingsError, match="another process is training there"):
        with sole(folder, "training"):
            pass


def test_a_folder_made_for_one_goes_with_it_but_not_by_another(tmp_path):
    folder = tmp_path / "parts"
    with alone_in(folder, "training"):
        with pytest.raises(SettingsError, match="another process is training there"):
            with alone_in(folder, "training"):
                pass
        assert folder.is_dir()
    assert not folder.exists()
