/* The card's commands: SP 800-73-4 Part 2, and those that Yubico added (F7, F8, FF). */
#include "cms.h"

#include <string.h>

static void expect(const char* what, unsigned status) {
  if (status != 0x9000) fail("%s: the card answers %04X", what, status);
}

void piv_select(Reader* reader) {
  static const BYTE aid[] = {0xA0, 0x00, 0x00, 0x03, 0x08, 0x00, 0x00, 0x10, 0x00};
  Buffer data = {{0}, 0}, answer;
  add(&data, aid, sizeof aid);
  expect("SELECT PIV", reader_command(reader, 0x00A40400, &data, &answer));
}

unsigned long piv_serial(Reader* reader) {
  Buffer answer;
  expect("the serial number", reader_command(reader, 0x00F80000, NULL, &answer));
  if (answer.size != 4) fail("the serial number has %lu octets", answer.size);
  return (unsigned long)answer.octets[0] << 24U | (unsigned long)answer.octets[1] << 16U |
         (unsigned long)answer.octets[2] << 8U | answer.octets[3];
}

/* The value with `tag` in the dynamic authentication template that the card answers with. */
static const BYTE* in_template(const Buffer* answer, unsigned tag, DWORD* length) {
  DWORD size = 0;
  const BYTE* inside = find_tlv(answer->octets, answer->size, 0x7C, &size);
  return inside == NULL ? NULL : find_tlv(inside, size, tag, length);
}

/* Part 2, appendix A.1: mutual authentication. The card proves that it has the key, too. */
int piv_authenticate(Reader* reader, const BYTE key[kManagementKeySize]) {
  Buffer data = {{0}, 0}, inside = {{0}, 0}, answer;
  BYTE witness[kBlock], challenge[kBlock], wanted[kBlock];
  DWORD length = 0;
  const BYTE* got = NULL;
  unsigned status = 0;
  add_tlv(&inside, 0x80, NULL, 0);
  add_tlv(&data, 0x7C, inside.octets, inside.size);
  expect("the witness", reader_command(reader, 0x0087039B, &data, &answer));
  got = in_template(&answer, 0x80, &length);
  if (got == NULL || length != kBlock) fail("the card sends no witness");
  memcpy(witness, got, kBlock);
  triple_des(key, FALSE, witness);
  random_octets(challenge, kBlock);
  inside.size = data.size = 0;
  add_tlv(&inside, 0x80, witness, kBlock);
  add_tlv(&inside, 0x81, challenge, kBlock);
  add_tlv(&data, 0x7C, inside.octets, inside.size);
  status = reader_command(reader, 0x0087039B, &data, &answer);
  if (status == 0x6982) return FALSE;
  expect("the management key", status);
  memcpy(wanted, challenge, kBlock);
  triple_des(key, TRUE, wanted);
  got = in_template(&answer, 0x82, &length);
  if (got == NULL || length != kBlock || memcmp(got, wanted, kBlock) != 0)
    fail("the card does not prove that it has the management key");
  return TRUE;
}

void piv_set_management_key(Reader* reader, const BYTE key[kManagementKeySize]) {
  Buffer data = {{0}, 0}, answer;
  add_octet(&data, 0x03); /* 3DES */
  add_tlv(&data, 0x9B, key, kManagementKeySize);
  expect("the new management key", reader_command(reader, 0x00FFFFFF, &data, &answer));
  SecureZeroMemory(&data, sizeof data);
}

static void add_padded(Buffer* data, const char* pin) {
  const DWORD size = (DWORD)strlen(pin);
  add(data, pin, size);
  for (DWORD i = size; i < 8; i++)
    add_octet(data, 0xFF);
}

static int accepted(const char* what, unsigned status) {
  if ((status & 0xFFF0U) == 0x63C0) return FALSE;
  expect(what, status);
  return TRUE;
}

int piv_verify(Reader* reader, const char* pin) {
  Buffer data = {{0}, 0}, answer;
  add_padded(&data, pin);
  return accepted("the PIN", reader_command(reader, 0x00200080, &data, &answer));
}

int piv_change(Reader* reader, unsigned reference, const char* from, const char* to) {
  Buffer data = {{0}, 0}, answer;
  add_padded(&data, from);
  add_padded(&data, to);
  return accepted("a new PIN or PUK", reader_command(reader, 0x00240000 | reference, &data, &answer));
}

