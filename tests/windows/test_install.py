"""The install script, run by Wine's cmd: what it puts where, and what it refuses. [A2]"""

import shutil

import pytest

from wine import ROOT, Wine, windows_path

SCRIPT = ROOT / "reader-driver" / "packaging" / "windows" / "install.cmd"
RUN_KEY = r"HKCU\Software\Microsoft\Windows\CurrentVersion\Run"


@pytest.fixture
def package(tmp_path):
    """As scripts/dev windows collects it."""
    folder = tmp_path / "package"
    for kind in ("x64", "x86"):
        (folder / kind).mkdir(parents=True)
        for name in ("cardea-agent.exe", "winscard.dll"):
            (folder / kind / name).write_text(f"{name} {kind}", encoding="utf-8")
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


def test_installed_and_removed(package, places):
    target, program = places
    arguments = ["/target", windows_path(target), "/beside", windows_path(program)]
    done = install(package, *arguments, "/kind", "x86", "/autostart")
    assert done.returncode == 0, done
    assert "done; enrol this workstation with:" in done.stdout
    assert (target / "cardea-agent.exe").read_text(encoding="utf-8") == "cardea-agent.exe x64"
    assert (program / "winscard.dll").read_text(encoding="utf-8") == "winscard.dll x86"
    assert autostart().strip().endswith('cardea-agent.exe" run'), "a registrar's agent holds no card that nobody asked for"

    assert install(package, *arguments, "/kind", "x64").returncode == 0, "a second time, as an update"
    assert (program / "winscard.dll").read_text(encoding="utf-8") == "winscard.dll x64"

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
