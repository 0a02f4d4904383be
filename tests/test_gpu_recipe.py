"""The recipe for a lent GPU machine, at smoke size on the CPU: preset `paper` with nothing
installed but what computing needs, in slices, exported in shards; and its training is what the
paper says."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from qfp.cli import main
from qfp.commands.settings import parse_changes
from qfp.config import Diffusion, load_preset
from qfp.data import dataset, normalise
from qfp.decoding import decode
from qfp.model import exported
from qfp.model.diffusion import Schedule
from qfp.model.precision import autocast
from qfp.tools import SettingsError
from qfp.training import checkpoint, loss
from qfp.training.batches import Batches, ahead
from qfp.training.loss import losses
from qfp.training.optimise import learning_rate, radius, share_done
from qfp.training.train import train

ROOT = Path(__file__).parents[1]
DATA = ["dataset.configurations=20", "dataset.potentials=2", "device.field_points=6"]
TINY = [
    *DATA,
    "network.channels=[8,8,8]",
    "network.blocks=1",
    "network.condition_hidden=16",
    "network.condition_blocks=1",
    "network.condition_width=8",
    "network.condition_layers=1",
    "network.grid_width=8",
    "network.condition_channels=[4,4,4]",
    "training.batch=2",
    "training.minutes=0",
    "training.max_steps=3",
]
# On the path of every process, workers included: what a machine for computing may lack is not
# found, nor is the metadata of any distribution, as qfp lies there as a folder.
BARE = """
import sys
ALLOWED = {*sys.stdlib_module_names, "qfp", "torch", "torchgen", "functorch", "sympy", "mpmath",
           "typing_extensions", "networkx", "jinja2", "markupsafe", "filelock", "fsspec",
           "numpy", "scipy", "h5py", "safetensors", "yaml"}

class Bare:
    def __init__(self, finder):
        self.finder = finder

    def find_spec(self, name, path=None, target=None):
        root = name.partition(".")[0]
        if root in ALLOWED or root.startswith("_sysconfigdata"):
            return self.finder.find_spec(name, path, target)

