"""CSV files as people save them: what is read, and the one line that says what to do about the
others."""

import codecs
import io
import os
import re
from types import SimpleNamespace

import numpy as np
import pytest

from qfp import cli
from qfp.config import load_preset
from qfp.data.measured import read_curve
from qfp.decoding import answer
from qfp.physics.units import SIEMENS, per_tesla
from qfp.tools import SettingsError

CONFIG = load_preset("smoke")
DEVICE = CONFIG.device
GRID = DEVICE.fields
NOISY = "field,conductance,noise"


def smooth(field):
    return 5 + np.cos(100 * np.asarray(field))


def text(field=GRID, *columns, header="field,conductance"):
    columns = columns or (smooth(field),)
    rows = (",".join(repr(float(value)) for value in row) + "\n" for row in zip(field, *columns))
    return header + "\n" + "".join(rows)


def read(path, content, **units):
    path.write_text(content) if isinstance(content, str) else path.write_bytes(content)
    return read_curve(path, DEVICE, **units)


@pytest.fixture
def file(tmp_path):
    return tmp_path / "curve.csv"


def test_reads_its_own_grid_to_the_digit(file):
    for content in (
        text(),
        text(GRID[::-1]),
        text().replace("\n", "\r\n"),
        text().replace("\n", ",\n"),
        # commas at the end of lines
        text().replace("\n", ",\n").replace("conductance,", "conductance"),
        "# measured\n\n" + text().replace("\n", ",7\n").replace("e,7", "e,open_modes") + "\n,\n",
        text().replace("field,conductance", '"Field [rad/plaquette]"," Conductance (e²/h) "'),
        text(smooth(GRID), GRID, header="conductance,field"),
    ):
        curve = read(file, content)
        np.testing.assert_array_equal(curve.conductance, smooth(GRID))
        assert curve.notes == () and (curve.covariance == 0).all()


def test_a_byte_order_mark_is_skipped_and_told(file):
    curve = read(file, b"\xef\xbb\xbf" + text().encode())
    np.testing.assert_array_equal(curve.conductance, smooth(GRID))
    assert curve.notes == ("byte order mark skipped",)


def test_units(file):
    """b = 2 pi B A^2/(h/e): one flux quantum through a plaquette is 2 pi."""
    assert per_tesla(5) * 4.135667696e-15 / 25e-18 == pytest.approx(2 * np.pi)
    noise = np.full(64, 0.1)
    plain = read(file, text(GRID, smooth(GRID), noise, header=NOISY))
    for header in (
        "field,conductance,noise",
        "field [T],conductance [S],noise [S]",
        "Field (tesla),Conductance [siemens],noise",
    ):
        si = read(
            file,
            text(
                np.round(GRID / per_tesla(5), 5),
                smooth(GRID) * SIEMENS,
                noise * SIEMENS,
                header=header,
            ),
            lattice_nm=5,
            siemens=True,
        )
        np.testing.assert_allclose(si.conductance, plain.conductance, rtol=1e-12)
        np.testing.assert_allclose(si.error, plain.error, rtol=1e-12)
        assert not any("averaged" in n for n in si.notes), "rounded fields stand on the decoder's"


def test_folding_weighs_by_the_noise(file):
    field = np.concatenate([-GRID[:0:-1], GRID])
    odd = 0.1 * np.sign(field)
    curve = read(
        file, text(field, smooth(field) + odd, np.where(field < 0, 0.3, 0.4), header=NOISY)
    )
    w = 0.3**-2 / (0.3**-2 + 0.4**-2)  # of the half at -b
    np.testing.assert_allclose(curve.conductance[1:], smooth(GRID)[1:] + 0.1 * (1 - 2 * w))
    np.testing.assert_allclose(curve.error, [0.4] + 63 * [(0.3**-2 + 0.4**-2) ** -0.5])
    folded, halves = curve.notes
    assert "folded" in folded and "differ by 0.2 e^2/h rms, within their errors" in halves
    negative = read(file, text(-GRID))
    np.testing.assert_array_equal(negative.conductance, smooth(GRID))
    # no point at 0: by symmetry it lies between two
    even = read(file, text(np.linspace(-0.05, 0.05, 64)))
    np.testing.assert_allclose(even.conductance, smooth(GRID), atol=0.02)


