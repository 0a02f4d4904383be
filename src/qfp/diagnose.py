"""Where does a bad decoder fail? Several networks on the same test curves, each looked at in three places.

A curve becomes features (condition path), the features become an image (U-Net), and many such steps become a sample.
So positions are read from the features alone, from the image predicted out of pure noise in one evaluation, and from a
sample: what is lost from one to the next is lost there. Blocks of samples are kept until the end, so a killed run
resumes.
"""

import dataclasses
import shutil
from pathlib import Path

import numpy as np
import torch
from torch import nn

from . import dataset, decode, evaluate, geometry, metrics
from .checkpoint import load_model, network_of, write_json
from .config import SettingsError, as_dict, digest, progress_bar, project_root, stream
from .diffusion import initial_noise
from .precision import autocast, for_samples
from .samplers import hits, paired_difference
from .train import position_loss
from .unet import GRID, SIZE

LEVELS = np.geomspace(0.2, 100.0, 9)  # σ/α at which the image is predicted; pure noise comes on top
BATCH = 32  # images in memory at a time
# Chosen on dev curves. A layer over the whole grid, or two layers, read no more curves within one site from trained
# features, and far more from untrained ones (57 and 84 %, not 24 %): that is the probe's own learning.
PROBE = {"steps": 1000, "batch": 256, "reach": 2, "learning_rate": 5e-3, "weight_decay": 0.05, "sigma": 0.5}
STAGES = {"condition_path": "in the condition path", "entry": "between features and image", "sampling": "in sampling"}
NOTES = {
    "single": evaluate.ROWS["single"],
    "one_step": evaluate.ROWS["one_step"] + "; the last entry of 'noise'",
    "readout": "positions from the features of the condition path alone, by a linear probe with the same weights at "
               "every grid position, trained on the curves of the training pairs; another probe may read more",
    "readout_untrained": "the same from a fresh network of these settings: what the probe learns by itself",
    "curve_head": evaluate.ROWS["curve_head"],
    "noise": "scores of the image predicted in one evaluation from the true one, noised to step t with σ/α = ratio: "
             "with the curve ('given'), from the noisy image alone ('null'). At the last step there is noise alone",
    "lost": "what each stage loses: condition_path 1 - readout, entry readout - one_step, sampling one_step - single; "
            "together 1 - single. Intervals are paired (Tango), of condition_path Wilson",
    "learned": "readout - readout_untrained",
    "differs": "settings that are not those of the network 'reference'",
    "difference": "share minus that of the network 'reference' on the same curves and noise; paired 95 % interval",
    "columns": evaluate.COLUMNS,
}


# --- positions from the features of the condition path


@torch.no_grad()
def features(path, constants, curves):
    """What a condition path makes of curves (B, F): its 15 x 15 features averaged over rows, then over columns.

    float16 (B, 30, c), 15 columns (x) and then 15 rows (y), as the path's tokens; those of all pairs fit in memory."""
    found = []
    for part in constants.curve(curves).split(512):
        with autocast("auto", "cpu"):
            grid = path.features(path.tokens(part)).float()  # (B, c, 15, 15)
        found.append(torch.cat([grid.mean(2), grid.mean(3)], 2).transpose(1, 2).half())
    return torch.cat(found)


