"""What `qfp decode --out` has decoded, kept until all of it is: a call that was killed goes on
behind it, and what other settings or other curves gave is left alone."""

import contextlib
import hashlib
import json
import os
import shutil
from pathlib import Path

import numpy as np

from qfp.data.text_file import stem as stem_of
from qfp.data.workers import AGAIN
from qfp.files import alone_in, output_file
from qfp.tools import SettingsError, digest, write_atomic, write_text

FOLDER = "decode.parts"  # in that of --out
SAID = "said.json"  # of a block; written last
SUFFIXES = ".npy", ".png"


class Kept:
    """What was said to blocks of curves, their samples and reports: a folder that is named by the
    settings, in it one for each block, named by its files and their numbers.

    out : Path, of --out. stems : names of its files without suffix, one a curve. settings : JSON
    values. SettingsError where a file would be overwritten."""

    def __init__(self, out, stems, settings):
        self.out, self.stems = out, stems
        self.folder = out / FOLDER / digest(settings)[:12]
        # what was said to all blocks, there once results are moved to their place
        self.moved = self.folder / digest(stems)[:12]
        if not self.moved.exists():
            for stem in stems:
                for suffix in SUFFIXES:
                    output_file(out / (stem + suffix))

    def place(self, block):
        """Folder of a block."""
        numbers = hashlib.sha256()
        for curve in block.curves:
            numbers.update(np.concatenate([curve.conductance[None], curve.covariance]).tobytes())
        notes = [curve.notes for curve in block.curves]
        return self.folder / digest(block.files, notes, numbers.hexdigest())[:12]

    def said(self, block):
        """What an earlier call said to a block, None where none got so far."""
        place = self.place(block)
        return (_read(self.moved) or {}).get(place.name) or _read(place / SAID)

    def add(self, block, answers, said, report):
        """Keep a block: its Answers, what is said to it (JSON values), report (answers, i) ->
        Figure."""
        folder = self.place(block)
        try:
            for i, file in enumerate(block.files):
                stem = folder / stem_of(file)
                if answers.decoded is not None:
                    write_samples(f"{stem}.npy", answers.decoded.ldos[i])
                write_report(f"{stem}.png", report(answers, i))
            write_text(folder / SAID, json.dumps(said))
        except SettingsError as error:
            raise SettingsError(f"{error}; {AGAIN}") from None

    @contextlib.contextmanager
    def alone(self):
        """Context in which no other call decodes the same; it leaves no empty folder."""
        try:
            with alone_in(self.folder, "decoding"):
                yield
        finally:
            with contextlib.suppress(OSError):
                self.folder.parent.rmdir()

    def finish(self, blocks):
        """Move samples and reports of all blocks to their place, where nothing is overwritten.

        From `moved` on a call that goes on asks no folder what was said, so each may be gone."""
        said = {self.place(block): self.said(block) for block in blocks}
        write_text(self.moved, json.dumps({folder.name: told for folder, told in said.items()}))
        for folder in filter(Path.exists, said):
            for path in sorted(folder.iterdir()):
                if path.name != SAID:
                    os.replace(path, output_file(self.out / path.name))
            shutil.rmtree(folder)
        self.moved.unlink()


def _read(path):
    """JSON values of a file, None where there is none, or a crash cut it short."""
    with contextlib.suppress(FileNotFoundError, ValueError):
        return json.loads(path.read_text())
    return None


def write_samples(path, ldos):
    """All samples (S, L, W) [1/t] of a curve."""
    write_atomic(path, lambda handle: np.save(handle, ldos))


def write_report(path, figure):
    """The page about a curve, a picture."""
    write_atomic(path, lambda handle: figure.savefig(handle, format="png", dpi=150))
