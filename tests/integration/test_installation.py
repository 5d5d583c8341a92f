"""What `cmake --install` and the packages put on a machine: it is complete, names only what is there, and works from there."""

import configparser
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from cardea_stack import ROOT, Stack, build_directory, running
from processes import Child

sys.path.insert(0, str(ROOT / "scripts" / "cmake"))

import manual  # noqa: E402

MANUALS = {"cardead": 8, "cardea": 8, "cardea-witness": 8, "cardea-agent": 1, "cardea-cms": 1}
COMPONENTS = {"server": ["bin/cardead", "bin/cardea", "bin/cardea-signer"], "witness": ["bin/cardea-witness"],
              "workstation": ["bin/cardea-agent"], "cms": ["bin/cardea-cms"]}


def install(target, *more):
    done = subprocess.run(["cmake", "--install", str(build_directory()), *more], env={**os.environ, "DESTDIR": str(target)},
                          capture_output=True, text=True, timeout=250, check=False)
    assert done.returncode == 0, done.stderr


def files_below(root):
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if not path.is_dir())


@pytest.fixture(scope="module")
def prefix():
    cache = (build_directory() / "CMakeCache.txt").read_text(encoding="utf-8")
    return re.search(r"^CMAKE_INSTALL_PREFIX:PATH=/(.*)$", cache, re.MULTILINE)[1]


@pytest.fixture(scope="module")
def tree(scratch):
    """The whole of it, as it would be below /."""
    target = scratch / "installed"
    install(target)
    return target


@pytest.fixture(scope="module")
def root(tree, prefix):
    return tree / prefix


def unit(root, name):
    parser = configparser.RawConfigParser(strict=False)
    parser.optionxform = str
    parser.read_string((root / name).read_text(encoding="utf-8"))
    return parser


def test_each_component_by_itself(tree, scratch, prefix):
    """[F2] A server gets no reader, a workstation no server; all together are the whole."""
    together = []
    for component, programs in COMPONENTS.items():
        target = scratch / f"only-{component}"
        install(target, "--component", component)
        there = files_below(target)
        bins = [path.removeprefix(f"{prefix}/") for path in there if path.startswith(f"{prefix}/bin/")]
        assert sorted(bins) == sorted(programs), component
        together += there
    assert sorted(together) == files_below(tree)


def test_units_name_what_is_there(tree, root):
    """[F2] Programs, manuals and documents that units, reader.conf and samples speak of are installed."""
    users = "".join(path.read_text() for path in (root / "lib/sysusers.d").iterdir())
    for name in ("cardead", "cardea-witness"):
        service = unit(root, f"lib/systemd/system/{name}.service")
        assert os.access(f"{tree}{service['Service']['ExecStart'].split()[0]}", os.X_OK)
        assert f"u {service['Service']['User']} " in users and service["Service"]["User"] == service["Service"]["Group"]
        check_documents(tree, root, service)
    check_documents(tree, root, unit(root, "lib/systemd/user/cardea-agent.service"))
    reader = next(root.glob("share/doc/cardea/reader.conf.d/cardea")).read_text()
    assert Path(f"{tree}{re.search(r'^LIBPATH +(.*)$', reader, re.MULTILINE)[1]}").exists()
    link = next(root.glob("lib/**/cardea/winscard/libpcsclite.so.1"))
    assert link.resolve().name == "libcardea-winscard.so" and link.resolve().exists()


def check_documents(tree, root, service):
    for document in service["Unit"]["Documentation"].split():
        if document.startswith("man:"):
            name, section = re.fullmatch(r"man:(.*)\((\d)\)", document).groups()
            assert (root / f"share/man/man{section}/{name}.{section}").exists(), document
        else:
            assert Path(f"{tree}{document.removeprefix('file://')}").exists(), document


