"""A Windows workstation under Wine, and a native cardead for it to talk to."""

import json
import shutil
import subprocess
from pathlib import Path

from cardea_stack import Stack
from issuing import Issue
from processes import wait_until
from tls_tap import TlsTap
from wine import windows_path

OVERRIDE = {"WINEDLLOVERRIDES": "mscoree,mshtml=;winscard=n,b"}
READER = "Cardea 00 00"


class ServerOnly(Stack):
    """cardead alone: the workstation is Windows. Between the two stands a proxy that ends TLS: Wine 8 speaks TLS 1.2 at most, and
    the server 1.3 only."""

    def start(self):
        self.directory.mkdir(parents=True, exist_ok=True)
        self.write_server_config()
        self.start_server()
        self.cli("org", "create", self.organisation)
        self.tap = TlsTap(self.directory, self.port).start()
        return self

    def stop(self):
        self.tap.stop()
        super().stop()


class Workstation:
    """cardea-agent.exe with a state of its own, and programs beside which our winscard.dll lies."""

    def __init__(self, wine, stack, directory):
        self.wine, self.stack, self.directory = wine, stack, Path(directory)
        self.programs = self.directory / "programs"
        self.programs.mkdir(parents=True)
        self.state = windows_path(self.directory / "state")
        self.environment = {**OVERRIDE, "CARDEA_PCSC_PIPE": f"\\\\.\\pipe\\cardea-test-{self.directory.name}",
                            "CARDEA_SYSTEM_WINSCARD": "C:\\none\\winscard.dll"}
        for program in ("card_tool.exe", "exports_tool.exe", "cms_program.exe"):
            shutil.copy(wine.bin / program, self.programs)
        shutil.copy(wine.bin.parent / "dll" / "winscard.dll", self.programs)
        self.agent = None

    def agent_cli(self, *arguments, check=True, input_text=None):
        done = self.wine.run("cardea-agent.exe", "--state-dir", self.state, *arguments, "--json", input_text=input_text,
                             environment=self.environment)
        if check:
            assert done.returncode == 0, (arguments, done.returncode, done.stderr, self._what_wine_saw(done, *arguments))
        return json.loads(done.stdout) if done.returncode == 0 and done.stdout else None

    def _what_wine_saw(self, refused, *arguments):
        """The end of what Wine's check of certificates says when the same is done once more, where that was the reason."""
        if "not trusted" not in refused.stderr:
            return ""
        again = self.wine.run("cardea-agent.exe", "--state-dir", self.state, *arguments, input_text="none\n",
                              environment={**self.environment, "WINEDEBUG": "-all,+chain"})
        return again.returncode, again.stderr[-4000:]

    def enrol(self, role="registrar"):
        code = self.stack.cli("device", "code", "--org", self.stack.organisation, "--role", role)["code"]
        return self.agent_cli("enrol", "--server", f"https://127.0.0.1:{self.stack.tap.port}", "--ca",
                              windows_path(self.stack.tap.certificate), "--code-file", "-", "--name", "rα-desk",
                              input_text=code + "\n")

    def start_agent(self, *more):
        self.agent = self.wine.child("cardea-agent.exe", "cardea-agent.exe", "--state-dir", self.state, "run", "--log-level", "debug",
                                     "--pcsc-socket", self.environment["CARDEA_PCSC_PIPE"], *more,
                                     log=self.directory / "agent.log", environment=self.environment).start()

        def answers():
            assert self.agent.running(), self.agent.text()
            return self.agent_cli("status", check=False) is not None

        wait_until(answers, 60, "cardea-agent.exe answers")

    def stop(self):
        if self.agent is not None and self.agent.running():
            self.agent.kill()

    def tool(self, *arguments, input_text=None, environment=None, timeout=120):
        """card_tool's output, as lines; it must have succeeded. Without an administrator's rights, which Wine's programs have otherwise."""
        done = self.wine.run(self.programs / "card_tool.exe", "unelevated", *arguments, input_text=input_text, timeout=timeout,
                             environment={**self.environment, **(environment or {})})
        assert done.returncode == 0, (done.returncode, done.stdout, done.stderr)
        return done.stdout.splitlines()

    def exports(self, *arguments, environment=None, timeout=120):
        """exports_tool's lines; it must have found everything as it should be. As card_tool, without an administrator's rights."""
        done = self.wine.run(self.programs / "exports_tool.exe", "unelevated", *arguments, timeout=timeout,
                             environment={**self.environment, **(environment or {})})
        assert done.returncode == 0, (done.returncode, done.stdout, done.stderr)
        return done.stdout.splitlines()

    def start_tool(self, *arguments, environment=None):
        return self.wine.popen(self.programs / "card_tool.exe", "unelevated", *arguments, environment={**self.environment, **(environment or {})})


class ToolConnection:
    """A card in the hands of card_tool; the interface of pcsc.Connection."""

    def __init__(self, workstation, reader=READER, environment=None):
        self._process = workstation.start_tool("exchange", reader, environment=environment)

    def transmit(self, apdu):
        try:
            self._process.stdin.write(apdu + "\n")
            self._process.stdin.flush()
        except OSError:
            pass
        answer = self._process.stdout.readline().strip()
        assert answer and " " not in answer, answer or self._process.stderr.read()
        return answer[:-4], answer[-4:]

    def sw(self, apdu):
        return self.transmit(apdu)[1]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._process.stdin.close()
        assert self._process.wait(30) == 0


class DeskIssue(Issue):
    """A running `cardea-agent.exe issue … --json`."""

    def __init__(self, workstation, *arguments):
        self.workstation = workstation
        self._begin(workstation.wine.command("cardea-agent.exe", "--state-dir", workstation.state, "issue", *arguments, "--json"),
                    workstation.wine.environment(workstation.environment))

    def presented(self):
        """Said when the card is in the reader."""
        return self.wait_for("presented")


class ManagementSystem:
    """A running cms_program, its folder, and the lines that it prints."""

    def __init__(self, workstation, folder, people, count=1):
        folder.mkdir(exist_ok=True)
        table = folder / "people.csv"
        table.write_text("".join(";".join(person) + "\n" for person in people), encoding="utf-8")
        self._process = workstation.wine.popen(
            workstation.programs / "cms_program.exe", "--reader", READER, "--people", windows_path(table), "--folder", windows_path(folder),
            "--count", count, environment=workstation.environment)
        self.folder = folder

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self._process.poll() is None:
            self.kill()
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            pipe.close()

    def kill(self):
        self._process.kill()
        self._process.wait(30)

    def until(self, wanted):
        """The lines up to this one; the test's own limit is the deadline."""
        seen = []
        for line in self._process.stdout:
            seen.append(line.strip())
            if seen[-1] == wanted:
                return seen
        raise AssertionError(f"no '{wanted}': {seen} {self._process.stderr.read()}")

    def ended(self):
        """Exit status and standard error."""
        return self._process.wait(60), self._process.stderr.read()

    def record(self, login):
        """What it keeps of this person's card."""
        text = (self.folder / f"{login}.card").read_text(encoding="ascii")
        return dict(line.split(" ") for line in text.splitlines())
