"""The `qfp` command. Every error of use is one line on stderr and exit code 2; handlers import what
they need."""

import argparse
import importlib
import sys
from pathlib import Path

import yaml

from qfp import __version__
from qfp.config import PRESETS, load_preset
from qfp.tools import SettingsError, as_dict


class Parser(argparse.ArgumentParser):
    """argparse whose errors are one line."""

    def error(self, message):
        self.exit(2, f"{self.prog}: error: {message}\n")


EVALUATIONS = {  # module of qfp, its function, and the file of results/ that it writes
    "table": ("accuracy", "run_evaluate", "evaluate"),
    "rivals": ("rivals.rivals", "run_rivals", "rivals"),
    "samplers": ("samplers", "run_samplers", "samplers"),
    "networks": ("networks.diagnose", "run_diagnose", "networks"),
    "vae": ("two_stage.baseline", "run_vae", "vae"),
    "calibration": ("calibration.calibration", "run_calibration", "calibration"),
    "novelty": ("novelty.rates", "run_novelty", "novelty"),
    "robustness": ("robustness", "run_robustness", "robustness"),
    "memorisation": ("memorisation", "run_memorisation", "memorisation"),
}
BASELINE = ("vae", "sweep", "restricted")  # sections of presets/vae.yaml
# networks whose attention is looked at beside the preset's weights
OTHERS = ("twin", "twin-no-attention")
PROBES = {
    "attention": ("attention.probe", "run_probe_attention"),
    "score": ("score.probe", "run_probe_score"),
}
BENCHMARKS = {
    "solver": ("speed.solver", "solver", "bench_solver"),
    "learn": ("short.learning", "run_learn", "bench_learn"),
    "ablations": ("short.ablations", "run_ablations", "bench_ablations"),
    "train": ("speed.race", "run_train", "bench_train"),
    "sample": ("speed.race_sample", "run_sample", "bench_sample"),
}
BENCH_HELP = """learn: the book's is `--preset kettle`. ablations: calls with different --rows may run at the same time. train, sample: need
package diffusers; bf16 only where the processor is fast in it. Times and memory of each are in README.md."""
# and whose
BENCH_OPTIONS = {
    "data": ("learn", "ablations"),
    "curves": ("learn", "ablations", "sample"),
    "rows": ("ablations",),
}


def parse_changes(pairs):
    """Mapping for load_preset from texts such as 'training.minutes=5' or 'seed=1'; values are YAML."""
    changes = {}
    for pair in pairs or ():
        key, equals, value = pair.partition("=")
        if not equals:
            raise SettingsError(f"--set {pair}: expected KEY=VALUE, such as training.minutes=5")
        try:
            value = yaml.safe_load(value)
        except yaml.YAMLError:
            raise SettingsError(f"--set {pair}: the value is not valid YAML") from None
        section, dot, name = key.partition(".")
        if dot:
            changes.setdefault(section, {})[name] = value
        else:
            changes[section] = value
    return changes


def config_of(arguments):
    """Config of --preset and --set; with --dry-run it is printed, and the program ends."""
    config = load_preset(arguments.preset, **parse_changes(arguments.set))
    if arguments.dry_run:
        print(yaml.safe_dump(as_dict(config), sort_keys=False), end="")
        raise SystemExit(0)
    return config


def solve(arguments):
    """`qfp solve`."""
    from qfp.commands.solve import run_solve

    shape = {name: getattr(arguments, name) for name in ("width", "length", "energy")}
    arguments.set = [
        *(arguments.set or ()),
        *(f"device.{name}={value}" for name, value in shape.items() if value is not None),
    ]
    run_solve(arguments, config_of(arguments).device)


def make_dataset(arguments):
    """`qfp dataset`: generate, or check with --validate, or mend with --validate --repair."""
    from qfp.data import dataset, generate

    if arguments.workers is not None and arguments.workers < 1:
        raise SettingsError(f"--workers {arguments.workers}: must be 1 or more")
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
        problems = dataset.validate(file)
        print("".join(f"{problem.text}\n" for problem in problems), end="", flush=True)
        if problems and arguments.repair and not any(problem.fatal for problem in problems):
            generate.repair(file, problems, **where)
            problems = dataset.validate(file)
            print("".join(f"still: {problem.text}\n" for problem in problems), end="")
        print(f"{file}: {len(problems)} problems" if problems else f"{file}: whole")
        return 1 if problems else 0
    config = config_of(arguments)
    print(generate.generate(config, arguments.out or f"data/{config.preset}.h5", **where))


