"""What scripts/bench measures, in one run on one machine, and how it is printed."""

import argparse
import contextlib
import json
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support" / "python"))

import private_place  # noqa: E402
from cardea_stack import READER, Stack, build_directory  # noqa: E402
from pcscd import Pcscd, Place  # noqa: E402
from processes import Child, wait_until  # noqa: E402

BIN, LIB = build_directory() / "bin", build_directory() / "lib"
# Reads the discovery object: short, pure, and answered by every card here with a response of the same length.
APDU = "00CB3FFF035C017E00"
AUTHORITY_STEP = r"^\[.* certificate from the authority .* (\d+) ms$"
VPCD_DRIVER = "/usr/lib/pcsc/drivers/serial/libifdvpcd.so"


def run(*command, **more):
    """What it said on standard output and on standard error."""
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False, timeout=600,
                          stdin=subprocess.DEVNULL, **more)
    if done.returncode != 0:
        raise SystemExit(f"{command[0]} ended with {done.returncode}: {done.stderr}")
    return done.stdout, done.stderr


def output(*command, **more):
    return run(*command, **more)[0]


class Figure:
    """One measurement in several rounds; the median speaks for it."""

    def __init__(self, rounds):
        self.low, self.middle, self.high = min(rounds), statistics.median(rounds), max(rounds)

    def text(self, unit):
        return f"{self.middle:12,.1f} {unit:5} (min {self.low:,.1f}, max {self.high:,.1f})"


@contextlib.contextmanager
def pcscd(directory, text):
    """pcscd with one reader configured by `text`."""
    configuration = directory / "reader.conf.d"
    shutil.rmtree(configuration, ignore_errors=True)
    configuration.mkdir(parents=True)
    (configuration / "reader").write_text(text)
    place = Place()
    daemon = Pcscd(place, configuration, directory / "pcscd.log").start()
    try:
        yield
    finally:
        daemon.stop()
        place.leave()


def apdu_round(reader, count, env=None):
    """Microseconds for one SCardTransmit."""
    return json.loads(output(BIN / "bench_apdu_loop", "--reader", reader, "--apdu", APDU, "--count", count, "--json",
                             env={**os.environ, **(env or {})}))["median_us"]


def apdu_rounds(reader, rounds, count):
    return Figure([apdu_round(reader, count) for _ in range(rounds)])


def measure_cardea(stack, rounds):
    """The same card through pcscd and through the WINSCARD connector, in turn."""
    stack.agent.stop()
    stack.readers = "both"
    stack.start_agent()
    card = stack.new_card("piv-yubikey5")
    runs = [(apdu_round(READER, 5000), apdu_round(READER, 5000, stack.connector_env())) for _ in range(rounds)]
    card.remove()
    stack.agent.stop()
    stack.readers = "pcscd"
    stack.start_agent()
    return (Figure(values) for values in zip(*runs))


def measure_floor(directory, rounds):
    text = f'FRIENDLYNAME "Null"\nDEVICENAME /dev/null\nLIBPATH {LIB}/libifdnull.so\nCHANNELID 1\n'
    with pcscd(directory, text):
        return apdu_rounds("Null 00 00", rounds, 20000)


def measure_vpcd(directory, rounds):
    text = f'FRIENDLYNAME "Virtual PCD"\nDEVICENAME /dev/null:0x8C7B\nLIBPATH {VPCD_DRIVER}\nCHANNELID 0x8C7B\n'
    with pcscd(directory, text):
        card = Child("null_vpcd", [BIN / "bench_null_vpcd", "--port", "35963"], directory / "vpcd.log").start()
        try:
            return apdu_rounds("Virtual PCD 00 00", rounds, 60)
        finally:
            card.kill()


def openssl_speed(algorithm, seconds, processes=None):
    name = {"rsa2048": "rsa2048", "p256": "ecdsap256"}[algorithm]
    many = ("-multi", processes or os.cpu_count()) if processes != 1 else ()
    text = output("openssl", "speed", "-seconds", seconds, *many, name)
    line = [l for l in text.splitlines() if re.search(r"rsa 2048|nistp256", l)][-1]
    return float(re.findall(r"[\d.]+", line)[-2])


def hsm_loop(algorithm, seconds):
    return json.loads(output(BIN / "bench_hsm_loop", "--algorithm", algorithm, "--seconds", seconds, "--processes", os.cpu_count(),
                             "--json"))["per_second"]


def worker_loop(algorithm, keys, seconds):
    """The signer's loop over the software vault; a second of processor time, as openssl speed counts."""
    return json.loads(output(BIN / "bench_worker", "--vault", "software", "--algorithm", algorithm, "--keys", keys, "--seconds", seconds,
                             "--json"))["per_second"]


