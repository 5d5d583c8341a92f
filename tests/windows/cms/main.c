/* cms_program --reader NAME --people FILE --folder FOLDER [--count N]

   Issues a card to each of the next N people: waits for a card, personalises it, waits until it was taken
   out. FILE has a line for each person: login;name;user principal name;e-mail address. FOLDER holds
   LOGIN.card, which is what the system knows of a card, and is the way to the authority: LOGIN-SLOT-ID.csr
   goes there, LOGIN-SLOT-ID.cer comes back. A card that was begun before is known by its serial number, and
   gone on with. */
#include "cms.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { kPeople = 64, kCertificateWait = 60000 /* ms */, kLook = 20 /* ms */ };

static const char kFactoryPin[] = "123456";
static const char kFactoryPuk[] = "12345678";
static const BYTE kFactoryKey[kManagementKeySize] = {1, 2, 3, 4, 5, 6, 7, 8, 1, 2, 3, 4,
                                                     5, 6, 7, 8, 1, 2, 3, 4, 5, 6, 7, 8};

enum { kChuid = 0x5FC102, kCcc = 0x5FC107 };

/* SP 800-73-4 Part 1, tables 3 and 4b. */
static const struct {
  unsigned key, object, algorithm;
} kSlots[] = {{0x9A, 0x5FC105, kRsa2048},
              {0x9C, 0x5FC10A, kRsa2048},
              {0x9D, 0x5FC10B, kRsa2048},
              {0x9E, 0x5FC101, kP256}};
enum { kSlotCount = sizeof kSlots / sizeof *kSlots };

typedef struct {
  Reader reader;
  const char* folder;
  Person people[kPeople];
  DWORD people_count;
} System;

void fail(const char* format, ...) {
  va_list arguments;
  va_start(arguments, format);
  fprintf(stderr, "cms_program: ");
  vfprintf(stderr, format, arguments);
  fprintf(stderr, "\n");
  va_end(arguments);
  exit(1);
}

/* What happened, a line each, for whoever watches. */
static void say(const Person* person, const char* what) {
  printf("%s %s\n", person->login, what);
  fflush(stdout);
}

static void say_slot(const Person* person, unsigned slot, const char* what) {
  printf("%s %02X %s\n", person->login, slot, what);
  fflush(stdout);
}

static void read_people(System* system, const char* path) {
  char line[512];
  FILE* const file = fopen(path, "r");
  if (file == NULL) fail("cannot read %s", path);
  while (fgets(line, sizeof line, file) != NULL) {
    Person* const person = &system->people[system->people_count];
    if (system->people_count == kPeople) fail("%s: more than %d people", path, kPeople);
    if (sscanf(line, "%63[^;];%127[^;];%127[^;];%127[^;\r\n]", person->login, person->name, person->upn,
               person->email) != 4)
      fail("%s: line %lu is not login;name;upn;email", path, system->people_count + 1);
    system->people_count++;
  }
  fclose(file);
}

static void new_record(Record* record, unsigned long serial) {
  memset(record, 0, sizeof *record);
  record->serial = serial;
  random_digits(record->pin, 6);
  random_digits(record->puk, 8);
  random_octets(record->management_key, sizeof record->management_key);
  random_octets(record->guid, sizeof record->guid);
}

/* The person of this card: who has it already, or else the first who has none. */
static const Person* person_of(const System* system, unsigned long serial, Record* record) {
  const Person* first = NULL;
  for (DWORD i = 0; i < system->people_count; i++) {
    const Person* const person = &system->people[i];
    if (!record_load(system->folder, person->login, record))
      first = first == NULL ? person : first;
    else if (record->serial == serial)
      return person;
  }
  if (first == NULL) fail("everybody has a card, and card %08lX is nobody's", serial);
  new_record(record, serial);
  record_save(system->folder, first->login, record);
  return first;
}

/* A card that was begun before may have either. */
static void authenticate(System* system, const Record* record) {
  piv_select(&system->reader);
  if (!piv_authenticate(&system->reader, kFactoryKey) &&
      !piv_authenticate(&system->reader, record->management_key))
    fail("card %08lX has a management key that is not ours", record->serial);
}