def train(arguments):
    """`qfp train`; the exit code is 3 where a slice ended before the run was finished."""
    from qfp.training import train as training

    config = config_of(arguments)
    out = arguments.out or f"runs/train-{config.preset}"
    meta = training.train(
        config,
        arguments.data or f"data/{config.preset}.h5",
        out,
        resume=arguments.resume,
        init=arguments.init,
        slice_minutes=arguments.slice_minutes,
    )
    done = training.share_done(config.training, meta["step"], meta["minutes"])
    so_far = f"step {meta['step']}, {meta['minutes']:.1f} minutes trained, checkpoint in {out}"
    print(
        f"finished: {so_far}"
        if done >= 1
        else f"not finished ({done:.0%}): {so_far}; go on with --resume"
    )
    return 0 if done >= 1 else 3


def train_vae(arguments):
    """`qfp train-vae`."""
    from qfp.studies.two_stage import train_vae as training
    from qfp.studies.two_stage.settings import load_baseline

    changes = parse_changes(arguments.set)
    own = {name: changes.pop(name) for name in BASELINE if name in changes}
    config, baseline = load_preset(arguments.preset, **changes), load_baseline(**own)
    if arguments.dry_run:
        print(yaml.safe_dump(as_dict(config) | as_dict(baseline), sort_keys=False), end="")
        return
    training.run_train_vae(
        config, baseline, arguments.data or f"data/{config.preset}.h5", arguments.out
    )


def export(arguments):
    """`qfp export`."""
    from qfp.model import checkpoint

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


def evaluate(arguments):
    """`qfp evaluate`."""
    config = config_of(arguments)
    weights, what = arguments.weights or [config.weights], arguments.what
    if what != "networks" and len(weights) > 1:
        raise SettingsError(
            f"--weights {' '.join(weights)}: `qfp evaluate {what}` takes one; `qfp evaluate "
            "networks` compares"
        )
    if what != "table" and arguments.consensus_curves is not None:
        raise SettingsError(f"--consensus-curves belongs to `qfp evaluate table`, not to {what}")
    module, function, name = EVALUATIONS[what]
    options = {"data": arguments.data, "out": arguments.out or f"results/{name}.json"}
    options |= {
        key: value
        for key in ("curves", "consensus_curves")
        if (value := getattr(arguments, key)) is not None
    }
    module = importlib.import_module(f"qfp.studies.{module}")
    getattr(module, function)(config, weights if what == "networks" else weights[0], **options)


def probe(arguments):
    """`qfp probe`."""
    config, chosen = (
        config_of(arguments),
        list(PROBES) if arguments.what == "all" else [arguments.what],
    )
    weights, *others = arguments.weights or [config.weights, *OTHERS]
    if others and arguments.weights and "attention" not in chosen:
        raise SettingsError(f"--weights {' '.join(arguments.weights)}: `qfp probe score` takes one")
    if arguments.out is not None and len(chosen) > 1:
        raise SettingsError(
            f"--out {arguments.out}: names one file, `qfp probe` writes {len(chosen)}; say which "
            "probe"
        )
    for what in chosen:
        module, function = PROBES[what]
        options = {"others": others} if what == "attention" else {}
        options |= {"curves": arguments.curves} if arguments.curves is not None else {}
        getattr(importlib.import_module(f"qfp.studies.{module}"), function)(
            config,
            weights,
            data=arguments.data,
            out=arguments.out or f"results/probe_{what}.json",
            **options,
        )


def decode(arguments):
    """`qfp decode`."""
    from qfp.decoding.answer import run_decode

    run_decode(
        arguments.curves,
        out=arguments.out,
        as_json=arguments.json,
        weights=arguments.weights,
        samples=arguments.samples,
        steps=arguments.steps,
        lattice_nm=arguments.lattice_nm,
        siemens=arguments.siemens,
    )


