"""Cards that several interop files need ready-made, and the programs as functions."""

import subprocess

import pytest

from cardea_stack import FACTORY_MANAGEMENT_KEY, FACTORY_PIN, OPENSC_MODULE, READER


@pytest.fixture
def ykman(tool):
    def run(*arguments, **more):
        return tool("ykman", "-r", READER, *arguments, **more)

    return run


@pytest.fixture
def yubico(tool):
    def run(*arguments, **more):
        return tool("yubico-piv-tool", "-r", READER, *arguments, **more)

    return run


@pytest.fixture
def pkcs11(tool):
    def run(*arguments, **more):
        return tool("pkcs11-tool", "--module", OPENSC_MODULE, *arguments, **more)

    return run


def provision(slot, algorithm, directory):
    """A key and a self-signed certificate in one slot, by ykman."""
    public = directory / f"{slot}.pem"
    base = ["ykman", "-r", READER, "piv"]
    subprocess.run([*base, "keys", "generate", "-m", FACTORY_MANAGEMENT_KEY, "-a", algorithm, slot, public], check=True,
                   capture_output=True, timeout=120)
    subprocess.run([*base, "certificates", "generate", "-m", FACTORY_MANAGEMENT_KEY, "-P", FACTORY_PIN, "-s",
                    f"CN=holder {slot}", slot, public], check=True, capture_output=True, timeout=120)
    return public


@pytest.fixture(scope="session")
def issued(stack, tmp_path_factory):
    """A card with RSA-2048 in 9A, 9C and 9D and P-256 in 9E, each with a certificate; (card, {slot: public key file})."""
    card = stack.new_card("piv-yubikey5")
    directory = tmp_path_factory.mktemp("issued")
    keys = {slot: provision(slot, algorithm, directory)
            for slot, algorithm in {"9a": "RSA2048", "9c": "RSA2048", "9d": "RSA2048", "9e": "ECCP256"}.items()}
    card.eject()
    return card, keys


@pytest.fixture(scope="session")
def written_to(stack):
    card = stack.new_card("piv-yubikey5")
    card.eject()
    return card


@pytest.fixture
def used_card(written_to):
    """A card in the reader on which other tests have left keys and objects, PIN and PUK being the factory's."""
    yield written_to.insert()
    written_to.eject()


@pytest.fixture
def provisioned(issued):
    """That card in the reader for one test; {slot: public key file}."""
    card, keys = issued
    card.insert()
    yield keys
    card.eject()
