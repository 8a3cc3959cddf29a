"""The MLLP client of PyPI's `hl7`, against the built server. `python -m unittest` in this folder."""

import subprocess
import sys
import unittest
from pathlib import Path

import hl7
from hl7.client import MLLPClient

from server import ROOT, TARGET, Server

MESSAGES = sorted((ROOT / "fixtures/hl7v2").glob("*.hl7"))


def setUpModule():
    global server
    server = Server()
    unittest.addModuleCleanup(server.stop)
    server.cli("feed add", "--id", "everybody")


def text(path):
    return path.read_text().replace("\n", "\r")


def renamed(message):
    fields = message.split("|")
    fields[9] += "-file"
    return "|".join(fields)


class Sender(unittest.TestCase):
    def test_every_message_is_acknowledged(self):
        rows = []
        with MLLPClient("127.0.0.1", server.mllp) as client:
            for path in MESSAGES:
                message = hl7.parse(text(path))
                answer = hl7.parse(client.send_message(message).strip(b"\x0b\x1c\r").decode())
                msa = answer.segment("MSA")
                rows.append((path.stem, str(answer.segment("MSH")[9]), str(msa[1]), str(msa[2]) == str(message.segment("MSH")[10])))
        table = "\n".join(f"  {name:24} {kind:20} {code} {'its own id' if same else 'ANOTHER ID'}" for name, kind, code, same in rows)
        folder = TARGET / "tables"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "hl7v2-senders-python.txt").write_text(f"HL7 v2: `hl7` of PyPI, {len(rows)} messages\n{table}\n")
        for name, kind, code, same in rows:
            self.assertEqual((kind.split("^")[0], code[1:], same), ("ACK", "A", True), f"{name}\n{table}")
        self.assertEqual(server.total("Patient?identifier=urn:oid:2.999.1.1|100234"), 1)

    def test_the_command_sends_a_file(self):
        """`mllp_send --loose` takes a file with line feeds and splits it where messages begin."""
        file = server.folder / "all.hl7"
        before = server.total("Encounter")
        # Under control ids of their own: what the library sends above is not byte by byte what stands in the files.
        file.write_text("".join(renamed(path.read_text()) for path in MESSAGES))
        code = "from hl7.client import mllp_send; mllp_send()"
        command = [sys.executable, "-c", code, "--loose", "--port", str(server.mllp), "--file", str(file), "127.0.0.1"]
        ran = subprocess.run(command, capture_output=True, timeout=60, check=True)
        self.assertEqual(ran.stdout.count(b"MSA|AA|") + ran.stdout.count(b"MSA|CA|"), len(MESSAGES), ran.stdout)
        self.assertLessEqual(before, server.total("Encounter"))


if __name__ == "__main__":
    unittest.main()
