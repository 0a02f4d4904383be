"""A Firefox of this machine, led over its own Marionette protocol: playwright drives only builds of
its own. No network: every address but this machine's is sent to a proxy that is not there."""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

NAMES = "firefox", "firefox-esr"
PATIENCE = 300  # seconds for whatever it is asked: a machine may do much else
PREFERENCES = {
    "marionette.port": 0,  # a free one
    "network.proxy.type": 1,
    **{f"network.proxy.{kind}": "127.0.0.1" for kind in ("http", "ssl")},
    **{f"network.proxy.{kind}_port": 9 for kind in ("http", "ssl")},
    "app.update.enabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "remote.log.level": "Error",
}
ERRORS = """
    const lines = Services.console.getMessageArray().filter((m) => m instanceof Ci.nsIScriptError);
    const own = (m) => /^(file|http|blob)/.test(m.sourceName) && !(m.flags & m.warningFlag);
    return lines.filter(own).map((m) => `${m.sourceName}: ${m.errorMessage}`);
"""


def installed():
    """Path of an installed Firefox, None where there is none."""
    return next(filter(None, map(shutil.which, NAMES)), None)


class Firefox:
    """A window of Firefox behind a socket."""

    def __init__(self, port):
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=2 * PATIENCE)
        self.answers, self.number = self.socket.makefile("rb"), 0
        self._read()  # what it is
        self.ask("WebDriver:NewSession", capabilities={"alwaysMatch": {}})
        self.ask("WebDriver:SetTimeouts", script=1000 * PATIENCE, pageLoad=1000 * PATIENCE)

    def ask(self, command, **about):
        """Its answer to a command of Marionette."""
        self.number += 1
        data = json.dumps([0, self.number, command, about]).encode()
        self.socket.sendall(b"%d:%s" % (len(data), data))
        _, _, error, found = self._read()
        assert error is None, f"{command}: {error}"
        return found.get("value") if isinstance(found, dict) else found

    def _read(self):
        size = b""
        while not size.endswith(b":"):
            size += self._bytes(1)
        return json.loads(self._bytes(int(size[:-1])))

    def _bytes(self, number):
        found = self.answers.read(number)
        assert len(found) == number, "firefox ended"
        return found

    def open(self, address, width=1280, height=900):
        """Open an address in a window of this size [pixels]."""
        self.ask("WebDriver:SetWindowRect", width=width, height=height)
        self.ask("WebDriver:Navigate", url=address)

    def evaluate(self, expression):
        """Value of an expression of JavaScript in the page, awaited."""
        script = f"const done = arguments[arguments.length - 1]; (async () => ({expression}))()"
        script += ".then((value) => done([value]), (error) => done(String(error)));"
        found = self.ask("WebDriver:ExecuteAsyncScript", script=script, args=[], sandbox=None)
        assert isinstance(found, list), found
        return found[0]

    def wait(self, condition):
        """Wait until an expression holds."""
        end = time.monotonic() + PATIENCE
        while not self.evaluate(f"Boolean({condition})"):
            assert time.monotonic() < end, f"waited {PATIENCE} s in vain for {condition}"
            time.sleep(0.05)

    def act(self, kind, *actions, **parameters):
        """Perform actions of one device of input, see WebDriver."""
        device = {"type": kind, "id": kind, "actions": list(actions)}
        device |= {"parameters": parameters} if parameters else {}
        self.ask("WebDriver:PerformActions", actions=[device])

    def errors(self):
        """Errors of scripts of pages and their workers, since the browser began."""
        self.ask("Marionette:SetContext", value="chrome")
        found = self.ask("WebDriver:ExecuteScript", script=ERRORS, args=[])
        self.ask("Marionette:SetContext", value="content")
        return found


def _port(profile, running):
    """The one that a Firefox chose, once it listens there."""
    file, end = Path(profile) / "MarionetteActivePort", time.monotonic() + PATIENCE
    while not (file.exists() and file.read_text()):
        assert time.monotonic() < end and running.poll() is None, "firefox did not start"
        time.sleep(0.1)
    return int(file.read_text())


@contextlib.contextmanager
def launched():
    """A Firefox without a window, in a profile of its own."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        lines = [f"user_pref({json.dumps(k)}, {json.dumps(v)});\n" for k, v in PREFERENCES.items()]
        (Path(profile) / "user.js").write_text("".join(lines))
        flags = "--headless --marionette --remote-allow-system-access --no-remote --profile".split()
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        own = os.environ | {"HOME": profile}  # it does not start in another user's
        running = subprocess.Popen([installed(), *flags, profile], env=own, **quiet)
        try:
            yield Firefox(_port(profile, running))
        finally:
            running.terminate()
            running.wait(PATIENCE)
