"""Getting back in without the PIN: links from the administrator, the holder's program over TLS, and keys that are the same afterwards."""

import os
import subprocess
import threading

import pytest

from cardea_stack import CHEAP_PINS, FACTORY_MANAGEMENT_KEY, FACTORY_PIN, FACTORY_PUK, OPENSC_MODULE, READER, Stack, running
from pcsc import Connection, verify_command
from processes import wait_until
from tls_tap import TlsTap

PIN, PUK = "7391846", "58209317"
QUESTIONS = ("First pet?", "Rover", "First school?", "St. Mary's", "Which year?", "1984")


@pytest.fixture(scope="module")
def recovering(scratch, opensc_conf):
    with running(Stack(scratch / "r", server_config=CHEAP_PINS + "[recovery]\nlinks_a_day = 20\n")) as started:
        yield started


class Holder:
    """A card that has left its issuance, with an RSA key in 9A, and its holder at a workstation."""

    def __init__(self, stack, directory):
        self.stack, self.directory = stack, directory
        self.card = stack.new_card("piv-yubikey5")
        base = ["ykman", "-r", READER, "piv"]
        self.run(*base, "keys", "generate", "-m", FACTORY_MANAGEMENT_KEY, "-a", "RSA2048", "9a", "9a.pem")
        self.run(*base, "certificates", "generate", "-m", FACTORY_MANAGEMENT_KEY, "-P", FACTORY_PIN, "-s", "CN=holder", "9a", "9a.pem")
        self.run("yubico-piv-tool", "-r", READER, "-a", "change-pin", "-P", FACTORY_PIN, "-N", PIN)
        self.run("yubico-piv-tool", "-r", READER, "-a", "change-puk", "-P", FACTORY_PUK, "-N", PUK)
        assert not stack.cli("card", "show", self.card.id)["passcode"]["in_issuance"]

    def run(self, *command, status=0, lines=()):
        done = subprocess.run([str(part) for part in command], input="".join(f"{line}\n" for line in lines), capture_output=True,
                              text=True, timeout=120, check=False, cwd=self.directory, start_new_session=True)
        assert done.returncode == status, f"{command}: {done.returncode}\n{done.stdout}\n{done.stderr}"
        return done

    def recovery(self, *arguments, status=0, lines=(), state=None):
        """`cardea-agent recovery …` with lines on its standard input."""
        return self.run(self.stack.bin / "cardea-agent", "--state-dir", state or self.stack.agent_state, "recovery", *arguments,
                        status=status, lines=lines)

    def refused(self, *arguments, lines=(), status=1):
        text = self.recovery(*arguments, lines=lines, status=status).stderr
        return [line for line in text.splitlines() if line.startswith("cardea-agent: ")][-1].removeprefix("cardea-agent: ")

    def codes(self, number=3, pin=PIN):
        text = self.recovery("setup", self.card.id, "--codes", number, "--pin-file", "-", lines=[pin]).stdout
        made = [line.strip() for line in text.splitlines() if line.startswith("    ")]
        assert len(made) == number
        return made

    def answers(self, pin=PIN):
        self.recovery("setup", self.card.id, "--questions-file", "-", "--pin-file", "-", lines=[*QUESTIONS, pin])

    def link(self):
        return self.stack.cli("card", "recovery-link", self.card.id)["link"]

    def use(self, *lines, link=None, by="--code-file", **more):
        return ("use", "--link-file", "-", by, "-", "--pin-file", "-"), {"lines": [link or self.link(), *lines], **more}

    def block_the_pin(self):
        with Connection() as connection:
            for expected in ("63C2", "63C1", "6983"):
                assert connection.sw(verify_command("8462719")) == expected

    def sign(self, pin, status=0):
        (self.directory / "text").write_bytes(b"a letter to sign")
        done = self.run("pkcs11-tool", "--module", OPENSC_MODULE, "--login", "--pin", pin, "--sign", "--id", "01", "-m",
                        "SHA256-RSA-PKCS", "-i", "text", "-o", "text.sig", status=status)
        if status == 0:
            verified = self.run("openssl", "dgst", "-sha256", "-verify", "9a.pem", "-signature", "text.sig", "text").stdout
            assert "Verified OK" in verified
        return done

    def back_in_the_reader(self):
        """After a recovery: its session ended, and the agent brings the card back when it notices."""
        self.card.eject()
        self.card.insert()

    def audited(self, action):
        return [line for line in self.stack.cli("audit", "list", "--card", self.card.id, "--limit", "1000") if line["action"] == action]