static void set_pins(System* system, const Person* person, const Record* record) {
  if (!piv_change(&system->reader, kPin, kFactoryPin, record->pin) &&
      !piv_verify(&system->reader, record->pin))
    fail("card %08lX has a PIN that is not ours", record->serial);
  if (!piv_change(&system->reader, kPuk, kFactoryPuk, record->puk) &&
      !piv_change(&system->reader, kPuk, record->puk, record->puk))
    fail("card %08lX has a PUK that is not ours", record->serial);
  say(person, "has a PIN and a PUK");
}

/* Part 1, table 9: FASC-N of nobody's agency, GUID, expiry, no signature. And the capabilities, table 8. */
static void write_identity(System* system, const Person* person, const Record* record) {
  static const BYTE fasc_n[] = {0xD4, 0xE7, 0x39, 0xDA, 0x73, 0x9C, 0xED, 0x39, 0xCE, 0x73, 0x9D, 0x83, 0x68,
                                0x58, 0x21, 0x08, 0x42, 0x10, 0x84, 0x21, 0xC8, 0x42, 0x10, 0xC3, 0xEB};
  static const unsigned empty[] = {0xF3, 0xF4, 0xF6, 0xF7, 0xFA, 0xFB, 0xFC, 0xFD, 0xFE};
  static const BYTE version = 0x21, model = 0x10, no_pkcs15 = 0x00;
  BYTE identifier[21] = {0xA0, 0x00, 0x00, 0x01, 0x16, 0xFF, 0x02};
  Buffer value = {{0}, 0};
  SYSTEMTIME now;
  char expires[16];
  GetSystemTime(&now);
  snprintf(expires, sizeof expires, "%04u1231", now.wYear + 5U);
  add_tlv(&value, 0x30, fasc_n, sizeof fasc_n);
  add_tlv(&value, 0x34, record->guid, sizeof record->guid);
  add_tlv(&value, 0x35, expires, 8);
  add_tlv(&value, 0x3E, NULL, 0);
  add_tlv(&value, 0xFE, NULL, 0);
  piv_put(&system->reader, kChuid, &value);
  value.size = 0;
  memcpy(identifier + 7, record->guid, 14);
  add_tlv(&value, 0xF0, identifier, sizeof identifier);
  add_tlv(&value, 0xF1, &version, 1);
  add_tlv(&value, 0xF2, &version, 1);
  add_tlv(&value, empty[0], NULL, 0);
  add_tlv(&value, empty[1], &no_pkcs15, 1);
  add_tlv(&value, 0xF5, &model, 1);
  for (DWORD i = 2; i < sizeof empty / sizeof *empty; i++)
    add_tlv(&value, empty[i], NULL, 0);
  piv_put(&system->reader, kCcc, &value);
  say(person, "has a CHUID");
}

/* A certificate in the slot, of the key in the slot: nothing is left to be done. */
static int is_finished(System* system, DWORD slot) {
  PublicKey key;
  Buffer object;
  return piv_public_key(&system->reader, kSlots[slot].key, &key) && key.algorithm == kSlots[slot].algorithm &&
         piv_get(&system->reader, kSlots[slot].object, &object) &&
         contains(&object, key.first, key.first_size);
}

/* Requests are told apart by their keys: an answer to one before is not the answer to this one. */
static void path_of(const System* system, const Person* person, DWORD slot, const PublicKey* key,
                    const char* kind, char path[MAX_PATH]) {
  BYTE id[kDigest];
  sha256(key->first, key->first_size, id);
  if (snprintf(path, MAX_PATH, "%s\\%s-%02X-%02X%02X%02X%02X.%s", system->folder, person->login,
               kSlots[slot].key, id[0], id[1], id[2], id[3], kind) >= MAX_PATH)
    fail("the folder's name is too long");
}

static void make_request(System* system, const Person* person, const Record* record, DWORD slot,
                         PublicKey* key) {
  char path[MAX_PATH];
  BYTE digest[kDigest];
  Buffer info, signature, request;
  piv_generate(&system->reader, kSlots[slot].key, kSlots[slot].algorithm, key);
  request_to_sign(person, key, &info);
  sha256(info.octets, info.size, digest);
  /* 9C wants it right before each signature */
  if (!piv_verify(&system->reader, record->pin)) fail("card %08lX does not know its PIN", record->serial);
  piv_sign(&system->reader, kSlots[slot].key, key->algorithm, digest, &signature);
  request_signed(&info, key->algorithm, &signature, &request);
  path_of(system, person, slot, key, "csr", path);
  file_write(path, request.octets, request.size);
  say_slot(person, kSlots[slot].key, "requested");
}

