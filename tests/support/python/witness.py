"""A cardea-witness of its own, as another machine would run it.

    witness = Witness(directory).start()
    Stack(directory, server_config=witness.server_config())
    witness.trust(stack)
"""

import json
import ssl
import subprocess
import urllib.request
from pathlib import Path

from cardea_stack import build_directory, free_port
from processes import Child, wait_until

ORIGIN = "cardea.invalid/changes"


class Witness:
    def __init__(self, directory, name="witness.example/1"):
        self.name, self.state = name, Path(directory)
        self.program = build_directory() / "bin" / "cardea-witness"
        self.port = free_port()
        self.key = self.state.parent / f"{self.state.name}.key"
        self.key.write_text(self.run("init", "--name", name), encoding="ascii")
        self.child = Child("cardea-witness", [self.program, "--state", self.state, "serve", "--port", self.port],
                           self.state.parent / f"{self.state.name}.log")

    def run(self, *arguments, text=None):
        done = subprocess.run([self.program, "--state", self.state, *arguments], input=text, capture_output=True, text=True,
                              timeout=60, check=False)
        assert done.returncode == 0, f"{arguments}: exit status {done.returncode}: {done.stderr}"
        return done.stdout

    def start(self):
        self.child.start()
        wait_until(self.answers, 60, "the witness answers")
        return self

    def answers(self):
        assert self.child.running(), self.child.text()[-3000:]
        try:
            context = ssl.create_default_context(cafile=str(self.state / "tls" / "ca.pem"))
            return urllib.request.urlopen(f"https://127.0.0.1:{self.port}/healthz", context=context, timeout=20).status == 200
        except OSError:
            return False

    def stop(self):
        return self.child.stop()

    def kill(self):
        self.child.kill()

    def trust(self, stack):
        self.run("trust", "-", "--origin", ORIGIN, text=stack.cli("audit", "key")["key"] + "\n")

    def forget(self):
        self.run("forget", "--origin", ORIGIN, "--execute")

    def size(self):
        """How many leaves it has seen, by its own files."""
        return json.loads(self.run("show", "--json"))["logs"][0]["size"]

    def server_config(self, key=None, required=False):
        return (f'[witness]\nurl = "https://127.0.0.1:{self.port}"\nkey = "{key or self.key}"\nca = "{self.state}/tls/ca.pem"\n'
                f"required = {str(required).lower()}\ntimeout = \"30s\"\n")