def test_units_are_sound_and_confined(tree, root, scratch):
    """[F2] systemd takes the units without a remark, and rates them as it rates few."""
    copies = scratch / "units"
    copies.mkdir()
    for name in ("cardead", "cardea-witness"):
        text = (root / f"lib/systemd/system/{name}.service").read_text()
        text = re.sub(r"(?m)^(ExecStart=|Documentation=.*file://)/", rf"\1{tree}/", text).replace("man:", "https://man.invalid/")
        copies.joinpath(f"{name}.service").write_text(text)
        done = subprocess.run(["systemd-analyze", "verify", copies / f"{name}.service"], capture_output=True, text=True, check=False)
        assert (done.returncode, done.stderr) == (0, ""), done
        done = subprocess.run(["systemd-analyze", "security", "--offline=true", "--threshold=20", copies / f"{name}.service"],
                              capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout[-500:]


def test_users_are_made(root, scratch):
    """[F2] The server is a user of its own and not in the group that may put cards into a reader."""
    target = scratch / "users"
    (target / "etc").mkdir(parents=True)
    shutil.copytree(root / "lib/sysusers.d", target / "usr/lib/sysusers.d")
    subprocess.run(["systemd-sysusers", f"--root={target}"], check=True, capture_output=True)
    users = {line.split(":")[0]: line.split(":") for line in (target / "etc/passwd").read_text().splitlines()}
    groups = {line.split(":")[0]: line.split(":") for line in (target / "etc/group").read_text().splitlines()}
    assert users["cardead"][5] == "/var/lib/cardea" and users["cardead"][3] == groups["cardead"][2]
    assert users["cardea-witness"][5] == "/var/lib/cardea-witness"
    assert "cardea" in groups and "cardea" not in users and groups["cardea"][3] == ""


def test_manuals(tree, root):
    """[F6] A page for each program and the settings: every subcommand and option of it, and nothing that the formatter minds."""
    for name, section in MANUALS.items():
        page = root / f"share/man/man{section}/{name}.{section}"
        shown = formatted(page)
        for command in manual.walk(manual.Command(root / "bin" / name, [])):
            assert " ".join([name, *command.path]) in shown
            for head, _ in command.entries():
                assert head.split()[0] in shown, (command.path, head)
    settings = formatted(root / "share/man/man5/cardead.toml.5")
    sample = (root / "share/doc/cardea/cardead.toml").read_text()
    for key in re.findall(r"^#?([a-z0-9_]+) = ", sample, re.MULTILINE):
        assert f"{key} = " in settings, key
    pages = "".join(path.read_text(encoding="utf-8") for path in root.glob("share/man/man*/*"))
    assert str(Path.home()) + "/" not in pages and str(ROOT) not in pages, "nothing of the machine that it was built on"


def formatted(page):
    done = subprocess.run(["man", "--warnings", "-E", "UTF-8", "-l", page], capture_output=True, text=True, check=False,
                          env={**os.environ, "MANWIDTH": "1000", "MAN_KEEP_FORMATTING": "", "LC_ALL": "C.UTF-8"})
    assert (done.returncode, done.stderr) == (0, ""), done.stderr
    return done.stdout


def test_completion(root):
    """[F6] Subcommands, and the options of the place one is at."""
    def offered(name, *words):
        script = (f'. "{root}/share/bash-completion/completions/{name}"; COMP_WORDS=({name} {" ".join(words)}); '
                  f'COMP_CWORD={len(words)}; _{name.replace("-", "_")}; printf "%s\\n" "${{COMPREPLY[@]}}"')
        return subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True).stdout.split()

    assert offered("cardea", "aud") == ["audit"]
    assert offered("cardea", "audit", "rec") == ["receipt"]
    assert offered("cardea", "card", "create", "--pro") == ["--profile"]
    assert offered("cardea", "--socket", "/run/x.sock", "org", "create", "--js") == ["--json"]
    assert set(offered("cardea-witness", '""')) >= {"init", "trust", "forget", "show", "serve"}
    assert offered("cardea-cms", "gp", "put") == ["put-key"]


def test_the_installed_server_serves(tree, root, scratch):
    """[F2] From where it was put, with the signers beside it, as the unit starts it: an organisation with keys, a card, a witness."""
    stack = Stack(scratch / "inst")
    stack.bin, stack.lib = root / "bin", next(root.glob("lib/**/libifdcardea.so")).parent
    with running(stack):
        card = stack.new_card("piv-yubikey5")
        signers = [os.readlink(f"/proc/{pid}/exe") for pid in children_of(stack.server.pid)]
        assert signers and set(signers) == {str(root / "bin/cardea-signer")}
        card.remove()
    state = scratch / "wstate"
    made = subprocess.run([root / "bin/cardea-witness", "--state", state, "init", "--name", "witness.example/1"], capture_output=True,
                          text=True, check=False)
    assert made.returncode == 0 and made.stdout.startswith("witness.example/1+"), made
    plan = subprocess.run([root / "bin/cardea-cms", "plan", "show", next(root.glob("share/cardea/plans/piv-standard.json")), "--json"],
                          capture_output=True, text=True, check=True)
    assert json.loads(plan.stdout)["name"] == "piv-standard"


class Confined(Stack):
    """The server within its unit's confinement, as a user without rights."""

    UID = 65534

    def __init__(self, directory, root):
        super().__init__(directory)
        self.bin, self.unit = root / "bin", root / "lib/systemd/system/cardead.service"
        for part in (directory.parent, directory):
            part.mkdir(exist_ok=True)
            part.chmod(0o711)
        self.data.mkdir(mode=0o700)
        os.chown(self.data, self.UID, self.UID)

    def start_server(self, sealed=False):
        runner = ROOT / "tests/support/python/as_unit.py"
        self.server = Child("cardead", [sys.executable, runner, self.unit, self.UID, self.bin / "cardead", "serve", "--config",
                                        self.directory / "cardead.toml"], self.directory / "cardead.log").start()
        self.wait_ready()
        return self.server