class Probe(nn.Module):
    """Linear read-out of positions from features (M, 30, c), trained on antidots (M, 2, 2) that they belong to.

    A multinomial regression with soft labels onto the 60 columns and the 60 rows of each antidot. Like a convolution of
    the U-Net it has the same weights everywhere and sees `reach` grid cells to either side; only its bias knows where
    it is. settings: as PROBE. The result is a pure function of the arguments."""

    def __init__(self, features, antidots, margin, seed, settings):
        super().__init__()
        self.margin, block, reach = margin, SIZE // GRID, settings["reach"]
        axes = features[:4096].float().unflatten(1, (2, GRID))  # (m, xy, 15, c)
        self.mean = axes.mean((0, 2))  # (xy, c)
        self.std = axes.std((0, 2)) + 1e-3 * axes.std()
        centres = torch.as_tensor(np.asarray(antidots, np.float32)) + torch.tensor([margin, 0.0])
        with torch.random.fork_rng(devices=()):
            torch.manual_seed(seed)
            self.axes = nn.ModuleList(nn.Conv1d(features.shape[-1], 2 * block, 2 * reach + 1, padding=reach)
                                      for _ in range(2))
            self.bias = nn.Parameter(torch.zeros(2, 2, SIZE))
        optimizer = torch.optim.AdamW(self.parameters(), settings["learning_rate"],
                                      weight_decay=settings["weight_decay"], fused=True)
        plan = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, settings["steps"])
        for step in progress_bar(range(settings["steps"]), desc="read-out", unit="step"):
            chosen = torch.from_numpy(stream("probe", seed, step).integers(len(features), size=settings["batch"]))
            loss = position_loss(self(features[chosen]), centres[chosen], settings["sigma"])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            plan.step()

    def forward(self, features):
        """Log probabilities (B, 2, 2, 60) [lower and upper antidot; x, y; image column or row] of the centres."""
        scaled = (features.float().unflatten(1, (2, GRID)) - self.mean[:, None]) / self.std[:, None]
        logits = [layer(part.transpose(1, 2)).unflatten(1, (2, -1)).transpose(2, 3).flatten(2)  # 15 x 4 of a row: 60
                  for layer, part in zip(self.axes, scaled.unbind(1), strict=True)]
        return (torch.stack(logits, 2) + self.bias).float().log_softmax(-1)

    @torch.no_grad()
    def read(self, features):
        """Antidots (B, 2, 2), the most probable columns and rows."""
        return self(features).argmax(-1).numpy() - (self.margin, 0)


def read_out(path, constants, pairs, train, curves, seed):
    """Antidots (B, 2, 2) that a Probe, trained on rows `train` (M, 2) of pairs, reads off features of curves (B, F)."""
    p, n = train.T
    margin = (pairs.device.length - pairs.device.width) // 2
    probe = Probe(features(path, constants, pairs.conductance[p, n]), pairs.antidots[n], margin, seed, PROBE)
    return geometry.canonical(probe.read(features(path, constants, curves)), pairs.device)


# --- the image against the noise


def ratio(schedule):
    """σ/α = sqrt((1 - alpha_bar)/alpha_bar) of every step, numpy (T,)."""
    return ((1 - schedule.alpha_bar) / schedule.alpha_bar).sqrt().numpy()


def times(schedule):
    """Steps t nearest to LEVELS, rising, and the last one."""
    nearest = abs(np.log(ratio(schedule)) - np.log(LEVELS)[:, None]).argmin(axis=1)
    return sorted({*nearest.tolist(), schedule.steps - 1})


@torch.no_grad()
def predicted(bundle, curves, ldos, seeds, steps):
    """Images [1/t] predicted in one evaluation from true ones (B, L, W), noised to each of `steps` (K,).

    {'given': with the curves (B, F), 'null': without}, each (K, B, L, W). Noise from seeds (B,), the same at all steps;
    the schedule's last step has noise alone, the x_T from which a generation of that seed starts."""
    model, _, constants, schedule = bundle[:4]
    found = {"given": [], "null": []}
    for start in progress_bar(range(0, len(curves), BATCH), desc="noise levels", unit="batch"):
        part = slice(start, start + BATCH)
        x0 = constants.image(ldos[part]).double()
        noise = initial_noise(x0.shape[1:], seeds[part])
        blocks = {name: [] for name in found}
        with for_samples(schedule):
            conditions = {"given": model.encode(constants.curve(curves[part])), "null": model.null(len(x0))}
            for step in steps:
                t = torch.full((len(x0),), step)
                x = noise if step == schedule.steps - 1 else schedule.q_sample(x0, t, noise)
                for name, condition in conditions.items():
                    output = model(x.float(), t, condition).double()
                    blocks[name].append(constants.ldos(schedule.x0(output, x, t)))
        for name, block in blocks.items():
            found[name].append(np.stack(block))
    return {name: np.concatenate(images, axis=1) for name, images in found.items()}


# --- one network, and all of them


