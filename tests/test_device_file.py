"""Device files: units against formulas, the continuum limit, refusals in a line, and the commands
that take such a file."""

import dataclasses
import json
import math

import numpy as np
import pytest
import yaml
from scipy import constants

import qfp
from qfp import cli
from qfp.physics import device_file, thermal, units
from qfp.tools import SettingsError, project_root

GAAS = {
    "width_nm": 500,
    "length_nm": 600,
    "radius_nm": 50,
    "effective_mass": 0.067,
    "density_per_m2": 2e15,
    "field_max_tesla": 0.33,
    "lattice_nm": 10,
    "disorder_mev": 0.28,
    "temperature_kelvin": 0.3,
}
SMALL = {
    "width": 14,
    "length": 16,
    "energy": 0.8,
    "radius": 2,
    "field_max": 0.06,
    "field_points": 6,
    "amplitude": 0.05,
}


def of(**changes):
    values = GAAS | changes
    return device_file.of_units(
        {k: v for k, v in values.items() if v is not None}, "mine.yaml", qfp.Device
    )


def written(tmp_path, values, name="mine.yaml"):
    path = tmp_path / name
    path.write_text(values if isinstance(values, str) else yaml.safe_dump(values))
    return path


# --- units


def test_a_gallium_arsenide_wire_has_the_numbers_of_the_textbook():
    found = of()
    assert (found.device.width, found.device.length, found.device.radius) == (50, 60, 5)
    assert found.wavelength == pytest.approx(56.05, abs=0.01)
    assert found.fermi_energy == pytest.approx(7.146, abs=0.001)
    assert found.hopping == pytest.approx(0.0380998 / 0.067 / 100 * 1000, rel=1e-4)
    assert found.device.field_max == pytest.approx(0.05, rel=0.01)
    assert found.thermal == pytest.approx(0.0045, abs=1e-4)
    velocity = constants.hbar * units.fermi_wavenumber(2e15) / (0.067 * constants.m_e)
    radius = 0.067 * constants.m_e * velocity / (constants.e * 0.33)
    assert found.cyclotron_radius == pytest.approx(radius * 1e9)
    assert found.thouless_energy == pytest.approx(
        constants.hbar * velocity / 600e-9 / constants.e * 1e3
    )
    assert abs(found.open_modes - 2 * 500 / found.wavelength) <= 1


def test_a_density_and_its_energy_are_one_wire():
    other = of(density_per_m2=None, fermi_energy_mev=of().fermi_energy)
    assert other.density == pytest.approx(2e15, rel=1e-6)
    assert other.device.energy == pytest.approx(of().device.energy, abs=1e-6)


def test_a_mean_free_path_and_its_disorder_are_one_wire():
    other = of(disorder_mev=None, mean_free_path_nm=of().mean_free_path)
    assert other.device.amplitude == pytest.approx(of().device.amplitude)
    assert of(disorder_mev=None).mean_free_path == math.inf


def test_the_mean_free_path_is_that_of_the_golden_rule():
    """hbar / tau = 2 pi rho s^2, density of states and velocity from the dispersion."""
    found, h = of(lattice_nm=4), 1e-3
    ka = units.fermi_wavenumber(found.density) * 4e-9
    rise = (units.lattice_energy(ka + h) - units.lattice_energy(ka - h)) / (2 * h)  # dE/d(ka)
    rho = ka / (2 * math.pi) / rise
    rate = 2 * math.pi * rho * found.device.amplitude**2 / 3
    assert found.mean_free_path == pytest.approx(4 * rise / rate, rel=0.1)


def test_the_lattice_becomes_the_continuum():
    off = [of(lattice_nm=a).energy / of(lattice_nm=a).fermi_energy - 1 for a in (10, 5, 2.5)]
    assert off[0] < off[1] < off[2] < 0
    for coarse, fine in zip(off, off[1:]):
        assert coarse / fine == pytest.approx(4, rel=0.1), "the error falls with the square of a"
    ratios = [of(lattice_nm=a).anisotropy for a in (10, 5)]
    assert ratios[0] > 3 * ratios[1] > 0


