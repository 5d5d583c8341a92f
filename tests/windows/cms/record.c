/* The system's files: what it keeps of each card, requests for the authority, certificates from it. Secrets
   stand in them as they are: where they are kept well is not this program's subject. */
#include "cms.h"

#include <stdio.h>
#include <string.h>

/* First beside its place: nobody reads a half, and a program that is killed leaves what was there. */
void file_write(const char* path, const void* octets, DWORD size) {
  char beside[MAX_PATH];
  HANDLE file = NULL;
  DWORD written = 0;
  snprintf(beside, sizeof beside, "%s.new", path);
  file = CreateFileA(beside, GENERIC_WRITE, 0, NULL, CREATE_ALWAYS, FILE_ATTRIBUTE_NORMAL, NULL);
  if (file == INVALID_HANDLE_VALUE) fail("cannot write %s: error %lu", beside, GetLastError());
  if (!WriteFile(file, octets, size, &written, NULL) || written != size || !FlushFileBuffers(file))
    fail("cannot write %s: error %lu", beside, GetLastError());
  CloseHandle(file);
  if (!MoveFileExA(beside, path, MOVEFILE_REPLACE_EXISTING | MOVEFILE_WRITE_THROUGH))
    fail("cannot write %s: error %lu", path, GetLastError());
}

int file_read(const char* path, Buffer* buffer) {
  const HANDLE file = CreateFileA(path, GENERIC_READ, FILE_SHARE_READ | FILE_SHARE_WRITE | FILE_SHARE_DELETE,
                                  NULL, OPEN_EXISTING, FILE_ATTRIBUTE_NORMAL, NULL);
  buffer->size = 0;
  if (file == INVALID_HANDLE_VALUE) {
    if (GetLastError() != ERROR_FILE_NOT_FOUND) fail("cannot read %s: error %lu", path, GetLastError());
    return FALSE;
  }
  if (!ReadFile(file, buffer->octets, sizeof buffer->octets, &buffer->size, NULL))
    fail("cannot read %s: error %lu", path, GetLastError());
  CloseHandle(file);
  if (buffer->size == sizeof buffer->octets) fail("%s is too long", path);
  return TRUE;
}

static void path_of(char path[MAX_PATH], const char* folder, const char* login) {
  if (snprintf(path, MAX_PATH, "%s\\%s.card", folder, login) >= MAX_PATH)
    fail("the folder's name is too long");
}

static int from_hex(const char* text, BYTE* out, DWORD size) {
  for (DWORD i = 0; i < size; i++) {
    unsigned octet = 0;
    if (sscanf(text + 2 * (size_t)i, "%2x", &octet) != 1) return FALSE;
    out[i] = (BYTE)octet;
  }
  return text[2 * (size_t)size] == '\0';
}

static void to_hex(char* out, const BYTE* octets, DWORD size) {
  for (DWORD i = 0; i < size; i++)
    snprintf(out + 2 * (size_t)i, 3, "%02X", octets[i]);
}

int record_load(const char* folder, const char* login, Record* record) {
  char path[MAX_PATH], key[2 * kManagementKeySize + 1], guid[2 * sizeof record->guid + 1], state[8];
  Buffer text;
  path_of(path, folder, login);
  if (!file_read(path, &text)) return FALSE;
  text.octets[text.size] = '\0'; /* file_read leaves room */
  if (sscanf((const char*)text.octets, "serial %lX\npin %8s\npuk %8s\nkey %48s\nguid %32s\nstate %7s",
             &record->serial, record->pin, record->puk, key, guid, state) != 6 ||
      !from_hex(key, record->management_key, sizeof record->management_key) ||
      !from_hex(guid, record->guid, sizeof record->guid))
    fail("%s is damaged", path);
  record->issued = strcmp(state, "issued") == 0;
  return TRUE;
}

void record_save(const char* folder, const char* login, const Record* record) {
  char path[MAX_PATH], key[2 * kManagementKeySize + 1], guid[2 * sizeof record->guid + 1], text[256];
  path_of(path, folder, login);
  to_hex(key, record->management_key, sizeof record->management_key);
  to_hex(guid, record->guid, sizeof record->guid);
  snprintf(text, sizeof text, "serial %08lX\npin %s\npuk %s\nkey %s\nguid %s\nstate %s\n", record->serial,
           record->pin, record->puk, key, guid, record->issued ? "issued" : "begun");
  file_write(path, text, (DWORD)strlen(text));
}
