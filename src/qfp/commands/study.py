"""`qfp study`: list the studies, or run one. Options and their defaults come from the study."""

import argparse

from qfp import studies
from qfp.commands.settings import add_settings, config_of
from qfp.tools import SettingsError

HELP = "measure what the book quotes: list the studies, or run one"
MOVED = {  # what `qfp evaluate`, `probe` and `bench` took, and the study that it is now
    "evaluate": {"table": "accuracy"}
    | {name: name for name in studies.MODULES if name not in ("accuracy", "attention", "score")},
    "probe": {"attention": "attention", "score": "score"},
    "bench": {
        "solver": "solver-speed",
        "learn": "learning",
        "ablations": "ablations",
        "train": "training-speed",
        "sample": "sampling-speed",
    },
}


def refuse_moved(words):
    """SettingsError where a command line begins with a command that `qfp study` has replaced."""
    if words and words[0] in MOVED:
        names = MOVED[words[0]]
        known = next((names[word] for word in words[1:] if word in names), None)
        command = f"qfp study {known or 'NAME'}"
        raise SettingsError(f"`qfp {words[0]}` is now `{command}`; `qfp study` lists the studies")


def add_options(parser, study):
    """The options of a study, those of what it needs included."""
    if {"weights", "networks"} & set(study.needs):
        many = {"nargs": "+"} if "networks" in study.needs else {}
        parser.add_argument("--weights", help="name in models/, or a .safetensors file", **many)
    if {"pairs", "images"} & set(study.needs):
        parser.add_argument("--data", metavar="FILE", help="default data/laptop.h5")
    parser.add_argument("--out", metavar="FILE", help=f"default results/{study.result}.json")
    for name, option in study.options.items():
        many = {"nargs": "+"} if option.many else {}
        value = (
            " ".join(map(str, option.default)) if option.many and option.default else option.default
        )
        default = "" if value is None else f" (default {value})"
        flag = f"--{name.replace('_', '-')}"
        parser.add_argument(flag, type=option.kind, help=option.help + default, **many)


def listing():
    """Names of all studies and what they ask."""
    width = max(map(len, studies.MODULES))
    return "\n".join(f"{name:{width}}  {studies.question(name)}" for name in studies.MODULES)


def parser_of(study, like):
    """Command line of a study, of the same class as the parser `like`."""
    parser = type(like)(prog=f"{like.prog} {study.name}", description=studies.question(study.name))
    add_settings(parser)
    add_options(parser, study)
    return parser


def add(sub):
    """Its arguments."""
    sub.add_argument("name", nargs="?", metavar="NAME", help="`qfp study` lists them")
    rest = {"nargs": argparse.REMAINDER, "metavar": "..."}
    sub.add_argument("rest", help="`qfp study NAME --help` says what it takes", **rest)
    sub.set_defaults(parser=sub)


def run(arguments):
    """List the studies, or run the one that is named."""
    if arguments.name is None:
        print(listing())
        return
    chosen = studies.find(arguments.name)
    own = vars(parser_of(chosen, arguments.parser).parse_args(arguments.rest))
    config = config_of(own)
    from qfp.studies.frame import run_study

    names = ("out", "weights", "data", *chosen.options)
    run_study(chosen, config, **{name: own[name] for name in names if name in own})
