"""What a training refuses before its first step, in one line each."""

from qfp.data import dataset
from qfp.files import output_folder
from qfp.model.exported import hollow_network
from qfp.tools import SettingsError, as_dict
from qfp.training import checkpoint
from qfp.values import check_memory

# settings of a training that say how it learns and for how long; with others a run may go on
HOW = (
    "optimizer learning_rate weight_decay warmup cooldown sam_radius minutes max_steps ema "
    "checkpoint_minutes precision"
).split()


def check_plan(training, slice_minutes):
    """SettingsError where a run would never end, or a slice has no length."""
    if slice_minutes is not None and not slice_minutes > 0:
        raise SettingsError(f"--slice-minutes {slice_minutes}: must be above 0")
    if training.minutes <= 0 and training.max_steps <= 0:
        raise SettingsError(
            "training: minutes and max_steps are both 0, so the run would never end"
        )


def pairs_of(config, path):
    """Pairs of a dataset file, which must be of the config's device."""
    pairs = dataset.load(path)
    if pairs.device != config.device:
        raise SettingsError(
            f"{path} holds another device than preset {config.preset!r}: {pairs.device}"
        )
    return pairs


def check_room(config):
    """SettingsError where a step of a training, by a rough count, does not fit into memory."""
    network, training = config.network, config.training
    weights = sum(p.numel() for p in hollow_network(config).parameters())
    check_memory(20 * weights, f"network: {weights / 1e6:,.0f} million weights")  # 5 copies
    side = config.device.side // network.unshuffle
    pixels = [(side >> level) ** 2 for level in range(len(network.channels))]
    image = sum(c * n for c, n in zip(network.channels, pixels)) * 64 * (network.blocks + 1)
    curve = 16 * network.condition_hidden * (network.condition_blocks + 1)
    check_memory(training.batch * (image + curve), f"training: batch={training.batch}")
    check_memory(training.curve_batch * curve, f"training: curve_batch={training.curve_batch}")


def check_folder(out, resume, init):
    """SettingsError where a run in this folder would overwrite another, or resume what is not
    there, or what began without the weights that it should start from. Makes nothing."""
    output_folder(out)
    if resume and init is not None:
        raise SettingsError(
            f"--init {init} is how a run begins, --resume goes on with {out} as it is: give one of "
            "them"
        )
    found = (out / checkpoint.CHECKPOINT).is_file()
    if resume and not found:
        raise SettingsError(f"nothing to resume in {out}: it holds no {checkpoint.CHECKPOINT}")
    free = not out.exists() or (
        out.is_dir() and all(path.suffix == ".tmp" for path in out.iterdir())
    )
    if not resume and not free:
        raise SettingsError(
            f"{out} exists already: give --resume to go on with it, or another --out"
        )


def learned(config):
    """What a network of a Config is, and learns from, {name: value}: all but HOW it learns."""
    plain = as_dict(config)
    found = {"seed": plain["seed"]}
    for section in ("network", "diffusion", "training"):
        found |= {f"{section}.{k}": v for k, v in plain[section].items() if k not in HOW}
    return found


def check_resumed(meta, started, config, pairs, out):
    """SettingsError where a checkpoint was made from other data, or `started` with a Config that
    differs in more than how it learns: its meta would say of all steps what holds of the last."""
    if meta["data"] != pairs.sha256:
        raise SettingsError(
            f"{out} was trained on another dataset ({meta['data'][:12]}, not {pairs.sha256[:12]})"
        )
    before, now = learned(started), learned(config)
    differs = [k for k in sorted({*before, *now}) if before.get(k) != now.get(k)]
    if differs:
        raise SettingsError(
            f"{out} was started with another {', '.join(differs)}; resume it with the same preset "
            "and settings"
        )


def parted(config):
    """What decides which wires a Config keeps for tests, {name: value}."""
    own, split = config.dataset, config.training.split
    return {
        "training.split": split,
        "seed": config.seed,
        "dataset.configurations": own.configurations,
        "dataset.antidots": own.antidots,
        "dataset.potentials": own.potentials if split == "pair" else None,
    }


def check_source(source, config, init):
    """SettingsError where weights, a Decoder `source`, are of another device, or may have learned
    from what the split of this run keeps for tests."""
    own = source.config
    if own.device != config.device:
        raise SettingsError(f"{init} was trained for another device: {own.device}")
    before = parted(own)
    for name, now in parted(config).items():
        if before[name] != now:
            raise SettingsError(
                f"{init} has {name} {before[name]}, not {now}: it may have seen test wires"
            )
