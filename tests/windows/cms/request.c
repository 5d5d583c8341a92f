/* PKCS #10 (RFC 2986), signed by the card: proof that the key is there, for whoever certifies it. */
#include "cms.h"

#include <string.h>

static const BYTE kCommonName[] = {0x06, 0x03, 0x55, 0x04, 0x03};
static const BYTE kSubjectAltName[] = {0x06, 0x03, 0x55, 0x1D, 0x11};
/* 1.3.6.1.4.1.311.20.2.3, the user principal name of Windows' logon */
static const BYTE kPrincipalName[] = {0x06, 0x0A, 0x2B, 0x06, 0x01, 0x04, 0x01, 0x82, 0x37, 0x14, 0x02, 0x03};
/* 1.2.840.113549.1.9.14, extensionRequest of RFC 2985 */
static const BYTE kExtensions[] = {0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x09, 0x0E};
/* rsaEncryption with NULL; id-ecPublicKey with prime256v1 (RFC 3279, RFC 5480) */
static const BYTE kRsaKey[] = {0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7, 0x0D, 0x01, 0x01, 0x01, 0x05, 0x00};
static const BYTE kP256Key[] = {0x06, 0x07, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x02, 0x01, 0x06,
                                0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x03, 0x01, 0x07};
/* sha256WithRSAEncryption with NULL; ecdsa-with-SHA256 (RFC 4055, RFC 5758) */
static const BYTE kRsaSignature[] = {0x06, 0x09, 0x2A, 0x86, 0x48, 0x86, 0xF7,
                                     0x0D, 0x01, 0x01, 0x0B, 0x05, 0x00};
static const BYTE kP256Signature[] = {0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x04, 0x03, 0x02};

enum { kInteger = 0x02, kBits = 0x03, kOctets = 0x04, kUtf8 = 0x0C, kSequence = 0x30, kSet = 0x31 };

/* What has been built so far becomes the value of this tag. */
static void wrap(Buffer* buffer, unsigned tag) {
  const Buffer inside = *buffer;
  buffer->size = 0;
  add_tlv(buffer, tag, inside.octets, inside.size);
}

/* A BIT STRING has the number of its unused bits in front: none. */
static void wrap_bits(Buffer* buffer) {
  const Buffer inside = *buffer;
  buffer->size = 0;
  add_octet(buffer, 0);
  add(buffer, inside.octets, inside.size);
  wrap(buffer, kBits);
}

static void add_all(Buffer* buffer, const Buffer* more) {
  add(buffer, more->octets, more->size);
}

/* Positive: with a zero in front of a first bit that is set. */
static void add_integer(Buffer* buffer, const BYTE* octets, DWORD size) {
  Buffer value = {{0}, 0};
  if ((octets[0] & 0x80U) != 0) add_octet(&value, 0);
  add(&value, octets, size);
  add_tlv(buffer, kInteger, value.octets, value.size);
}

static void add_name(Buffer* info, const Person* person) {
  Buffer name = {{0}, 0};
  add(&name, kCommonName, sizeof kCommonName);
  add_tlv(&name, kUtf8, person->name, (DWORD)strlen(person->name));
  wrap(&name, kSequence);
  wrap(&name, kSet);
  wrap(&name, kSequence);
  add_all(info, &name);
}

static void add_public_key(Buffer* info, const PublicKey* key) {
  Buffer bits = {{0}, 0}, all = {{0}, 0};
  if (key->algorithm == kRsa2048) {
    add_integer(&bits, key->first, key->first_size);
    add_integer(&bits, key->second, key->second_size);
    wrap(&bits, kSequence);
    add_tlv(&all, kSequence, kRsaKey, sizeof kRsaKey);
  } else {
    add(&bits, key->first, key->first_size);
    add_tlv(&all, kSequence, kP256Key, sizeof kP256Key);
  }
  wrap_bits(&bits);
  add_all(&all, &bits);
  wrap(&all, kSequence);
  add_all(info, &all);
}

/* The names beside the subject, asked for as an extension (RFC 5280, 4.2.1.6). */
static void add_attributes(Buffer* info, const Person* person) {
  Buffer principal = {{0}, 0}, names = {{0}, 0}, all = {{0}, 0};
  add_tlv(&principal, kUtf8, person->upn, (DWORD)strlen(person->upn));
  wrap(&principal, 0xA0);
  add(&names, kPrincipalName, sizeof kPrincipalName);
  add_all(&names, &principal);
  wrap(&names, 0xA0);
  add_tlv(&names, 0x81, person->email, (DWORD)strlen(person->email));
  wrap(&names, kSequence);
  wrap(&names, kOctets);
  add(&all, kSubjectAltName, sizeof kSubjectAltName);
  add_all(&all, &names);
  wrap(&all, kSequence);
  wrap(&all, kSequence);
  wrap(&all, kSet);
  names = all;
  all.size = 0;
  add(&all, kExtensions, sizeof kExtensions);
  add_all(&all, &names);
  wrap(&all, kSequence);
  wrap(&all, 0xA0);
  add_all(info, &all);
}

void request_to_sign(const Person* person, const PublicKey* key, Buffer* info) {
  static const BYTE version[] = {0};
  info->size = 0;
  add_tlv(info, kInteger, version, sizeof version);
  add_name(info, person);
  add_public_key(info, key);
  add_attributes(info, person);
  wrap(info, kSequence);
}

void request_signed(const Buffer* info, unsigned algorithm, const Buffer* signature, Buffer* request) {
  Buffer bits = *signature;
  wrap_bits(&bits);
  request->size = 0;
  add_all(request, info);
  if (algorithm == kRsa2048)
    add_tlv(request, kSequence, kRsaSignature, sizeof kRsaSignature);
  else
    add_tlv(request, kSequence, kP256Signature, sizeof kP256Signature);
  add_all(request, &bits);
  wrap(request, kSequence);
}
