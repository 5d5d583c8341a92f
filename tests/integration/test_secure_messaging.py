"""PIV's secure messaging, through pcscd, with a host of its own (tests/support/python/opacity.py).

Slot 04 is filled as an issuer would do it: through a channel of the card manager's keys the card makes the key, and gets the
certificate that the issuer's content signer has made of it.
"""

import os

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, utils
import pytest

from card_keys import import_keys
from cardea_stack import CHEAP_PINS, FACTORY_PIN, Stack, running
import certified
import opacity
from opacity import SUITES, Distrusted, Messaging, Refused, Signer, read_tlv, tlv
from pcsc import Connection, verify_command
import piv
from scp03 import Scp03, diversified

MASTER = os.urandom(32)
PIV_AID = "A000000308000010000100"
SELECT_PIV, SELECT_ISD = "00A4040005A000000308", "00A4040000"
GUID = bytes.fromhex("000102030405060708090A0B0C0D0E0F")
GET_DATA, VERIFY_PIN, CHANGE_PIN, PAIRING_CODE = "CB3FFF", "200080", "240080", "200098"
DISCOVERY = ("5C017E", "7E124F0BA0000003080000100001005F2F024000")


@pytest.fixture(scope="module")
def stack(scratch):
    # What PIN policy there is is the default: no PINs in plain text.
    with running(Stack(scratch / "sm", server_config=CHEAP_PINS)) as started:
        import_keys(started, (MASTER,))
        yield started


def in_channel(host, header, field):
    """A long command in parts of which each is protected; the answer to the last."""
    while len(field) > 200:
        assert host.send(f"90{header}C8{field[:200].hex()}")[1] == "9000"
        field = field[200:]
    return host.send(f"80{header}{len(field):02X}{field.hex()}00")


def personalise(connection, suite, signer):
    """The secure messaging key, its certificate, and the object in which hosts find the signer's."""
    assert connection.sw(SELECT_PIV) == "9000"
    host = Scp03(connection.transmit, lambda kdd: diversified(MASTER, kdd), aid=PIV_AID).open(0x33)
    made, word = host.send(f"8047000405AC038001{suite.id:02X}00")
    assert word == "9000"
    point = read_tlv(read_tlv(bytes.fromhex(made), "7F49"), "86")
    certificate = signer.card_verifiable(point, GUID)
    assert in_channel(host, f"24{suite.id:02X}04", tlv("30", tlv("8A", certificate))) == ("", "9000")
    found = tlv("5C", bytes.fromhex("5FC122")) + tlv("53", signer.object())
    assert in_channel(host, "DB3FFF", found) == ("", "9000")
    assert connection.sw(SELECT_PIV) == "9000"  # and the channel is over


class Holder:
    """A card with a secure messaging key, and what a host knows of its issuer."""

    def __init__(self, stack, suite):
        self.suite, self.signer = suite, Signer(suite)
        self.card = stack.new_card("piv-nist")
        with Connection() as connection:
            personalise(connection, suite, self.signer)

    def host(self, connection, signer=None):
        return Messaging(connection.transmit, self.suite, (signer or self.signer).certificate)

    def open(self, connection):
        assert connection.sw(SELECT_PIV) == "9000"
        return self.host(connection).establish()


@pytest.fixture(params=SUITES.values(), ids=lambda suite: f"suite{suite.id:02X}")
def holder(stack, request):
    made = Holder(stack, request.param)
    yield made
    made.card.remove()


@pytest.fixture(scope="module")
def kept(stack):
    made = Holder(stack, SUITES[0x27])
    made.card.eject()
    return made


@pytest.fixture
def one(kept):
    """The same card of suite 27 each time, in the reader, for tests that leave it as they find it."""
    kept.card.insert()
    yield kept
    kept.card.eject()


def is_over(connection, host):
    """Whether the session has gone: what the host goes on with is not for the card."""
    return connection.sw(host.wrap(GET_DATA, DISCOVERY[0])[-1]) == "6882"