/* The card is anybody's while the authority thinks. */
static void fetch_certificate(System* system, const Person* person, DWORD slot, const PublicKey* key,
                              Buffer* object) {
  static const BYTE not_compressed = 0x00;
  char path[MAX_PATH];
  Buffer certificate;
  const DWORD began = GetTickCount();
  path_of(system, person, slot, key, "cer", path);
  while (!file_read(path, &certificate)) {
    if (GetTickCount() - began > kCertificateWait) fail("no certificate comes: %s", path);
    Sleep(kLook);
  }
  if (!contains(&certificate, key->first, key->first_size)) fail("%s is for another key", path);
  object->size = 0; /* SP 800-73-4 Part 1, table 10 */
  add_tlv(object, 0x70, certificate.octets, certificate.size);
  add_tlv(object, 0x71, &not_compressed, 1);
  add_tlv(object, 0xFE, NULL, 0);
}

static void certify(System* system, const Person* person, const Record* record, DWORD slot) {
  PublicKey key;
  Buffer object, back;
  if (is_finished(system, slot)) {
    say_slot(person, kSlots[slot].key, "kept");
    return;
  }
  make_request(system, person, record, slot, &key);
  reader_end(&system->reader);
  fetch_certificate(system, person, slot, &key, &object);
  reader_begin(&system->reader);
  authenticate(system, record);
  piv_put(&system->reader, kSlots[slot].object, &object);
  if (!piv_get(&system->reader, kSlots[slot].object, &back) || back.size != object.size ||
      memcmp(back.octets, object.octets, object.size) != 0)
    fail("card %08lX does not give back the certificate in %02X", record->serial, kSlots[slot].key);
  say_slot(person, kSlots[slot].key, "certified");
}

/* The management key comes last, so that only a whole card has one of its own. */
static void personalise(System* system, const Person* person, Record* record) {
  authenticate(system, record);
  write_identity(system, person, record);
  set_pins(system, person, record);
  for (DWORD slot = 0; slot < kSlotCount; slot++)
    certify(system, person, record, slot);
  piv_set_management_key(&system->reader, record->management_key);
  piv_select(&system->reader);
  if (!piv_authenticate(&system->reader, record->management_key))
    fail("card %08lX does not know its management key", record->serial);
  say(person, "has a management key");
  record->issued = TRUE;
  record_save(system->folder, person->login, record);
}

/* True when a card has been issued; one that was before stays as it is. */
static int one_card(System* system) {
  Record record;
  const Person* person = NULL;
  int issues = 0;
  reader_wait_for_card(&system->reader);
  reader_connect(&system->reader);
  reader_begin(&system->reader);
  piv_select(&system->reader);
  person = person_of(system, piv_serial(&system->reader), &record);
  issues = !record.issued;
  printf("%s %s %08lX\n", person->login, issues ? "gets" : "has", record.serial);
  fflush(stdout);
  if (issues) personalise(system, person, &record);
  reader_end(&system->reader);
  reader_disconnect(&system->reader);
  if (issues) say(person, "issued");
  SecureZeroMemory(&record, sizeof record);
  return issues;
}

static const char* option(int argc, char** argv, const char* name, const char* otherwise) {
  for (int i = 1; i + 1 < argc; i += 2) {
    if (strcmp(argv[i], name) == 0) return argv[i + 1];
  }
  return otherwise;
}

int main(int argc, char** argv) {
  static System system;
  const char* const name = option(argc, argv, "--reader", NULL);
  const char* const people = option(argc, argv, "--people", NULL);
  const unsigned long count = strtoul(option(argc, argv, "--count", "1"), NULL, 10);
  system.folder = option(argc, argv, "--folder", NULL);
  if (name == NULL || people == NULL || system.folder == NULL || count == 0) {
    fprintf(stderr, "usage: cms_program --reader NAME --people FILE --folder FOLDER [--count N]\n");
    return 2;
  }
  read_people(&system, people);
  reader_open(&system.reader, name);
  for (unsigned long issued = 0; issued < count;) {
    issued += one_card(&system) ? 1 : 0;
    reader_wait_until_empty(&system.reader);
  }
  printf("done\n");
  SCardReleaseContext(system.reader.context);
  return 0;
}
