"""Runs test rings and counts. Called by scripts/test, which has installed and built everything.

A ring is a set of tests with one purpose (tests/README.md). Each reports (passed, failed, skipped); what could not run
at all counts as failed.
"""

import concurrent.futures
import json
import os
import re
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
BUILD = ROOT / "build" / "dev"
LOGS = ROOT / "build" / "test-logs"

DOCTEST_SUMMARY = re.compile(r"test cases:\s*(\d+)\s*\|\s*(\d+) passed\s*\|\s*(\d+) failed\s*\|\s*(\d+) skipped")
PLAIN_SUMMARY = re.compile(r"^(\d+) passed, (\d+) failed(?:, (\d+) skipped)?$", re.MULTILINE)


class Count:
    def __init__(self, passed=0, failed=0, skipped=0):
        self.passed, self.failed, self.skipped = passed, failed, skipped

    def __add__(self, other):
        return Count(self.passed + other.passed, self.failed + other.failed, self.skipped + other.skipped)

    def __str__(self):
        return f"{self.passed} passed, {self.failed} failed, {self.skipped} skipped"


def run(command, log_name, timeout=1800, **more):
    """Runs a command with its output in a log file; returns (exit status, text)."""
    LOGS.mkdir(parents=True, exist_ok=True)
    log = LOGS / f"{log_name}.log"
    with open(log, "w", encoding="utf-8") as out:
        try:
            status = subprocess.run(command, stdout=out, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                                    timeout=timeout, check=False, cwd=ROOT, **more).returncode
        except subprocess.TimeoutExpired:
            status = 124
            out.write(f"\nstopped after {timeout} s\n")
    return status, log.read_text(encoding="utf-8", errors="replace")


def tail(text, lines=40):
    return "\n".join("    " + line for line in text.splitlines()[-lines:])


def native(labels, build=BUILD, environment=None, through=()):
    """The CTest programs with one of these labels, one for each processor at a time; their own summaries are read. `through`: what
    starts them."""
    listing = subprocess.run(["ctest", "--test-dir", str(build), "--show-only=json-v1"], capture_output=True, text=True,
                             check=True)

    def wanted(test):
        properties = {p["name"]: p["value"] for p in test.get("properties", [])}
        return set(properties.get("LABELS", [])) & set(labels)

    def run_one(test):
        if "command" not in test:
            print(f"  {test['name']}: not built")
            return Count(failed=1)
        status, text = run([*through, *test["command"]], f"{build.name}-{test['name']}", timeout=600,
                           env={**os.environ, **(environment or {})})
        return summary(test["name"], status, text)

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 2) as pool:
        total = sum(pool.map(run_one, filter(wanted, json.loads(listing.stdout)["tests"])), Count())
    if total.passed + total.failed == 0:
        print("  no test of this ring exists")
        total.failed += 1
    return total


def summary(name, status, text):
    counts = [Count(int(m[2]), int(m[3]), int(m[4])) for m in DOCTEST_SUMMARY.finditer(text)]
    counts += [Count(int(m[1]), int(m[2]), int(m[3] or 0)) for m in PLAIN_SUMMARY.finditer(text)]
    if not counts:
        counts = [Count(1, 0, 0) if status == 0 else Count(0, 1, 0)]
    count = counts[-1]
    if status != 0 and count.failed == 0:
        count.failed = 1
    if count.failed:
        print(f"  {name}: {count} (exit status {status})\n{tail(text)}")
    return count


def pytest(folder, apart=False, at_once=1, timeout=1500):
    """A folder of Python tests; each test is one. `apart`: every file in a process, and so a namespace, of its own, where files
    start pcscds of their own; `at_once` so many of them, which wait most of the time."""
    if not apart:
        return pytest_run(ROOT / "tests" / folder, folder, timeout)
    files = sorted((ROOT / "tests" / folder).glob("test_*.py"))
    with concurrent.futures.ThreadPoolExecutor(at_once) as pool:
        return sum(pool.map(lambda path: pytest_run(path, f"{folder}-{path.stem}", timeout), files), Count())


