"""Programs of the Windows builds, run under Wine: one prefix for all tests, in build/wine.

A program of either kind, 64 or 32 bit, is what a workstation would run; Linux paths are seen below drive Z:.
"""

import os
import subprocess
from pathlib import Path

import pytest

from processes import Child

ROOT = Path(__file__).resolve().parents[3]
LOADERS = {"x64": Path("/usr/lib/wine/wine64"), "x86": Path("/usr/lib/wine/wine")}
NO_X86 = ROOT / "build" / "deps" / "no-wine32"


def windows_path(path):
    """How a program under Wine calls a Linux path."""
    return "Z:" + str(path).replace("/", "\\")


class Wine:
    """Runs programs of one kind of Windows: "x64" or "x86"."""

    def __init__(self, kind, prefix=None):
        if kind == "x86" and NO_X86.exists():
            pytest.skip(NO_X86.read_text(encoding="utf-8").strip())
        assert LOADERS[kind].exists(), f"{LOADERS[kind]} is not there: run scripts/dev windows"
        self.kind = kind
        self.bin = ROOT / "build" / f"windows-{kind}" / "bin"
        self.prefix = Path(prefix or ROOT / "build" / "wine")

    def environment(self, more=None):
        # Nothing asks for Mono or a browser, and nothing is shown.
        return {**os.environ, "WINEPREFIX": str(self.prefix), "WINEARCH": "win64", "WINEDEBUG": os.environ.get("WINEDEBUG", "-all"),
                "WINEDLLOVERRIDES": "mscoree,mshtml=", **(more or {})}

    def command(self, program, *arguments):
        path = program if isinstance(program, Path) else self.bin / program
        return [str(LOADERS[self.kind]), str(path), *map(str, arguments)]

    def run(self, program, *arguments, input_text=None, environment=None, timeout=120, **more):
        """The finished process; its output is text."""
        return subprocess.run(self.command(program, *arguments), input=input_text, capture_output=True, text=True, encoding="utf-8",
                              errors="replace", timeout=timeout, check=False, env=self.environment(environment), **more)

    def popen(self, program, *arguments, environment=None, **more):
        return subprocess.Popen(self.command(program, *arguments), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                stderr=subprocess.PIPE, text=True, encoding="utf-8", errors="replace",
                                env=self.environment(environment), **more)

    def child(self, name, program, *arguments, log, environment=None):
        return Child(name, self.command(program, *arguments), log, self.environment(environment))
