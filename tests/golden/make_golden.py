#!/usr/bin/python3
"""Writes the golden files of this folder from the descriptions in cloud-backend/{vault,api,audit,witness}/README.md alone,
with Python's `cryptography` and no line of the product: a second implementation of every stored and sent format.

All inputs are fixed, so the files are always the same. A format that is in use never changes: a difference is a mistake, in the product,
in a description or here.
"""

import base64
import hashlib
import hmac
import struct
import sys
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM, ChaCha20Poly1305
from cryptography.hazmat.primitives.keywrap import aes_key_wrap_with_padding

CHACHA = 3


def octets(label, size=32):
    """Fixed octets that look like nothing."""
    return hashlib.shake_256(b"golden " + label.encode()).digest(size)


def x8(value):
    return bytes([len(value)]) + value


def x16(value):
    return struct.pack(">H", len(value)) + value


def hkdf_extract(hash_name, salt, material):
    return hmac.new(salt or bytes(hashlib.new(hash_name).digest_size), material, hash_name).digest()


def hkdf_expand(hash_name, key, info, size):
    out, block, n = b"", b"", 0
    while len(out) < size:
        n += 1
        block = hmac.new(key, block + info + bytes([n]), hash_name).digest()
        out += block
    return out[:size]


# HPKE, base mode: RFC 9180, sections 4.1 and 5.1.
KEM_SUITE = b"KEM" + struct.pack(">H", 0x0020)


def labeled_extract(suite, salt, label, material):
    return hkdf_extract("sha256", salt, b"HPKE-v1" + suite + label + material)


def labeled_expand(suite, key, label, info, size):
    return hkdf_expand("sha256", key, struct.pack(">H", size) + b"HPKE-v1" + suite + label + info, size)


def public_of(private):
    return X25519PrivateKey.from_private_bytes(private).public_key().public_bytes(
        serialization.Encoding.Raw, serialization.PublicFormat.Raw)


def hpke_seal(recipient, info, aad, plain, ephemeral):
    enc = public_of(ephemeral)
    dh = X25519PrivateKey.from_private_bytes(ephemeral).exchange(X25519PublicKey.from_public_bytes(recipient))
    shared = labeled_expand(KEM_SUITE, labeled_extract(KEM_SUITE, b"", b"eae_prk", dh), b"shared_secret", enc + recipient, 32)
    suite = b"HPKE" + struct.pack(">HHH", 0x0020, 0x0001, CHACHA)
    context = b"\0" + labeled_extract(suite, b"", b"psk_id_hash", b"") + labeled_extract(suite, b"", b"info_hash", info)
    secret = labeled_extract(suite, shared, b"secret", b"")
    key = labeled_expand(suite, secret, b"key", context, 32)
    nonce = labeled_expand(suite, secret, b"base_nonce", context, 12)
    return enc + ChaCha20Poly1305(key).encrypt(nonce, plain, aad)


TENANT, CARD = b"b61d7dd2-6d0c-4a53-8d47-0c6b28ab6e2d", b"0f7a3bb4-8fb2-4f0e-9a55-6f4f2a4d6c11"
REFERENCE, VERSION, P256 = 0x9A, 7, 32
KEK_VERSION = 1


def private_key():
    scalar = int.from_bytes(octets("scalar"), "big") % (2**255)
    key = ec.derive_private_key(scalar, ec.SECP256R1())
    point = key.public_key().public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    pkcs8 = key.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return pkcs8, point


def public_digest(point):
    return hashlib.sha256(bytes([P256]) + x16(b"") + x16(b"") + x16(point)).digest()


