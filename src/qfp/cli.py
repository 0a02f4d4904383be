"""The `qfp` command. Every error of use is one line on stderr and exit code 2; commands import what
they need when they run."""

import argparse
import sys

from qfp import __version__
from qfp.commands import (
    dataset,
    decode,
    device,
    export,
    live,
    notebooks,
    solve,
    study,
    train,
    train_vae,
)
from qfp.tools import SettingsError

COMMANDS = {
    "solve": solve,
    "device": device,
    "live": live,
    "dataset": dataset,
    "train": train,
    "export": export,
    "decode": decode,
    "study": study,
    "run": notebooks,
    "train-vae": train_vae,
}


class Parser(argparse.ArgumentParser):
    """argparse whose errors are one line."""

    def error(self, message):
        self.exit(2, f"{self.prog}: error: {message}\n")


def parser():
    """The command line."""
    about = "Quantum fingerprints: exact solver, dataset, diffusion decoder, studies."
    top = Parser(prog="qfp", description=about)
    top.add_argument("--version", action="version", version=f"qfp {__version__}")
    commands = top.add_subparsers(required=True, metavar="COMMAND", parser_class=Parser)
    for name, command in COMMANDS.items():
        sub = commands.add_parser(name, help=command.HELP, description=command.HELP)
        command.add(sub)
        sub.set_defaults(command=command.run)
    return top


def main(arguments=None):
    """Entry point; returns the exit code."""
    arguments = sys.argv[1:] if arguments is None else arguments
    try:
        study.refuse_moved(arguments)
        given = parser().parse_args(arguments)
        return given.command(given) or 0
    except SettingsError as error:
        print(f"qfp: error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("qfp: interrupted", file=sys.stderr)
        return 130


if __name__ == "__main__":
    sys.exit(main())