sys.meta_path[:] = [Bare(finder) for finder in sys.meta_path]
"""
# The second slice, an undisturbed run to compare with, and the export, with a limit that such a
# small network exceeds.
REST = """
import json, sys
from qfp.cli import main
from qfp.decoding.decode import load_decoder
from qfp.model.exported import part, read
from qfp.training import checkpoint
train = json.loads(sys.argv[1])
assert main([*train, "--out", "run", "--resume", "--slice-minutes", "8"]) == 0
assert main([*train, "--out", "straight"]) == 0
checkpoint.FILE_LIMIT = 20000
assert main(["export", "run", "models/tiny"]) == 0
model = load_decoder("models/tiny.safetensors").model
weights = part(part(read("run/checkpoint.safetensors")[0], "ema"), "module")
state = model.state_dict()
assert all(value.equal(weights[name].bfloat16().float()) for name, value in state.items())
"""


def paper(*changes, preset="paper"):
    return load_preset(preset, **parse_changes([*TINY, *changes]))


def options(changes):
    return [part for change in changes for part in ("--set", change)]


@pytest.fixture(scope="module")
def bare(tmp_path_factory):
    """Folder of the whole recipe and the output of its three processes."""
    folder = tmp_path_factory.mktemp("bare")
    (folder / "sitecustomize.py").write_text(BARE)
    path = os.pathsep.join([str(folder), str(ROOT / "src")])
    training = ["train", "--preset", "paper", "--data", "small.h5", *options(TINY)]

    def run(*command):
        return subprocess.run(
            [sys.executable, *command],
            check=False,
            cwd=folder,
            text=True,
            capture_output=True,
            env={**os.environ, "PYTHONPATH": path},
        )

    return folder, [
        run(
            "-m",
            "qfp.cli",
            "dataset",
            "--preset",
            "laptop",
            *options(DATA),
            "--out",
            "small.h5",
            "--workers",
            "1",
        ),
        run("-m", "qfp.cli", *training, "--out", "run", "--slice-minutes", "0.0001"),
        run("-c", REST, json.dumps(training)),
    ]


@pytest.fixture(scope="module")
def pairs(bare):
    return dataset.load(bare[0] / "small.h5")


def test_the_recipe_needs_what_computing_needs_alone(bare):
    folder, (data, first, rest) = bare
    assert data.returncode == 0, data.stderr
    assert first.returncode == 3, first.stderr
    assert first.stdout.splitlines()[-1].startswith("not finished (33%): step 1, ")
    assert rest.returncode == 0, rest.stderr
    assert [line.split(":")[0] for line in rest.stdout.splitlines() if "finished" in line] == [
        "finished"
    ] * 2
    assert rest.stderr.count("preview: no picture, matplotlib is not installed\n") == 1
    assert '"preview": {"r_median": ' in rest.stdout and '"image": {"within0": ' in rest.stdout
    assert not (folder / "run" / "preview.png").exists()


def test_slices_equal_an_uninterrupted_run(bare):
    run, straight = (
        exported.read(bare[0] / name / checkpoint.CHECKPOINT) for name in ("run", "straight")
    )
    assert run[1]["step"] == straight[1]["step"] == 3
    assert run[0].keys() == straight[0].keys()
    assert [name for name, value in run[0].items() if not value.equal(straight[0][name])] == []


def test_shards_are_small_and_described(bare):
    models = bare[0] / "models"
    meta = json.loads((models / "tiny.json").read_text())
    assert (
        len(meta["shards"]) > 2
        and meta["dtype"] == "bfloat16"
        and meta["versions"]["qfp"] == "source"
    )
    assert {f.name for f in models.iterdir()} == {*meta["shards"], "tiny.json", "tiny.jsonl"}
    last = len(meta["shards"])
    assert list(meta["shards"])[-1] == f"tiny-{last:05d}-of-{last:05d}.safetensors"
    weights = [exported.read(models / name)[0] for name in meta["shards"]]
    assert max(sum(v.nbytes for v in part.values()) for part in weights) <= 20000
    assert sum(v.numel() for part in weights for v in part.values()) == meta["parameters"]


def test_shards_that_are_missing_or_foreign_are_named(bare, tmp_path, monkeypatch):
    for file in (bare[0] / "models").iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    one, two = sorted(tmp_path.glob("tiny-0000[12]-*"))
    kept = two.read_bytes()
    two.write_bytes(one.read_bytes())
    with pytest.raises(SettingsError, match=f"{two.name} is not the shard"):
        decode.load_decoder(tmp_path / "tiny.safetensors")
    two.unlink()
    with pytest.raises(SettingsError, match=f"{two.name} is missing"):
        decode.load_decoder(tmp_path / "tiny.safetensors")
    two.write_bytes(kept)
    decode.load_decoder(tmp_path / "tiny.safetensors")
    # one file now: no shard is left to be taken for a part of it
    checkpoint.export(bare[0] / "run", tmp_path / "tiny")
    assert sorted(f.name for f in tmp_path.iterdir()) == [
        "tiny.json",
        "tiny.jsonl",
        "tiny.safetensors",
    ]


def test_an_export_is_not_replaced_by_chance(bare, tmp_path, capsys):
    run, out = str(bare[0] / "run"), str(tmp_path / "tiny")
    assert main(["export", run, out, "--bf16"]) == 0
    assert "bfloat16 in 1 file(s), after 3 steps" in capsys.readouterr().out
    assert main(["export", run, out + ".safetensors"]) == 2
    assert "tiny.json exists already: give --force" in capsys.readouterr().err
    assert main(["export", run, out, "--force"]) == 0 and "as float32" in capsys.readouterr().out
    assert main(["export", str(tmp_path), out, "--force"]) == 2


def test_the_plan_counts_what_was_trained():
    both = paper("training.minutes=22", "training.max_steps=1000").training
    assert (
        share_done(both, 0, 0.0) == 0
        and share_done(both, 600, 11.0) == 0.6
        and share_done(both, 10, 22.0) == 1
    )
    assert share_done(paper().training, 2, 99.0) == 2 / 3


def test_a_slice_is_longer_than_nothing(tmp_path, capsys):
    assert (
        main(["train", "--preset", "paper", "--out", str(tmp_path / "run"), "--slice-minutes", "0"])
        == 2
    )
    assert "--slice-minutes 0.0: must be above 0" in capsys.readouterr().err and not list(
        tmp_path.iterdir()
    )


def test_the_thread_gives_the_same_batches(pairs):
    make = batches(paper(), pairs)
    supply = ahead(make, 5)
    for step in (5, 6, 7):
        one, two = next(supply), make(step)
        assert all(torch.equal(torch.as_tensor(one[k]), torch.as_tensor(two[k])) for k in two)
    with pytest.raises(IndexError):
        next(ahead(lambda step: [][step], 0))


def batches(config, pairs):
    rows = dataset.split(
        len(pairs.antidots), len(pairs.potentials), config.training.split, config.seed
    )["train"]
    return Batches(config, pairs, rows, normalise.normalisation(pairs, rows), "cpu")


def test_the_preset_is_the_papers():
    """Secs. III, IV: all pairs, three levels, SAM, 1,000 steps, uniform t, a loss that is the
    squared error alone."""
    config = load_preset("paper")
    assert (
        config.device == load_preset("laptop").device
        and config.dataset == load_preset("laptop").dataset
    )
    assert config.network.attention == ("linear", "linear", "full")
    assert exported.network_of(config).sizes == (60, 30, 15)
    t, s = config.training, config.sampling
    assert (t.optimizer, t.time_sampling, t.curve_target, t.curve_batch) == (
        "sam",
        "uniform",
        "none",
        0,
    )
    assert config.diffusion == Diffusion(steps=1000, schedule="linear", prediction="epsilon")
    assert (s.sampler, s.steps) == ("ancestral", 1000)
    size = 2 * sum(p.numel() for p in exported.network_of(config).parameters())
    assert size < min(15e6, checkpoint.FILE_LIMIT), "the shipped models have 40 MiB in all"


def test_the_curve_learns_from_the_image_alone(bare, pairs):
    """Where the curve is left out of every sample, no gradient reaches what reads it; nor is there
    any other head."""
    decoder = decode.load_decoder(bare[0] / "models" / "tiny.safetensors")
    config, schedule = decoder.config, decoder.schedule
    assert torch.allclose(schedule.beta, torch.linspace(1e-4, 0.02, 1000, dtype=torch.float64))
    torch.manual_seed(1)
    model, make = exported.network_of(config), batches(config, pairs)
    for p in model.parameters():  # branches that start at 0 would hide the path
        torch.nn.init.normal_(p, std=0.1)
    assert model.pooled is None and model.condition.across is None
    for keep in (True, False):
        batch = make(0)
        assert (
            len(batch["curves"]) == len(batch["x0"])
            and "centres" not in batch
            and "pooled" not in batch
        )
        model.zero_grad()
        total, mse, curve = losses(
            model, schedule, {**batch, "keep": torch.full((2,), keep)}, config.training
        )
        total.backward()
        assert total.detach() == mse.mean() and curve == 0
        reached = [
            model.condition.enter.weight.grad.abs().max() > 0,
            model.condition.null.grad.abs().max() > 0,
        ]
        assert reached == [keep, not keep]


def test_times_are_uniform(pairs):
    t = torch.cat([batches(paper("training.batch=500"), pairs)(step)["t"] for step in range(8)])
    shares = torch.histc(t.float(), 10, 0, 1000) / len(t)
    assert (shares - 0.1).abs().max() < 0.02 and t.min() >= 0 and t.max() <= 999


def test_a_step_is_sams(bare, pairs, tmp_path):
    """What the base optimiser of `train` is given: the clipped gradient at w + rho g/|g|, by hand
    here."""
    config = paper("training.max_steps=1", "training.warmup=1", "training.sam_radius=2.0")
    train(config, bare[0] / "small.h5", tmp_path / "run", report=str)
    state = exported.part(exported.read(tmp_path / "run" / checkpoint.CHECKPOINT)[0], "optimizer")
    mean = torch.cat([state[f"{i}.exp_avg"].flatten() for i in range(len(state) // 3)])
    seen = mean / (1 - 0.9)  # after one step
    batch, schedule = (
        batches(config, pairs)(0),
        decode.load_decoder(bare[0] / "models" / "tiny.safetensors").schedule,
    )
    torch.manual_seed(config.training.seed)
    model = exported.network_of(config)

    def gradient():
        with autocast(config.training.precision, "cpu"):
            g = torch.autograd.grad(
                losses(model, schedule, batch, config.training)[0], model.parameters()
            )
        return torch.cat([v.flatten() for v in g])

    plain = gradient()
    w = torch.nn.utils.parameters_to_vector(model.parameters()).detach()
    torch.nn.utils.vector_to_parameters(w + 2.0 * plain / plain.norm(), model.parameters())
    sharp = gradient()
    plain, sharp = (g / g.norm().clamp(min=1.0) for g in (plain, sharp))
    assert (seen - sharp).norm() < 0.01 * sharp.norm() and (
        seen - plain
    ).norm() > 0.1 * sharp.norm()


def test_sams_radius_follows_the_learning_rate():
    training = paper(
        "training.warmup=10", "training.sam_radius=0.5", "training.learning_rate=0.01"
    ).training
    for step, progress in ((0, 0.0), (4, 0.1), (20, 0.5), (20, 0.8), (20, 1.0)):
        assert radius(training, step, progress) == pytest.approx(
            50 * learning_rate(training, step, progress)
        )


@pytest.mark.parametrize("preset", ["paper", "laptop"])
def test_what_a_gpu_compiles_is_one_graph_of_the_same_numbers(preset):
    """Also for the next network of the same shape. (The kernels are the compiler's; here they are
    those of the CPU.)"""
    small = TINY if preset == "paper" else [*TINY[4:6], "network.channels=[8,8]"]
    config = load_preset(preset, **parse_changes(small))
    B, E, side = 2, 3 if config.training.curve_target == "positions" else 0, config.device.side
    rng, schedule = torch.Generator().manual_seed(0), Schedule.of(config.diffusion)
    batch = {
        "x0": torch.randn(B, 1, side, side, generator=rng),
        "noise": torch.randn(B, 1, side, side, generator=rng),
        "t": torch.tensor([3, 800]),
        "keep": torch.tensor([True, False]),
        "curves": torch.randn(B + E, config.device.field_points, generator=rng),
        "centres": 30 + 5 * torch.randn(B + E, 2, 2, generator=rng),
    }
    eager = loss.compared
    graph = torch.compile(eager, backend="aot_eager", fullgraph=True, dynamic=False)
    with pytest.MonkeyPatch.context() as patch, autocast(config.training.precision, "cpu"):
        for seed in (0, 1):
            torch.manual_seed(seed)
            model, found = exported.network_of(config), []
            for p in model.parameters():  # branches that start at 0 would hide the path
                torch.nn.init.normal_(p, std=0.1)
            for function in (eager, graph):
                patch.setattr(loss, "compared", function)
                with torch._dynamo.config.patch(error_on_recompile=seed == 1):
                    total, mse, curve = losses(model, schedule, batch, config.training)
                    own = torch.autograd.grad(total, [*model.parameters()], allow_unused=True)
                found.append([total.detach(), mse, curve, *(g for g in own if g is not None)])
            assert len(found[0]) == len(found[1]) and mse.shape == (B,)
            for one, two in zip(*found, strict=True):
                torch.testing.assert_close(two, one)
    torch._dynamo.reset()


def test_pairs_can_be_split_at_random(bare, pairs, tmp_path):
    """The other reading of the paper's 56,595 pairs: a configuration may be in both parts, a pair
    never."""
    config = paper("training.split=pair", "training.max_steps=2")
    meta = train(config, bare[0] / "small.h5", tmp_path / "run", report=str)
    assert meta["step"] == 2 and meta["config"]["training"]["split"] == "pair"
    parts = dataset.split(20, 2, "pair", config.seed)
    rows = {name: {tuple(row) for row in part.tolist()} for name, part in parts.items()}
    assert len(rows["train"]) == 28 and not rows["train"] & (rows["dev"] | rows["test"])
    assert {n for _, n in rows["train"]} & {n for _, n in rows["test"]}
    curves = torch.cat([batches(config, pairs)(step)["curves"] for step in range(100)])
    p, n = np.array(sorted(rows["test"])).T
    normal = exported.normalisation_of(meta, config.device, "pair")
    assert torch.cdist(curves, normal.curve(pairs.conductance[p, n])).min() > 1e-3