def sealed_key_1():
    """vault/README.md, "Sealed key, format 1"."""
    pkcs8, point = private_key()
    kek, mac_key, kek_id = octets("kek"), octets("mac key"), octets("kek id", 16)
    binding = hmac.new(mac_key, b"cardea binding 1", "sha256").digest()
    body = (bytes([1, 1]) + struct.pack(">I", KEK_VERSION) + x8(kek_id) + x8(TENANT) + x8(CARD) + bytes([REFERENCE])
            + struct.pack(">Q", VERSION) + bytes([P256]) + public_digest(point) + x16(aes_key_wrap_with_padding(kek, pkcs8)))
    return {"kek": kek, "mac_key": mac_key, "kek_id": kek_id, "tenant": TENANT, "card": CARD, "reference": bytes([REFERENCE]),
            "version": struct.pack(">Q", VERSION), "algorithm": bytes([P256]), "point": point, "pkcs8": pkcs8,
            "sealed": body + hmac.new(binding, body, "sha256").digest()}


def sealed_key_2():
    """vault/README.md, "Sealed key, format 2"."""
    inner, point = sealed_key_1(), private_key()[1]
    secret, ephemeral = octets("card secret"), octets("ephemeral of key")
    card_key = public_of(secret)
    head = bytes([2, CHACHA]) + struct.pack(">I", KEK_VERSION) + card_key
    aad = head + x8(TENANT) + x8(CARD) + bytes([REFERENCE]) + struct.pack(">Q", VERSION) + public_digest(point)
    return {"card_secret": secret, "ephemeral": ephemeral, "tenant": TENANT, "card": CARD, "reference": bytes([REFERENCE]),
            "version": struct.pack(">Q", VERSION), "algorithm": bytes([P256]), "point": point, "inner": inner["sealed"],
            "sealed": head + hpke_seal(card_key, b"cardea/1 key", aad, inner["sealed"], ephemeral)}


def public_of_ed25519(private):
    return Ed25519PrivateKey.from_private_bytes(private).public_key().public_bytes(
        serialization.Encoding.Raw, serialization.PublicFormat.Raw)


def sealed_key_3():
    """vault/README.md, "Sealed key, format 3": PKCS #8 of an HSM, then the bare keys of the software token."""
    pkcs8, point = private_key()
    scalar = (int.from_bytes(octets("scalar"), "big") % (2**255)).to_bytes(32, "big")
    ed25519 = octets("ed25519")
    kek, mac_key, kek_id = octets("kek"), octets("mac key"), octets("kek id", 16)
    binding = hmac.new(mac_key, b"cardea binding 1", "sha256").digest()
    out = []
    for mode, origin, algorithm, plain, public in ((1, 1, P256, pkcs8, point), (3, 2, P256, scalar, point),
                                                   (3, 1, 48, ed25519, public_of_ed25519(ed25519))):
        digest = hashlib.sha256(bytes([algorithm]) + x16(b"") + x16(b"") + x16(public)).digest()
        body = (bytes([3, mode]) + struct.pack(">I", KEK_VERSION) + x8(kek_id) + x8(TENANT) + x8(CARD) + bytes([REFERENCE])
                + struct.pack(">Q", VERSION) + bytes([algorithm, origin]) + digest + x16(aes_key_wrap_with_padding(kek, plain)))
        out.append({"kek": kek, "mac_key": mac_key, "kek_id": kek_id, "tenant": TENANT, "card": CARD, "reference": bytes([REFERENCE]),
                    "version": struct.pack(">Q", VERSION), "algorithm": bytes([algorithm]), "mode": bytes([mode]),
                    "origin": bytes([origin]), "point": public, "plain": plain,
                    "sealed": body + hmac.new(binding, body, "sha256").digest()})
    return out


