"""Fixtures that the Python rings share."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent / "support" / "python"))

import namespace  # noqa: E402

if os.geteuid() != 0:
    pytest.exit("these rings start pcscd in a namespace of its own and need root", returncode=2)
namespace.enter()


TEST_LIMIT = 300  # seconds; no test takes a third of it


@pytest.fixture(autouse=True)
def no_test_hangs():
    """A test that waits for ever fails with the line it waits in, and the others still run."""

    def give_up(*_):
        raise TimeoutError(f"no end within {TEST_LIMIT} s")

    signal.signal(signal.SIGALRM, give_up)
    signal.alarm(TEST_LIMIT)
    yield
    signal.alarm(0)


@pytest.fixture(scope="session")
def scratch():
    """A short-named directory: Unix socket paths have 107 characters at most."""
    path = Path(tempfile.mkdtemp(prefix="cardea-"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="session")
def opensc_conf(scratch):
    """OpenSC without its file cache, so that every run talks to the card."""
    path = scratch / "opensc.conf"
    path.write_text("app default {\n  framework pkcs15 {\n    use_file_caching = no;\n  }\n}\n", encoding="utf-8")
    os.environ["OPENSC_CONF"] = str(path)
    return path


@pytest.fixture(scope="session")
def stack(scratch, opensc_conf):
    """One running Cardea for all tests of a ring."""
    from cardea_stack import Stack, running

    with running(Stack(scratch / "s")) as started:
        yield started


@pytest.fixture
def card(stack):
    """A fresh piv-yubikey5 card in the reader, gone after the test."""
    made = stack.new_card("piv-yubikey5")
    yield made
    made.remove()


@pytest.fixture
def nist_card(stack):
    """A fresh piv-nist card in the reader, gone after the test."""
    made = stack.new_card("piv-nist")
    yield made
    made.remove()


@pytest.fixture
def tool(tmp_path):
    """Runs a program to its end; `tool(...)` fails the test when the program does."""

    def run(*command, status=0, input_text=None, timeout=120, env=None):
        done = subprocess.run([str(part) for part in command], input=input_text, capture_output=True, text=True,
                              timeout=timeout, check=False, cwd=tmp_path, env={**os.environ, **(env or {})})
        if status is not None:
            assert done.returncode == status, \
                f"{' '.join(map(str, command))}: exit status {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    return run