def measure_software(rounds, seconds):
    """Rates of the software vault and their ratio to one core of openssl speed, taken in turn."""
    flat = {}
    for algorithm in ("rsa2048", "p256"):
        for keys in ("operation", "session"):
            runs = [(openssl_speed(algorithm, seconds, 1), worker_loop(algorithm, keys, seconds)) for _ in range(rounds)]
            rate, ratio = Figure([w for _, w in runs]), Figure([w / o for o, w in runs])
            print(f"{algorithm:8} software, key kept for {keys:9} {rate.text('/s')}   {ratio.middle:.2f} x openssl speed", flush=True)
            flat |= {f"software_{keys}_{algorithm}_per_s": rate.middle, f"software_{keys}_{algorithm}_ratio": ratio.middle}
    return flat


def issue(stack, directory, plan, env=None):
    """Issues a new card and keeps it in the reader; milliseconds, of these what the authority took, and the card."""
    card = stack.new_card("piv-yubikey5")
    for name, value in {"pin": "471147", "puk": "31415926", "key": os.urandom(24).hex()}.items():
        path = directory / name
        path.touch(mode=0o600)
        path.write_text(value + "\n")
    (directory / "state.json").unlink(missing_ok=True)
    began = time.monotonic()
    _, steps = run(BIN / "cardea-cms", "issue", "--reader", READER, "--plan", ROOT / f"cms-connector/perso/plans/{plan}.json", "--ca",
                   directory / "ca", "--subject", "CN=Bench", "--pin-file", directory / "pin", "--puk-file", directory / "puk",
                   "--management-key-file", directory / "key", "--state", directory / "state.json", "--execute",
                   env={**os.environ, **(env or {})})
    whole = (time.monotonic() - began) * 1000
    return whole, sum(int(took) for took in re.findall(AUTHORITY_STEP, steps, re.MULTILINE)), card


def issue_rounds(directory, rounds):
    """A card with three RSA-2048 keys that were made ahead, through pcscd and through the connector; milliseconds without the authority's."""
    spares = 3 * 2 * rounds
    stack = Stack(directory, server_config=f"[pool]\nrsa2048 = {spares}\n", log_level="info", readers="both").start()
    try:
        output(BIN / "cardea-cms", "ca", "init", directory / "ca")
        wait_until(lambda: sum(row["ready"] for row in stack.cli("pool", "status")) >= spares, 600, "the pool is full")
        ways = {"pcscd": None, "connector": stack.connector_env()}
        times = {way: [] for way in ways}
        for _ in range(rounds):
            for way, env in ways.items():
                took, authority, card = issue(stack, directory, "piv-three-keys", env)
                times[way].append(took - authority)
                card.remove()
        return {way: Figure(taken) for way, taken in times.items()}
    finally:
        stack.stop()


def exchange(stack, card, algorithm, directory, seconds):
    code = stack.cli("device", "code", "--org", stack.organisation, "--role", "registrar")["code"]
    path = directory / "code"
    path.write_text(code + "\n")
    return json.loads(output(BIN / "bench_exchange", "--server", f"127.0.0.1:{stack.port}", "--ca", stack.data / "tls" / "ca.pem",
                             "--code-file", path, "--card", card.id, "--pin", "471147", "--algorithm", algorithm, "--sessions",
                             16, "--seconds", seconds + 1))["per_second"]


def measure_login(rounds):
    runs = [json.loads(output(BIN / "bench_pin_login", "--count", 500, "--json")) for _ in range(rounds)]
    return Figure([run["per_second_per_core"] for run in runs]), Figure([run["latency_ms"] for run in runs])


PARTS = ("apdu", "sign", "software", "login", "issue", "generate")
GENERATE = "0047009D05AC0380010700"  # RSA-2048 in 9D


def generate_rounds(directory, rounds, spares):
    """Milliseconds for GENERATE of an RSA-2048 key over PC/SC, with so many keys made ahead."""
    from pcsc import Connection  # pcscd must be up before the module is used
    import piv

    stack = Stack(directory, server_config=f"[pool]\nrsa2048 = {spares}\n", log_level="info").start()
    try:
        card = stack.new_card("piv-yubikey5")
        wait_until(lambda: sum(row["ready"] for row in stack.cli("pool", "status")) == spares, 120, "the pool is full")
        times = []
        with Connection() as connection:
            piv.authenticate(connection)
            for _ in range(rounds):
                began = time.monotonic()
                _, sw = connection.transmit(GENERATE)
                times.append((time.monotonic() - began) * 1000)
                assert sw[:2] == "61" or sw == "9000", sw
        card.remove()
        return Figure(times)
    finally:
        stack.stop()


def machine():
    model = next((l.split(":")[1].strip() for l in Path("/proc/cpuinfo").read_text().splitlines() if l.startswith("model name")), "?")
    return f"{model}, {os.cpu_count()} cores, {platform.system()} {platform.release()}"