def software_token():
    """vault/README.md, "The software token": its files, with the two keys of a tenant."""
    root, token_key = octets("root").hex().encode(), octets("token key")
    magic = b"cardea software token 1\n"

    def envelope(who):
        nonce, key = octets("nonce of " + who, 12), hmac.new(root, f"cardea software {who} 1".encode(), "sha256").digest()
        return nonce + AESGCM(key).encrypt(nonce, token_key, magic)

    yes, no = b"\x01", b"\x00"

    def number(value):
        return struct.pack("<Q", value)

    def contents(attributes, key):
        return struct.pack(">H", len(attributes)) + b"".join(
            struct.pack(">Q", kind) + x16(value) for kind, value in sorted(attributes.items())) + key

    def object_file(name, attributes, key):
        nonce = octets("nonce of " + name.decode(), 12)
        return b"cardea software object 1\n" + nonce + AESGCM(token_key).encrypt(nonce, contents(attributes, key), name)

    # CKA_CLASS, TOKEN, PRIVATE, LABEL, TRUSTED, KEY_TYPE, ID, SENSITIVE, WRAP, UNWRAP, SIGN, EXTRACTABLE
    kek_name, mac_name = octets("kek file", 16).hex().upper().encode() + b".object", octets("mac file", 16).hex().upper().encode() + b".object"
    common = {0x0: number(4), 0x1: yes, 0x2: yes, 0x103: yes, 0x162: no}
    kek = common | {0x3: b"cardea-kek/" + TENANT + b"/1", 0x86: yes, 0x100: number(0x1F), 0x102: octets("kek id", 16), 0x106: yes, 0x107: yes}
    mac = common | {0x3: b"cardea-mac/" + TENANT + b"/1", 0x100: number(0x10), 0x108: yes}
    return {"root_key": root, "token": magic + b"cardea".ljust(32) + envelope("user") + envelope("so"),
            "kek_name": kek_name, "kek_file": object_file(kek_name, kek, octets("kek")),
            "mac_name": mac_name, "mac_file": object_file(mac_name, mac, octets("mac key")),
            "secret": hmac.new(octets("mac key"), b"cardea secret 1" + x8(b"golden") + struct.pack(">H", 32) + b"\1", "sha256").digest()}


def secret_copies():
    """vault/README.md, "Copies of the card's secret"."""
    secret = octets("card secret")
    card_key = public_of(secret)

    def aad(holder, head):
        return b"cardea/1 card secret" + x16(TENANT) + x16(CARD) + x16(holder) + head

    out = []
    for holder, size in ((b"pin", 64), (b"puk", 64), (b"issuance", 32)):
        material, nonce = octets("material of " + holder.decode(), size), octets("nonce of " + holder.decode(), 12)
        key = hkdf_expand("sha512", hkdf_extract("sha512", b"", material), b"cardea/1 card secret copy", 32)
        head = bytes([1, 1, CHACHA]) + card_key
        out.append({"holder": holder, "tenant": TENANT, "card": CARD, "card_secret": secret, "material": material, "nonce": nonce,
                    "copy": head + nonce + ChaCha20Poly1305(key).encrypt(nonce, secret, aad(holder, head))})
    escrow, ephemeral = octets("escrow"), octets("ephemeral of escrow")
    head = bytes([1, 2, CHACHA]) + card_key
    out.append({"holder": b"escrow", "tenant": TENANT, "card": CARD, "card_secret": secret, "escrow_secret": escrow, "ephemeral": ephemeral,
                "copy": head + hpke_seal(public_of(escrow), b"cardea/1 card secret copy", aad(b"escrow", head), secret, ephemeral)})
    return out


def records():
    """api/README.md, "Records"."""
    session_key, session, generation = octets("session key", 64), b"golden-session", 12
    out = []
    for direction, sequence, plain in ((1, 5, b"steps of the agent"), (2, 5, b"results of the server"), (1, 2**40 + 1, b"")):
        ids = bytes([direction, CHACHA])
        key = hkdf_expand("sha512", session_key, b"cardea/1 record key" + ids, 32)
        iv = hkdf_expand("sha512", session_key, b"cardea/1 record iv" + ids, 12)
        number = struct.pack(">Q", sequence)
        nonce = iv[:4] + bytes(a ^ b for a, b in zip(iv[4:], number))
        aad = b"cardea/1 record" + bytes([CHACHA, direction]) + number + struct.pack(">Q", generation) + session
        out.append({"session_key": session_key, "session": session, "generation": struct.pack(">Q", generation),
                    "direction": bytes([direction]), "sequence": number, "plain": plain,
                    "record": bytes([CHACHA]) + ChaCha20Poly1305(key).encrypt(nonce, plain, aad)})
    return out


