/* A card management system of somebody else's: what it knows of the card is PIV (SP 800-73-4) with the
   commands that Yubico added, what it knows of the reader is WINSCARD, and its cryptography is CryptoAPI's.
   Certificates come from an authority elsewhere, over a folder. Whatever goes wrong ends the program with a
   sentence; the next run goes on with the card. */
#ifndef CMS_H
#define CMS_H

#include <windows.h>
#include <winscard.h>

/* Octets that are filled from the front: commands, answers, objects. */
typedef struct {
  BYTE octets[4096];
  DWORD size;
} Buffer;

void add(Buffer* buffer, const void* octets, DWORD size);
void add_octet(Buffer* buffer, unsigned octet);
/* Tag, length and value; a tag of two octets is given as 0x7F49. */
void add_tlv(Buffer* buffer, unsigned tag, const void* value, DWORD size);
/* The value with this tag among the TLVs in `octets`, or NULL. */
const BYTE* find_tlv(const BYTE* octets, DWORD size, unsigned tag, DWORD* length);
int contains(const Buffer* buffer, const BYTE* octets, DWORD size);

/* Says "cms_program: ..." on standard error and ends the program with status 1. */
__declspec(noreturn) void fail(const char* format, ...) __attribute__((format(printf, 1, 2)));

/* ---- crypto.c ---- */

enum { kManagementKeySize = 24, kBlock = 8, kDigest = 32 };

void random_octets(BYTE* out, DWORD size);
void random_digits(char* out, DWORD count); /* with a NUL behind them */
void sha256(const BYTE* octets, DWORD size, BYTE digest[kDigest]);
/* One block of three-key 3DES, in place. */
void triple_des(const BYTE key[kManagementKeySize], int encrypts, BYTE block[kBlock]);

/* ---- reader.c ---- */

typedef struct {
  const char* name;
  SCARDCONTEXT context;
  SCARDHANDLE card;
  DWORD insertions; /* SCardGetStatusChange counts them in the upper half of the state */
} Reader;

void reader_open(Reader* reader, const char* name);
/* Without limit, until a card is in the reader, or until that card is not there any more. */
void reader_wait_for_card(Reader* reader);
void reader_wait_until_empty(Reader* reader);
void reader_connect(Reader* reader);
void reader_disconnect(Reader* reader);
/* Everything between the two is this program's alone. */
void reader_begin(Reader* reader);
void reader_end(Reader* reader);
/* A command of any length as a chain, its answer put together by GET RESPONSE; the status word. */
unsigned reader_command(Reader* reader, unsigned header, const Buffer* data, Buffer* answer);

/* ---- piv.c ---- */

enum { kPin = 0x80, kPuk = 0x81, kRsa2048 = 0x07, kP256 = 0x11 };

/* As the card tells it: an RSA key's modulus and exponent, or a point. */
typedef struct {
  unsigned algorithm;
  BYTE first[256], second[8];
  DWORD first_size, second_size;
} PublicKey;

void piv_select(Reader* reader);
unsigned long piv_serial(Reader* reader);
int piv_authenticate(Reader* reader, const BYTE key[kManagementKeySize]); /* false: it is another key */
void piv_set_management_key(Reader* reader, const BYTE key[kManagementKeySize]);
int piv_verify(Reader* reader, const char* pin); /* false: it is another PIN */
/* From one value to the other; false when the old one is not the card's. */
int piv_change(Reader* reader, unsigned reference, const char* from, const char* to);
void piv_generate(Reader* reader, unsigned slot, unsigned algorithm, PublicKey* key);
/* False when there is no key in the slot. */
int piv_public_key(Reader* reader, unsigned slot, PublicKey* key);
void piv_sign(Reader* reader, unsigned slot, unsigned algorithm, const BYTE digest[kDigest],
              Buffer* signature);
void piv_put(Reader* reader, unsigned object, const Buffer* value);
int piv_get(Reader* reader, unsigned object, Buffer* value); /* false when there is none */

/* ---- request.c ---- */

typedef struct {
  char login[64], name[128], upn[128], email[128];
} Person;

/* What the key's owner signs, and then the whole PKCS #10 (RFC 2986). */
void request_to_sign(const Person* person, const PublicKey* key, Buffer* info);
void request_signed(const Buffer* info, unsigned algorithm, const Buffer* signature, Buffer* request);

/* ---- record.c ---- */

/* What the system keeps of a card, written before the card is. */
typedef struct {
  unsigned long serial;
  char pin[9], puk[9];
  BYTE management_key[kManagementKeySize];
  BYTE guid[16];
  int issued;
} Record;

/* False when there is none yet. */
int record_load(const char* folder, const char* login, Record* record);
void record_save(const char* folder, const char* login, const Record* record);
/* Whole or not at all. */
void file_write(const char* path, const void* octets, DWORD size);
int file_read(const char* path, Buffer* buffer);

#endif
