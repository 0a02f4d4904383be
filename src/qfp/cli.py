"""The `qfp` command. Every error of use is one line on stderr and exit code 2; commands import what
they need when they run."""

import argparse
import contextlib
import os
import re
import sys

from qfp import __version__
from qfp.commands import (
    dataset,
    decode,
    device,
    export,
    live,
    new,
    notebooks,
    solve,
    study,
    train,
    train_vae,
)
from qfp.tools import SettingsError, one_line, reason

COMMANDS = {
    "solve": solve,
    "device": device,
    "live": live,
    "new": new,
    "dataset": dataset,
    "train": train,
    "export": export,
    "decode": decode,
    "study": study,
    "run": notebooks,
    "train-vae": train_vae,
}


class Parser(argparse.ArgumentParser):
    """argparse whose errors are one line, and whose values may begin with a minus and a digit."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, **options)
        self._negative_number_matcher = re.compile(r"-\.?\d")

    def error(self, message):
        self.exit(2, f"{self.prog}: error: {one_line(message)}\n")


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


def refuse_empty(arguments):
    """SettingsError where an argument is empty: it would be taken for one that was left out."""
    for before, word in zip(["", *arguments], arguments):
        option, equals, value = word.partition("=")
        bare = option.startswith("--") and equals and not value.strip()
        if bare or not word.strip():
            name = option if bare else before if before.startswith("-") else "argument"
            raise SettingsError(f"{name}: expected a value, got an empty one")


def silence(stream):
    """What is left in a stream that nobody reads goes nowhere when the process ends."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def answer(arguments):
    """Run a command; returns its exit code."""
    study.refuse_moved(arguments)
    refuse_empty(arguments)
    try:
        given = parser().parse_args(arguments)
        return given.command(given) or 0
    finally:
        sys.stdout.flush()


def main(arguments=None):
    """Entry point; returns the exit code."""
    arguments = sys.argv[1:] if arguments is None else arguments
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    try:
        return answer(arguments)
    except SettingsError as error:
        message, code = str(error), 2
    except BrokenPipeError:  # `qfp ... | head`: its reader has had enough
        silence(sys.stdout)
        return 141
    except OSError as error:
        silence(sys.stdout)
        message, code = f"{error.filename or 'standard output'}: {reason(error)}", 2
    except (MemoryError, RuntimeError) as error:
        if isinstance(error, RuntimeError) and "can't allocate memory" not in str(error):
            raise  # PyTorch's word for it is recognised, nothing else
        message, code = "more memory is needed than this machine has free", 2
    except KeyboardInterrupt:
        print("qfp: interrupted", file=sys.stderr)
        return 130
    with contextlib.suppress(OSError):
        print(f"qfp: error: {one_line(message)}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
