"""Fixtures of the ring 'windows'."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support" / "python"))

from wine import LOADERS, Wine  # noqa: E402


@pytest.fixture(scope="session", autouse=True)
def wine_server():
    """Wine's server stays for as long as the tests do, so that each program starts in a moment; and no longer."""
    wine = Wine("x64")
    wine.prefix.parent.mkdir(exist_ok=True)
    if LOADERS["x86"].exists() and not (wine.prefix / "drive_c/windows/syswow64/ntdll.dll").exists():
        shutil.rmtree(wine.prefix, ignore_errors=True)  # made when there was no 32-bit Wine
    # What Wine starts in the background keeps the output that it was given: none.
    quiet = {"env": wine.environment(), "stdin": subprocess.DEVNULL, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    server = "/usr/lib/wine/wineserver64"
    # One that others started is in another network, and it is the one that makes the sockets.
    subprocess.run([server, "--kill"], timeout=60, check=False, **quiet)
    subprocess.run([server, "--wait"], timeout=60, check=False, **quiet)
    subprocess.run([server, "--persistent"], timeout=60, check=False, **quiet)
    subprocess.run([str(LOADERS["x64"]), "wineboot", "--init"], timeout=240, check=True, **quiet)
    yield
    subprocess.run([server, "--kill"], timeout=60, check=False, **quiet)


@pytest.fixture(scope="session", params=["x64", "x86"])
def wine(request):
    """Each test runs on both kinds of Windows."""
    return Wine(request.param)