def test_a_curve_becomes_that_of_the_continuum():
    """One antidot: the curve in tesla, of ever finer lattices, approaches that of the finest."""
    wire = {"width_nm": 240, "length_nm": 240, "radius_nm": 24}
    wire |= {"field_max_tesla": 0.6, "field_points": 5, "disorder_mev": None}
    curves = []
    for a in (8, 6, 4, 3):
        found = of(**wire, lattice_nm=a)
        centre = [[found.device.width // 2, found.device.length // 2]]
        curves.append(qfp.solve(found.device, centre)[0])
        assert found.device.radius * a == 24
    off = [float(np.sqrt(np.mean((curve - curves[-1]) ** 2))) for curve in curves[:-1]]
    assert off[0] > 2 * off[1] > 4 * off[2], off
    assert off[2] < 0.03 < 0.5 < np.ptp(curves[-1]), off


def test_open_modes_are_those_of_a_hard_wall_wire():
    """Walls lie a site beyond the outermost ones: floor(k_F (W + 1) a / pi) on a fine lattice."""
    for density in (1.5e15, 2.3e15, 4.1e15):
        found = of(lattice_nm=2, density_per_m2=density)
        wide = (found.device.width + 1) * 2e-9
        assert found.open_modes == int(units.fermi_wavenumber(density) * wide / math.pi)


def test_a_radius_that_is_no_half_number_of_sites_is_told(tmp_path, capsys):
    path = str(written(tmp_path, GAAS | {"radius_nm": 33, "field_points": 2}))
    assert cli.main(["device", path]) == 0
    said = capsys.readouterr().out
    assert "radius 3.5 sites = 35 nm, not the 33 of the file: lattice_nm 8.25 would" in said


def test_a_lattice_is_chosen_in_which_the_sizes_are_whole():
    found = of(lattice_nm=None)
    device, a = found.device, found.lattice
    assert found.wavelength / a >= device_file.FINE
    for sites, size in ((device.width, 500), (device.length, 600), (device.radius, 50)):
        assert sites * a == pytest.approx(size, rel=0.02)


def test_an_energy_on_a_threshold_is_moved():
    threshold = 4 - 2 - 2 * math.cos(3 * math.pi / 15)  # third mode of 14 sites at b = 0
    device = qfp.Device(**SMALL | {"energy": threshold})
    with pytest.raises(SettingsError, match="threshold"):
        qfp.solve(device, [[4, 5], [9, 10]])
    moved = device_file.off_threshold(device)
    assert 0 < abs(moved.energy - threshold) <= 1e-5
    assert np.isfinite(qfp.solve(moved, [[4, 5], [9, 10]])[0]).all()


# --- files


def test_lattice_units_and_a_section_of_a_preset(tmp_path):
    expected = qfp.Device(**SMALL)
    assert qfp.Device.from_file(written(tmp_path, SMALL)) == expected
    assert qfp.Device.from_file(written(tmp_path, {"device": SMALL})) == expected
    whole = SMALL | {"energy": 1, "width": 14.0}
    assert qfp.Device.from_file(written(tmp_path, whole)).width == 14


BAD = {
    "unknown key 'widht_nm'; known: width_nm": GAAS | {"widht_nm": 5},
    "missing key 'length_nm'": {k: v for k, v in GAAS.items() if k != "length_nm"},
    "radius_nm must be a number, 0 or more; got 'five'": GAAS | {"radius_nm": "five"},
    "radius_nm must be a number, 0 or more; got True": GAAS | {"radius_nm": True},
    "effective_mass must be above 0": GAAS | {"effective_mass": 0},
    "field_points must be a whole number, 2 or more; got 1": GAAS | {"field_points": 1},
    "give density_per_m2 or fermi_energy_mev, not both": GAAS | {"fermi_energy_mev": 7},
    "give density_per_m2 or fermi_energy_mev": {
        k: v for k, v in GAAS.items() if k != "density_per_m2"
    },
    "lattice_nm 15 leaves 3.7 sites a Fermi wavelength": GAAS | {"lattice_nm": 15},
    "lattice_nm 10 leaves 2506.6 sites a Fermi wavelength (25066.3 nm): at most 1000 fit": GAAS
    | {"density_per_m2": 1e10, "lattice_nm": 10},
    "is 0.46 rad a plaquette of 10 nm": GAAS | {"field_max_tesla": 3},
    "the radius must lie between 1 and 23 sites": GAAS | {"radius_nm": 240},
    "no two antidots of radius 15": GAAS | {"radius_nm": 150, "length_nm": 400},
    "radius_nm must be one number": GAAS | {"radius_nm": [40, 60]},
    "unknown key 'width_nm' (laboratory and lattice units cannot be mixed)": SMALL
    | {"width_nm": 5},
    "missing key 'amplitude'": {k: v for k, v in SMALL.items() if k != "amplitude"},
    "width must be int (a whole number), 2 to 1000000; got 14.5": SMALL | {"width": 14.5},
    "energy must be float (a number), -1000 to 1000; got 'half'": SMALL | {"energy": "half"},
    "expected lines such as 'width_nm: 500'": "- 1\n- 2\n",
    "not valid YAML": "width_nm: [\n",
    "antidots of 2 sites in a wire of 5 x 16": SMALL | {"width": 5},
}


@pytest.mark.parametrize("line", BAD)
def test_a_bad_file_is_refused_in_a_line(line, tmp_path, capsys):
    assert cli.main(["device", str(written(tmp_path, BAD[line]))]) == 2
    said = capsys.readouterr().err
    assert said.startswith("qfp: error: ") and said.count("\n") == 1
    assert "mine.yaml" in said and line in said


def test_a_file_that_is_none_is_refused(tmp_path, capsys):
    assert cli.main(["device", str(tmp_path / "absent.yaml")]) == 2
    assert "no such file" in capsys.readouterr().err


# --- commands


def test_the_shipped_example_is_explained(capsys):
    assert cli.main(["device", str(project_root() / "presets" / "gaas.yaml")]) == 0
    said = capsys.readouterr().out
    for words in ("50 x 60 sites of 10 nm", "18 open modes", "0.33 T", "ballistic", "16,170"):
        assert words in said


def test_lattice_units_are_explained(tmp_path, capsys):
    assert cli.main(["device", str(written(tmp_path, SMALL))]) == 0
    assert "14 x 16 sites" in capsys.readouterr().out


def test_solve_takes_a_device_file(tmp_path, capsys):
    path = str(written(tmp_path, SMALL))
    options = ["--antidots", "4,5", "9,10", "--json"]
    assert cli.main(["solve", "--device", path, *options]) == 0
    found = json.loads(capsys.readouterr().out)
    exact = qfp.solve(qfp.Device(**SMALL), [[4, 5], [9, 10]])[0]
    np.testing.assert_allclose(found["conductance"], exact, atol=1e-12)
    assert cli.main(["solve", "--device", path, "--set", "device.radius=1", *options]) == 0
    other = json.loads(capsys.readouterr().out)["conductance"]
    thin = dataclasses.replace(qfp.Device(**SMALL), radius=1)
    np.testing.assert_allclose(other, qfp.solve(thin, [[4, 5], [9, 10]])[0], atol=1e-12)


def test_a_temperature_that_no_curve_has_is_said(tmp_path, capsys):
    path = str(written(tmp_path, GAAS | {"field_points": 2}))
    assert cli.main(["solve", "--device", path, "--antidots", "10,20", "33,41"]) == 0
    assert "at T = 0, not at 0.3 K (k_B T = 0.0045 t)" in capsys.readouterr().err


def test_a_dataset_has_all_configurations_of_a_device_file(tmp_path, capsys):
    path, out = str(written(tmp_path, SMALL)), str(tmp_path / "mine.h5")
    few = ["--preset", "smoke", "--device", path, "--workers", "1"]
    assert cli.main(["dataset", *few, "--set", "dataset.potentials=1", "--out", out]) == 0
    pairs = qfp.load_dataset(out)
    assert len(pairs.antidots) == len(qfp.configurations(qfp.Device(**SMALL))[1])


def test_a_curve_of_another_wire_is_decoded_without_a_network(tmp_path, capsys, monkeypatch):
    from qfp.inference import library

    monkeypatch.setattr(library, "project_root", lambda: tmp_path)
    wire = SMALL | {"width": 20, "length": 24, "field_points": 24, "amplitude": 0.02}
    device, pair = qfp.Device(**wire), [[5, 8], [13, 15]]
    curve = qfp.solve(device, pair, qfp.random_potential(3, device))[0]
    table = np.column_stack([device.fields, curve])
    file, path = tmp_path / "curve.csv", str(written(tmp_path, wire))
    np.savetxt(file, table, delimiter=",", header="field,conductance", comments="")
    options = ["--device", path, "--out", str(tmp_path / "out"), "--json"]
    assert cli.main(["decode", str(file), *options]) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["antidots"] == qfp.infer(curve[None], device)[0].answer.tolist() == pair
    assert said["network"] is None and not said["flagged"]
    assert [one.name for one in (tmp_path / "out").iterdir()] == ["curve.png"]
    assert cli.main(["decode", str(file), "--device", path, "--samples", "3"]) == 2
    assert "the exact solver answers alone" in capsys.readouterr().err
    assert cli.main(["decode", str(file), "--device", path]) == 0
    assert "network" not in capsys.readouterr().out


def test_a_device_file_says_what_its_curves_are(tmp_path, capsys, monkeypatch):
    from qfp.inference import library

    monkeypatch.setattr(library, "project_root", lambda: tmp_path)
    small = {"width_nm": 200, "length_nm": 240, "radius_nm": 20, "field_points": 24}
    own = {"series_ohm": 1000, "spin": 2, "antidots": [1, 2], "field_max_tesla": 0.6}
    path = written(tmp_path, GAAS | small | own)
    found = device_file.read(path, qfp.Device)[1]
    assert found.antidots == (1, 2) and found.spin == 2 and found.unknown == {"series_ohm": 1000}
    truth = [[9, 11]]
    warm = thermal.averaged(found.device, thermal.energies(found.device, found.thermal, 8))
    u = 2 * qfp.solve(warm, truth, qfp.random_potential(3, warm))[0]
    siemens = 3.874045865e-5
    y = u / (1 + 700 * siemens * u) * siemens
    table = np.column_stack([found.device.fields / units.per_tesla(10.0), y])
    np.savetxt(tmp_path / "c.csv", table, delimiter=",", header="field,conductance", comments="")
    call = ["decode", str(tmp_path / "c.csv"), "--siemens", "--device", str(path), "--json"]
    assert cli.main(call) == 0
    said = json.loads(capsys.readouterr().out)
    assert said["antidots"] == truth and said["numbers"]["1"] > 0.95
    assert said["temperature"] == pytest.approx(found.thermal)
    value, error = said["unknown"]["series_ohm"]
    assert abs(value - 700) < 4 * error < 400
    assert cli.main(["device", str(path)]) == 0
    assert "2 spins, 1 or 2 antidots; inferred with them: series_ohm +-1000" in (
        capsys.readouterr().out
    )
    for wrong, told in (
        ({"spin": 3}, "spin must be 1 or 2; got 3"),
        ({"antidots": [2, 9]}, "antidots must be a number from 1 to 6 or a list of them"),
    ):
        with pytest.raises(SettingsError, match=told):
            of(**wrong)