def names():
    """api/README.md, "PIN login"."""
    exporter, token = octets("exporter"), octets("token hash")
    thumbprint = b"NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs"
    identifier = b"cardea/1" + x16(TENANT) + x16(CARD) + x16(b"\x80")
    return {"tenant": TENANT, "card": CARD, "reference": b"\x80", "exporter": exporter, "thumbprint": thumbprint, "token_hash": token,
            "context": identifier + x16(exporter) + x16(thumbprint) + x16(token), "identifier": identifier,
            "ksf_memory_kib": struct.pack(">I", 65536), "ksf_passes": struct.pack(">I", 3), "ksf": bytes([1]) + struct.pack(">II", 65536, 3)}


# audit/README.md, "Rows": a column is (name, value, whether it is part of the key).
def audit_column(name, value):
    kind, octets_ = {int: (1, lambda v: struct.pack(">q", v)), float: (2, lambda v: struct.pack(">d", v)), str: (3, str.encode),
                     bytes: (4, bytes)}[type(value)]
    content = octets_(value)
    return x16(name.encode()) + bytes([kind]) + struct.pack(">I", len(content)) + content


def audit_encoding(kind, table, columns):
    kept = sorted(((n, v) for n, v, key in columns if v is not None and (kind == 1 or key)), key=lambda c: c[0].encode())
    return (bytes([kind]) + x16(table.encode()) + struct.pack(">H", len(kept))
            + b"".join(audit_column(n, v) for n, v in kept))


def audit_rows():
    """audit/README.md, "Rows" and "Log": a row, the key that names it, and the leaves of both."""
    rows = [("cards", [("serial", -3, False), ("id", CARD.decode(), True), ("weight", 0.5, False), ("secret", b"\0\xff", False),
                       ("holder", None, False), ("label", "K\u00e4rtchen", False)]),
            ("pins", [("ref", 128, True), ("card", 7, True), ("spent", 1, False)]),
            ("pins", [("ref", 129, True), ("card", 7, True), ("spent", 1, False), ("must_change", 1, False), ("factory", 0, False)]),
            ("pins", [("ref", 128, True), ("card", 8, True), ("spent", 1, False), ("must_change", None, False)])]
    out = []
    for table, columns in rows:
        row, tombstone = audit_encoding(1, table, columns), audit_encoding(2, table, columns)
        out.append({"table": table.encode(), "row": row, "tombstone": tombstone, "row_leaf": hashlib.sha256(b"\0" + row).digest(),
                    "tombstone_leaf": hashlib.sha256(b"\0" + tombstone).digest()})
    return out


# RFC 6962, section 2.1, as it is written there.
def split(n):
    return 1 << (n - 1).bit_length() - 1


def tree_hash(leaves):
    if len(leaves) == 1:
        return hashlib.sha256(b"\0" + leaves[0]).digest()
    k = split(len(leaves))
    return hashlib.sha256(b"\1" + tree_hash(leaves[:k]) + tree_hash(leaves[k:])).digest()


def path(m, leaves):
    if len(leaves) == 1:
        return []
    k = split(len(leaves))
    return path(m, leaves[:k]) + [tree_hash(leaves[k:])] if m < k else path(m - k, leaves[k:]) + [tree_hash(leaves[:k])]


def subproof(m, leaves, whole):
    if m == len(leaves):
        return [] if whole else [tree_hash(leaves)]
    k = split(len(leaves))
    if m <= k:
        return subproof(m, leaves[:k], whole) + [tree_hash(leaves[k:])]
    return subproof(m - k, leaves[k:], False) + [tree_hash(leaves[:k])]


def lines(hashes):
    return b"".join(base64.b64encode(h) + b"\n" for h in hashes)


def note_key_id(name, typed):
    return hashlib.sha256(name + b"\n" + typed).digest()[:4]


def note_line(name, typed, signature):
    return "\u2014 ".encode() + name + b" " + base64.b64encode(note_key_id(name, typed) + signature) + b"\n"


def note_verifier(name, typed):
    return name + b"+" + note_key_id(name, typed).hex().encode() + b"+" + base64.b64encode(typed)