@pytest.fixture
def holder(recovering, tmp_path):
    made = Holder(recovering, tmp_path)
    yield made
    made.card.remove()


def test_a_printed_code_brings_the_keys_back(holder):
    """[D5] [B4] Codes are made with the PIN; one of them and a link set a new PIN for a card that is blocked, and the old key signs."""
    codes = holder.codes()
    assert holder.recovery("status", holder.card.id).stdout.splitlines()[1] == "codes    3 codes left"
    holder.sign(PIN)
    holder.block_the_pin()
    holder.sign(PIN, status=1)

    link = holder.link()
    arguments, more = holder.use(codes[0].lower().replace("-", " "), "471147", link=link)
    done = holder.recovery(*arguments, **more)
    assert "is set, with all its tries. Its keys are the same." in done.stdout
    assert "with 5 attempts left" in done.stderr
    assert codes[0] not in done.stdout + done.stderr and "471147" not in done.stdout + done.stderr
    holder.back_in_the_reader()
    holder.sign("471147")
    with Connection() as connection:
        assert connection.sw(verify_command(PIN)) == "63C2"

    # Neither the link nor the code is good again.
    arguments, more = holder.use(codes[1], "471148", link=link)
    assert holder.refused(*arguments, **more) == "the recovery link is unknown or was used already"
    arguments, more = holder.use(codes[0], "471148")
    assert holder.refused(*arguments, **more) == "the recovery code is unknown or was used already; 4 attempts left"
    assert holder.recovery("status", holder.card.id).stdout.splitlines()[1] == "codes    2 codes left"
    assert [line["detail"] for line in holder.audited("recovery.complete")] == [{"by": "code"}]
    assert len(holder.audited("recovery.attempt")) == 2
    assert {line["actor"] for line in holder.audited("recovery.link")} == {"administrator"}


def test_two_of_three_answers_do_the_same(holder):
    """[D5] Any two, however they are typed; one alone or a wrong one does not, and five attempts end the link."""
    holder.answers()
    shown = holder.recovery("status", holder.card.id).stdout
    assert "two of three open the card" in shown and "0 codes left" in shown
    link = holder.link()
    # What cannot be right costs nothing.
    arguments, more = holder.use("rover", "", "", "471147", link=link, by="--answers-file")
    assert holder.refused(*arguments, **more) == "two answers are needed; no attempt was spent"
    arguments, more = holder.use("rover", "", "1984", "47114", link=link, by="--answers-file")
    assert holder.refused(*arguments, **more) == "the new PIN must have six to eight characters"
    for left in (4, 3, 2):
        arguments, more = holder.use("rover", "st. johns", "", "471147", link=link, by="--answers-file")
        assert holder.refused(*arguments, **more).endswith(f"; {left} attempts left")
    arguments, more = holder.use("ROVER!", "", " 1984 ", "471147", link=link, by="--answers-file")
    holder.recovery(*arguments, **more)
    holder.back_in_the_reader()
    holder.sign("471147")

    link = holder.link()
    for left in ("4 attempts", "3 attempts", "2 attempts", "1 attempt", "0 attempts"):
        arguments, more = holder.use("rover", "wrong", "", "471199", link=link, by="--answers-file")
        assert holder.refused(*arguments, **more).endswith(f"; {left} left")
    arguments, more = holder.use("rover", "st marys", "1984", "471199", link=link, by="--answers-file")
    assert holder.refused(*arguments, **more) == "the recovery link has no attempts left"
    holder.sign("471147")


def test_refusals_have_sentences(holder):
    """[D5] [F6] A wrong PIN at setup, malformed input, a foreign link, a server that is not there: each says so, with its exit status."""
    assert holder.refused("setup", holder.card.id, "--pin-file", "-", lines=["1111111"]) == "the PIN is wrong; tries left: 2"
    assert holder.refused("setup", "no such card", "--pin-file", "-", lines=[PIN]) == "no such card: no such card for this workstation"
    twice = [*QUESTIONS[:3], "rover", *QUESTIONS[4:], PIN]
    assert holder.refused("setup", holder.card.id, "--questions-file", "-", "--pin-file", "-", lines=twice) == \
        "two of the answers are the same"
    assert "three questions are needed" in holder.refused("setup", holder.card.id, "--questions-file", "-", "--pin-file", "-", lines=["a", "b"])
    holder.recovery("setup", holder.card.id, "--codes", 21, "--pin-file", "-", lines=[PIN], status=2)
    holder.recovery("use", "--link", "x", "--link-file", "-", status=2)
    codes = holder.codes(1)
    link = holder.link()
    arguments, more = holder.use(codes[0][:-1], "471147", link=link)
    assert holder.refused(*arguments, **more) == "a recovery code has 20 characters; this has 19; no attempt was spent"
    arguments, more = holder.use(codes[0], "471147", link="AAAA")
    assert holder.refused(*arguments, **more) == "the recovery link is unknown or was used already"
    arguments, more = holder.use(codes[0], "471147", link="https://127.0.0.1:1/#AAAA")
    holder.refused(*arguments, **more, status=3)
    assert "there is no terminal" in holder.refused("use", "--link", link)
    # And nothing of that was an attempt.
    arguments, more = holder.use(codes[0], "471147", link=link)
    assert "with 5 attempts left" in holder.recovery(*arguments, **more).stderr


