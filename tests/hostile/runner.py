"""A server that has loaded the package once and runs each command line in a process of its own.

Jobs come as lines of JSON on stdin, results go back on stdout. A forked child has limits on time,
memory and the size of files; it starts from a parent that has computed nothing.
"""

import json
import os
import resource
import signal
import subprocess
import sys
import time
import traceback
from pathlib import Path

SECONDS, PATIENCE = 90, 600  # that a case may compute, and take on a busy machine
BYTES = 3 * 2**30  # of memory that it may have above what is loaded
FILE = 2**28  # bytes that a case may write into one file
HERE = Path(__file__).parent


def load():
    """Import what commands import when they run."""
    import h5py  # noqa: F401
    import torch

    import qfp.book.run
    import qfp.cli
    import qfp.commands.study
    import qfp.data.generate
    import qfp.decoding.answer
    import qfp.figures.report
    import qfp.live.page
    import qfp.studies.frame
    import qfp.studies.two_stage.train_vae
    import qfp.training.train  # noqa: F401

    torch.set_num_threads(1)


def limits(size):
    """Bounds of this process and of its children; size: bytes that a file may have."""
    loaded = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    for what, most in (
        (resource.RLIMIT_AS, loaded + BYTES),
        (resource.RLIMIT_CPU, SECONDS),
        (resource.RLIMIT_FSIZE, size),
        (resource.RLIMIT_CORE, 0),
    ):
        resource.setrlimit(what, (most, most))
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)


def command(words):
    """Exit code of a command line, its words in hexadecimal digits."""
    from qfp.cli import main

    return main([os.fsdecode(bytes.fromhex(word)) for word in words])


def child(job):
    """Run a job in this process, and end it with its exit code."""
    code = 1
    try:
        os.setsid()
        os.chdir(job["cwd"])
        for number, name in ((1, job["out"]), (2, job["err"])):
            os.dup2(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o666), number)
        os.dup2(os.open(job.get("in", os.devnull), os.O_RDONLY), 0)
        os.environ.update(job.get("environment", {}))
        if job.get("closed"):  # a pipe whose reader has gone
            reader, writer = os.pipe()
            os.dup2(writer, 1)
            os.close(reader)
            os.close(writer)
        limits(job.get("limit", FILE))
        if "inputs" in job:
            import inputs

            inputs.make(Path(job["inputs"]))
            code = 0
        else:
            import injected

            injected.prepare(job, command)
            code = command(job["words"])
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else int(stop.code is not None)
    except BaseException:
        traceback.print_exc()
    finally:
        try:
            sys.stdout.flush()
            sys.stderr.flush()
        except OSError:
            code = 120  # as the interpreter ends then
        os._exit(code)


def serve():
    """Answer jobs until stdin ends."""
    replies = os.fdopen(os.dup(1), "w")
    load()
    print("ready", file=replies, flush=True)
    for line in sys.stdin:
        job = json.loads(line)
        start = time.monotonic()
        pid = os.fork()
        if not pid:
            child(job)
        code = None
        while time.monotonic() - start < PATIENCE:
            done, status = os.waitpid(pid, os.WNOHANG)
            if done:
                code = os.waitstatus_to_exitcode(status)
                break
            time.sleep(0.005)
        else:
            os.killpg(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        print(json.dumps({"code": code}), file=replies, flush=True)


def hexadecimal(words):
    """Words of a command line as JSON can have them."""
    return [os.fsencode(word).hex() for word in words]


class Server:
    """The other end: `run` gives exit code (None: no end), stdout and stderr of a command line."""

    def __init__(self, folder):
        self.folder = Path(folder)
        environment = os.environ | {"OMP_NUM_THREADS": "1", "PYTHONUNBUFFERED": ""}
        environment["PYTHONPATH"] = os.pathsep.join(filter(None, [str(HERE), *sys.path]))
        self.process = subprocess.Popen(
            [sys.executable, str(HERE / "runner.py")],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=environment,
            text=True,
        )
        assert self.process.stdout.readline() == "ready\n"
        self.inputs = self.folder / "inputs"
        self.inputs.mkdir()
        code, _, err = self.ask({"inputs": str(self.inputs)}, self.folder)
        assert code == 0, err

    def ask(self, job, cwd):
        """Result of a job: exit code, stdout, stderr."""
        out, err = self.folder / "stdout", self.folder / "stderr"
        for file in (out, err):
            file.unlink(missing_ok=True)
        job = {"cwd": str(cwd), "out": str(out), "err": str(err)} | job
        self.process.stdin.write(json.dumps(job) + "\n")
        self.process.stdin.flush()
        code = json.loads(self.process.stdout.readline())["code"]
        texts = [
            file.read_bytes().decode(errors="surrogateescape") if file.exists() else ""
            for file in (out, err)
        ]
        return code, *texts

    def run(self, words, cwd, **options):
        """Result of a command line, a list of str or bytes; options: of `injected`, and of where
        its streams go."""
        if "second" in options:
            options["second"] = hexadecimal(options["second"])
        return self.ask({"words": hexadecimal(words)} | options, cwd)

    def close(self):
        """End the server."""
        self.process.kill()
        self.process.wait()


if __name__ == "__main__":
    serve()
