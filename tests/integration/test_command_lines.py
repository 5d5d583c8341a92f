"""What every program of Cardea does alike on its command line: help, version, arguments that are none, output that goes nowhere."""

import json
import os
import re
import subprocess
import sys

import pytest

from cardea_stack import ROOT, build_directory
from processes import wait_until

sys.path.insert(0, str(ROOT / "scripts" / "cmake"))

import manual  # noqa: E402

PROGRAMS = ("cardead", "cardea", "cardea-witness", "cardea-agent", "cardea-cms")
VERSION = re.search(r"project\(cardea VERSION ([0-9.]+)", (ROOT / "CMakeLists.txt").read_text())[1]


def run(*command, **more):
    return subprocess.run([str(part) for part in command], timeout=60, check=False, stdin=subprocess.DEVNULL,
                          **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True, **more})


def program(name):
    return build_directory() / "bin" / name


@pytest.mark.parametrize("name", PROGRAMS)
def test_version(name):
    """[F6] Asked for in SECURITY.md when something is reported."""
    done = run(program(name), "--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"{name} {VERSION}\n", "")


@pytest.mark.parametrize("name", PROGRAMS)
def test_every_subcommand_has_help(name):
    """[F6] A sentence about itself, and about each of its options."""
    commands = list(manual.walk(manual.Command(program(name), [])))
    for command in commands:
        assert command.description, command.path
        silent = [head for head, text in command.entries() if not text]
        assert not silent, (command.path, silent)
    assert "exit" in commands[0].footer.lower(), "the exit statuses are told"


@pytest.mark.parametrize("name", PROGRAMS)
def test_unknown_subcommand(name):
    """[F6] Wrong usage is 2, and says where help is."""
    done = run(program(name), "frobnicate")
    assert (done.returncode, done.stdout) == (2, "") and "--help" in done.stderr, done


@pytest.mark.parametrize("name, arguments", [
    ("cardea", ["org", "create", b"Tr\xffst"]), ("cardea-agent", ["insert", b"\xff"]),
    ("cardea-cms", ["ca", "init", "/nonexistent/ca", "--subject", b"CN=\xe9"])])
def test_argument_that_is_no_text(stack, name, arguments):
    """[F6] Latin-1 from an old terminal: refused by its place, before anything is asked."""
    before = [] if name == "cardea-cms" else (["--socket", stack.data / "admin.sock"] if name == "cardea" else ["--state-dir", stack.agent_state])
    done = subprocess.run([program(name), *before, *arguments], capture_output=True, timeout=60, check=False)
    place = len(before) + len(arguments)
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.decode() == f"{name}: argument {place} is not text in UTF-8\n"


def commands_that_print(stack):
    return [
        (4, program("cardea"), "--socket", stack.data / "admin.sock", "status"),
        (4, program("cardea"), "--socket", stack.data / "admin.sock", "device", "code", "--role", "registrar", "--org", stack.organisation),
        (3, program("cardea-agent"), "--state-dir", stack.agent_state, "status", "--json"),
        (5, program("cardea-cms"), "plan", "show", ROOT / "cms-connector/perso/plans/piv-standard.json"),
        (3, program("cardead"), "check-config", "--config", stack.directory / "cardead.toml"),
    ]


def test_output_that_cannot_be_written(stack):
    """[F6] A one-time code that went to a full disk is not done, and exit status and sentence say so."""
    for status, *command in commands_that_print(stack):
        with open("/dev/full", "w", encoding="ascii") as full:
            done = run(*command, stdout=full)
        assert (done.returncode, done.stderr) == (status, f"{command[0].name}: standard output cannot be written\n"), command


def test_reader_that_has_seen_enough(stack):
    """[F6] `… | head -1`: ended by SIGPIPE, as every program of the system, and without a word."""
    for _, *command in commands_that_print(stack):
        with subprocess.Popen(["sh", "-c", 'trap "" TERM; "$@"; echo $? >&2', "sh", *map(str, command)], stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True) as shell:
            shell.stdout.close()
            assert shell.stderr.read().strip() == "141", command


def test_names_of_every_kind(stack):
    """[F6] Quotes, other scripts and long ones: kept as they are in JSON, shown in a table. What would move the cursor is refused."""
    socket = ("--socket", stack.data / "admin.sock")
    for name in ('O\'Neill "& Sons" \\', "Zoë Müller 日本 العربية", "x" * 200):
        made = run(program("cardea"), *socket, "--json", "user", "create", "--org", stack.organisation, "--name", name)
        assert made.returncode == 0, made
        assert json.loads(made.stdout)["name"] == name
        table = run(program("cardea"), *socket, "user", "list", "--org", stack.organisation)
        assert sum(name in line for line in table.stdout.splitlines()) == 1, (name, table.stdout)
    for name in ("two\nlines", "\x1b[31m", "x" * 201, ""):
        done = run(program("cardea"), *socket, "user", "create", "--org", stack.organisation, "--name", name)
        assert (done.returncode, done.stderr) == (1, "cardea: the name of a person has 1 to 200 octets and no control characters\n")
    posix = run(program("cardea"), *socket, "user", "list", "--org", stack.organisation, env={"LC_ALL": "POSIX"})
    assert posix.returncode == 0 and "日本" in posix.stdout


def test_files_that_cannot_be_read(stack, tmp_path):
    """[F6] A directory, a name that is too long, nothing at all: named, with the system's reason."""
    socket = ("--socket", stack.data / "admin.sock")
    long = "x" * 300
    (tmp_path / "code").write_text("CODE\n", encoding="ascii")
    for status, sentence, *command in [
            (1, f"cardea: cannot read {tmp_path}: Is a directory", "cardea", *socket, "unseal", tmp_path),
            (1, "cardea: cannot read none: No such file or directory", "cardea", *socket, "hsm", "local-share", "none"),
            (1, f"cardea: cannot read {tmp_path}: Is a directory", "cardea", *socket, "escrow", "recover", "x", "--key", tmp_path,
             "--pin-file", "none"),
            (2, "cardea-witness: none: cannot be read, or is empty", "cardea-witness", "--state", tmp_path, "trust", "none", "--origin", "x"),
            (3, f"cardea-agent: {tmp_path}: cannot be read", "cardea-agent", "--state-dir", tmp_path / "new", "enrol", "--server",
             "https://127.0.0.1:1", "--ca", tmp_path, "--code-file", tmp_path / "code"),
            (3, f"cardea-agent: {tmp_path}: cannot be read", "cardea-agent", "--state-dir", tmp_path / "new", "enrol", "--server",
             "https://127.0.0.1:1", "--client-certificate", tmp_path, "--code-file", tmp_path / "code"),
            (2, f"cardea-cms: {tmp_path}: cannot read a secret: Is a directory", "cardea-cms", "change-pin", "--pin-file", tmp_path),
            (2, "cardea-cms: the subject holds a line end or another control character", "cardea-cms", "issue", "--plan",
             ROOT / "cms-connector/perso/plans/piv-p256.json", "--ca", tmp_path, "--keep-secrets", "--subject", "CN=Ada\nExample"),
            (2, f"cardea-cms: {long}: File name too long", "cardea-cms", "plan", "show", long),
            (2, "cardea-cms: name the directory of the authority", "cardea-cms", "ca", "init", "")]:
        done = run(program(command[0]), *command[1:], cwd=tmp_path)
        assert (done.returncode, done.stdout, done.stderr) == (status, "", f"{sentence}\n"), command


def test_directories_of_others_keep_their_mode(tmp_path):
    """[F6] Whoever names /tmp by mistake does not close it to everybody else."""
    shared = tmp_path / "shared"
    for name, arguments, status in [("cardea-witness", ["--state", shared, "init", "--name", "w.example/1"], 0),
                                    ("cardea-cms", ["ca", "init", shared], 0),
                                    ("cardea-agent", ["--state-dir", shared, "run"], 1)]:
        shared.mkdir(exist_ok=True)
        shared.chmod(0o1777)
        done = run(program(name), *arguments)
        assert (done.returncode, shared.stat().st_mode & 0o7777) == (status, 0o1777), done
    assert done.stderr == f"cardea-agent: {shared} is a directory for everybody; name one of this user's own\n"


def test_closed_streams(stack, tmp_path):
    """[F6] Started without standard streams, a daemon's log goes nowhere: not into the file or connection that it opens first."""
    state, witness, data = tmp_path / "agent", tmp_path / "witness", tmp_path / "data"
    stack.enrol(state=state, name="streams")
    assert run(program("cardea-witness"), "--state", witness, "init", "--name", "w.example/1").returncode == 0
    config = tmp_path / "cardead.toml"
    config.write_text(f'[server]\nport = 0\ndata_directory = "{data}"\n[pool]\nrsa2048 = 0\n', encoding="utf-8")
    for ready, *command in [(data / "admin.sock", "cardead", "serve", "--config", config),
                            (state / "agent.sock", "cardea-agent", "--state-dir", state, "run", "--readers", "connector",
                             "--pcsc-socket", tmp_path / "pcsc.sock"),
                            (witness / "tls/ca.pem", "cardea-witness", "--state", witness, "serve", "--port", "0")]:
        with subprocess.Popen(["sh", "-c", 'exec "$@" 0<&- 1>&- 2>&-', "sh", str(program(command[0])), *map(str, command[1:])]) as daemon:
            try:
                wait_until(lambda: ready.exists() or daemon.poll() is not None, 30, f"{command[0]} is up")
                streams = [os.readlink(f"/proc/{daemon.pid}/fd/{number}") for number in range(3)]
            finally:
                daemon.terminate()
        assert streams == ["/dev/null"] * 3 and daemon.returncode == 0, command[0]
    assert (data / "cardea.db.lock").read_text().strip().isdigit(), "the lock holds the number of the process and no log"


def test_nobody_answers(tmp_path):
    """[F6] No server, no agent: exit status 3 and what to do."""
    done = run(program("cardea"), "--socket", tmp_path / "none.sock", "status")
    assert (done.returncode, done.stderr) == (3, f"cardea: no server answers at {tmp_path}/none.sock: No such file or directory\n")
    done = run(program("cardea-agent"), "--state-dir", tmp_path, "status")
    assert done.returncode == 3 and done.stderr.endswith("start one with: cardea-agent run\n"), done
