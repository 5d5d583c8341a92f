"""The whole of Cardea without an HSM: `[vault] kind = "software"`, its keys living with the session."""

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.utils import Prehashed
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey

import piv
from cardea_stack import FACTORY_PIN, READER, Stack, running
from pcsc import Connection, verify_command


@pytest.fixture(scope="module")
def software(scratch, opensc_conf):
    with running(Stack(scratch / "software", server_config='[vault]\nkind = "software"\nkeys = "session"\n')) as started:
        yield started


def answer(connection, command):
    data, sw = connection.transmit(command)
    while sw[:2] == "61":
        more, sw = connection.transmit("00C00000" + sw[2:])
        data += more
    assert sw == "9000", sw
    return bytes.fromhex(data)


def ed25519(connection, message):
    body = b"\x82\x00\x81" + piv.ber_length(len(message)) + message
    body = b"\x7C" + piv.ber_length(len(body)) + body
    return answer(connection, f"0087E09A{len(body):02X}{body.hex()}00")[4:]


def test_every_algorithm_through_the_reader_and_after_a_restart(software):
    """[A7][B1] Ed25519, X25519 and P-256 by PC/SC; the keys are there when the server has been started again."""
    card = software.new_card()
    with Connection() as connection:
        piv.authenticate(connection)
        signing = Ed25519PublicKey.from_public_bytes(piv.generate(connection, "9A", "E0")[5:])
        agreeing = X25519PublicKey.from_public_bytes(piv.generate(connection, "9D", "E1")[5:])
        point = piv.generate(connection, "9C", "11")[5:]
        assert connection.sw(verify_command(FACTORY_PIN)) == "9000"
        signing.verify(ed25519(connection, b"message"), b"message")
        with pytest.raises(InvalidSignature):
            signing.verify(ed25519(connection, b"message"), b"another")

        mine = X25519PrivateKey.generate()
        peer = mine.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)
        assert answer(connection, f"0087E19D267C2482008520{peer.hex()}00")[4:] == mine.exchange(agreeing)

    card.eject()
    software.server.stop()
    software.start_server()
    card.insert()
    with Connection() as connection:
        assert connection.sw(verify_command(FACTORY_PIN)) == "9000"
        signing.verify(ed25519(connection, b"after the restart"), b"after the restart")
        assert connection.sw(verify_command(FACTORY_PIN)) == "9000"
        digest = bytes(range(32))
        signature, sw = piv.sign_p256(connection, digest, "9C")
        assert sw == "9000"
        public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
        public.verify(bytes.fromhex(signature)[4:], digest, ec.ECDSA(Prehashed(hashes.SHA256())))
    card.remove()


def test_yubico_tools_sign_and_attest(software, tool):
    """[A6] yubico-piv-tool over the software vault: a signature, and an attestation with its chain."""
    card = software.new_card()

    def yubico(*arguments):
        return tool("yubico-piv-tool", "-r", READER, *arguments)

    yubico("-a", "generate", "-s", "9e", "-A", "ECCP384", "--pin-policy", "never", "-o", "public.pem")
    yubico("-a", "read-certificate", "-s", "f9", "-o", "f9.pem")
    yubico("-a", "attest", "-s", "9e", "-o", "attestation.pem")
    tool("openssl", "verify", "-CAfile", "f9.pem", "attestation.pem")
    assert tool("openssl", "x509", "-in", "attestation.pem", "-noout", "-pubkey").stdout == \
        tool("openssl", "pkey", "-pubin", "-in", "public.pem").stdout
    card.remove()


def test_nothing_of_an_hsm_and_files_for_the_owner_only(software):
    """[B1] No SoftHSM beside it, and nobody else reads the root key or an object."""
    assert not (software.data / "softhsm").exists()
    token = software.data / "software"
    files = [path for path in token.rglob("*") if path.is_file()]
    assert {"root.key", "token"} <= {path.name for path in files}
    assert len([path for path in files if path.suffix == ".object"]) >= 6
    assert all(path.stat().st_mode & 0o077 == 0 for path in files)