def position_hits(device, antidots, true_antidots):
    """What samplers.hits tells of positions alone: {name: bool (B,)}."""
    errors = metrics.within(antidots, true_antidots, device)
    return {f"within_{k}": errors <= k for k in (0, 1)}


def difference(ours, others):
    """Shares of hits in `ours` minus those in `others`, {name: bool (B,)} over the same curves, with intervals."""
    row = {}
    for name in ours.keys() & others.keys():
        value, interval = paired_difference(ours[name], others[name])
        row |= {name: value, f"{name}_interval": list(interval)}
    return dict(sorted(row.items()))


def examine(bundle, pairs, train, test, sampling, folder, seed):
    """Scores of one network on rows `test` (B, 2) of pairs, and its hits {'single', 'readout', 'one_step'}.

    train: rows for the probe; sampling: how one sample a curve is drawn, in blocks kept in `folder`."""
    model, config, constants, schedule = bundle[:4]
    (p, n), device = test.T, pairs.device
    G, truth, antidots = pairs.conductance[p, n], pairs.ldos[p, n], pairs.antidots[n]
    with torch.random.fork_rng(devices=()):
        torch.manual_seed(seed)
        fresh = network_of(config).eval()
    seeds, steps = [s for s, in evaluate.noise_seeds(test, 1, seed)], times(schedule)
    ldos = evaluate.sampled(bundle, sampling, G, test, 1, folder, "single", seed)[:, 0]
    images = predicted(bundle, G, truth, seeds, steps)
    read = {"readout": read_out(model.condition, constants, pairs, train, G, seed),
            "readout_untrained": read_out(fresh.condition, constants, pairs, train, G, seed)}
    head = evaluate.head_positions(bundle, G)
    if head is not None:
        read["curve_head"] = geometry.canonical(head, device)

    def scored(pictures):
        answer = device, geometry.canonical(decode.recover(pictures, device), device), antidots, pictures, truth
        return evaluate.scores(*answer, seed), hits(*answer)

    single, single_hits = scored(ldos)
    noise = {name: [scored(pictures) for pictures in levels] for name, levels in images.items()}
    one_step, one_step_hits = noise["given"][-1]
    rows = {"single": single, "one_step": one_step,
            **{name: evaluate.scores(device, found, antidots) for name, found in read.items()}}
    columns = {name: {key: [row[key] for row, _ in levels] for key in one_step if key != "n"}
               for name, levels in noise.items()}
    found = {"single": single_hits, "one_step": one_step_hits,
             **{name: position_hits(device, read[name], antidots) for name in ("readout", "readout_untrained")}}
    return rows | {"noise": {"t": steps, "ratio": ratio(schedule)[steps].tolist(), **columns}} | losses(found), found


def losses(found):
    """What each of STAGES loses, and a verdict: the one that surely loses most, None where chance alone could do it.

    found: hits {'readout', 'readout_untrained', 'one_step', 'single'}, each {name: bool (B,)}."""
    lost = {"condition_path": {}, "entry": difference(found["readout"], found["one_step"]),
            "sampling": difference(found["one_step"], found["single"])}
    for name, hit in found["readout"].items():
        lost["condition_path"] |= evaluate.share(name, ~hit)
    learned, verdict, texts = difference(found["readout"], found["readout_untrained"]), {}, []
    for key, name in (("within_1", "Not within one site"), ("within_0", "Not exact")):
        sure = {stage: row[key] for stage, row in lost.items() if row[f"{key}_interval"][0] > 0}
        verdict[key] = max(sure, key=sure.get, default=None)
        parts = [f"{evaluate.cell(lost[stage], key, '.1%')} {place}" for stage, place in STAGES.items()]
        most = f"most {STAGES[verdict[key]]}" if sure else "nothing beyond chance"
        texts.append(f"{name}: {', '.join(parts)}; {most}.")
    if learned["within_1_interval"][0] <= 0:
        texts.append("The features tell no more than those of an untrained network.")
    return {"lost": lost, "learned": learned, "verdict": verdict | {"text": " ".join(texts)}}