def pytest_run(path, name, timeout):
    with tempfile.TemporaryDirectory() as scratch:
        report = Path(scratch) / "report.xml"
        command = ["/usr/bin/python3", "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--junitxml={report}", "--durations=8", str(path)]
        status, text = run(command, f"pytest-{name}", timeout)
        if not report.exists():
            print(f"  {name}: pytest did not finish (exit status {status})\n{tail(text, 60)}")
            return Count(failed=1)
        suite = ElementTree.parse(report).getroot().find("testsuite")
        tests, failed, skipped = (int(suite.get(key)) for key in ("tests", "failures", "skipped"))
        failed += int(suite.get("errors"))
        for case in suite.iter("testcase"):
            for reason in case.iter("skipped"):
                print(f"  SKIP {case.get('name')}: {reason.get('message')}")
        if failed or status not in (0, 1):
            print(tail(text, 120))
        if status not in (0, 1) and not failed:
            failed = 1
        return Count(max(tests - failed - skipped, 0), failed, skipped)


def checks():
    """Everything that reads the tree instead of running it."""
    total = Count()
    sources = subprocess.run(["git", "ls-files", "*.cpp", "*.h"], cwd=ROOT, capture_output=True, text=True,
                             check=True).stdout.split()
    for name, command in {
        "check-layers": ["scripts/check-layers"],
        "check-mistakes": ["scripts/check-mistakes"],
        "check-includes": ["scripts/check-includes"],
        "check-spec": ["scripts/check-spec"],
        "format": ["clang-format-14", "--dry-run", "--Werror", *sources],
    }.items():
        status, text = run(command, name)
        if status != 0:
            print(f"  {name}: exit status {status}\n{tail(text)}")
        total += Count(passed=int(status == 0), failed=int(status != 0))
    return total


OTHER_BUILDS = {
    "asan": "build_preset asan cardea_tests",
    "tsan": "build_preset tsan cardea_tests",
    "fuzz": "build_preset fuzz cardea_fuzzers",
    "windows-x64": ". scripts/lib/windows.sh; build_windows x64",
    "windows-x86": ". scripts/lib/windows.sh; build_windows x86",
}


class OtherBuilds:
    """What rings need beside the preset dev, built one after the other. Rings whose tests mostly wait, for cards, kills and deadlines,
    leave the processors idle: then what later rings need is built, with what they leave."""

    def __init__(self):
        self._one_at_a_time = concurrent.futures.ThreadPoolExecutor(1)
        self._begun = {}

    def begin(self, names):
        for name in names:
            if name not in self._begun:
                self._begun[name] = self._one_at_a_time.submit(
                    run, ["nice", "-n", "19", "bash", "-c", f". scripts/lib/common.sh; {OTHER_BUILDS[name]}"], f"build-{name}", 2400)

    def ready(self, name):
        """Whether it could be built; says why when not."""
        self.begin([name])
        status, text = self._begun[name].result()
        if status != 0:
            print(f"  build of {name} failed\n{tail(text, 60)}")
        return status == 0


other_builds = OtherBuilds()


def sanitized(preset, labels, environment, through=()):
    if not other_builds.ready(preset):
        return Count(failed=1)
    return native(labels, ROOT / "build" / preset, environment, through)


ASAN = {"ASAN_OPTIONS": "detect_leaks=1:abort_on_error=1", "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1"}
TSAN_OPTIONS = f"halt_on_error=1:second_deadlock_stack=1:suppressions={ROOT}/tests/support/tsan.supp"


def same_addresses():
    """What starts programs of the thread sanitizer, where that is allowed: kernels that scatter memory more widely than its runtime
    expects keep them from starting ("unexpected memory mapping")."""
    through = ["setarch", "--addr-no-randomize"]
    return through if subprocess.run([*through, "true"], capture_output=True, check=False).returncode == 0 else []


