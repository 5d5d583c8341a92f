"""scripts/demo as one calls it: it tells the whole story, twice, and leaves nothing behind, however it ends."""

import os
import re
import signal
import subprocess
import tempfile
from pathlib import Path

import pytest

from cardea_stack import ROOT
from left_behind import processes_with
from processes import wait_until

DEMO = [ROOT / "scripts" / "demo", "--no-install", "--no-build"]
# What each step of the story comes to.
MUST_SAY = [r"cardead on https://127\.0\.0\.1:\d+, reader 'Cardea 00 00'", r"\[25/25\] set the management key … .*\d+ ms", r"Verified OK",
            r"logged in with the card", r"TLSv1\.3: welcome, Demonstration Holder", r"key\.use", r"How to go on by hand"]


@pytest.fixture
def place(scratch):
    """A directory for temporary files that only the demonstration has; its name tells what belongs to it."""
    return Path(tempfile.mkdtemp(prefix="d", dir=scratch))


def environment(place):
    return {**os.environ, "TMPDIR": str(place)}


def run(place, *more, prefix=()):
    return subprocess.run([*prefix, *DEMO, *more], stdin=subprocess.DEVNULL, capture_output=True, text=True, env=environment(place),
                          timeout=200, check=False)


def nothing_left(place):
    return not processes_with(f"TMPDIR={place}") and not list(place.iterdir())


def test_whole_story_twice(place):
    """[A1] [A2] [A3] Start, issue, sign, SSH, TLS, audit; and again. No process and no file of it is left."""
    for _ in range(2):
        done = run(place)
        assert done.returncode == 0, done.stdout + done.stderr
        said = done.stdout
        for line in MUST_SAY:
            found = re.search(line, said)
            assert found, f"'{line}' is missing, or not in its place, in:\n{done.stdout}"
            said = said[found.end():]
        assert done.stderr == ""
        assert nothing_left(place)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGKILL])
def test_ended_half_way(place, number):
    """Its children end with it, and but for kill -9 its secrets and data are gone."""
    log = place.parent / f"{place.name}.log"
    with open(log, "w", encoding="utf-8") as out:
        # Where the tests themselves run in the background, SIGINT is ignored, and a child inherits that.
        demo = subprocess.Popen(DEMO, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=environment(place),
                                preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
    try:
        wait_until(lambda: "A card management system issues it" in log.read_text(encoding="utf-8"), 60, "the issuance begins")
        assert len(processes_with(f"TMPDIR={place}")) > 3
        demo.send_signal(number)
        assert demo.wait(30) == {signal.SIGINT: 130, signal.SIGKILL: -signal.SIGKILL}.get(number, 128 + number)
    finally:
        if demo.poll() is None:
            demo.kill()
            demo.wait()
    wait_until(lambda: not processes_with(f"TMPDIR={place}"), 15, "no process of it is left")
    if number != signal.SIGKILL:
        assert not list(place.iterdir())
        assert "Traceback" not in log.read_text(encoding="utf-8")


def test_kept_on_request(place):
    """--keep leaves the directory and says where it is."""
    done = run(place, "--keep")
    assert done.returncode == 0, done.stdout + done.stderr
    (kept,) = place.iterdir()
    assert done.stdout.rstrip().endswith(f"data and logs: {kept}")
    assert not processes_with(f"TMPDIR={place}")


def test_root_without_the_right_to_namespaces(place):
    """One sentence, before anything is installed or built, and nothing is left."""
    bare = ["setpriv", "--bounding-set=-sys_admin", "--inh-caps=-sys_admin"]
    done = subprocess.run([*bare, ROOT / "scripts" / "demo"], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          env=environment(place), timeout=60, check=False)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == ("demo: pcscd gets a private /run, and even root may not make mount and network namespaces here; "
                           "in a container, give it CAP_SYS_ADMIN (docker run --privileged)\n")
    assert nothing_left(place)


def test_unknown_option(place):
    """Usage on standard error, exit status 2."""
    done = run(place, "--fast")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("usage: scripts/demo ")