def main():
    parser = argparse.ArgumentParser(prog="scripts/bench")
    parser.add_argument("--json")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=2)
    parser.add_argument("--only", default=",".join(PARTS))
    options = parser.parse_args()
    only = set(options.only.split(","))
    if only - set(PARTS):
        parser.error(f"no such measurement: {', '.join(sorted(only - set(PARTS)))}; there are {', '.join(PARTS)}")
    if options.rounds < 1 or options.seconds < 1:
        parser.error("--rounds and --seconds are at least 1")
    private_place.enter("scripts/bench")
    directory = Path(tempfile.mkdtemp(prefix="cardea-bench-"))
    flat = {"machine": machine()}
    print(flat["machine"], flush=True)
    try:
        if "apdu" in only:
            floor, vpcd = measure_floor(directory, options.rounds), measure_vpcd(directory, options.rounds)
            print(f"APDU (a) null IFD handler          {floor.text('us')}")
            print(f"APDU (b) vpcd with a null card     {vpcd.text('us')}", flush=True)
        if "software" in only:
            flat |= measure_software(options.rounds, options.seconds)
        if "login" in only:
            rate, latency = measure_login(options.rounds)
            print(f"login    server's part, a core     {rate.text('/s')}   {latency.middle:.2f} ms for one alone", flush=True)
            flat |= {"login_per_s_per_core": rate.middle, "login_latency_ms": latency.middle}
        if "generate" in only:
            waited = generate_rounds(directory / "g0", options.rounds, 0)
            ahead = generate_rounds(directory / "g1", options.rounds, options.rounds)
            print(f"generate RSA-2048, made on demand  {waited.text('ms')}")
            print(f"generate RSA-2048, made ahead      {ahead.text('ms')}   {waited.middle / ahead.middle:.0f} times as fast", flush=True)
            flat |= {"generate_rsa2048_ms": waited.middle, "generate_rsa2048_pool_ms": ahead.middle}
        if "issue" in only:
            ahead = issue_rounds(directory / "i", options.rounds)
            for way, took in ahead.items():
                print(f"issue    three RSA-2048, made ahead {took.text('ms')}   through {'pcscd' if way == 'pcscd' else 'the connector'}, without the "
                      "authority's part", flush=True)
            flat |= {f"issue_three_keys_{way}_ms": took.middle for way, took in ahead.items()}
        if not only & {"apdu", "sign", "issue"}:
            if options.json:
                Path(options.json).write_text(json.dumps(flat, indent=2) + "\n")
            return 0
        stack = Stack(directory / "s", server_config='', log_level="info")
        stack.start()
        try:
            output(BIN / "cardea-cms", "ca", "init", directory / "ca")
            if "apdu" in only:
                cardea, connector = measure_cardea(stack, options.rounds)
                print(f"APDU (c) Cardea                    {cardea.text('us')}   {cardea.middle / floor.middle:.1f} x floor, "
                      f"{vpcd.middle / cardea.middle:.0f} times as fast as vpcd")
                print(f"APDU (d) Cardea, without pcscd     {connector.text('us')}   {connector.middle / cardea.middle:.2f} x (c)",
                      flush=True)
                flat |= {"apdu_floor_us": floor.middle, "apdu_vpcd_us": vpcd.middle, "apdu_cardea_us": cardea.middle,
                         "apdu_connector_us": connector.middle}
            if "sign" in only:
                for algorithm, plan in {"rsa2048": "piv-standard", "p256": "piv-p256"}.items():
                    _, _, card = issue(stack, directory, plan)
                    # In turn, so that a drift of the machine meets all three alike.
                    runs = [(openssl_speed(algorithm, options.seconds), hsm_loop(algorithm, options.seconds),
                             exchange(stack, card, algorithm, directory, options.seconds))
                            for _ in range(options.rounds)]
                    raw, loop, through = (Figure(values) for values in zip(*runs))
                    card.remove()
                    print(f"{algorithm:8} openssl speed             {raw.text('/s')}")
                    print(f"{algorithm:8} SoftHSM unwrap+sign loop  {loop.text('/s')}")
                    ratio = Figure([t / l for _, l, t in runs])
                    print(f"{algorithm:8} through Cardea            {through.text('/s')}   {ratio.middle:.2f} x the loop", flush=True)
                    flat |= {f"openssl_{algorithm}_per_s": raw.middle, f"hsm_loop_{algorithm}_per_s": loop.middle,
                             f"cardea_{algorithm}_per_s": through.middle}
            if "issue" in only:
                times = []
                for _ in range(options.rounds):
                    took, _, card = issue(stack, directory, "piv-standard")
                    times.append(took)
                    card.remove()
                whole = Figure(times)
                print(f"issue    one card, four RSA-2048   {whole.text('ms')}")
                flat["issue_card_ms"] = whole.middle
        finally:
            stack.stop()
        if options.json:
            Path(options.json).write_text(json.dumps(flat, indent=2) + "\n")
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