def fuzz():
    """Each libFuzzer target for CARDEA_FUZZ_SECONDS (default 20) over its seeds."""
    if not other_builds.ready("fuzz"):
        return Count(failed=1)
    seconds = os.environ.get("CARDEA_FUZZ_SECONDS", "20")
    seeds = ROOT / "build" / "fuzz" / "seeds"
    seeds.mkdir(parents=True, exist_ok=True)
    maker = BUILD / "bin" / "cardea_transcripts"
    if maker.exists():
        run([str(maker), "--seeds", str(seeds)], "fuzz-seeds")

    def fuzz_one(program):
        with tempfile.TemporaryDirectory() as corpus:
            command = [str(program), f"-max_total_time={seconds}", "-timeout=20", "-rss_limit_mb=2048", "-verbosity=0",
                       f"-artifact_prefix={LOGS}/", corpus]
            if (seeds / program.name).is_dir():
                command.append(str(seeds / program.name))
            status, text = run(command, program.name, timeout=int(seconds) + 300)
        if status != 0:
            print(f"  {program.name}: exit status {status}\n{tail(text)}")
        return Count(passed=int(status == 0), failed=int(status != 0))

    programs = sorted((ROOT / "build" / "fuzz" / "bin").glob("*fuzz*"))
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count() or 2) as pool:
        total = sum(pool.map(fuzz_one, programs), Count())
    if total.passed + total.failed == 0:
        print("  no fuzz target was built")
        total.failed += 1
    return total


def tidy():
    """clang-tidy over every source file of the product."""
    status, text = run(["bash", "-c", ". scripts/lib/common.sh; cd \"$cardea_root\"; cmake --preset clang"], "configure-clang")
    if status != 0:
        print(tail(text))
        return Count(failed=1)
    # What is built here: the sources for Windows need another compiler than clang-tidy's.
    commands = json.loads((ROOT / "build" / "clang" / "compile_commands.json").read_text(encoding="utf-8"))
    built = {os.path.relpath(entry["file"], ROOT) for entry in commands}
    sources = [name for name in subprocess.run(["git", "ls-files", "*.cpp"], cwd=ROOT, capture_output=True, text=True,
                                               check=True).stdout.split() if not name.startswith("tests/") and name in built]
    command = ["xargs", "-P", str(os.cpu_count() or 2), "-n", "4", "clang-tidy-14", "-quiet", "-p", "build/clang"]
    LOGS.mkdir(parents=True, exist_ok=True)
    result = subprocess.run(command, input="\n".join(sources), text=True, capture_output=True, cwd=ROOT, check=False)
    (LOGS / "tidy.log").write_text(result.stdout + result.stderr, encoding="utf-8")
    complaints = sorted(set(re.findall(r"^\S+: (?:warning|error): .*$", result.stdout, re.MULTILINE)))
    for line in complaints[:40]:
        print("  " + line.replace(str(ROOT) + "/", ""))
    bad = len({line.split(":")[0] for line in complaints}) or int(result.returncode != 0)
    return Count(passed=len(sources) - bad, failed=bad)


def windows():
    """What runs on workstations with Windows: cross-built, and run under Wine; 64 and 32 bit."""
    total = Count()
    no_x86 = ROOT / "build" / "deps" / "no-wine32"
    for kind in ("x64", "x86"):
        if not other_builds.ready(f"windows-{kind}"):
            total += Count(failed=1)
            continue
        for program in ("apdu_test", "api_test"):
            if kind == "x86" and no_x86.exists():
                print(f"  SKIP {program} {kind}: {no_x86.read_text(encoding='utf-8').strip()}")
                total += Count(skipped=1)
                continue
            status, text = run(["scripts/dev", "wine", kind, f"build/windows-{kind}/bin/{program}.exe"], f"windows-{kind}-{program}", timeout=600)
            total += summary(f"{program} {kind}", status, text)
    return total + pytest("windows")


