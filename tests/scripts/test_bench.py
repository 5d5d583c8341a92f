"""scripts/bench as one calls it, with the shortest rounds: every figure is there. How large it is decides nothing."""

import json
import os
import subprocess

from cardea_stack import ROOT, build_directory
from left_behind import processes_with

BENCH = [ROOT / "scripts" / "bench", "--no-install", "--no-build"]
FIGURES = ["apdu_floor_us", "apdu_vpcd_us", "apdu_cardea_us", "issue_card_ms",
           *(f"{who}_{algorithm}_per_s" for algorithm in ("rsa2048", "p256") for who in ("openssl", "hsm_loop", "cardea"))]


def run(place, *arguments):
    # The preset whose programs are under test anyway, in the place of 'release'.
    return subprocess.run([*BENCH, "--preset", build_directory().name, *arguments], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, env={**os.environ, "TMPDIR": str(place)}, timeout=280, check=False)


def test_every_figure(scratch):
    """[A1] One flat object: each figure a positive number, and what the machine is."""
    place = scratch / "b"
    place.mkdir()
    done = run(place, "--rounds", "1", "--seconds", "1", "--only", "apdu,sign,issue", "--json", scratch / "figures.json")
    assert done.returncode == 0, done.stdout + done.stderr
    figures = json.loads((scratch / "figures.json").read_text(encoding="utf-8"))
    for name in FIGURES:
        assert isinstance(figures[name], (int, float)) and figures[name] > 0, name
    assert "cores" in figures["machine"]
    assert not any(isinstance(value, (dict, list)) for value in figures.values())
    assert "x floor" in done.stdout and "times as fast as vpcd" in done.stdout and "x the loop" in done.stdout
    assert not processes_with(f"TMPDIR={place}") and not list(place.iterdir())


def test_what_needs_no_card(scratch):
    """Measurements without a reader are there by themselves, too."""
    place = scratch / "n"
    place.mkdir()
    done = run(place, "--rounds", "1", "--seconds", "1", "--only", "login", "--json", scratch / "login.json")
    assert done.returncode == 0, done.stdout + done.stderr
    figures = json.loads((scratch / "login.json").read_text(encoding="utf-8"))
    assert figures["login_per_s_per_core"] > 0 and figures["login_latency_ms"] > 0
    assert "login    server's part, a core" in done.stdout
    assert not processes_with(f"TMPDIR={place}") and not list(place.iterdir())


def test_unknown_measurement(scratch):
    """It is named, with those that there are; exit status 2."""
    done = run(scratch, "--only", "apdu,speed")
    assert (done.returncode, done.stdout) == (2, "")
    assert "no such measurement: speed; there are apdu, sign, software, login, issue, generate" in done.stderr
