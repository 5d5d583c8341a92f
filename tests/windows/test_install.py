"""The install script, run by Wine's cmd: what it puts where, and what it refuses. [A2]"""

import re
import shutil

import pytest

from wine import ROOT, Wine, windows_path
from workstation import OVERRIDE

SCRIPT = ROOT / "reader-driver" / "packaging" / "windows" / "install.cmd"
BUILT = {kind: ROOT / "build" / f"windows-{kind}" for kind in ("x64", "x86")}
RUN_KEY = r"HKCU\Software\Microsoft\Windows\CurrentVersion\Run"


@pytest.fixture
def package(tmp_path):
    """As scripts/dev windows collects it, of what was built."""
    folder = tmp_path / "package"
    for kind in ("x64", "x86"):
        (folder / kind).mkdir(parents=True)
        for built in (BUILT[kind] / "bin" / "cardea-agent.exe", BUILT[kind] / "dll" / "winscard.dll"):
            shutil.copy(built, folder / kind)
    shutil.copy(SCRIPT, folder)
    return folder


@pytest.fixture
def places(tmp_path):
    """Where the agent goes, and a card management system's folder; the first has a space in its name."""
    program = tmp_path / "cms"
    program.mkdir()
    return tmp_path / "Cardea here", program


def install(package, *arguments):
    wine = Wine("x64")
    return wine.run(wine.prefix / "drive_c/windows/system32/cmd.exe", "/c", windows_path(package / "install.cmd"), *arguments)


def autostart():
    wine = Wine("x64")
    done = wine.run(wine.prefix / "drive_c/windows/system32/reg.exe", "query", RUN_KEY, "/v", "CardeaAgent")
    return done.stdout if done.returncode == 0 else None


def answer_beside(program, kind):
    """What a management system's program finds: ours says that there is no agent, Wine's own would say that all of it failed."""
    wine = Wine(kind)
    shutil.copy(wine.bin / "card_tool.exe", program)
    done = wine.run(program / "card_tool.exe", "list", environment={
        **OVERRIDE, "CARDEA_PCSC_PIPE": "\\\\.\\pipe\\cardea-nobody", "CARDEA_STATE_DIR": windows_path(program / "nothing")})
    (program / "card_tool.exe").unlink()
    return done.stdout.strip()


@pytest.mark.parametrize(("kind", "other"), [("x86", "x64"), ("x64", "x86")])
def test_installed_and_removed(package, places, kind, other):
    """Agent and DLL are there and work: the DLL beside a program of its kind."""
    target, program = places
    arguments = ["/target", windows_path(target), "/beside", windows_path(program)]
    done = install(package, *arguments, "/kind", kind, "/autostart")
    assert done.returncode == 0, done
    assert "done; enrol this workstation with:" in done.stdout
    told = Wine("x64").run(target / "cardea-agent.exe", "--version")
    assert (told.returncode, told.stderr) == (0, "") and re.search(r"\d+\.\d+", told.stdout), told
    assert (target / "cardea-agent.exe").read_bytes() == (package / "x64" / "cardea-agent.exe").read_bytes()
    assert (program / "winscard.dll").read_bytes() == (package / kind / "winscard.dll").read_bytes()
    assert answer_beside(program, kind) == "SCardEstablishContext 8010001D"
    assert autostart().strip().endswith('cardea-agent.exe" run'), "a registrar's agent holds no card that nobody asked for"

    assert install(package, *arguments, "/kind", other).returncode == 0, "a second time, as an update"
    assert (program / "winscard.dll").read_bytes() == (package / other / "winscard.dll").read_bytes()

    done = install(package, *arguments, "/remove")
    assert done.returncode == 0 and "removed; keys and settings stay" in done.stdout, done
    assert not target.exists() and list(program.iterdir()) == [] and autostart() is None


def test_somebody_elses_dll_is_left_alone(package, places):
    target, program = places
    (program / "winscard.dll").write_text("of another vendor", encoding="utf-8")
    done = install(package, "/target", windows_path(target), "/beside", windows_path(program))
    assert done.returncode == 1 and "has a winscard.dll that is not ours" in done.stderr, done
    assert install(package, "/target", windows_path(target), "/beside", windows_path(program), "/remove").returncode == 0
    assert (program / "winscard.dll").read_text(encoding="utf-8") == "of another vendor"


@pytest.mark.parametrize(("arguments", "status", "sentence"), [
    (["/kind", "arm"], 2, "/kind is x86 or x64, not arm"),
    (["/target"], 2, "/target needs a value"),
    (["/wrong"], 2, "what is /wrong?"),
    (["/beside", "Z:\\nowhere"], 1, "there is no folder Z:\\nowhere"),
])
def test_what_makes_no_sense_changes_nothing(package, places, arguments, status, sentence):
    target, _ = places
    done = install(package, *([] if arguments == ["/target"] else ["/target", windows_path(target)]), *arguments)
    assert done.returncode == status and sentence in done.stderr, done
    assert not target.exists()


def test_an_incomplete_package_is_told_so(package, places):
    target, _ = places
    (package / "x86" / "winscard.dll").unlink()
    done = install(package, "/target", windows_path(target))
    assert done.returncode == 1 and "must be the folders x64 and x86" in done.stderr, done
    assert not target.exists()


def test_help(package):
    done = install(package, "/?")
    assert done.returncode == 0 and "/beside DIR" in done.stdout