P256_ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def ecdsa_p256(scalar, nonce, message):
    """(r, s), with a nonce that is fixed: for these files only."""
    r = ec.derive_private_key(nonce, ec.SECP256R1()).public_key().public_numbers().x % P256_ORDER
    digest = int.from_bytes(hashlib.sha256(message).digest(), "big")
    return r, pow(nonce, -1, P256_ORDER) * (digest + r * scalar) % P256_ORDER


def audit_log():
    """audit/README.md, "Checkpoints", "Receipts", "Cosignatures"; witness/README.md, "Protocol" and "State"."""
    leaves = [audit_encoding(1, "audit", [("number", n, True), ("action", "key.use", False)]) for n in range(11)]
    origin, old, number, time = b"golden.example/changes", 4, 6, 1_700_000_000

    scalar, nonce = (int.from_bytes(octets(label), "big") % (2**255) for label in ("log scalar", "log nonce"))
    public = ec.derive_private_key(scalar, ec.SECP256R1()).public_key()
    log_name, log_typed = b"cardea", b"\2" + public.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    text = origin + b"\n" + str(len(leaves)).encode() + b"\n" + lines([tree_hash(leaves)])
    r, s = ecdsa_p256(scalar, nonce, text)
    note = text + b"\n" + note_line(log_name, log_typed, encode_dss_signature(r, s))

    witness = Ed25519PrivateKey.from_private_bytes(octets("witness"))
    name, typed = b"witness.example/1", b"\4" + public_of_ed25519(octets("witness"))
    signature = witness.sign(b"cosignature/v1\ntime %d\n" % time + text)
    line = note_line(name, typed, struct.pack(">Q", time) + signature)
    proof = lines(subproof(old, leaves, True))
    log_key = note_verifier(log_name, log_typed)
    receipt = (b"cardea/receipt/1\nentry " + base64.b64encode(leaves[number]) + b"\nleaf %d\n" % number
               + lines(path(number, leaves)) + b"\n" + note + line)
    return {"origin": origin, "leaves": bytes([len(leaves)]), "root": tree_hash(leaves), "log_key": log_key,
            "raw_signature": r.to_bytes(32, "big") + s.to_bytes(32, "big"), "checkpoint": note, "old": bytes([old]),
            "old_root": tree_hash(leaves[:old]), "consistency": proof, "number": bytes([number]), "receipt": receipt,
            "witness_key": note_verifier(name, typed), "time": struct.pack(">Q", time), "signature": signature, "cosignature": line,
            "request": b"old %d\n" % old + proof + b"\n" + note,
            "state": b"cardea/witness/1\n" + origin + b"\n" + log_key + b"\n" + note}


FILES = {
    "audit-rows.txt": ("Rows, the keys that name them, and their leaves in the log of changes", audit_rows),
    "audit-log.txt": ("A log of eleven changes: checkpoint, proofs, receipt, cosignature", lambda: [audit_log()]),
    "sealed-key-1.txt": ("Sealed key, format 1: a P-256 key, wrapped", lambda: [sealed_key_1()]),
    "sealed-key-2.txt": ("Sealed key, format 2: the key of format 1 behind the card's passcode", lambda: [sealed_key_2()]),
    "sealed-key-3.txt": ("Sealed keys, format 3: made in an HSM, imported into and made in the software token", sealed_key_3),
    "software-token.txt": ("The files of a software token with the keys of one tenant", lambda: [software_token()]),
    "secret-copies.txt": ("Copies of a card's secret, format 1: for PIN, PUK, issuance and escrow", secret_copies),
    "records.txt": ("Records after a login", records),
    "login-names.txt": ("Context, credential identifier and stretching parameters of a PIN login", lambda: [names()]),
}


def text_of(name):
    title, cases = FILES[name]
    blocks = ["\n".join(f"{key} = {value.hex().upper()}" for key, value in case.items()) for case in cases()]
    return f"# {title}. Made by make_golden.py; never changes\n" + "\n\n".join(blocks) + "\n"


def main():
    folder = Path(__file__).resolve().parent
    for name in FILES:
        (folder / name).write_text(text_of(name), encoding="ascii")
    return 0


if __name__ == "__main__":
    sys.exit(main())