def test_a_session_of_each_suite(holder):
    """[A6][SP800-73-4/2#4.1][SP800-73-4/2#4.2] The card proves its key by the signer's certificate, and answers under the keys."""
    with Connection() as connection:
        template, word = connection.transmit(SELECT_PIV)
        assert word == "9000" and f"8001{holder.suite.id:02X}060100" in template
        signer = holder.signer.object().hex().upper()
        assert piv.get_object(connection, "5FC122").hex().upper() == signer
        host = holder.open(connection)
        assert host.send(GET_DATA, DISCOVERY[0]) == (DISCOVERY[1], "9000")
        # Longer than one answer; absent; without an expected length.
        assert host.send(GET_DATA, "5C035FC122") == (tlv("53", bytes.fromhex(signer)).hex().upper(), "9000")
        assert host.send(GET_DATA, "5C035FC105") == ("", "6A82")
        assert host.send(GET_DATA, DISCOVERY[0], expected="") == (DISCOVERY[1], "9000")
        # It opens nothing: printed information wants the PIN.
        assert host.send(GET_DATA, "5C035FC109") == ("", "6982")
        assert host.send(VERIFY_PIN) == ("", "63C3")
        # Plain commands and PIV's own SELECT leave it as it is.
        assert connection.sw("00200080") == "63C3"
        assert connection.sw(SELECT_PIV) == "9000"
        assert host.send(GET_DATA, DISCOVERY[0]) == (DISCOVERY[1], "9000")
        # New keys take the place of old ones, but not through these.
        assert host.send(f"87{holder.suite.id:02X}04", tlv("7C", tlv("81", bytes(9)) + tlv("82", b"")).hex()) == ("", "6985")
        again = holder.open(connection)
        assert again.send(GET_DATA, DISCOVERY[0]) == (DISCOVERY[1], "9000")
        assert connection.sw(host.wrap(GET_DATA, DISCOVERY[0])[-1]) == "6988"


def test_who_is_not_trusted(one):
    """[A6][SP800-73-4/2#4.1] A certificate by another signer, or changed, is refused by the host; no session is of use to it."""
    with Connection() as connection:
        assert connection.sw(SELECT_PIV) == "9000"
        with pytest.raises(Distrusted, match="another profile, role or issuer"):
            one.host(connection, Signer(one.suite)).establish()
        certificate = one.open(connection).certificate
        opacity.trusted_key(one.suite, certificate, one.signer.certificate)
        at = certificate.index(GUID)
        changed = certificate[:at] + b"\xFF" + certificate[at + 1:]
        with pytest.raises(Distrusted, match="signature"):
            opacity.trusted_key(one.suite, changed, one.signer.certificate)
        # The other suite's number names nothing on this card.
        with pytest.raises(Refused, match="6A86"):
            Messaging(connection.transmit, SUITES[0x2E], one.signer.certificate).establish()


def test_the_pin(stack, holder):
    """[A6][C2][SP800-73-4/2#3.2.1][SP800-73-4/2#3.2.2] The PIN is good through the session, where no agent sees it and the server
    takes none in plain text; what was verified is for plain commands as well."""
    fresh = "849173"
    with Connection() as connection:
        host = holder.open(connection)
        assert host.send(VERIFY_PIN, b"849170\xff\xff".hex()) == ("", "63C2")
        assert host.send(VERIFY_PIN, b"84917A\xff\xff".hex()) == ("", "6A80")
        assert host.send(VERIFY_PIN) == ("", "63C2")
        assert host.send(VERIFY_PIN, b"123456\xff\xff".hex()) == ("", "9000")
        assert connection.sw("00200080") == "9000"
        assert host.send(GET_DATA, "5C035FC109") == ("", "6A82")
        assert host.send(CHANGE_PIN, (b"123456\xff\xff" + fresh.encode() + b"\xff\xff").hex()) == ("", "9000")
        assert host.send("20FF80") == ("", "9000")
        assert host.send(VERIFY_PIN) == ("", "63C3")
    with Connection() as connection:
        # By challenge and response it is the same PIN, and the other way round.
        assert connection.sw(SELECT_PIV) == "9000"
        assert connection.sw(verify_command(FACTORY_PIN)) == "63C2"
        assert connection.sw(verify_command(fresh)) == "9000"
    with Connection() as connection:
        host = holder.open(connection)
        assert host.send(VERIFY_PIN) == ("", "63C3")
        assert host.send(VERIFY_PIN, fresh.encode().hex() + "FFFF") == ("", "9000")
    lines = stack.cli("audit", "list", "--card", holder.card.id, "--limit", "200")
    said = [(line["action"], line["success"]) for line in lines]
    assert ("pin.try", False) in said and ("pin.try", True) in said and ("pin.replace", True) in said
    # Each session is a use of the key, on the log like any other.
    agreed = [line for line in lines if line["action"] == "key.use" and '"04"' in str(line).replace("'", '"')]
    assert len(agreed) == 2 and all(line["success"] for line in agreed)


