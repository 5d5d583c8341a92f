"""A device's key and what it signs, made without the agent: Ed25519 (RFC 8037), DPoP proofs (RFC 9449)."""

import base64
import hashlib
import json
import os
import time

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat


def base64url(octets):
    return base64.urlsafe_b64encode(octets).rstrip(b"=").decode()


class DeviceKey:
    def __init__(self, seed=None):
        self.private = Ed25519PrivateKey.from_private_bytes(seed or os.urandom(32))
        public = self.private.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
        self.jwk = {"kty": "OKP", "crv": "Ed25519", "x": base64url(public)}

    @property
    def name(self):
        """RFC 7638: required members, in alphabetical order, without white space."""
        canonical = json.dumps({"crv": "Ed25519", "kty": "OKP", "x": self.jwk["x"]}, separators=(",", ":"))
        return base64url(hashlib.sha256(canonical.encode()).digest())

    def proof(self, method, url, shown=None, **changed):
        """`shown`: what "ath" is about. A claim that is changed to None is left out."""
        claims = {"jti": base64url(os.urandom(16)), "htm": method, "htu": url, "iat": int(time.time())}
        if shown is not None:
            claims["ath"] = base64url(hashlib.sha256(shown.encode()).digest())
        claims = {name: value for name, value in {**claims, **changed}.items() if value is not None}
        header = {"typ": "dpop+jwt", "alg": "EdDSA", "jwk": self.jwk}
        signed = ".".join(base64url(json.dumps(part).encode()) for part in (header, claims))
        return f"{signed}.{base64url(self.private.sign(signed.encode()))}"