RINGS = {
    "lint": (True, "layers, known mistakes, specification matrix, format", checks),
    "unit": (True, "types, functions, tables", lambda: native(["unit"])),
    "transcripts": (True, "the specifications as APDU conversations", lambda: native(["transcript", "transcripts"])),
    "vectors": (True, "known answers from others", lambda: native(["vector", "vectors"])),
    "contract": (True, "each port's laws over every implementation", lambda: native(["contract"])),
    "model": (True, "random sequences against a model", lambda: native(["model"])),
    "integration": (True, "pcscd, driver, agent, server, SoftHSM", lambda: pytest("integration", apart=True, at_once=2)),
    "interop": (True, "unmodified third-party programs", lambda: pytest("interop")),
    "faults": (True, "kills, stops, full disks", lambda: pytest("faults", apart=True)),
    "scripts": (True, "the demonstration and the benchmark, as one calls them", lambda: pytest("scripts", apart=True)),
    "windows": (True, "the workstation's part for Windows, cross-built, under Wine", windows),
    "fuzz": (True, "each fuzz target for some seconds", fuzz),
    "asan": (True, "unit, transcripts, contract and model under address and undefined-behaviour sanitizers",
             lambda: sanitized("asan", ["unit", "transcript", "transcripts", "vector", "vectors", "contract", "model"], ASAN)),
    "tsan": (False, "unit and contract under the thread sanitizer",
             lambda: sanitized("tsan", ["unit", "contract"], {"TSAN_OPTIONS": TSAN_OPTIONS}, same_addresses())),
    "tidy": (False, "clang-tidy over the product's sources", tidy),
}

# What a ring needs of OTHER_BUILDS.
NEED_BUILDS = {"windows": ["windows-x64", "windows-x86"], "fuzz": ["fuzz"], "asan": ["asan"], "tsan": ["tsan"]}
MOSTLY_WAIT = {"integration", "interop", "faults"}

# Those that start a pcscd in a place of its own.
NEED_ROOT = {"integration", "interop", "faults", "scripts", "windows"}


def give_back():
    """What was built and logged for somebody who asked for root by sudo is theirs again; Wine wants its prefix to be root's."""
    if os.geteuid() != 0 or "SUDO_UID" not in os.environ:
        return
    owner = int(os.environ["SUDO_UID"]), int(os.environ["SUDO_GID"])
    for folder, folders, files in os.walk(ROOT / "build"):
        if Path(folder) == ROOT / "build":
            folders[:] = [name for name in folders if name != "wine"]
        for name in (*folders, *files):
            os.chown(Path(folder) / name, *owner, follow_symlinks=False)


def main(arguments):
    if arguments[:1] == ["--need-root"]:
        return 0 if NEED_ROOT & set(arguments[1:] or NEED_ROOT) else 1
    if arguments == ["--list"]:
        for name, (default, text, _) in RINGS.items():
            print(f"{name:12} {'default' if default else 'by name'}  {text}")
        return 0
    unknown = [name for name in arguments if name not in RINGS]
    if unknown:
        print(f"scripts/test: no such ring: {', '.join(unknown)}; there are {', '.join(RINGS)}", file=sys.stderr)
        return 2
    chosen = arguments or [name for name, (default, _, _) in RINGS.items() if default]
    total = Count()
    try:
        for name in chosen:
            began = time.monotonic()
            print(f"== {name}", flush=True)
            if name in MOSTLY_WAIT:
                other_builds.begin(build for later in chosen for build in NEED_BUILDS.get(later, []))
            count = RINGS[name][2]()
            total += count
            print(f"== {name}: {count} ({time.monotonic() - began:.0f} s)", flush=True)
    finally:
        give_back()
    print(total)
    return 1 if total.failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