def test_noise_may_lead_outside_the_bounds(file):
    G = smooth(GRID)
    G[3], G[5] = -0.09, 11.09
    assert read(file, text(GRID, G, np.full(64, 0.02), header=NOISY)).conductance[3] == -0.09


ROWS = "".join(f"{b},{5}\n" for b in GRID)
PLAIN = "field,conductance\n"
MESSY = {  # name: (content, options, what the line says)
    "no such column": (
        "field,Gee\n" + ROWS,
        (),
        "no column 'conductance' in the header 'field,Gee'; a line such as field,conductance",
    ),
    "no header": (ROWS, (), "no line names the columns"),
    "two columns": (
        "field,field,conductance\n0,0,5\n",
        (),
        "2 columns may be 'field' in the header 'field,field,conductance'",
    ),
    "two resistances": (
        "B (T),R1 (ohm),R2 (ohm)\n1,2,3\n",
        (),
        "2 columns may be 'conductance' in the header 'B (T),R1 (ohm),R2 (ohm)'; a line such as",
    ),
    "no such choice": (PLAIN + ROWS, ("--columns", "field,R9"), "no columns 'R9' among 'field', "),
    "decimal commas": (
        PLAIN + "0,0,5,1\n",
        (),
        "line 2: 4 cells where the header has 2; decimal commas? Save with decimal p",
    ),
    "text": (PLAIN + "0,5\n0.01,high\n", (), "line 3: conductance 'high' is not a number"),
    "nan": (PLAIN + "0,nan\n", (), "0 lines of numbers below the header"),
    "inf": (PLAIN + "inf,5\n", (), "line 2: field is inf"),
    "quotes": (PLAIN + '0,5\n"0.01,5\n', (), "not valid CSV"),
    "empty": ("", (), "the file is empty"),
    "header only": (PLAIN, (), "no line of two numbers or more among the first 1"),
    "comments only": ("# nothing\n\n", (), "only comments and blank lines"),
    "a long line": ("a" * 30_000, (), "line 1: longer than 20000 characters"),
    "too many lines": (PLAIN + 500_001 * "0,5\n0.01,5\n", (), "more than 1000000 lines"),
    "too large": (PLAIN + (65 << 20) * " ", (), "has 65 MiB, and at most 64 MiB are read"),
    "binary": (bytes(range(256)), (), "not a text file: a CSV file is wanted"),
    "too short": (
        text(np.linspace(0, 0.03, 64)),
        (),
        "field covers 0 to 0.03 rad/plaquette, the decoder needs all of 0 to 0.05 rad/plaquette",
    ),
    "starts late": (text(np.linspace(0.01, 0.05, 64)), (), "covers 0.01 to 0.05"),
    "one field": (PLAIN + 99 * "0.01,5\n", (), "covers 0.01 to 0.01"),
    "tesla": (text(np.linspace(0, 2, 64)), (), "is it in tesla? Then give --lattice-nm"),
    "a little tesla": (
        text(np.linspace(0, 0.3, 64)),
        (),
        "too few: the decoder has 64 fields, give at least 32 (is it in tesla",
    ),
    "tesla, short": (
        text(np.linspace(0, 1, 64)),
        ("--lattice-nm", "5"),
        "covers 0 to 1 T, the decoder needs all of 0 to 1.316 T",
    ),
    "flux quanta": (
        text(GRID / (2 * np.pi)),
        (),
        "is it in flux quanta per plaquette? Multiply by 2 pi",
    ),
    "too few": (
        text(np.linspace(0, 0.05, 20)),
        (),
        "20 points between 0 and 0.05 rad/plaquette are too few",
    ),
    "gap": (
        text(np.delete(GRID, np.s_[30:40])),
        (),
        "no points between 0.02302 and 0.03175 rad/plaquette",
    ),
    "above the modes": (
        text(GRID, np.full(64, 30.0)),
        (),
        "conductance 30 lies outside 0 to 11 e^2/h, the open modes of this wire\n",
    ),
    "negative": (
        text(GRID, np.full(64, 0.5) - 0.6 * (GRID > 0.04)),
        (),
        "conductance -0.1 lies outside",
    ),
    "negative beyond noise": (
        text(GRID, 0.5 - 0.61 * (GRID > 0.04), np.full(64, 0.02), header=NOISY),
        (),
        "lies outside 0 to 11 e^2/h, the open modes of this wire, by more than 5 times its error",
    ),
    "siemens": (text(GRID, np.full(64, 5 * SIEMENS)), (), "is it in siemens? Then give --siemens"),
    "not siemens": (
        text(GRID),
        ("--siemens",),
        "is it in e^2/h? Then give --units e^2/h and no --siemens",
    ),
    "negative noise": (
        text(GRID, smooth(GRID), GRID - 1, header=NOISY),
        (),
        "line 2: noise -1.0: a standard dev",
    ),
    "no noise": (
        text(GRID, smooth(GRID), 0 * GRID, header=NOISY),
        (),
        "above 0 (leave the column out where",
    ),
    "all noise": (
        text(GRID, smooth(GRID), 0 * GRID + 1e20, header=NOISY),
        (),
        "the noise leaves 1e+20 e^2/h, more than all conductances from 0 to 11",
    ),
    "endless noise": (text(GRID, smooth(GRID), 0 * GRID + 1e308, header=NOISY), (), "is 1e+308"),
    "a resistance of what": ("B,R\n" + ROWS, (), "column 'R' has no unit: give --units ohm or"),
    "a short": ("B,R (ohm)\n" + ROWS + "0,0\n", (), "line 66: a resistance of 0 has no conduc"),
    "[T]": (
        "field [T],conductance\n" + ROWS,
        (),
        "field is in [T]: give --lattice-nm A (the lattice constant in nm)",
    ),
    "[K]": (
        "field [K],conductance\n" + ROWS,
        (),
        "field is in [K]: it must be in one of rad/plaquette, T, mT, Oe, G; if it is, say so with",
    ),
    "folder": (None, (), "is a folder: name CSV files"),
    "missing": (None, (), "No such file"),
}