def bench(arguments):
    """`qfp bench`."""
    config, what = config_of(arguments), arguments.what
    options = {
        key: value for key in BENCH_OPTIONS if (value := getattr(arguments, key)) is not None
    }
    for key in options:
        if what not in BENCH_OPTIONS[key]:
            raise SettingsError(
                f"--{key} belongs to `qfp bench {', '.join(BENCH_OPTIONS[key])}`, not to {what}"
            )
    module, function, name = BENCHMARKS[what]
    getattr(importlib.import_module(f"qfp.studies.{module}"), function)(
        config, out=arguments.out or f"results/{name}.json", **options
    )


def run(arguments):
    """`qfp run`."""
    from qfp.book import run as runner

    parameters = runner.parse_parameters(arguments.parameter or [])
    only = arguments.only.split(",") if arguments.only else None
    runner.run(arguments.preset, only=only, parameters=parameters, out=arguments.out)


def parser():
    """The command line."""
    top = Parser(
        prog="qfp",
        description="Quantum fingerprints: exact solver, dataset, diffusion decoder, probes.",
    )
    top.add_argument("--version", action="version", version=f"qfp {__version__}")
    commands = top.add_subparsers(
        dest="command", required=True, metavar="COMMAND", parser_class=Parser
    )

    def command(name, function, help, preset=True, more=None):
        sub = commands.add_parser(name, help=help, description=help, epilog=more)
        sub.set_defaults(function=function)
        if preset:
            sub.add_argument(
                "--preset",
                default="laptop",
                help=f"{', '.join(PRESETS)} or a .yaml file (default laptop)",
            )
            sub.add_argument(
                "--set",
                action="append",
                metavar="KEY=VALUE",
                help="change a setting: training.minutes=5",
            )
            sub.add_argument("--dry-run", action="store_true", help="print the settings and exit")
        return sub

    sub = command("dataset", make_dataset, "generate the dataset, or check one")
    sub.add_argument("--out", metavar="FILE", help="default data/PRESET.h5")
    sub.add_argument("--workers", type=int, help="processes (default: one a core)")
    sub.add_argument(
        "--scheduler",
        metavar="ADDRESS",
        help="compute on this dask cluster instead, such as tcp://HOST:8786",
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

    sub = command("train", train, "train the network of a preset")
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

    sub = command(
        "train-vae",
        train_vae,
        "train the two-stage baseline of presets/vae.yaml: sweep, general, restricted set",
    )
    sub.add_argument("--data", metavar="FILE", help="default data/PRESET.h5")
    sub.add_argument(
        "--out",
        metavar="DIR",
        default="runs/vae",
        help="default runs/vae; goes on with what is there",
    )

    sub = command(
        "export", export, "write a run's averaged weights to files under 16 MiB each", preset=False
    )
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

    sub = command("evaluate", evaluate, "measure what the book quotes: " + ", ".join(EVALUATIONS))
    sub.add_argument("what", nargs="?", default="table", choices=EVALUATIONS, help="default table")
    sub.add_argument(
        "--weights", nargs="+", help="name in models/, or a .safetensors file; networks: several"
    )
    sub.add_argument("--data", metavar="FILE", default="data/laptop.h5")
    sub.add_argument(
        "--out",
        metavar="FILE",
        help="default results/evaluate.json, or results/ and the name of another",
    )
    sub.add_argument(
        "--curves",
        type=int,
        help="test configurations (default: samplers 200; rivals, networks, robustness, "
        "memorisation 300; others 1000)",
    )
    sub.add_argument(
        "--consensus-curves", type=int, help="table: of them with many samples each (default 1000)"
    )

    sub = command(
        "probe", probe, "look inside: attention and score field, measured over many curves"
    )
    sub.add_argument(
        "what",
        nargs="?",
        default="all",
        choices=[*PROBES, "all"],
        help="default all, an hour of one core",
    )
    sub.add_argument(
        "--weights",
        nargs="+",
        help="name in models/, or a .safetensors file; attention: further ones beside it",
    )
    sub.add_argument("--data", metavar="FILE", default="data/laptop.h5")
    sub.add_argument(
        "--out", metavar="FILE", help="default results/probe_attention.json, probe_score.json"
    )
    sub.add_argument(
        "--curves", type=int, help="test configurations (default: attention 300, score 100)"
    )

    sub = command(
        "decode", decode, "decode magnetoconductance curves into LDOS and antidots", preset=False
    )
    sub.add_argument(
        "curves",
        nargs="+",
        metavar="CURVE.csv",
        help="columns field [rad/plaquette], conductance [e^2/h] and, "
        "where known, noise, its standard deviation",
    )
    sub.add_argument(
        "--lattice-nm",
        type=float,
        metavar="A",
        help="the field is in tesla; A is the lattice constant in nm",
    )
    sub.add_argument("--siemens", action="store_true", help="conductance and noise are in siemens")
    sub.add_argument(
        "--out", metavar="DIR", help="write a report of one page and all samples there"
    )
    sub.add_argument("--samples", type=int, help="images per curve")
    sub.add_argument("--steps", type=int, help="sampling steps")
    sub.add_argument(
        "--weights",
        default="laptop",
        help="name in models/, or a .safetensors file (default laptop)",
    )
    sub.add_argument("--json", action="store_true", help="one JSON object a line")

    sub = command("solve", solve, "exact conductance curve of a device")
    holes = sub.add_mutually_exclusive_group(required=True)
    holes.add_argument(
        "--antidots", nargs="+", metavar="X,Y", help="centres, in sites; they may touch or overlap"
    )
    holes.add_argument(
        "--mask",
        metavar="FILE.npy",
        help="removed sites instead, (length, width) of 0 and 1, indexed [y, x]",
    )
    sub.add_argument(
        "--radius",
        nargs="+",
        type=float,
        metavar="R",
        help="one, or one for each antidot (default: the preset's)",
    )
    sub.add_argument(
        "--width", type=int, metavar="W", help="sites across the wire (default: the preset's)"
    )
    sub.add_argument("--length", type=int, metavar="L", help="sites along it")
    sub.add_argument("--energy", type=float, metavar="E", help="[t], the band begins at 0")
    potential = sub.add_mutually_exclusive_group()
    potential.add_argument(
        "--potential-seed", type=int, metavar="S", help="0 to 4 are the dataset's; default V = 0"
    )
    potential.add_argument(
        "--potential", metavar="FILE.npy", help="(length, width) in t, indexed [y, x]"
    )
    sub.add_argument("--fields", metavar="A:B:N", help="numpy.linspace(A, B, N) [rad/plaquette]")
    sub.add_argument("--method", choices=("fast", "kwant"), default="fast")
    sub.add_argument("--ldos", metavar="OUT.npy", help="write the LDOS at b = 0 there")
    sub.add_argument("--json", action="store_true")

    sub = command(
        "bench",
        bench,
        "measure: the solver against Kwant, training steps and samples against diffusers' network, "
        "minutes of training to 95 percent, what each choice brings",
        more=BENCH_HELP,
    )
    sub.add_argument("what", choices=BENCHMARKS)
    sub.add_argument("--data", metavar="FILE", help="learn and ablations: default data/laptop.h5")
    sub.add_argument(
        "--out",
        metavar="FILE",
        help="default results/bench_NAME.json, which the book quotes, whatever the preset",
    )
    sub.add_argument(
        "--curves",
        type=int,
        help="learn (default 400), ablations (300): development curves decoded at each look; "
        "sample: test curves on which bf16 is compared with fp32 (default 100)",
    )
    sub.add_argument(
        "--rows",
        nargs="+",
        metavar="ROW",
        help="ablations: train these rows of presets/ablations.yaml alone",
    )

    sub = command("run", run, "execute the notebooks in order through papermill", preset=False)
    sub.add_argument("--preset", default="laptop")
    sub.add_argument("--only", metavar="04,05", help="numbers of notebooks")
    sub.add_argument("-p", "--parameter", action="append", metavar="KEY=VALUE")
    sub.add_argument("--out", metavar="DIR", help="default runs/PRESET")
    return top


def main(arguments=None):
    """Entry point; returns the exit code."""
    try:
        arguments = parser().parse_args(arguments)
        return arguments.function(arguments) or 0
    except SettingsError as error:
        print(f"qfp: error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("qfp: interrupted", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
