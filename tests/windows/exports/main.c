/* Calls what winscard.dll exports; compiled against the stock import library.
     exports_tool groups                  the groups of readers, one a line
     exports_tool unelevated COMMAND ...  the same, without an administrator's rights */
#include <stdio.h>
#include <string.h>

#include "check.h"
#include "unelevated.h"

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

int main(int argc, char** argv) {
  const char* verb = argc > 1 ? argv[1] : "";
  setvbuf(stdout, NULL, _IONBF, 0);
  if (strcmp(verb, "groups") == 0) return groups();
  if (argc > 2 && strcmp(verb, "unelevated") == 0) return run_unelevated();
  fprintf(stderr, "exports_tool: groups, or unelevated before it\n");
  return 2;
}
