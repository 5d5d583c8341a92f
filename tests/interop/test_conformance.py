"""card-profiles section K, items 1 to 5, over PC/SC: pcscd, driver, agent, TLS, server. K1 also runs with OpenSC's tools."""

import hashlib

import pytest
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, utils
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.serialization import load_pem_public_key

import piv
from cardea_stack import FACTORY_MANAGEMENT_KEY, FACTORY_PIN
from pcsc import Connection, verify_command

CHUID = "5FC102"
RIGHT, WRONG = verify_command(FACTORY_PIN), verify_command("999999")
STATUS = "00200080"
DISCOVERY = "7E124F0BA0000003080000100001005F2F024000"


def words(connection, *apdus):
    return [connection.sw(apdu) for apdu in apdus]


def part(body, more, ins="DB3FFF"):
    return ("10" if more else "00") + ins + f"{len(body):02X}" + body.hex()


def quarters(value):
    """PUT DATA of the CHUID cut into four commands' data."""
    body = bytes.fromhex("5C03" + CHUID) + b"\x53" + piv.ber_length(len(value)) + value
    step = -(-len(body) // 4)
    assert step <= 255
    return [body[i:i + step] for i in range(0, len(body), step)]


def test_k1_state_survives_foreign_applications(card):
    """[A1] K.1: what was verified stays verified while other card systems are looked for."""
    with Connection() as connection:
        piv.authenticate(connection)
        assert words(connection, RIGHT) == ["9000"]
        for aid in ("627601FF000000", "A00000000101", "E82B0601040181C31F0201", "A0000003974254465900", "D27600012401"):
            assert connection.transmit(f"00A40400{len(aid) // 2:02X}{aid}") == ("", "6A82")
        assert words(connection, STATUS, part(bytes.fromhex("5C035FC1025300"), False)) == ["9000", "9000"]


def test_k2_lengths_and_get_response(card):
    """[A1] K.2: a partial read, then the exact one; the rest fetched in the short and the extended form; dropped by another command."""
    value = bytes(range(256)) + bytes(range(44))
    object_ = "5382012C" + value.hex().upper()
    read, extended_read = "00CB3FFF055C03" + CHUID, "00CB3FFF0000055C03" + CHUID
    with Connection() as connection:
        piv.authenticate(connection)
        assert piv.put_object(connection, CHUID, value) == "9000"
        assert connection.transmit(read + "08") == (object_[:16], "6100")
        assert connection.transmit("00C0000000") == (object_[16:528], "6128")
        assert connection.transmit("00C0000028") == (object_[528:], "9000")
        assert connection.sw("00C0000000") == "6985"
        assert connection.transmit(read + "00") == (object_[:512], "6130")
        assert connection.transmit("00C00000000000") == (object_[512:], "9000")
        assert connection.transmit(read + "08") == (object_[:16], "6100")
        assert words(connection, STATUS, "00C0000000") == ["63C3", "6985"]
        assert connection.transmit(extended_read + "0000") == (object_, "9000")
        assert connection.transmit(extended_read) == (object_, "9000")
        assert connection.transmit("00CB3FFF035C017E") == (DISCOVERY, "9000")
        assert connection.transmit("00CB3FFF035C017E14") == (DISCOVERY, "9000")
        assert words(connection, "00FD0000", "00FD000000", "00FD000000000000"[:14], "0020008000", "00200080000000") == \
            ["9000", "9000", "9000", "63C3", "63C3"]


def test_k3_chain_of_four(card):
    """[A1] K.3: four pieces are one command."""
    value = hashlib.shake_256(b"chained").digest(700)
    pieces = quarters(value)
    assert len(pieces) == 4
    with Connection() as connection:
        piv.authenticate(connection)
        assert words(connection, *(part(p, i < 3) for i, p in enumerate(pieces))) == ["9000"] * 4
        assert piv.get_object(connection, CHUID) == value


def test_k3_abandoned_chain_changes_nothing(card):
    """[A1] K.3: after another command the rest of a chain is a command of its own, and a wrong one."""
    pieces = quarters(bytes(700))
    with Connection() as connection:
        piv.authenticate(connection)
        assert piv.put_object(connection, CHUID, b"before") == "9000"
        assert words(connection, part(pieces[0], True), part(pieces[1], True)) == ["9000", "9000"]
        assert connection.transmit("00CB3FFF035C017E00") == (DISCOVERY, "9000")
        assert connection.sw(part(pieces[3], False)) == "6A80"
        assert piv.get_object(connection, CHUID) == b"before"


def test_k3_other_instruction_in_between(card):
    """[A1] K.3: a chain of another instruction takes the place of the one that was begun."""
    pieces = quarters(bytes(700))
    key = bytes.fromhex("AC03800111")
    with Connection() as connection:
        piv.authenticate(connection)
        assert piv.put_object(connection, CHUID, b"before") == "9000"
        assert words(connection, part(pieces[0], True), part(key[:2], True, "47009A")) == ["9000", "9000"]
        assert connection.sw(part(key[2:], False, "47009A")) == "9000"
        assert connection.sw(part(pieces[1], False)) == "6A80"
        assert piv.get_object(connection, CHUID) == b"before"


def test_k3_chain_is_limited_and_cut_by_a_reset(card):
    """[A1] K.3, 0.6, 0.7: beyond 16 KiB there is no memory; a reset forgets what was collected."""
    piece = part(bytes(255), True)
    with Connection() as connection:
        piv.authenticate(connection)
        assert words(connection, *[piece] * 65) == ["9000"] * 64 + ["6A84"]
        assert connection.sw(part(quarters(bytes(700))[0], True)) == "9000"
        connection.reconnect()
        piv.authenticate(connection)
        assert connection.sw(part(quarters(bytes(700))[3], False)) == "6A80"
        assert piv.get_object(connection, CHUID) is None


def test_k4_wrong_pins_until_blocked(card):
    """[C3] K.4: each wrong PIN is counted, asking is not; the blocked PIN refuses the right one too, also after a reset."""
    with Connection() as connection:
        assert words(connection, *[STATUS, "0020008000"] * 5) == ["63C3"] * 10
        assert words(connection, WRONG, STATUS, WRONG, STATUS, WRONG, STATUS, RIGHT) == \
            ["63C2", "63C2", "63C1", "63C1", "6983", "6983", "6983"]
        connection.reconnect()
        assert words(connection, STATUS, RIGHT) == ["6983", "6983"]
    pins = card.stack.cli("card", "show", card.id)["pins"]
    assert pins["pin"] == {"tries_left": 0, "tries_max": 3, "factory_value": True, "must_change": False}
    assert pins["puk"] == {"tries_left": 3, "tries_max": 3, "factory_value": True, "must_change": False}


def test_k4_wrong_format_spends_no_try(nist_card):
    """[C3] K.4: what cannot be a PIN is refused and not counted."""
    with Connection() as connection:
        assert words(connection, "0020008008FFFFFFFFFFFFFFFF", verify_command("12345"), verify_command("12a456"), STATUS) == \
            ["6A80", "6A80", "6A80", "63C3"]


def test_k4_unblock(card):
    """[C3] K.4: the PUK has its own counter, fills both, and leaves the PIN unverified; the new PIN holds."""
    unblock = "002C008010{}" + verify_command("246802")[10:]
    right_puk, wrong_puk = b"12345678".hex(), b"00000000".hex()
    with Connection() as connection:
        assert words(connection, WRONG, WRONG, WRONG, unblock.format(wrong_puk), STATUS) == ["63C2", "63C1", "6983", "63C2", "6983"]
        assert words(connection, unblock.format(right_puk), STATUS) == ["9000", "63C3"]
        assert words(connection, RIGHT, verify_command("246802"), STATUS) == ["63C2", "9000", "9000"]
        assert words(connection, *[unblock.format(wrong_puk)] * 3, unblock.format(right_puk)) == ["63C2", "63C1", "6983", "6983"]


def test_k4_reset_forgets_the_pin(card):
    """[C3] K.4, 0.7: verified until the reset, and no longer."""
    with Connection() as connection:
        assert words(connection, RIGHT, STATUS) == ["9000", "9000"]
        connection.reconnect()
        assert words(connection, STATUS, RIGHT, "0020FF80", STATUS) == ["63C3", "9000", "9000", "63C3"]


def test_k5_vector_tdes(card):
    """[A6] K.5, I.1: the card's answer to a known challenge under the factory key; a wrong witness is refused."""
    with Connection() as connection:
        data, sw = connection.transmit("0087039B047C02800000")
        assert (data[:8], sw) == ("7C0A8008", "9000")
        witness = piv.decrypt(FACTORY_MANAGEMENT_KEY, bytes.fromhex(data[8:])).hex()
        command = "0087039B167C148008{}8108A1A2A3A4A5A6A7A800"
        assert connection.transmit(command.format(witness)) == ("7C0A8208199FA374705A69EB", "9000")
        assert connection.sw(command.format(witness)) == "6985"  # the witness was good once
        assert connection.sw("0087039B047C02800000") == "9000"
        assert connection.sw(command.format("00" * 8)) == "6982"
        assert connection.sw("0047009A05AC0380011100") == "6982"


def test_k5_vector_aes(card):
    """[A6] K.5, I.2: the same with an AES-256 key."""
    key = bytes(range(32))
    with Connection() as connection:
        piv.authenticate(connection)
        assert connection.sw("00FFFFFF230C9B20" + key.hex()) == "9000"
        connection.reconnect()
        data, sw = connection.transmit("00870C9B047C02800000")
        assert (data[:8], sw) == ("7C128010", "9000")
        decryptor = Cipher(algorithms.AES(key), modes.ECB()).decryptor()
        witness = decryptor.update(bytes.fromhex(data[8:])).hex()
        challenge = bytes(range(0x20, 0x30)).hex()
        assert connection.transmit(f"00870C9B267C248010{witness}8110{challenge}00") == \
            ("7C12821061A6936E4E8F101C1CC1F993B542A0D4", "9000")
        assert connection.sw("0087039B047C02800000") == "6A86"


def rsa_signature(connection, slot, digest):
    """PKCS #1 v1.5 with SHA-256, the padding made here; (signature or empty, status word)."""
    info = bytes.fromhex("3031300D060960864801650304020105000420") + digest
    block = b"\x00\x01" + b"\xff" * (256 - 3 - len(info)) + b"\x00" + info
    body = bytes.fromhex("7C820106820081820100") + block
    assert connection.sw(f"108707{slot}FF" + body[:255].hex()) == "9000"
    data, sw = connection.transmit(f"008707{slot}{len(body) - 255:02X}" + body[255:].hex() + "00")
    while sw[:2] == "61":
        more, sw = connection.transmit("00C00000" + sw[2:])
        data += more
    return bytes.fromhex(data)[8:], sw


def test_k5_signature_key_wants_the_pin_each_time(provisioned):
    """[A4] K.5: one PIN, one signature with 9C, however it is chained; 9A goes on."""
    digest = hashlib.sha256(b"the quick brown fox").digest()
    public = load_pem_public_key(provisioned["9c"].read_bytes())
    with Connection() as connection:
        assert rsa_signature(connection, "9C", digest) == (b"", "6982")
        for _ in range(2):
            assert connection.sw(RIGHT) == "9000"
            signature, sw = rsa_signature(connection, "9C", digest)
            assert sw == "9000"
            public.verify(signature, digest, padding.PKCS1v15(), utils.Prehashed(hashes.SHA256()))
            assert rsa_signature(connection, "9C", digest) == (b"", "6982")
        assert connection.sw(STATUS) == "9000"
        assert rsa_signature(connection, "9A", digest)[1] == "9000"


def test_k5_card_authentication_without_pin(provisioned):
    """[A4][A7] K.5: 9E signs without the PIN, the others do not."""
    digest = hashlib.sha256(b"the quick brown fox").digest()
    with Connection() as connection:
        data, sw = piv.sign_p256(connection, digest, "9E")
        assert sw == "9000"
        signature = bytes.fromhex(data)[4:]
        load_pem_public_key(provisioned["9e"].read_bytes()).verify(signature, digest, ec.ECDSA(utils.Prehashed(hashes.SHA256())))
        for slot in ("9A", "9C", "9D"):
            assert rsa_signature(connection, slot, digest) == (b"", "6982")
        assert connection.sw(STATUS) == "63C3"


@pytest.mark.parametrize("tag", ["5FC103", "5FC108", "5FC109", "5FC121"])
def test_k5_protected_objects(card, tag):
    """[A3] K.5: an object behind the PIN does not tell whether it is there."""
    read = "00CB3FFF055C03" + tag + "00"
    with Connection() as connection:
        assert words(connection, read, RIGHT, read) == ["6982", "9000", "6A82"]
        piv.authenticate(connection)
        assert piv.put_object(connection, tag, b"private") == "9000"
        assert connection.transmit(read) == ("5307" + b"private".hex().upper(), "9000")
        connection.reconnect()
        assert connection.transmit(read) == ("", "6982")