def test_pins_that_no_client_has_read(stack):
    """[A6][C5][C3] Nobody looks at a PIN on its way to the card, so the card does: what everybody tries first is 6A80, and no try is
    spent. Wrong ones are counted as ever."""
    holder = Holder(stack, SUITES[0x27])
    try:
        with Connection() as connection:
            host = holder.open(connection)
            for common in (b"111111\xff\xff", b"12345678", b"123456\xff\xff", b"9137AB\xff\xff"):
                assert host.send(CHANGE_PIN, (b"123456\xff\xff" + common).hex()) == ("", "6A80")
                assert host.send(CHANGE_PIN, (b"999999\xff\xff" + common).hex()) == ("", "6A80")
            assert host.send(VERIFY_PIN) == ("", "63C3")
            for word in ("63C2", "63C1", "6983"):
                assert host.send(CHANGE_PIN, (b"999999\xff\xff" + b"849173\xff\xff").hex()) == ("", word)
            assert host.send(VERIFY_PIN, b"123456\xff\xff".hex()) == ("", "6983")
            assert connection.sw(verify_command(FACTORY_PIN)) == "6983"
    finally:
        holder.card.remove()


def test_a_channel_that_hides_nothing(stack):
    """[A6][C2] A PIN under a MAC alone is a PIN in plain text: the server takes none (6982), and no try is spent. Encrypted, it does."""
    card = stack.new_card("piv-nist")
    try:
        for level, word in ((0x01, "6982"), (0x11, "6982"), (0x03, "9000"), (0x33, "9000")):
            with Connection() as connection:
                assert connection.sw(SELECT_PIV) == "9000"
                host = Scp03(connection.transmit, lambda kdd: diversified(MASTER, kdd), aid=PIV_AID).open(level)
                assert host.send("0020008000") == ("", "63C3")
                assert host.send(verify_command(FACTORY_PIN)) == ("", word)
                assert host.send("0020008000") == ("", "9000" if word == "9000" else "63C3")
    finally:
        card.remove()


def test_long_commands_and_answers(holder):
    """[A6][SP800-73-4/2#4.2] A signature with RSA-2048: the command goes as a chain, the answer comes in pieces."""
    with Connection() as connection:
        piv.authenticate(connection)
        key = certified.public_key(piv.generate(connection, "9A", "07"))
        host = holder.open(connection)
        digest = os.urandom(32)
        block = bytes.fromhex("3031300D060960864801650304020105000420") + digest
        block = b"\x00\x01" + b"\xff" * (253 - len(block)) + b"\x00" + block
        asked = tlv("7C", tlv("82", b"") + tlv("81", block)).hex()
        assert len(host.protect("87079A", asked)) > 255
        host = holder.open(connection)
        assert host.send("87079A", asked) == ("", "6982")
        assert host.send(VERIFY_PIN, b"123456\xff\xff".hex()) == ("", "9000")
        answer, word = host.send("87079A", asked)
        assert word == "9000"
        signature = read_tlv(read_tlv(bytes.fromhex(answer), "7C"), "82")
        key.verify(signature, digest, padding.PKCS1v15(), utils.Prehashed(hashes.SHA256()))


def test_no_virtual_contact_interface(one):
    """[A6][SP800-73-4/2#3.2.1] There is no pairing code, and the discovery object says so: 6A88, inside and outside."""
    with Connection() as connection:
        host = one.open(connection)
        assert host.send(PAIRING_CODE, b"12345678".hex()) == ("", "6A88")
        assert host.send(PAIRING_CODE) == ("", "6A88")
        assert connection.sw("0020009808" + b"12345678".hex()) == "6A88"
        assert host.send(GET_DATA, DISCOVERY[0]) == (DISCOVERY[1], "9000")


def changed_mac(connection, host):
    command = bytearray.fromhex(host.wrap(GET_DATA, DISCOVERY[0])[0])
    command[-2] ^= 1
    return connection.sw(command.hex())


def changed_data(connection, host):
    command = bytearray.fromhex(host.wrap(GET_DATA, DISCOVERY[0])[0])
    command[12] ^= 1
    return connection.sw(command.hex())


def changed_header(connection, host):
    return connection.sw(host.wrap(GET_DATA, DISCOVERY[0])[0].replace("CB3FFF", "CB3FFE"))


def replayed(connection, host):
    (command,) = host.wrap(GET_DATA, DISCOVERY[0])
    assert host.unwrap(*host._whole(command)) == (DISCOVERY[1], "9000")
    return connection.sw(command)


def reordered(connection, host):
    host.wrap(GET_DATA, DISCOVERY[0])
    return connection.sw(host.wrap(GET_DATA, DISCOVERY[0])[0])


