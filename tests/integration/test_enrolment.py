"""Whose key is enrolled: the device's that holds it, and never because somebody has seen the public half.

The devices here are not agents: tests/support/python/device_key.py signs what they show, by RFC 9449 and RFC 8037.
"""

import json
import ssl
import time
import urllib.error
import urllib.request

import pytest

from device_key import DeviceKey

PROBLEM = "https://cardea.invalid/problems/"
NEEDED = "a DPoP proof is needed"
OTHER_KEY = "the DPoP proof is made with another key"
OTHER_CODE = "the DPoP proof is for another enrolment code"
OTHER_PLACE = "the DPoP proof is for another address"


def url(stack, path="/v1/enrolments"):
    return f"https://127.0.0.1:{stack.port}{path}"


def enrol(stack, jwk, code, proof=None, name="x"):
    """(status, document, WWW-Authenticate)."""
    headers = {"Content-Type": "application/json", **({"DPoP": proof} if proof else {})}
    body = json.dumps({"code": code, "public_key": jwk, "name": name, "platform": "linux"}).encode()
    asked = urllib.request.Request(url(stack), data=body, headers=headers)
    context = ssl.create_default_context(cafile=str(stack.data / "tls" / "ca.pem"))
    try:
        with urllib.request.urlopen(asked, context=context, timeout=15) as reply:
            return reply.status, json.loads(reply.read()), None
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read()), error.headers["WWW-Authenticate"]


def refused(stack, *arguments):
    """The sentence of a refusal, which is of one type whatever was wrong with the proof."""
    status, problem, challenge = enrol(stack, *arguments)
    assert (status, problem["status"], problem["type"], challenge) == (401, 401, PROBLEM + "unauthorised", 'DPoP algs="EdDSA"')
    return problem["detail"]


def lines(stack):
    """What the audit log says of enrolments, the oldest first: (actor, success, detail)."""
    listed = stack.cli("audit", "list", "--org", stack.organisation, "--limit", "500")
    return [(line["actor"], line["success"], line["detail"]) for line in reversed(listed) if line["action"] == "device.enrol"]


@pytest.fixture
def code(stack):
    return stack.cli("device", "code", "--org", stack.organisation, "--role", "registrar")["code"]


@pytest.fixture
def another_code(stack):
    return stack.cli("device", "code", "--org", stack.organisation, "--role", "registrar")["code"]


def test_a_public_key_alone_enrols_nothing(stack, code, another_code):
    """[C1][RFC9449#4.3] Whoever has a code and somebody's public key cannot enrol it, with whatever else they may have caught: 401,
    the code stays good for its owner, and each attempt with it is in the audit log."""
    owner, thief = DeviceKey(), DeviceKey()
    before = len(lines(stack))
    assert refused(stack, owner.jwk, code) == NEEDED
    assert refused(stack, owner.jwk, code, "not.a.proof") == "the token is not base64url"
    assert refused(stack, owner.jwk, code, thief.proof("POST", url(stack), code)) == OTHER_KEY
    # What its owner has shown elsewhere: for another code, at the token endpoint, to another server.
    assert refused(stack, owner.jwk, code, owner.proof("POST", url(stack), another_code)) == OTHER_CODE
    assert refused(stack, owner.jwk, code, owner.proof("POST", url(stack))) == OTHER_CODE
    assert refused(stack, owner.jwk, code, owner.proof("POST", url(stack, "/v1/token"))) == OTHER_PLACE
    assert refused(stack, owner.jwk, code, owner.proof("POST", "https://server.example/v1/enrolments", code)) == OTHER_PLACE
    # The right key in the header, another's signature.
    header, claims, _ = owner.proof("POST", url(stack), code).split(".")
    signature = thief.proof("POST", url(stack), code).split(".")[2]
    assert refused(stack, owner.jwk, code, f"{header}.{claims}.{signature}") == "the token's signature is wrong"
    attempts = lines(stack)[before:]
    assert attempts == [(f"device:{owner.name}", False, {"device": owner.name, "reason": "key-not-proven"})] * 8

    # The owner is neither shut out nor has lost the code.
    status, enrolled, _ = enrol(stack, owner.jwk, code, owner.proof("POST", url(stack), code))
    assert (status, enrolled["device"]) == (201, owner.name)
    assert lines(stack)[before + 8:] == [(f"device:{owner.name}", True, {})]
    devices = stack.cli("device", "list", "--org", stack.organisation)
    assert owner.name in [device["id"] for device in devices] and thief.name not in [device["id"] for device in devices]


