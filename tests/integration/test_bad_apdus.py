"""The largest and the smallest that can be sent as an APDU, through pcscd, driver, agent and server to the card."""

import pytest

from pcsc import Connection

LARGEST = "00FFFF" + "31" * 65535  # extended Lc and data; with header and Le 65,544 octets


@pytest.fixture(params=["piv-nist", "piv-yubikey5"])
def connection(stack, request):
    made = stack.new_card(request.param)
    with Connection() as opened:
        yield opened
    made.remove()


# The words are those of card-os/README.md: 6A80 for a PIN field of the wrong size and data that is no template, 6A82 for a name
# that nobody has, 6982 where the administrator is missing, 6D00 and 6E00 for what nobody knows.
@pytest.mark.parametrize("header, word", [
    ("00200080", "6A80"), ("00240080", "6A80"), ("002C0080", "6A80"), ("00CB3FFF", "6A80"), ("0087039B", "6A80"),
    ("00A40400", "6A82"), ("00DB3FFF", "6982"), ("0047009A", "6982"), ("00B00000", "6D00"), ("E0200080", "6E00"),
    ("01200080", "6881"), ("0C200080", "6882"),
])
def test_largest_commands(connection, header, word):
    """[A1][A3] 65,544 octets: one word each, no try is spent, and the card goes on."""
    apdu = header + LARGEST + "0000"
    assert len(bytes.fromhex(apdu)) == 65_544
    assert connection.transmit(apdu) == ("", word)
    assert connection.transmit(header + LARGEST) == ("", word)  # without Le
    assert connection.transmit(apdu + "00") == ("", "6700")  # an octet more is no APDU
    assert connection.transmit("00200080") == ("", "63C3")


def test_largest_parts_of_a_chain(connection):
    """[A1] More than a chain can hold is 6A84, and the next command is whole again."""
    assert connection.transmit("10DB3FFF" + LARGEST) == ("", "6A84")
    assert connection.transmit("00200080") == ("", "63C3")


@pytest.mark.parametrize("apdu", ["00", "20", "FF", "0020", "002000"])
def test_less_than_a_header(connection, apdu):
    """[A1][A3] One to three octets are 6700, and what was selected and asked before is not touched."""
    assert connection.transmit("00A4040005A000000308")[1] == "9000"
    assert connection.transmit(apdu) == ("", "6700")
    assert connection.transmit("00200080") == ("", "63C3")
