/* The stand-in's functions about one connection. Memory that it allocates is of a heap of its own: nobody
   else can free it. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "stand_in.h"

static char last[512];
static HANDLE heap = NULL;
static void* allocated = NULL;

void stand_in_record(const char* format, ...) {
  va_list values;
  va_start(values, format);
  vsnprintf(last, sizeof last, format, values);
  va_end(values);
}

const char* stand_in_last(void) {
  return last;
}

LONG stand_in_give_wide(const WCHAR* text, DWORD count, LPWSTR out, LPDWORD length) {
  const DWORD room = *length;
  *length = count;
  if (out == NULL) return SCARD_S_SUCCESS;
  if (room < count) return SCARD_E_INSUFFICIENT_BUFFER;
  memcpy(out, text, count * sizeof *text);
  return SCARD_S_SUCCESS;
}
LONG stand_in_give_narrow(const char* text, DWORD count, LPSTR out, LPDWORD length) {
  const DWORD room = *length;
  *length = count;
  if (out == NULL) return SCARD_S_SUCCESS;
  if (room < count) return SCARD_E_INSUFFICIENT_BUFFER;
  memcpy(out, text, count);
  return SCARD_S_SUCCESS;
}

static LONG asked_of(SCARDHANDLE card) {
  return stand_in_is_card(card) ? SCARD_S_SUCCESS : SCARD_E_INVALID_HANDLE;
}

LONG WINAPI SCardReconnect(SCARDHANDLE card, DWORD share, DWORD protocols, DWORD initialization,
                           LPDWORD active) {
  stand_in_record("SCardReconnect %lX %lX %lX %lX", (unsigned long)card, share, protocols, initialization);
  *active = SCARD_PROTOCOL_T0;
  return asked_of(card);
}

static LONG status(SCARDHANDLE card, LPDWORD state, LPDWORD active, LPBYTE atr, LPDWORD atr_length) {
  if (state != NULL) *state = SCARD_NEGOTIABLE;
  if (active != NULL) *active = SCARD_PROTOCOL_T0;
  if (atr != NULL) memcpy(atr, "\x3B\x00", 2);
  if (atr_length != NULL) *atr_length = 2;
  return asked_of(card);
}
LONG WINAPI SCardStatusA(SCARDHANDLE card, LPSTR reader, LPDWORD length, LPDWORD state, LPDWORD active,
                         LPBYTE atr, LPDWORD atr_length) {
  static const char name[] = "Stand-in 0\0";
  stand_in_record("SCardStatusA %lX", (unsigned long)card);
  if (length != NULL) (void)stand_in_give_narrow(name, sizeof name, reader, length);
  return status(card, state, active, atr, atr_length);
}
LONG WINAPI SCardStatusW(SCARDHANDLE card, LPWSTR reader, LPDWORD length, LPDWORD state, LPDWORD active,
                         LPBYTE atr, LPDWORD atr_length) {
  static const WCHAR name[] = L"Stand-in 0\0";
  stand_in_record("SCardStatusW %lX", (unsigned long)card);
  if (length != NULL) (void)stand_in_give_wide(name, sizeof name / sizeof name[0], reader, length);
  return status(card, state, active, atr, atr_length);
}

LONG WINAPI SCardBeginTransaction(SCARDHANDLE card) {
  stand_in_record("SCardBeginTransaction %lX", (unsigned long)card);
  return asked_of(card);
}
LONG WINAPI SCardEndTransaction(SCARDHANDLE card, DWORD disposition) {
  stand_in_record("SCardEndTransaction %lX %lX", (unsigned long)card, disposition);
  return asked_of(card);
}

/* Answers with the input, each octet inverted. */
LONG WINAPI SCardControl(SCARDHANDLE card, DWORD code, LPCVOID input, DWORD size, LPVOID output, DWORD room,
                         LPDWORD returned) {
  stand_in_record("SCardControl %lX %lX %lX %lX", (unsigned long)card, code, size, room);
  if (room < size) return SCARD_E_INSUFFICIENT_BUFFER;
  for (DWORD i = 0; i < size; i++)
    ((BYTE*)output)[i] = (BYTE) ~((const BYTE*)input)[i];
  *returned = size;
  return asked_of(card);
}

LONG WINAPI SCardGetAttrib(SCARDHANDLE card, DWORD id, LPBYTE value, LPDWORD length) {
  static const BYTE known[] = {0x53, 0x49};
  stand_in_record("SCardGetAttrib %lX %lX", (unsigned long)card, id);
  if (!stand_in_is_card(card)) return SCARD_E_INVALID_HANDLE;
  if (*length == SCARD_AUTOALLOCATE) {
    if (heap == NULL) heap = HeapCreate(0, 0, 0);
    allocated = HeapAlloc(heap, 0, sizeof known);
    if (allocated == NULL) return SCARD_E_NO_MEMORY;
    *(void**)value = allocated;
    value = allocated;
  } else if (*length < sizeof known) {
    return SCARD_E_INSUFFICIENT_BUFFER;
  }
  memcpy(value, known, sizeof known);
  *length = sizeof known;
  return SCARD_S_SUCCESS;
}
LONG WINAPI SCardSetAttrib(SCARDHANDLE card, DWORD id, LPCBYTE value, DWORD size) {
  stand_in_record("SCardSetAttrib %lX %lX %lX %X", (unsigned long)card, id, size, size == 0 ? 0 : value[0]);
  return asked_of(card);
}
LONG WINAPI SCardFreeMemory(SCARDCONTEXT context, LPCVOID memory) {
  stand_in_record("SCardFreeMemory %lX", (unsigned long)context);
  if (memory == NULL || memory != allocated) return SCARD_E_INVALID_PARAMETER;
  HeapFree(heap, 0, allocated);
  allocated = NULL;
  return SCARD_S_SUCCESS;
}

LONG WINAPI SCardGetTransmitCount(SCARDHANDLE card, LPDWORD count) {
  stand_in_record("SCardGetTransmitCount %lX", (unsigned long)card);
  *count = 42;
  return asked_of(card);
}