def test_the_unit_lets_the_server_work(root, scratch):
    """[F2] Within the unit's system calls and limits and without a capability: keys are made, a card is used. Signers lock what they may."""
    with running(Confined(scratch / "conf", root)) as stack:
        card = stack.new_card("piv-yubikey5")
        status = stack.cli("status")
        assert status["ready"] and status["signers"] == 2, status
        for pid in children_of(stack.server.pid):
            process = Path(f"/proc/{pid}")
            # Where this machine lets nobody raise the limit, what can be locked is what is there at the start.
            if re.search(r"Max locked memory +unlimited", (process / "limits").read_text()):
                locked, size = (int(re.search(rf"{name}:\s+(\d+) kB", (process / "status").read_text())[1]) for name in ("VmLck", "VmSize"))
                assert locked > size // 2, (locked, size)
        card.remove()


def children_of(pid):
    listed = subprocess.run(["ps", "-o", "pid=,comm=", "--ppid", str(pid)], capture_output=True, text=True, check=True).stdout
    return [line.split()[0] for line in listed.splitlines()]


def test_uninstalled(scratch, prefix):
    """[F2] The manifest names all that was put there."""
    target = scratch / "once"
    install(target)
    manifest = (build_directory() / "install_manifest.txt").read_text().split("\n")
    for path in filter(None, manifest):
        Path(f"{target}{path}").unlink()
    assert files_below(target) == []


MADE_USERS = {"server": ["systemd-sysusers cardead.conf"], "workstation": ["systemd-sysusers cardea.conf"],
              "witness": ["systemd-sysusers cardea-witness.conf", "systemd-tmpfiles --create cardea-witness.conf"]}


@pytest.mark.parametrize("component, service", [("server", "cardead"), ("witness", "cardea-witness"), ("workstation", None)])
def test_maintainer_scripts(scratch, component, service):
    """[F2] What a package does when it is installed, upgraded and removed: users, and the service; no file of the service's goes."""
    stubs = scratch / f"stubs-{component}"
    stubs.mkdir()
    log = stubs / "log"
    for name in ("systemctl", "systemd-sysusers", "systemd-tmpfiles"):
        (stubs / name).write_text(f'#!/bin/sh\necho "{name} $*" >> {log}\n')
        (stubs / name).chmod(0o755)

    def calls(script, *arguments):
        log.write_text("")
        subprocess.run([ROOT / "scripts/cmake/debian" / component / script, *arguments], check=True,
                       env={"PATH": f"{stubs}:{os.environ['PATH']}"})
        return log.read_text().splitlines()

    users = MADE_USERS[component]
    assert not Path("/run/systemd/system").exists(), "the namespace has a /run of its own"
    assert calls("postinst", "configure", "") == users
    Path("/run/systemd/system").mkdir(parents=True)
    try:
        restart = ["systemctl daemon-reload", f"systemctl try-restart {service}.service"] if service else []
        assert calls("postinst", "configure", "0.0.9") == users + restart
        assert calls("postinst", "abort-upgrade", "0.0.9") == []
        if service:
            assert calls("prerm", "upgrade", "0.2.0") == []
            assert calls("prerm", "remove") == [f"systemctl disable --now {service}.service"]
            assert calls("postrm", "purge") == ["systemctl daemon-reload"]
    finally:
        Path("/run/systemd/system").rmdir()


@pytest.mark.skipif(shutil.which("dpkg-shlibdeps") is None, reason="dpkg-dev is not installed")
def test_packages(tree, scratch, prefix):
    """[F2] One Debian package a component: the same files, what they need, and scripts that a shell can read."""
    out = scratch / "packages"
    done = subprocess.run(["cpack", "--config", build_directory() / "CPackConfig.cmake", "-B", out, "-D", "CPACK_DEBIAN_COMPRESSION_TYPE=gzip"],
                          capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    together = []
    for component in COMPONENTS:
        (package,) = out.glob(f"cardea-{component}_*.deb")
        content = out / component
        subprocess.run(["dpkg-deb", "-R", package, content], check=True)
        control = (content / "DEBIAN/control").read_text()
        assert re.search(r"^Depends: .*libc6", control, re.MULTILINE), control
        for script in content.glob("DEBIAN/p*"):
            assert os.access(script, os.X_OK)
            subprocess.run(["sh", "-n", script], check=True)
        together += [path for path in files_below(content) if not path.startswith("DEBIAN/")]
    assert sorted(together) == files_below(tree)
