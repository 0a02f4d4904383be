"""A Firefox of this machine, led over its own Marionette protocol: playwright drives only builds of
its own. No network: every address but this machine's is sent to a proxy that is not there."""

import contextlib
import json
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

NAMES = "firefox", "firefox-esr"
PREFERENCES = {
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
        self.socket, self.number = _connected(port), 0
        self._read()  # what it is
        self.ask("WebDriver:NewSession", capabilities={"alwaysMatch": {}})
        self.ask("WebDriver:SetTimeouts", script=120_000, pageLoad=120_000)

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
            size += self.socket.recv(1)
        text = b""
        while len(text) < int(size[:-1]):
            text += self.socket.recv(1 << 16)
        return json.loads(text)

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

    def wait(self, condition, seconds=60):
        """Wait until an expression holds."""
        end = time.monotonic() + seconds
        while not self.evaluate(f"Boolean({condition})"):
            assert time.monotonic() < end, f"waited {seconds} s in vain for {condition}"
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


def _connected(port):
    """The socket, once somebody listens."""
    for _ in range(600):
        with contextlib.suppress(ConnectionRefusedError):
            return socket.create_connection(("127.0.0.1", port), timeout=180)
        time.sleep(0.1)
    raise AssertionError("firefox did not start")


@contextlib.contextmanager
def launched():
    """A Firefox without a window, in a profile of its own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        own = {**PREFERENCES, "marionette.port": port}
        lines = [f"user_pref({json.dumps(k)}, {json.dumps(v)});\n" for k, v in own.items()]
        (Path(profile) / "user.js").write_text("".join(lines))
        flags = "--headless --marionette --remote-allow-system-access --no-remote --profile".split()
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        running = subprocess.Popen([installed(), *flags, profile], **quiet)
        try:
            yield Firefox(port)
        finally:
            running.terminate()
            running.wait(timeout=30)
