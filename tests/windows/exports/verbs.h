/* What the parts of exports_tool do with a context; `reader` is ours. */
#ifndef EXPORTS_VERBS_H
#define EXPORTS_VERBS_H

#include "check.h"

/* Connections: reconnecting and resets, control codes, attributes, counts. */
void check_cards(SCARDCONTEXT context, const char* reader);
/* Waits, looking for cards by ATR, the cache, readers as devices, events. */
void check_readers(SCARDCONTEXT context, const char* reader);
/* Types of cards and groups of readers where there is no system to ask. */
void check_database(SCARDCONTEXT context);
/* That calls for `real`, a reader of the stand-in, reach it as they were made, and those for ours do not. */
void check_real(SCARDCONTEXT context, const char* reader, const char* real);

/* A connection with T=1 to ours, or the end of this program. */
SCARDHANDLE connect_ours(SCARDCONTEXT context, const char* reader);
/* Selects the PIV application; whether that was answered with 9000. */
int select_piv(SCARDHANDLE card);
/* Up to 200 characters, of ASCII. */
const WCHAR* widened(const char* text, WCHAR* out);

#endif
