"""`qfp dataset`: generate the dataset, or check and mend a file of it."""

from qfp.commands.settings import add_settings, config_of
from qfp.tools import SettingsError

HELP = "generate the dataset, or check one"


def add(sub):
    """Its arguments."""
    add_settings(sub)
    sub.add_argument("--out", metavar="FILE", help="default data/PRESET.h5")
    sub.add_argument("--workers", type=int, help="processes (default: one a core)")
    sub.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help="compute on this dask cluster instead, such as tcp://HOST:8786; only one that you "
        "trust: its messages are run as programs",
    )
    sub.add_argument(
        "--validate",
        metavar="FILE",
        help="check a dataset file instead; exit code 1 where it has problems",
    )
    sub.add_argument(
        "--repair",
        action="store_true",
        help="with --validate: compute damaged parts of the file again",
    )


def check_workers(number):
    """SettingsError where a number of processes, None the usual one, is none."""
    if number is not None and number < 1:
        raise SettingsError(f"--workers {number}: must be 1 or more")


def run(arguments):
    """Generate, or check with --validate, or mend with --validate --repair."""
    from qfp.data import damage, generate

    check_workers(arguments.workers)
    if arguments.workers is not None and arguments.scheduler is not None:
        raise SettingsError(
            "--workers counts processes of this machine, --scheduler uses a cluster's: give one of "
            "them"
        )
    where = {"workers": arguments.workers, "scheduler": arguments.scheduler}
    file = arguments.validate
    if arguments.repair and not file:
        raise SettingsError(
            "--repair mends the file of --validate: qfp dataset --validate FILE --repair"
        )
    if file:
        problems = damage.validate(file)
        print("".join(f"{problem.text}\n" for problem in problems), end="", flush=True)
        if problems and arguments.repair and not any(problem.fatal for problem in problems):
            generate.repair(file, problems, **where)
            problems = damage.validate(file)
            print("".join(f"still: {problem.text}\n" for problem in problems), end="")
        print(f"{file}: {len(problems)} problems" if problems else f"{file}: whole")
        return 1 if problems else 0
    config = config_of(vars(arguments))
    print(generate.generate(config, arguments.out or f"data/{config.preset}.h5", **where))