@pytest.mark.parametrize("name", MESSY)
def test_a_messy_file_is_one_line(name, file, monkeypatch, capsys):
    monkeypatch.setattr(answer, "load_decoder", lambda weights: SimpleNamespace(config=CONFIG))
    content, options, words = MESSY[name]
    if name == "folder":
        file.mkdir()
    elif content is not None:
        file.write_text(content) if isinstance(content, str) else file.write_bytes(content)
    assert cli.main(["decode", str(file), *options]) == 2
    out, err = capsys.readouterr()
    assert not out and err.count("\n") == 1 and err.startswith("qfp: error: ") and str(file) in err
    assert words in err, err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"columns": "field"}, "--columns field: expected field,conductance"),
        ({"units": "mT,furlong"}, "--units mT,furlong: expected that of the field"),
        ({"units": "uS", "siemens": True}, "--units uS: expected that of the field"),
        ({"lattice_nm": 1e308}, "a lattice constant in nm is wanted"),
        ({"lattice_nm": 0}, "a lattice constant in nm is wanted"),
        ({"spin": 3}, "--spin 3: a curve counts 1 spin or 2"),
        ({"offset": float("nan")}, "--offset nan: expected a field such as 0.02, or auto"),
        ({"offset": "left"}, "--offset left: expected a field such as 0.02, or auto"),
    ],
)
def test_an_option_that_says_nothing_is_one_line(options, words, file):
    with pytest.raises(SettingsError, match=re.escape(words)):
        read(file, text(), **options)


@pytest.mark.parametrize("name", ["/dev/zero", "/dev/full", "fifo", "/proc/version", "a\0b"])
def test_what_may_never_end_is_not_opened(name, tmp_path):
    if name == "fifo":
        name = tmp_path / name
        os.mkfifo(name)
    with pytest.raises(SettingsError, match="a device or a pipe|the file is empty|no name of a"):
        read_curve(name, DEVICE)


@pytest.mark.parametrize("name", ["-", "/dev/stdin"])
def test_standard_input_is_a_file_like_others(name, file, monkeypatch):
    def pipe(data):
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(data)))

    expected = read(file, text())
    for data in (text().encode(), codecs.BOM_UTF8 + text().encode()):
        pipe(data)
        found = read_curve(name, DEVICE)
        np.testing.assert_array_equal(found.conductance, expected.conductance)
    assert "byte order mark skipped" in found.notes
    with pytest.raises(SettingsError, match=f"{name}: standard input is empty, or was read before"):
        read_curve(name, DEVICE)  # the second time
    pipe(b" " * (65 << 20))
    with pytest.raises(SettingsError, match=f"{name} has more, and at most 64 MiB are read"):
        read_curve(name, DEVICE)