def test_a_link_opens_from_a_computer_that_is_not_enrolled(holder):
    """[D5] The whole link and the server's certificate authority are enough."""
    code, = holder.codes(1)
    link = f"https://127.0.0.1:{holder.stack.port}/recovery#{holder.link()}"
    arguments, more = holder.use(code, "471147", link=link, state=holder.directory / "nothing")
    holder.recovery(*arguments, "--ca", holder.stack.data / "tls" / "ca.pem", **more)
    holder.back_in_the_reader()
    holder.sign("471147")


def test_it_was_not_me(holder):
    """[D5] Whoever gets a link unasked blocks the card with it."""
    holder.codes(1)
    link = holder.link()
    assert "The card is blocked" in holder.recovery("disown", "--link", link).stdout
    assert holder.stack.cli("card", "show", holder.card.id)["state"] == "blocked"
    assert holder.refused("disown", "--link", link) == "the recovery link is unknown or was used already"
    holder.stack.cli("card", "unblock", holder.card.id)


def test_the_registration_authority_and_a_workstation_open_it_together(holder):
    """[D5] [B4] [D3] Half a key each: neither the registrar alone, nor the workstation without a link behind which a registrar stands."""
    stack = holder.stack
    person = f"{holder.card.id}@trust.example"
    user = stack.cli("user", "create", "--org", stack.organisation, "--name", "Some Body", "--email", person)["id"]
    stack.cli("card", "assign", holder.card.id, "--user", user)
    own = holder.directory / "own"
    code = stack.cli("device", "code", "--org", stack.organisation, "--user", user)["code"]
    holder.run(stack.bin / "cardea-agent", "--state-dir", own, "enrol", "--server", f"https://127.0.0.1:{stack.port}", "--ca",
               stack.data / "tls" / "ca.pem", "--code-file", "-", lines=[code])

    # The registrar's own workstation may not keep the holder's half.
    assert holder.refused("setup", holder.card.id, "--assisted", "--pin-file", "-", lines=[PIN]) == \
        "a registrar's workstation keeps no half of a holder's card"
    assert holder.refused("link", holder.card.id, "--assisted").endswith("a link would open nothing")
    holder.recovery("setup", holder.card.id, "--assisted", "--pin-file", "-", lines=[PIN], state=own)
    half, = own.glob("half-*")
    assert half.stat().st_mode & 0o777 == 0o600 and half.stat().st_size == 32
    assert "halves   1 workstation\n" in holder.recovery("status", holder.card.id, state=own).stdout
    done = holder.recovery("link", holder.card.id, status=1, state=own)
    assert "recovery links are made by the registration authority" in done.stderr

    def use(link, state=own, status=0):
        return holder.recovery("use", "--assisted", "--link-file", "-", "--pin-file", "-", lines=[link, "471147"], state=state,
                               status=status).stderr

    # Codes make an ordinary link possible, which lets no half be used.
    holder.recovery("setup", holder.card.id, "--codes", 1, "--pin-file", "-", lines=[PIN], state=own)
    plain = holder.recovery("link", holder.card.id).stdout.split()[0]
    assert "nobody of the registration authority stands behind this link" in use(plain, status=1)
    assert "with 5 attempts left" in use(plain, status=1)

    link = holder.recovery("link", holder.card.id, "--assisted").stdout.split()[0]
    # Who has the link and a workstation, but not this holder's, has nothing.
    assert "this workstation has no half of this card" in use(link, state=stack.agent_state, status=1)
    kept = half.read_bytes()
    half.write_bytes(bytes(32))
    assert "; 4 attempts left" in use(link, status=1)
    half.write_bytes(kept)
    use(link)
    holder.back_in_the_reader()
    holder.sign("471147")
    assert [line["detail"] for line in holder.audited("recovery.complete")] == [{"by": "workstation"}]
    made = holder.audited("recovery.link")
    assert [line["detail"]["assisted"] for line in made] == [True, False]
    assert all(line["actor"].startswith("device:") for line in made)

    # A revoked workstation's half is worth nothing.
    link = holder.recovery("link", holder.card.id, "--assisted").stdout.split()[0]
    device, = (row["id"] for row in stack.cli("device", "list", "--org", stack.organisation) if row["person"] == user)
    stack.cli("device", "revoke", device)
    assert "this workstation has been revoked" in use(link, status=1)


