"""Fixtures of the ring 'windows'."""

import shutil
import subprocess
import sys
import uuid
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support" / "python"))

from cardea_stack import CHEAP_PINS, running  # noqa: E402
from wine import LOADERS, Wine, windows_path  # noqa: E402
from workstation import ServerOnly, Workstation  # noqa: E402


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


# ---- A registrar's workstation, and its server ----

@pytest.fixture(scope="module")
def server(scratch, request):
    with running(ServerOnly(scratch / f"server-{request.module.__name__[-12:]}", server_config=CHEAP_PINS)) as started:
        yield started


@pytest.fixture(scope="module", params=["x64", "x86"])
def desk(request, server, scratch):
    """Enrolled, with an agent that runs."""
    workstation = Workstation(Wine(request.param), server, scratch / f"desk-{request.param}-{uuid.uuid4().hex[:6]}")
    workstation.enrol()
    workstation.start_agent()
    yield workstation
    workstation.stop()


@pytest.fixture
def card(desk, server):
    made = server.new_card(insert=False)
    status = desk.agent_cli("insert", made.id)
    assert status["phase"] == "inserted", status
    yield made
    desk.agent_cli("eject", made.id, check=False)
    server.cli("card", "delete", made.id, "--execute", check=False)


@pytest.fixture
def stand_in(desk, scratch):
    """The system's winscard.dll, and the file that is its card."""
    path = desk.directory / "stand_in.dll"
    if not path.exists():
        shutil.copy(desk.wine.bin.parent / "lib" / "stand_in.dll", path)
    inserted = desk.directory / "stand-in-card"
    inserted.unlink(missing_ok=True)
    return {"CARDEA_SYSTEM_WINSCARD": windows_path(path), "CARDEA_STAND_IN": windows_path(inserted)}, inserted