def check(bundles, pairs, data):
    """SettingsError where networks {name: bundle} do not all have the same unseen configurations of `pairs`."""
    first = next(iter(bundles))
    for name, (_, config, _, _, meta) in bundles.items():
        if meta["data"] != pairs.sha256:
            raise SettingsError(f"{data} is not what the weights {name} were trained on ({pairs.sha256[:12]}, not "
                                f"{meta['data'][:12]}): their test configurations are unknown")
        ours, theirs = ((c.training.split, c.seed) for c in (config, bundles[first][1]))
        if ours != theirs:
            raise SettingsError(f"{name} was trained on split {ours[0]!r} of seed {ours[1]}, {first} on {theirs[0]!r}, "
                                f"{theirs[1]}: one may have seen the other's test configurations")


def run_diagnose(config, weights, data="data/laptop.h5", out="results/networks.json", curves=300, reference=None,
                 report=print):
    """Look at networks (weights: as for load_model) on the same `curves` test configurations; writes `out`, returns it.

    reference: the name with which the others are compared, by default the first. config: for its sampling settings and
    its seed. About three minutes of one core a network. Raises SettingsError where the networks do not share data and
    split, so that a test configuration could be one that they have seen."""
    if curves < 1:
        raise SettingsError(f"--curves {curves}: must be 1 or more")
    names = [Path(name).stem for name in weights]
    reference = names[0] if reference is None else reference
    if len(set(names)) < len(names) or reference not in names:
        raise SettingsError(f"weights {', '.join(names)}, compared with {reference}: names must differ, and include it")
    decode.check_folder(Path(out).parent)
    bundles = {name: load_model(path) for name, path in zip(names, weights)}
    pairs = dataset.load(data)
    check(bundles, pairs, data)
    own, seed = bundles[reference][1], config.seed
    sampling = dataclasses.replace(config.sampling, samples=1)
    parts = dataset.split(len(pairs.antidots), len(pairs.potentials), own.training.split, own.seed)
    test = evaluate.choose(parts, "test", curves, seed)
    about = {"data_sha256": pairs.sha256, "split": own.training.split, "split_seed": own.seed, "seed": seed,
             "curves": len(test), "probe": PROBE, **as_dict(sampling)}
    networks, found, folders = {}, {}, []
    for (name, bundle), path in zip(bundles.items(), weights):
        meta, settings, theirs = bundle[4], as_dict(bundle[1]), as_dict(own)
        differs = {f"{section}.{key}": value for section in ("network", "diffusion", "training")
                   for key, value in settings[section].items() if value != theirs[section][key]}
        described = {"weights_sha256": evaluate.weights_hash(path), "config_sha256": digest(meta["config"]),
                     "differs": differs, **{key: meta[key] for key in ("parameters", "step", "images", "minutes")}}
        folders.append(project_root() / "runs" / f"diagnose-{digest(about, described, evaluate.BLOCK)[:12]}")
        report(f"{name}: {len(test)} test configurations, blocks in {folders[-1].relative_to(project_root())}")
        rows, found[name] = examine(bundle, pairs, parts["train"], test, sampling, folders[-1], seed)
        networks[name] = described | rows
        report(evaluate.as_table({key: row for key, row in rows.items() if "n" in row}))
        report(rows["verdict"]["text"])
    for name in names:
        if name != reference:
            networks[name]["difference"] = {row: difference(found[name][row], found[reference][row])
                                            for row in ("single", "one_step", "readout")}
    result = {**about, "reference": reference, "networks": networks, "notes": NOTES}
    Path(out).parent.mkdir(parents=True, exist_ok=True)
    write_json(out, result)
    for folder in folders:
        shutil.rmtree(folder, ignore_errors=True)
    report(f"written to {out}")
    return result


def lines(result, key):
    """A column of the scores in a networks.json for figures_network.score_against_noise: {network: {...}}.

    noise (K,): σ/α; given, null (3, K): value, low, high; readout: a number, or None where it has no such column."""
    found = {}
    for name, row in result["networks"].items():
        found[name] = {"noise": np.array(row["noise"]["ratio"]), "readout": row["readout"].get(key)}
        for kind in ("given", "null"):
            values = row["noise"][kind]
            found[name][kind] = np.vstack([values[key], np.transpose(values[f"{key}_interval"])])
    return found
