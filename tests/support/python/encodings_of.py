"""The forms in which a PIN might hide in a stream of octets."""

import base64


def bcd(digits):
    """Packed decimal, filled up with F at the end or 0 in front."""
    if len(digits) % 2:
        return {bytes.fromhex(digits + "F"), bytes.fromhex("0" + digits)}
    return {bytes.fromhex(digits)}


def in_base64(octets):
    """What is certain to stand in a Base64 text that has these octets somewhere, at each of three alignments."""
    found = set()
    for shift in range(3):
        text = base64.b64encode(bytes(shift) + octets + bytes((-shift - len(octets)) % 3))
        first = -(-shift * 8 // 6)                    # characters that the octets before have a part in
        last = (shift + len(octets)) * 8 // 6         # and after
        found.add(text[first:last])
        found.add(text[first:last].translate(bytes.maketrans(b"+/", b"-_")))
    return found


def encodings_of(pin):
    """{name: octets} for a numeric PIN: plain, padded as in a PIV field, as hexadecimal, Base64, UTF-16, decimal."""
    plain = pin.encode()
    padded = plain.ljust(8, b"\xff")
    out = {"plain": {plain}, "utf-16": {pin.encode("utf-16-le"), pin.encode("utf-16-be")}, "bcd": bcd(pin)}
    for name, octets in (("plain", plain), ("padded", padded)):
        out[f"{name}, hexadecimal"] = {octets.hex().encode(), octets.hex().upper().encode(),
                                       octets.hex(" ").encode(), octets.hex(" ").upper().encode(),
                                       octets.hex(":").encode(), octets.hex(":").upper().encode()}
        out[f"{name}, base64"] = in_base64(octets)
    out["reversed"] = {plain[::-1]}
    return out


def found_in(pin, haystacks, leave_out=()):
    """The names of the encodings of a PIN that occur in one of these."""
    return [name for name, needles in encodings_of(pin).items() if name not in leave_out
            for needle in needles if any(needle in haystack for haystack in haystacks)]
