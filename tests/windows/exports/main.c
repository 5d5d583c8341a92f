/* Calls what winscard.dll exports; compiled against the stock import library.
     exports_tool groups                  the groups of readers, one a line
     exports_tool every READER            each of them, for our reader with a card, where there is no system's
   DLL exports_tool real READER REAL        what is for the stand-in's reader reaches the stand-in
     exports_tool unelevated COMMAND ...  the same, without an administrator's rights */
#include <stdio.h>
#include <string.h>

#include "late.h"
#include "unelevated.h"
#include "verbs.h"

/* In the A form; the W form and a search in no context must find the same. */
static int groups(void) {
  const SCARDCONTEXT context = open_context();
  char narrow[512], again[512];
  WCHAR wide[512];
  DWORD length = sizeof narrow, count = sizeof wide / sizeof wide[0], anywhere = sizeof again, needed = 0,
        small = 3;
  LPSTR made = NULL;
  DWORD made_length = SCARD_AUTOALLOCATE;
  ANSWERS(SCARD_E_INVALID_PARAMETER, SCardListReaderGroupsA, context, NULL, NULL);
  ANSWERS(SCARD_S_SUCCESS, SCardListReaderGroupsA, context, NULL, &needed);
  ANSWERS(SCARD_E_INSUFFICIENT_BUFFER, SCardListReaderGroupsA, context, narrow, &small);
  HOLDS(small == needed);
  ANSWERS(SCARD_S_SUCCESS, SCardListReaderGroupsA, context, narrow, &length);
  HOLDS(length == needed && narrow[length - 1] == '\0' && narrow[length - 2] == '\0');
  ANSWERS(SCARD_S_SUCCESS, SCardListReaderGroupsW, context, wide, &count);
  HOLDS(count == length);
  for (DWORD i = 0; i < length && i < count; i++)
    HOLDS((WCHAR)(unsigned char)narrow[i] == wide[i]);
  ANSWERS(SCARD_S_SUCCESS, SCardListReaderGroupsA, 0, again, &anywhere);
  HOLDS(anywhere == length && memcmp(again, narrow, length) == 0);
  ANSWERS(SCARD_S_SUCCESS, SCardListReaderGroupsA, context, (LPSTR)&made, &made_length);
  HOLDS(made != NULL && made_length == length && memcmp(made, narrow, length) == 0);
  ANSWERS(SCARD_S_SUCCESS, SCardFreeMemory, context, made);
  ANSWERS(SCARD_E_INVALID_HANDLE, SCardListReaderGroupsA, context + 1, NULL, &needed);
  for (const char* one = narrow; *one != '\0'; one += strlen(one) + 1)
    printf("group %s\n", one);
  ANSWERS(SCARD_S_SUCCESS, SCardReleaseContext, context);
  return check_summary();
}

static int every(const char* reader) {
  const SCARDCONTEXT context = open_context();
  load_late();
  check_cards(context, reader);
  check_readers(context, reader);
  check_database(context);
  ANSWERS(SCARD_S_SUCCESS, SCardReleaseContext, context);
  ANSWERS(SCARD_E_INVALID_HANDLE, SCardReleaseContext, context);
  return groups();
}

static int beside(const char* reader, const char* real) {
  const SCARDCONTEXT context = open_context();
  load_late();
  check_real(context, reader, real);
  ANSWERS(SCARD_S_SUCCESS, SCardReleaseContext, context);
  return check_summary();
}

int main(int argc, char** argv) {
  const char* verb = argc > 1 ? argv[1] : "";
  setvbuf(stdout, NULL, _IONBF, 0);
  if (strcmp(verb, "groups") == 0) return groups();
  if (argc > 2 && strcmp(verb, "every") == 0) return every(argv[2]);
  if (argc > 3 && strcmp(verb, "real") == 0) return beside(argv[2], argv[3]);
  if (argc > 2 && strcmp(verb, "unelevated") == 0) return run_unelevated();
  fprintf(stderr, "exports_tool: groups, every READER or real READER REAL, or unelevated before it\n");
  return 2;
}