static void take_public_key(const BYTE* parts, DWORD size, unsigned algorithm, PublicKey* key) {
  DWORD first = 0, second = 0;
  const BYTE* one = find_tlv(parts, size, algorithm == kRsa2048 ? 0x81 : 0x86, &first);
  const BYTE* other = find_tlv(parts, size, 0x82, &second);
  if (one == NULL || first > sizeof key->first || second > sizeof key->second ||
      (algorithm == kRsa2048 && other == NULL))
    fail("the card tells no public key");
  memset(key, 0, sizeof *key);
  key->algorithm = algorithm;
  key->first_size = first;
  memcpy(key->first, one, first);
  if (algorithm != kRsa2048) return;
  key->second_size = second;
  memcpy(key->second, other, second);
}

void piv_generate(Reader* reader, unsigned slot, unsigned algorithm, PublicKey* key) {
  const BYTE mechanism = (BYTE)algorithm;
  Buffer data = {{0}, 0}, inside = {{0}, 0}, answer;
  DWORD length = 0;
  const BYTE* parts = NULL;
  add_tlv(&inside, 0x80, &mechanism, 1);
  add_tlv(&data, 0xAC, inside.octets, inside.size);
  expect("a new key", reader_command(reader, 0x00470000 | slot, &data, &answer));
  parts = find_tlv(answer.octets, answer.size, 0x7F49, &length);
  if (parts == NULL) fail("the card tells no public key");
  take_public_key(parts, length, algorithm, key);
}

int piv_public_key(Reader* reader, unsigned slot, PublicKey* key) {
  Buffer answer;
  DWORD length = 0, size = 0;
  const BYTE *algorithm = NULL, *parts = NULL;
  const unsigned status = reader_command(reader, 0x00F70000 | slot, NULL, &answer);
  if (status == 0x6A88) return FALSE;
  expect("the slot's metadata", status);
  algorithm = find_tlv(answer.octets, answer.size, 0x01, &size);
  parts = find_tlv(answer.octets, answer.size, 0x04, &length);
  if (algorithm == NULL || size != 1 || parts == NULL) fail("the card tells no public key");
  take_public_key(parts, length, *algorithm, key);
  return TRUE;
}

/* PKCS #1 1.5 for RSA, whose padding is the host's; ECDSA takes the digest as it is. */
void piv_sign(Reader* reader, unsigned slot, unsigned algorithm, const BYTE digest[kDigest],
              Buffer* signature) {
  static const BYTE digest_info[] = {0x30, 0x31, 0x30, 0x0D, 0x06, 0x09, 0x60, 0x86, 0x48, 0x01,
                                     0x65, 0x03, 0x04, 0x02, 0x01, 0x05, 0x00, 0x04, 0x20};
  BYTE block[256];
  Buffer data = {{0}, 0}, inside = {{0}, 0}, answer;
  DWORD length = 0;
  const BYTE* got = NULL;
  add_tlv(&inside, 0x82, NULL, 0);
  if (algorithm == kRsa2048) {
    const DWORD behind = sizeof digest_info + kDigest;
    memset(block, 0xFF, sizeof block);
    block[0] = 0x00;
    block[1] = 0x01;
    block[sizeof block - behind - 1] = 0x00;
    memcpy(block + sizeof block - behind, digest_info, sizeof digest_info);
    memcpy(block + sizeof block - kDigest, digest, kDigest);
    add_tlv(&inside, 0x81, block, sizeof block);
  } else {
    add_tlv(&inside, 0x81, digest, kDigest);
  }
  add_tlv(&data, 0x7C, inside.octets, inside.size);
  expect("a signature", reader_command(reader, 0x00870000 | algorithm << 8U | slot, &data, &answer));
  got = in_template(&answer, 0x82, &length);
  if (got == NULL) fail("the card answers without a signature");
  signature->size = 0;
  add(signature, got, length);
}

static void add_object(Buffer* data, unsigned object) {
  const BYTE tag[] = {(BYTE)(object >> 16U), (BYTE)(object >> 8U), (BYTE)object};
  add_tlv(data, 0x5C, tag, sizeof tag);
}

void piv_put(Reader* reader, unsigned object, const Buffer* value) {
  Buffer data = {{0}, 0}, answer;
  add_object(&data, object);
  add_tlv(&data, 0x53, value->octets, value->size);
  expect("an object", reader_command(reader, 0x00DB3FFF, &data, &answer));
}

int piv_get(Reader* reader, unsigned object, Buffer* value) {
  Buffer data = {{0}, 0}, answer;
  DWORD length = 0;
  const BYTE* got = NULL;
  unsigned status = 0;
  add_object(&data, object);
  status = reader_command(reader, 0x00CB3FFF, &data, &answer);
  value->size = 0;
  if (status == 0x6A82) return FALSE;
  expect("an object", status);
  got = find_tlv(answer.octets, answer.size, 0x53, &length);
  if (got == NULL) fail("the card answers without the object");
  add(value, got, length);
  return length > 0;
}
