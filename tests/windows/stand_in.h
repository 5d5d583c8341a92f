/* What the parts of the stand-in for the system's winscard.dll share. */
#ifndef STAND_IN_H
#define STAND_IN_H

#include <windows.h>
#include <winscard.h>

enum { stand_in_context = 0x57 };

/* Whether this handle came from SCardConnect here. */
int stand_in_is_card(SCARDHANDLE card);

/* Keeps which function was asked and with what, numbers in hexadecimal: stand_in_last() tells a test. */
void stand_in_record(const char* format, ...);

/* Text into a buffer of the caller's, as SCardListReaders does it; `count` with all terminators. */
LONG stand_in_give_wide(const WCHAR* text, DWORD count, LPWSTR out, LPDWORD length);
LONG stand_in_give_narrow(const char* text, DWORD count, LPSTR out, LPDWORD length);

#endif
