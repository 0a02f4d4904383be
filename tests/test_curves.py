"""CSV files as people save them: what is read, and the one line that says what to do about the
others."""

from types import SimpleNamespace

import numpy as np
import pytest

from qfp import cli
from qfp.config import load_preset
from qfp.data.measured import SIEMENS, per_tesla, read_curve
from qfp.decoding import answer

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
        assert (
            curve.noise is None
            and curve.interpolation == 0
            and curve.notes == ()
            and (curve.error == 0).all()
        )


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
        np.testing.assert_allclose(si.noise, plain.noise, rtol=1e-12)
        assert si.notes == (), "rounded fields still stand on the decoder's"


def test_folding_takes_the_mean_and_its_noise(file):
    field = np.concatenate([-GRID[:0:-1], GRID])
    odd = 0.2 * np.sign(field)
    curve = read(
        file, text(field, smooth(field) + odd, np.where(field < 0, 0.3, 0.4), header=NOISY)
    )
    np.testing.assert_allclose(curve.conductance, smooth(GRID), atol=1e-12)
    np.testing.assert_allclose(curve.noise, [0.4] + 63 * [0.25])  # sqrt(0.3^2 + 0.4^2) / 2
    assert len(curve.notes) == 1 and "folded" in curve.notes[0]
    negative = read(file, text(-GRID))
    np.testing.assert_array_equal(negative.conductance, smooth(GRID))
    # no point at 0: by symmetry it lies between two
    even = read(file, text(np.linspace(-0.05, 0.05, 64)))
    np.testing.assert_allclose(even.conductance, smooth(GRID), atol=0.01)


def test_resampling_is_told_with_what_it_costs(file):
    def wave(field):  # a period of 16 steps of the grid
        return 5 + np.sin(2 * np.pi * field / (16 * GRID[1]))

    field = np.linspace(0, 0.06, 151)
    curve = read(file, text(field, wave(field)))
    error = np.sqrt(np.mean((curve.conductance - wave(GRID)) ** 2))
    assert 0 < error < curve.interpolation < 6 * error, "cautious for smooth curves"
    (note,) = curve.notes
    assert (
        "126 points interpolated" in note
        and f"{curve.interpolation:.3f}" in note
        and "linspace(0, 0.05, 64) rad" in note
    )
    (note,) = read(file, text(field / per_tesla(5), wave(field)), lattice_nm=5).notes
    assert "numpy.linspace(0, 1.31642, 64) T" in note
    np.testing.assert_allclose(curve.error, curve.interpolation)

    noise = np.full(151, 0.2)
    noisy = wave(field) + noise * np.random.default_rng(0).standard_normal(151)
    known = read(file, text(field, noisy, noise, header=NOISY))
    unknown = read(file, text(field, noisy))
    assert known.interpolation < 0.04 < 0.08 < unknown.interpolation, (
        "noise that is known is not counted again"
    )
    assert (
        (known.noise <= 0.2).all()
        and known.noise.min() > 0.2 / np.sqrt(2) - 1e-9
        and known.noise[0] == 0.2
    )
    np.testing.assert_allclose(known.error, np.hypot(known.noise, known.interpolation))


def test_noise_may_lead_outside_the_bounds(file):
    G = smooth(GRID)
    G[3], G[5] = -0.09, 11.09
    assert read(file, text(GRID, G, np.full(64, 0.02), header=NOISY)).conductance[3] == -0.09


