"""PC/SC from Python, thin: connect, transmit, and an exception that carries the SCARD_ code."""

from smartcard import scard

from cardea_stack import READER


class PcscError(Exception):
    """A call did not return SCARD_S_SUCCESS."""

    def __init__(self, call, code):
        super().__init__(f"{call}: {scard.SCardGetErrorMessage(code)} (0x{code & 0xFFFFFFFF:08X})")
        self.code = code & 0xFFFFFFFF


def checked(call, result):
    code = result[0] if isinstance(result, (tuple, list)) else result
    if code != scard.SCARD_S_SUCCESS:
        raise PcscError(call, code)
    return result[1:] if isinstance(result, (tuple, list)) else None


class Connection:
    """One card handle."""

    def __init__(self, reader=READER, share=scard.SCARD_SHARE_SHARED):
        (self._context,) = checked("SCardEstablishContext", scard.SCardEstablishContext(scard.SCARD_SCOPE_SYSTEM))
        try:
            self._card, self._protocol = checked(
                "SCardConnect", scard.SCardConnect(self._context, reader, share, scard.SCARD_PROTOCOL_T1))
        except PcscError:
            scard.SCardReleaseContext(self._context)
            raise

    def transmit(self, apdu):
        """Hexadecimal in, (data, status word) in hexadecimal out."""
        pci = scard.SCARD_PCI_T1
        octets = list(bytes.fromhex(apdu))
        (answer,) = checked("SCardTransmit", scard.SCardTransmit(self._card, pci, octets))
        text = bytes(b & 0xFF for b in answer).hex().upper()
        return text[:-4], text[-4:]

    def sw(self, apdu):
        return self.transmit(apdu)[1]

    def reconnect(self, initialisation=scard.SCARD_RESET_CARD):
        (self._protocol,) = checked("SCardReconnect", scard.SCardReconnect(
            self._card, scard.SCARD_SHARE_SHARED, scard.SCARD_PROTOCOL_T1, initialisation))

    def status(self):
        """(state, protocol, ATR as hexadecimal)."""
        _, state, protocol, atr = checked("SCardStatus", scard.SCardStatus(self._card))
        return state, protocol, bytes(b & 0xFF for b in atr).hex().upper()

    def close(self, disposition=scard.SCARD_RESET_CARD):
        scard.SCardDisconnect(self._card, disposition)
        scard.SCardReleaseContext(self._context)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def verify_command(pin):
    return "0020008008" + pin.encode().hex().upper().ljust(16, "F")
