#include "check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { most_names = 128 };

static const char* names[most_names];
static int name_count = 0;
static int failures = 0;

void note_call(const char* name) {
  for (int i = 0; i < name_count; i++) {
    if (strcmp(names[i], name) == 0) return;
  }
  if (name_count < most_names) names[name_count++] = name;
}

void check_answer(const char* name, int line, LONG code, LONG wanted) {
  note_call(name);
  if (code == wanted) return;
  failures++;
  printf("%s, line %d: %08lX, not %08lX\n", name, line, (unsigned long)code, (unsigned long)wanted);
}

void check_holds(const char* what, const char* file, int line, int holds) {
  const char* base = strrchr(file, '/');
  if (holds) return;
  failures++;
  printf("%s:%d: not so: %s\n", base == NULL ? file : base + 1, line, what);
}

int check_summary(void) {
  for (int i = 0; i < name_count; i++)
    printf("called %s\n", names[i]);
  printf("%d failures\n", failures);
  return failures != 0;
}

SCARDCONTEXT open_context(void) {
  SCARDCONTEXT made = 0;
  const LONG result = SCardEstablishContext(SCARD_SCOPE_USER, NULL, NULL, &made);
  note_call("SCardEstablishContext");
  if (result == SCARD_S_SUCCESS) return made;
  printf("SCardEstablishContext %08lX\n", (unsigned long)result);
  exit(1);
}