@pytest.mark.parametrize("changed, sentence", [
    ({"htm": "PUT"}, "the DPoP proof is for another method"), ({"htm": None}, "the DPoP proof is for another method"),
    ({"htu": None}, OTHER_PLACE), ({"ath": None}, OTHER_CODE), ({"ath": "code"}, OTHER_CODE), ({"jti": None}, "the DPoP proof has no identifier"),
    ({"iat": None}, "the DPoP proof does not say when it was made"),
], ids=["htm", "no-htm", "no-htu", "no-ath", "ath", "no-jti", "no-iat"])
def test_each_claim_counts(stack, code, changed, sentence):
    """[C1][RFC9449#4.3]"""
    key = DeviceKey()
    assert refused(stack, key.jwk, code, key.proof("POST", url(stack), code, **changed)) == sentence
    assert enrol(stack, key.jwk, code, key.proof("POST", url(stack), code))[0] == 201


def test_old_and_future_proofs(stack, code):
    """[C1][RFC9449#11.1] A minute in either direction; then the sentence says what to do."""
    key = DeviceKey()
    for shift, sentence in ((-90, "the DPoP proof is too old: compare the clocks"), (90, "the DPoP proof is from the future: compare the clocks")):
        proof = key.proof("POST", url(stack), code, iat=int(time.time()) + shift)
        assert refused(stack, key.jwk, code, proof) == sentence
    assert enrol(stack, key.jwk, code, key.proof("POST", url(stack), code))[0] == 201


def test_a_proof_says_nothing_of_the_code(stack):
    """[C1] Without a proof nobody learns whether a code is good, and strangers write nothing into the log."""
    key, before = DeviceKey(), len(lines(stack))
    assert refused(stack, key.jwk, "AAAA-BBBB-CCCC-DDDD-EEEE") == NEEDED
    assert refused(stack, key.jwk, "") == NEEDED
    assert len(lines(stack)) == before


def test_a_code_as_it_is_typed(stack, code):
    """[C1] The proof is about what is sent, which need not be as it was given out."""
    key = DeviceKey()
    typed = f" {code.lower().replace('-', ' ')}\n"
    assert refused(stack, key.jwk, typed, key.proof("POST", url(stack), code)) == OTHER_CODE
    assert enrol(stack, key.jwk, typed, key.proof("POST", url(stack), typed))[0] == 201


def test_a_proof_is_good_for_one_enrolment(stack, code):
    """[C1] The same request again finds the code used up."""
    key = DeviceKey()
    proof = key.proof("POST", url(stack), code)
    assert enrol(stack, key.jwk, code, proof)[0] == 201
    status, problem, _ = enrol(stack, key.jwk, code, proof)
    assert (status, problem["type"], problem["detail"]) == (403, PROBLEM + "denied", "the enrolment code is unknown or was used already")


def test_a_device_that_exists_spends_no_code(stack, code, another_code):
    """[C1] 409 to whoever holds the key; nothing but the demand of a proof to whoever does not."""
    key = DeviceKey()
    assert enrol(stack, key.jwk, code, key.proof("POST", url(stack), code))[0] == 201
    assert refused(stack, key.jwk, another_code) == NEEDED
    status, problem, _ = enrol(stack, key.jwk, another_code, key.proof("POST", url(stack), another_code))
    assert (status, problem["type"]) == (409, PROBLEM + "conflict")
    other = DeviceKey()
    assert enrol(stack, other.jwk, another_code, other.proof("POST", url(stack), another_code))[0] == 201