def test_two_officers_open_a_card_of_a_tenant_with_an_escrow(scratch, tmp_path):
    """[D5] [B4] [B6] The escrow key is made and used outside the server, in shares; a case needs two officers, and is good once."""
    stack = Stack(scratch / "re", server_config=CHEAP_PINS)

    def refused(*arguments, lines=()):
        done = subprocess.run([str(part) for part in (stack.bin / "cardea", "--socket", stack.data / "admin.sock", *arguments)],
                              input="".join(f"{line}\n" for line in lines), capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 1, done
        return done.stderr.removeprefix("cardea: ").strip()

    try:
        stack.start()
        before = card_with_pin(stack, tmp_path)
        keys = tmp_path / "keys"
        public = stack.cli("escrow", "make-key", "--out", keys, "--threshold", 2, "--shares", 3)["public_key"]
        shares = sorted(keys.iterdir())
        assert len(shares) == 3 and all(share.stat().st_mode & 0o777 == 0o600 for share in shares)
        other = stack.cli("escrow", "make-key", "--out", tmp_path / "other")["public_key"]
        assert other != public
        organisation, = (row["id"] for row in stack.cli("org", "list") if row["name"] == stack.organisation)
        stack.cli("org", "escrow", organisation, "--public-key", public)

        asks = ("--officer", "first", "--reason", "left the trust")
        assert refused("escrow", "request", before.card.id, *asks) == "the card has no escrow copy: only its holder can open it"
        holder = Holder(stack, tmp_path)
        shown = stack.cli("card", "show", holder.card.id)["passcode"]
        assert shown["holders"] == ["escrow", "pin", "puk"] and shown["tenant_escrow"]

        case = stack.cli("escrow", "request", holder.card.id, *asks)["case"]
        use = ("escrow", "recover", case, "--pin-file", "-", "--key", *shares[:2])
        assert refused(*use, lines=["471147"]) == "no second officer has approved this case"
        assert refused("escrow", "approve", case, "--officer", "first") == "a second officer approves, not the one who asked"
        stack.cli("escrow", "approve", case, "--officer", "second")
        # What is wrong here is found before the case is used up.
        assert refused("escrow", "recover", case, "--pin-file", "-", "--key", shares[0], lines=["471147"]) == "there are too few shares"
        assert refused(*use, lines=["47"]) == "the new PIN must have six to eight characters"
        holder.run(stack.bin / "cardea", "--socket", stack.data / "admin.sock", *use, lines=["471147"])
        assert refused(*use, lines=["471147"]) == f"there is no open case {case}"
        holder.back_in_the_reader()
        holder.sign("471147")

        # With another key the case is over, and nothing has changed.
        case = stack.cli("escrow", "request", holder.card.id, *asks)["case"]
        stack.cli("escrow", "approve", case, "--officer", "second")
        wrong = ("escrow", "recover", case, "--pin-file", "-", "--key", tmp_path / "other" / "escrow-key.txt")
        assert "this is not the escrow key" in refused(*wrong, lines=["999147"])
        holder.sign("471147")
        said = [(line["action"], line["success"]) for line in reversed(stack.cli("audit", "list", "--card", holder.card.id, "--limit", "1000"))
                if line["action"].startswith("escrow") or line["action"] == "recovery.complete"]
        assert said == [("escrow.request", True), ("escrow.approve", False), ("escrow.approve", True), ("escrow.open", True),
                        ("recovery.complete", True), ("escrow.request", True), ("escrow.approve", True), ("escrow.open", True)]
    finally:
        stack.kill()


# -- with servers of their own


def card_with_pin(stack, directory):
    """Without a reader: a card as it was made, its codes."""
    card = stack.new_card("piv-nist", insert=False)
    holder = Holder.__new__(Holder)
    holder.stack, holder.directory, holder.card = stack, directory, card
    return holder


def test_links_expire(scratch, tmp_path):
    """[D5] A link lasts as long as the server says, and a card gets so many a day."""
    stack = Stack(scratch / "rx", server_config=CHEAP_PINS + '[recovery]\nlink_life = "1s"\n')
    try:
        holder = card_with_pin(stack.start(), tmp_path)
        code, = holder.codes(1, pin=FACTORY_PIN)
        link = holder.link()

        def expired():
            arguments, more = holder.use("00000-00000-00000-00000", "471147", link=link)
            sentence = holder.refused(*arguments, **more)
            return sentence == "the recovery link has expired"

        wait_until(expired, 60, "the link has expired")
        arguments, more = holder.use(code, "471147", link=link)
        assert holder.refused(*arguments, **more) == "the recovery link has expired"
        holder.link()
        holder.link()
        done = subprocess.run([stack.bin / "cardea", "--socket", stack.data / "admin.sock", "card", "recovery-link", holder.card.id],
                              capture_output=True, text=True, timeout=60, check=False)
        assert (done.returncode, done.stderr) == (1, "cardea: the card got 3 recovery links today\n")
    finally:
        stack.kill()


class DeadlyTap(TlsTap):
    """Kills the server at a moment of the completion of a recovery: "asked", instead of letting it through; "answered", instead of letting the
    answer through; or so many seconds after it was let through."""

    def __init__(self, stack, moment):
        super().__init__(stack.directory, stack.port)
        self._stack, self._moment, self._asked, self.told = stack, moment, False, False

    def _pump(self, source, target):
        outer = self

        class Watching:
            def sendall(self, octets):
                if outer._asked:
                    if outer._moment == "answered":
                        outer._stack.server.kill()
                        raise OSError("killed")
                    outer.told = True
                elif b"/v1/recovery/completion" in octets:
                    outer._asked = True
                    if outer._moment == "asked":
                        outer._stack.server.kill()
                        raise OSError("killed")
                    if outer._moment != "answered":
                        threading.Timer(outer._moment, outer._stack.server.kill).start()
                target.sendall(octets)

            def shutdown(self, how):
                target.shutdown(how)

        super()._pump(source, Watching())


@pytest.mark.parametrize("moment", ["asked", 0, 0.002, 0.02, "answered"])
def test_a_server_that_dies_in_the_middle_leaves_no_half(recovering, tmp_path, moment):
    """[D5] Killed while it sets the new PIN: afterwards either the old one opens the keys, and link and code are good, or the new one."""
    holder = card_with_pin(recovering, tmp_path)
    code, = holder.codes(1, pin=FACTORY_PIN)
    token = holder.link()
    tap = DeadlyTap(recovering, moment).start()
    try:
        arguments, more = holder.use(code, "471147", link=f"https://127.0.0.1:{tap.port}/#{token}")
        done = subprocess.run([str(part) for part in (recovering.bin / "cardea-agent", "--state-dir", recovering.agent_state, "recovery",
                                                      *arguments, "--ca", tap.certificate)],
                              input="".join(f"{line}\n" for line in more["lines"]), capture_output=True, text=True, timeout=120, check=False)
    finally:
        tap.stop()
    recovering.server.wait(60)
    recovering.start_server()
    assert done.returncode == (0 if tap.told else 3), done
    assert ("The new PIN may have been set" in done.stderr) == (not tap.told)

    completed = opened_by(holder, "471147")
    assert opened_by(holder, FACTORY_PIN) == (not completed)
    if moment == "asked":
        assert (completed, tap.told) == (False, False)
    elif moment == "answered":
        assert (completed, tap.told) == (True, False)
    else:  # whichever was first
        assert completed or not tap.told
    # What was answered is on record.
    assert [line["success"] for line in holder.audited("recovery.complete")] == [True] or not (tap.told or moment == "answered")
    if completed:
        arguments, more = holder.use(code, "471148", link=token)
        assert holder.refused(*arguments, **more) == "the recovery link is unknown or was used already"
    else:
        arguments, more = holder.use(code, "471147", link=token)
        holder.recovery(*arguments, **more)
        assert opened_by(holder, "471147")


def opened_by(holder, pin):
    """Whether this PIN gives the card's secret to who knows it. Takes nothing away: answers are set, codes stay."""
    done = subprocess.run([str(part) for part in (holder.stack.bin / "cardea-agent", "--state-dir", holder.stack.agent_state, "recovery",
                                                  "setup", holder.card.id, "--questions-file", "-", "--pin-file", "-")],
                          input="".join(f"{line}\n" for line in (*QUESTIONS, pin)), capture_output=True, text=True, timeout=120,
                          check=False, env=os.environ)
    if done.returncode == 0:
        return True
    assert (done.returncode, done.stderr.splitlines()[-1]) == (1, "cardea-agent: the PIN is wrong; tries left: 2"), done
    return False
