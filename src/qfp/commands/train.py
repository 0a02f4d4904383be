"""`qfp train`: train the network of a preset."""

from qfp.commands.settings import add_settings, config_of

HELP = "train the network of a preset"


def add(sub):
    """Its arguments."""
    add_settings(sub)
    sub.add_argument("--data", metavar="FILE", help="default data/PRESET.h5")
    sub.add_argument("--out", metavar="DIR", help="default runs/train-PRESET")
    sub.add_argument(
        "--resume", action="store_true", help="go on from the last checkpoint in --out"
    )
    sub.add_argument(
        "--init", metavar="WEIGHTS", help="start from these weights, with a fresh optimiser"
    )
    sub.add_argument(
        "--slice-minutes",
        type=float,
        metavar="M",
        help="end after so much wall time with a checkpoint, "
        "exit code 3 where the run is not finished; --resume goes on with the same plan",
    )


def run(arguments):
    """Train; the exit code is 3 where a slice ended before the run was finished."""
    from qfp.training import optimise
    from qfp.training import train as training

    config = config_of(vars(arguments))
    out = arguments.out or f"runs/train-{config.preset}"
    meta = training.train(
        config,
        arguments.data or f"data/{config.preset}.h5",
        out,
        resume=arguments.resume,
        init=arguments.init,
        slice_minutes=arguments.slice_minutes,
    )
    done = optimise.share_done(config.training, meta["step"], meta["minutes"])
    so_far = f"step {meta['step']}, {meta['minutes']:.1f} minutes trained, checkpoint in {out}"
    print(
        f"finished: {so_far}"
        if done >= 1
        else f"not finished ({done:.0%}): {so_far}; go on with --resume"
    )
    return 0 if done >= 1 else 3