def without_mac(connection, host):
    return connection.sw(opacity.in_parts(GET_DATA, host.protect(GET_DATA, DISCOVERY[0])[:-10])[0])


def without_anything(connection, _):
    return connection.sw("0CCB3FFF035C017E00")


def a_pin_as_it_is(connection, _):
    return connection.sw("0C20008008" + b"849173\xff\xff".hex())


def short_mac(connection, host):
    field = host.protect(GET_DATA, DISCOVERY[0])
    return connection.sw(opacity.in_parts(GET_DATA, field[:-10] + tlv("8E", field[-8:-1]))[0])


def not_to_be_protected(connection, host):
    return connection.sw(host.wrap("DB3FFF", "5C035FC1025300")[0])


def not_to_be_protected_in_parts(connection, host):
    *parts, last = host.wrap("DB3FFF", (bytes.fromhex("5C035FC102") + tlv("53", bytes(600))).hex())
    assert [connection.sw(part) for part in parts] == ["9000"] * len(parts) and len(parts) == 2
    return connection.sw(last)


def part_lost(connection, host):
    first, _, last = host.wrap("87079A", tlv("7C", tlv("82", b"") + tlv("81", bytes(500))).hex())
    assert connection.sw(first) == "9000"
    return connection.sw(last)


def too_long(connection, host):
    parts = host.wrap("87079A", bytes(16 * 1024).hex())[:65]
    assert [connection.sw(part) for part in parts[:-1]] == ["9000"] * 64
    return connection.sw(parts[-1])


def plain_command_in_a_chain(connection, host):
    first, last = host.wrap("87079A", tlv("7C", tlv("82", b"") + tlv("81", bytes(256))).hex())
    assert connection.sw(first) == "9000"
    assert connection.sw("00CB3FFF035C017E00") == "9000"
    return connection.sw(last)


VIOLATIONS = {changed_mac: "6988", changed_data: "6988", changed_header: "6988", replayed: "6988", reordered: "6988",
              without_mac: "6987", without_anything: "6987", a_pin_as_it_is: "6987", short_mac: "6988", not_to_be_protected: "6882",
              not_to_be_protected_in_parts: "6882", part_lost: "6988", too_long: "6988", plain_command_in_a_chain: "6988"}


@pytest.mark.parametrize("violate", VIOLATIONS, ids=lambda violate: violate.__name__)
def test_a_violated_session_is_over(one, violate):
    """[A6][SP800-73-4/2#4.2] Each violation has its status word, unprotected, and the next command finds no session. The PIN's
    status, which is not the session's, stays."""
    with Connection() as connection:
        host = one.open(connection)
        assert host.send(VERIFY_PIN, b"123456\xff\xff".hex()) == ("", "9000")
        assert violate(connection, host) == VIOLATIONS[violate]
        assert is_over(connection, host)
        assert connection.sw("00200080") == "9000"
        assert one.open(connection).send(GET_DATA, DISCOVERY[0]) == (DISCOVERY[1], "9000")


def test_what_ends_a_session(one):
    """[A6][SP800-73-4/2#4.3] Reset, another application, the card's leaving the reader."""
    with Connection() as connection:
        assert connection.sw(SELECT_PIV) == "9000"
        assert is_over(connection, one.open(connection)) is False
        host = one.open(connection)
        connection.reconnect()
        assert connection.sw(SELECT_PIV) == "9000"
        assert is_over(connection, host)
        host = one.open(connection)
        assert connection.sw(SELECT_ISD) == "9000"
        assert connection.sw(SELECT_PIV) == "9000"
        assert is_over(connection, host)
        host = one.open(connection)
    one.card.eject()
    one.card.insert()
    with Connection() as connection:
        assert connection.sw(SELECT_PIV) == "9000"
        assert is_over(connection, host)
        assert one.open(connection).send(GET_DATA, DISCOVERY[0]) == (DISCOVERY[1], "9000")


def test_without_key_or_certificate(stack):
    """[A6][SP800-73-4/2#4.1] A card that nobody has given them offers nothing and refuses: 6A86; class 0C is 6882."""
    card = stack.new_card("piv-nist")
    try:
        with Connection() as connection:
            template, word = connection.transmit(SELECT_PIV)
            assert word == "9000" and "800127" not in template and "80012E" not in template
            for suite in SUITES.values():
                with pytest.raises(Refused, match="6A86"):
                    Messaging(connection.transmit, suite, Signer(suite).certificate).establish()
            assert connection.sw("0CCB3FFF0A8E08000000000000000000") == "6882"
    finally:
        card.remove()
