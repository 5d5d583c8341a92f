/* CryptoAPI, as programs of the years of 32 bit use it. */
#include "cms.h"

#include <string.h>
#include <wincrypt.h>

static HCRYPTPROV provider(void) {
  static HCRYPTPROV made = 0;
  if (made == 0 && !CryptAcquireContextA(&made, NULL, NULL, PROV_RSA_AES, CRYPT_VERIFYCONTEXT))
    fail("CryptAcquireContext: %08lX", GetLastError());
  return made;
}

void random_octets(BYTE* out, DWORD size) {
  if (!CryptGenRandom(provider(), size, out)) fail("CryptGenRandom: %08lX", GetLastError());
}

void random_digits(char* out, DWORD count) {
  for (DWORD i = 0; i < count;) {
    BYTE octet = 0;
    random_octets(&octet, 1);
    if (octet < 250) out[i++] = (char)('0' + octet % 10); /* each digit as likely as the others */
  }
  out[count] = '\0';
}

void sha256(const BYTE* octets, DWORD size, BYTE digest[kDigest]) {
  HCRYPTHASH hash = 0;
  DWORD length = kDigest;
  if (!CryptCreateHash(provider(), CALG_SHA_256, 0, 0, &hash) || !CryptHashData(hash, octets, size, 0) ||
      !CryptGetHashParam(hash, HP_HASHVAL, digest, &length, 0))
    fail("SHA-256: %08lX", GetLastError());
  CryptDestroyHash(hash);
}

void triple_des(const BYTE key[kManagementKeySize], int encrypts, BYTE block[kBlock]) {
  struct {
    BLOBHEADER header;
    DWORD size;
    BYTE key[kManagementKeySize];
  } blob = {{PLAINTEXTKEYBLOB, CUR_BLOB_VERSION, 0, CALG_3DES}, kManagementKeySize, {0}};
  DWORD mode = CRYPT_MODE_ECB, length = kBlock;
  HCRYPTKEY handle = 0;
  memcpy(blob.key, key, sizeof blob.key);
  if (!CryptImportKey(provider(), (const BYTE*)&blob, sizeof blob, 0, 0, &handle) ||
      !CryptSetKeyParam(handle, KP_MODE, (const BYTE*)&mode, 0) ||
      !(encrypts ? CryptEncrypt(handle, 0, FALSE, 0, block, &length, kBlock)
                 : CryptDecrypt(handle, 0, FALSE, 0, block, &length)))
    fail("3DES: %08lX", GetLastError());
  CryptDestroyKey(handle);
  SecureZeroMemory(&blob, sizeof blob);
}
