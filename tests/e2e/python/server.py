"""The server under test: the built binary with a private PostgreSQL in a folder that goes when the tests end."""

import os
import re
import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path

import requests

ROOT = Path(__file__).resolve().parents[3]
TARGET = Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target"))
BINARY = os.environ.get("CARGO_BIN", str(TARGET / "debug" / "medilink"))
READY_S_MAX = 60


class Server:
    """A running server; `stop` ends it."""

    def __init__(self):
        # PostgreSQL drops root, and must still be able to pass this folder.
        self.folder = Path(tempfile.mkdtemp(prefix="medilink-e2e-"))
        self.folder.chmod(0o711)
        for _ in range(5):
            port, self.mllp = free_port(), free_port()
            self.root = f"http://127.0.0.1:{port}"
            self.base = f"{self.root}/fhir"
            self.flags = ["--listen", f"127.0.0.1:{port}", "--data-dir", str(self.folder / "data")]
            self.flags += ["--auth", "smart", "--mllp-listen", f"127.0.0.1:{self.mllp}", "--workers", "2"]
            if self._launch():
                return
        raise RuntimeError("five ports in a row were taken while the server started")

    def _launch(self):
        """Returns false when the port was taken meanwhile."""
        with open(self.folder / "log", "ab") as log:
            command = [BINARY, "serve", *self.flags]
            self.process = subprocess.Popen(command, cwd=self.folder, env=environment(), stdout=log, stderr=log)
        began = time.monotonic()
        while time.monotonic() - began < READY_S_MAX:
            if self.process.poll() is not None:
                said = self.log()
                if "address already in use" in said.lower():
                    return False
                raise RuntimeError(f"the server ended instead of starting:\n{said}")
            try:
                if requests.get(f"{self.root}/health/ready", timeout=5).status_code == 200:
                    return True
            except requests.ConnectionError:
                pass
            time.sleep(0.05)
        raise RuntimeError(f"the server is not ready:\n{self.log()}")

    def log(self):
        return (self.folder / "log").read_text(errors="replace")

    def stop(self):
        self.process.terminate()
        self.process.wait(60)
        log = self.log()
        shutil.rmtree(self.folder, ignore_errors=True)
        assert "panicked at" not in log, log

    def cli(self, command, *arguments, given=""):
        """Runs a command of the binary, such as `client add`, and returns what it printed."""
        ran = subprocess.run(
            [BINARY, *command.split(), *arguments, *self.flags],
            cwd=self.folder,
            env=environment(),
            input=given,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert ran.returncode == 0, f"medilink {command}: {ran.stderr}{ran.stdout}"
        return ran.stdout.strip()

    def store(self, *resources):
        """Stores resources in the name of the operator."""
        headers = {"Authorization": f"Bearer {self.cli('token', '--scope', 'system/*.cruds')}"}
        for resource in resources:
            url = f"{self.base}/{resource['resourceType']}/{resource['id']}"
            answer = requests.put(url, json=resource, headers=headers, timeout=30)
            assert answer.status_code == 201, answer.text

    def total(self, search):
        """Returns how many resources a search finds, in the name of the operator."""
        headers = {"Authorization": f"Bearer {self.cli('token', '--scope', 'system/*.rs')}"}
        answer = requests.get(f"{self.base}/{search}", params={"_summary": "count"}, headers=headers, timeout=30)
        assert answer.status_code == 200, answer.text
        return answer.json()["total"]


def environment():
    """Returns the environment without settings of the one who runs the tests."""
    foreign = re.compile(r"MEDILINK_|PG|DATABASE_URL$")
    return {name: value for name, value in os.environ.items() if not foreign.match(name)}


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]