ROWS = "".join(f"{b},{5}\n" for b in GRID)
PLAIN = "field,conductance\n"
MESSY = {  # name: (content, options, what the line says)
    "no such column": (
        "field,G\n0,5\n",
        (),
        "no column 'conductance' in the header 'field,G'; the first line must be field,cond",
    ),
    "no header": (ROWS, (), "no column 'field' in the header '0.0,5'"),
    "two columns": ("field,field,conductance\n0,0,5\n", (), "two columns 'field'"),
    "semicolons": (
        "field;conductance\n0,0;5,1\n",
        (),
        "separated by semicolons: save with commas, and decimal points",
    ),
    "tabs": ("field\tconductance\n0\t5\n", (), "separated by tabs: save with commas"),
    "spaces": ("field conductance\n0 5\n", (), "no column 'field'"),
    "decimal commas": (
        PLAIN + "0,0,5,1\n",
        (),
        "line 2: 4 cells where the header has 2; decimal commas? Save with decimal p",
    ),
    "quoted decimal commas": (
        PLAIN + '"0,0","5,1"\n',
        (),
        "line 2: field '0,0' has a decimal comma: save with decimal points",
    ),
    "text": (PLAIN + "0,5\n0.01,high\n", (), "line 3: conductance 'high' is not a number"),
    "second header": (PLAIN + "T,S\n0,5\n", (), "line 2: field 'T' is not a number"),
    "nan": (PLAIN + "0,nan\n", (), "line 2: conductance is nan, a finite number is wanted"),
    "inf": (PLAIN + "inf,5\n", (), "line 2: field is inf"),
    "missing cell": (PLAIN + "0,5\n0.01\n", (), "line 3: 1 cells where the header has 2"),
    "empty cell": (PLAIN + "0,5\n0.01,\n", (), "line 3: conductance is empty"),
    "quotes": (PLAIN + '0,5\n"0.01,5\n', (), "not valid CSV"),
    "empty": ("", (), "the file is empty; the first line must be"),
    "header only": (PLAIN, (), "0 lines of numbers below the header"),
    "binary": (bytes(range(256)), (), "not a text file: a CSV file is wanted"),
    "UTF-16": (text().encode("utf-16"), (), "is UTF-16 text: save it as 'CSV UTF-8'"),
    "Latin-1": (
        text(header="field,conductance [e²/h]").encode("latin-1"),
        (),
        "line 1: byte 0xb2 is not UTF-8: save it as",
    ),
    "twice": (
        PLAIN + "0,5\n0.01,5\n0.01,5\n",
        (),
        "field 0.01 stands on lines 3 and 4: give each field once",
    ),
    "there and back": (
        text(np.concatenate([GRID, GRID[::-1]])),
        (),
        "line 67: the field turns, it must rise or fall",
    ),
    "unsorted": (
        PLAIN + "0,5\n# pause\n0.02,5\n0.01,5\n",
        (),
        "line 5: the field turns, it must rise or fall throughout",
    ),
    "too short": (
        text(np.linspace(0, 0.03, 64)),
        (),
        "field covers 0 to 0.03, the decoder needs all of 0 to 0.05 rad/plaquette",
    ),
    "starts late": (text(np.linspace(0.01, 0.05, 64)), (), "covers 0.01 to 0.05"),
    "tesla": (text(np.linspace(0, 2, 64)), (), "is it in tesla? Then give --lattice-nm"),
    "a little tesla": (
        text(np.linspace(0, 0.3, 64)),
        (),
        "too few: the decoder has 64 fields, give at least 32 (is it in tesla",
    ),
    "tesla, short": (
        text(np.linspace(0, 1, 64)),
        ("--lattice-nm", "5"),
        "covers 0 to 1, the decoder needs all of 0 to 1.316 T",
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
        text(GRID, np.full(64, 12.0)),
        (),
        "conductance 12 lies outside 0 to 11 e^2/h, the open modes of "
        "this wire; where this is noise, add a column noise",
    ),
    "negative": (
        text(GRID, np.full(64, 0.5) - 0.6 * (GRID > 0.04)),
        (),
        "conductance -0.1 lies outside",
    ),
    "negative beyond noise": (
        text(GRID, 0.5 - 0.61 * (GRID > 0.04), np.full(64, 0.02), header=NOISY),
        (),
        "lies outside 0 to 11 e^2/h, the open modes of this wire, by more than 5 ",
    ),
    "siemens": (text(GRID, np.full(64, 5 * SIEMENS)), (), "is it in siemens? Then give --siemens"),
    "not siemens": (text(GRID), ("--siemens",), "is it in e^2/h? Then leave out --siemens"),
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
    "empty noise": ("field,conductance,noise\n0,5,\n", (), "line 2: noise is empty"),
    "[T]": (
        "field [T],conductance\n0,5\n",
        (),
        "field is in [T]: give --lattice-nm A (the lattice constant in nm)",
    ),
    "[mT]": (
        "field [mT],conductance\n0,5\n",
        (),
        "field is in [mT]: it must be in [rad/plaquette], or in [T] with --lattice-nm",
    ),
    "[rad]": (
        text(header="field [rad/plaquette],conductance"),
        ("--lattice-nm", "5"),
        "leave out --lattice-nm",
    ),
    "[S]": ("field,conductance [S]\n0,5\n", (), "conductance is in [S]: give --siemens"),
    "[e^2/h]": (
        text(header="field,conductance [e^2/h]"),
        ("--siemens",),
        "conductance is in [e^2/h]: leave out --siemens",
    ),
    "noise [S]": ("field,conductance,noise [S]\n0,5,1\n", (), "noise is in [S]: give --siemens"),
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
