"""`qfp export`: write a run's averaged weights."""

from pathlib import Path

from qfp.tools import SettingsError

HELP = "write a run's averaged weights to files under 16 MiB each"


def add(sub):
    """Its arguments."""
    sub.add_argument("run", metavar="RUN", help="folder of `qfp train`")
    sub.add_argument(
        "out",
        metavar="OUT",
        help="such as models/paper, for models/paper.safetensors, .json and .jsonl",
    )
    sub.add_argument(
        "--bf16", action="store_true", default=None, help="halve them (default: above 16 MiB)"
    )
    sub.add_argument("--force", action="store_true", help="replace an earlier export of that name")


def run(arguments):
    """Export, and say what was written."""
    from qfp.training import checkpoint

    out = arguments.out.removesuffix(".safetensors")
    taken = [name for name in (f"{out}.json", f"{out}.safetensors") if Path(name).exists()]
    if taken and not arguments.force:
        raise SettingsError(
            f"{taken[0]} exists already: give --force to replace it, or another OUT"
        )
    meta = checkpoint.export(arguments.run, out, arguments.bf16)
    print(
        f"{out}.json: {meta['parameters']} parameters as {meta['dtype']} in "
        f"{len(meta.get('shards', [0]))} file(s), "
        f"after {meta['step']} steps"
    )
