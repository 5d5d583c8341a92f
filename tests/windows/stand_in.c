/* Stands in for the system's winscard.dll: one reader, "Stand-in 0", whose card answers each command with
   6D00 and its ATR is 3B00. The card is there while the file of CARDEA_STAND_IN exists. As much of the API as
   a connector may ask of it. Handles are 58, 5C, 60 ... in the order of connections. */
#include <wchar.h>

#include "stand_in.h"

static const WCHAR reader[] = L"Stand-in 0\0";
static volatile LONG cancelled = 0;
static volatile LONG waits = 0;
static volatile LONG next_card = 0x58;

/* How many waits were asked for: a test sees by it that nobody asks again and again. */
LONG stand_in_waits(void) {
  return waits;
}

int stand_in_is_card(SCARDHANDLE card) {
  return card >= 0x58 && card < (SCARDHANDLE)next_card && card % 4 == 0;
}

static int present(void) {
  WCHAR path[1024];
  return GetEnvironmentVariableW(L"CARDEA_STAND_IN", path, 1024) != 0 &&
         GetFileAttributesW(path) != INVALID_FILE_ATTRIBUTES;
}

const SCARD_IO_REQUEST g_rgSCardT0Pci = {SCARD_PROTOCOL_T0, sizeof(SCARD_IO_REQUEST)};
const SCARD_IO_REQUEST g_rgSCardT1Pci = {SCARD_PROTOCOL_T1, sizeof(SCARD_IO_REQUEST)};
const SCARD_IO_REQUEST g_rgSCardRawPci = {SCARD_PROTOCOL_RAW, sizeof(SCARD_IO_REQUEST)};

LONG WINAPI SCardEstablishContext(DWORD scope, LPCVOID a, LPCVOID b, LPSCARDCONTEXT context) {
  (void)scope, (void)a, (void)b;
  *context = stand_in_context;
  return SCARD_S_SUCCESS;
}
LONG WINAPI SCardReleaseContext(SCARDCONTEXT context) {
  return context == stand_in_context ? SCARD_S_SUCCESS : SCARD_E_INVALID_HANDLE;
}

LONG WINAPI SCardListReadersW(SCARDCONTEXT context, LPCWSTR groups, LPWSTR out, LPDWORD length) {
  (void)groups;
  if (context != stand_in_context) return SCARD_E_INVALID_HANDLE;
  return stand_in_give_wide(reader, sizeof reader / sizeof reader[0], out, length);
}

/* One that readers of every kind are in, and one of its own. */
LONG WINAPI SCardListReaderGroupsW(SCARDCONTEXT context, LPWSTR out, LPDWORD length) {
  static const WCHAR groups[] = L"SCard$DefaultReaders\0Stand-ins\0";
  if (context != stand_in_context && context != 0) return SCARD_E_INVALID_HANDLE;
  return stand_in_give_wide(groups, sizeof groups / sizeof groups[0], out, length);
}

LONG WINAPI SCardConnectW(SCARDCONTEXT context, LPCWSTR name, DWORD share, DWORD protocols,
                          LPSCARDHANDLE card, LPDWORD protocol) {
  (void)context, (void)share;
  if (wcscmp(name, reader) != 0) return SCARD_E_UNKNOWN_READER;
  if (!present()) return SCARD_E_NO_SMARTCARD;
  *card = (SCARDHANDLE)InterlockedExchangeAdd(&next_card, 4);
  *protocol = protocols == SCARD_PROTOCOL_RAW ? SCARD_PROTOCOL_RAW : SCARD_PROTOCOL_T0;
  return SCARD_S_SUCCESS;
}
LONG WINAPI SCardDisconnect(SCARDHANDLE card, DWORD disposition) {
  (void)disposition;
  return stand_in_is_card(card) ? SCARD_S_SUCCESS : SCARD_E_INVALID_HANDLE;
}

LONG WINAPI SCardTransmit(SCARDHANDLE card, LPCSCARD_IO_REQUEST send, LPCBYTE command, DWORD size,
                          LPSCARD_IO_REQUEST receive, LPBYTE response, LPDWORD length) {
  (void)send, (void)command, (void)size, (void)receive;
  if (!stand_in_is_card(card)) return SCARD_E_INVALID_HANDLE;
  response[0] = 0x6D;
  response[1] = 0x00;
  *length = 2;
  return SCARD_S_SUCCESS;
}

static DWORD state_now(LPCWSTR name, DWORD current) {
  if (wcscmp(name, L"\\\\?PnP?\\Notification") == 0)
    return (current >> 16) == 1 ? 0x10000 : 0x10000 | SCARD_STATE_CHANGED;
  if (wcscmp(name, reader) != 0) return SCARD_STATE_UNKNOWN | SCARD_STATE_IGNORE | SCARD_STATE_CHANGED;
  const DWORD now = present() ? SCARD_STATE_PRESENT : SCARD_STATE_EMPTY;
  return (current & now) != 0 ? now : now | SCARD_STATE_CHANGED;
}

LONG WINAPI SCardGetStatusChangeW(SCARDCONTEXT context, DWORD timeout, LPSCARD_READERSTATEW states,
                                  DWORD count) {
  const ULONGLONG end = GetTickCount64() + timeout;
  if (context != stand_in_context) return SCARD_E_INVALID_HANDLE;
  InterlockedExchange(&cancelled, 0);
  InterlockedIncrement(&waits);
  for (;;) {
    int changed = 0;
    for (DWORD i = 0; i < count; i++) {
      states[i].dwEventState = state_now(states[i].szReader, states[i].dwCurrentState);
      states[i].cbAtr = (states[i].dwEventState & SCARD_STATE_PRESENT) != 0 ? 2 : 0;
      states[i].rgbAtr[0] = 0x3B;
      states[i].rgbAtr[1] = 0x00;
      changed |= (states[i].dwEventState & SCARD_STATE_CHANGED) != 0;
    }
    if (changed) return SCARD_S_SUCCESS;
    if (cancelled) return SCARD_E_CANCELLED;
    if (timeout != INFINITE && GetTickCount64() >= end) return SCARD_E_TIMEOUT;
    Sleep(5); /* what a real one does not need */
  }
}
LONG WINAPI SCardCancel(SCARDCONTEXT context) {
  (void)context;
  InterlockedExchange(&cancelled, 1);
  return SCARD_S_SUCCESS;
}
