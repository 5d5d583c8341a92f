/* Calls functions of winscard.dll and checks what they answer; keeps which were called. */
#ifndef EXPORTS_CHECK_H
#define EXPORTS_CHECK_H

#include <windows.h>
#include <winscard.h>

/* Calls `name` and says so when its answer is another than `wanted`. */
#define ANSWERS(wanted, name, ...) check_answer(#name, __LINE__, (LONG)name(__VA_ARGS__), (LONG)(wanted))
/* One without an answer, or whose answer is no code. */
#define CALLED(name) note_call(#name)
#define HOLDS(condition) check_holds(#condition, __FILE__, __LINE__, (condition) != 0)

void note_call(const char* name);
void check_answer(const char* name, int line, LONG code, LONG wanted);
void check_holds(const char* what, const char* file, int line, int holds);
/* Prints the functions that were called and the number of failures; the exit status. */
int check_summary(void);

/* A context, or the end of this program. */
SCARDCONTEXT open_context(void);

#endif
