/* What a card management system does through WINSCARD, one command a run; compiled against the stock import
   library. Prints one line for each thing that happened; codes as 8 hexadecimal digits. card_tool list
     card_tool exchange READER            one APDU a line on standard input, in hexadecimal
     card_tool watch READER TIMEOUT_MS    each state as it comes, until present and then empty were seen, or
   the time is over card_tool cancel READER              a wait without limit, cancelled by another thread
     card_tool transaction READER         begins one, ends it when a line comes on standard input
     card_tool check READER               NULL arguments, sizes, A and W, memory, attributes, the cache
     card_tool connect READER PROTOCOLS   the protocols in hexadecimal
     card_tool outlive OURS REAL          a wait for REAL without limit, during which the agent may end; then
   what is left
     card_tool unelevated COMMAND ...     the same, without an administrator's rights */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <windows.h>
#include <winscard.h>

#include "unelevated.h"

static int failures = 0;

static void say(const char* what, LONG code) {
  printf("%s %08lX\n", what, (unsigned long)code);
  fflush(stdout);
}

static void expect(const char* what, LONG code, LONG wanted) {
  if (code == wanted) return;
  failures++;
  printf("%s: %08lX, not %08lX\n", what, (unsigned long)code, (unsigned long)wanted);
}

static SCARDCONTEXT context(void) {
  SCARDCONTEXT made = 0;
  const LONG result = SCardEstablishContext(SCARD_SCOPE_USER, NULL, NULL, &made);
  if (result != SCARD_S_SUCCESS) {
    say("SCardEstablishContext", result);
    exit(1);
  }
  return made;
}

static int list(void) {
  const SCARDCONTEXT ctx = context();
  LPSTR readers = NULL;
  DWORD length = SCARD_AUTOALLOCATE;
  const LONG result = SCardListReadersA(ctx, NULL, (LPSTR)&readers, &length);
  if (result != SCARD_S_SUCCESS) {
    say("SCardListReaders", result);
  } else {
    for (const char* one = readers; *one != '\0'; one += strlen(one) + 1)
      printf("%s\n", one);
    SCardFreeMemory(ctx, readers);
  }
  SCardReleaseContext(ctx);
  return 0;
}

static SCARDHANDLE connect_to(SCARDCONTEXT ctx, const char* reader, DWORD* protocol) {
  SCARDHANDLE card = 0;
  const LONG result =
      SCardConnectA(ctx, reader, SCARD_SHARE_SHARED, SCARD_PROTOCOL_T0 | SCARD_PROTOCOL_T1, &card, protocol);
  if (result != SCARD_S_SUCCESS) {
    say("SCardConnect", result);
    exit(1);
  }
  return card;
}

static DWORD from_hex(const char* text, BYTE* out, DWORD room) {
  DWORD size = 0;
  unsigned octet = 0;
  for (; size < room && sscanf(text, "%2x", &octet) == 1; text += 2)
    out[size++] = (BYTE)octet;
  return size;
}

static int exchange(const char* reader) {
  static char line[140000];
  static BYTE command[65550], response[65550];
  DWORD protocol = 0;
  const SCARDCONTEXT ctx = context();
  const SCARDHANDLE card = connect_to(ctx, reader, &protocol);
  const SCARD_IO_REQUEST* pci = protocol == SCARD_PROTOCOL_T1 ? SCARD_PCI_T1 : SCARD_PCI_T0;
  while (fgets(line, sizeof line, stdin) != NULL) {
    DWORD length = sizeof response;
    const DWORD size = from_hex(line, command, sizeof command);
    const LONG result = SCardTransmit(card, pci, command, size, NULL, response, &length);
    if (result != SCARD_S_SUCCESS) {
      say("SCardTransmit", result);
      continue;
    }
    for (DWORD i = 0; i < length; i++)
      printf("%02X", response[i]);
    printf("\n");
    fflush(stdout);
  }
  SCardDisconnect(card, SCARD_RESET_CARD);
  SCardReleaseContext(ctx);
  return 0;
}

static int watch(const char* reader, DWORD timeout) {
  const SCARDCONTEXT ctx = context();
  SCARD_READERSTATEA state;
  int seen_present = 0;
  memset(&state, 0, sizeof state);
  state.szReader = reader;
  for (;;) {
    const LONG result = SCardGetStatusChangeA(ctx, timeout, &state, 1);
    if (result != SCARD_S_SUCCESS) {
      say("SCardGetStatusChange", result);
      return 1;
    }
    state.dwCurrentState = state.dwEventState & ~(DWORD)SCARD_STATE_CHANGED;
    if ((state.dwEventState & SCARD_STATE_PRESENT) != 0) {
      printf("present");
      for (DWORD i = 0; i < state.cbAtr; i++)
        printf("%s%02X", i == 0 ? " " : "", state.rgbAtr[i]);
      printf("\n");
      seen_present = 1;
    } else {
      printf("%s\n", (state.dwEventState & SCARD_STATE_EMPTY) != 0 ? "empty" : "other");
      if (seen_present) return 0;
    }
    fflush(stdout);
  }
}

static DWORD WINAPI cancel_soon(LPVOID given) {
  Sleep(300);
  say("SCardCancel", SCardCancel(*(SCARDCONTEXT*)given));
  return 0;
}

static int cancel(const char* reader) {
  SCARDCONTEXT ctx = context();
  SCARD_READERSTATEA state;
  HANDLE thread;
  memset(&state, 0, sizeof state);
  state.szReader = reader;
  SCardGetStatusChangeA(ctx, 0, &state, 1);
  state.dwCurrentState = state.dwEventState & ~(DWORD)SCARD_STATE_CHANGED;
  thread = CreateThread(NULL, 0, cancel_soon, &ctx, 0, NULL);
  const LONG result = SCardGetStatusChangeA(ctx, INFINITE, &state, 1);
  WaitForSingleObject(thread, INFINITE);
  say("SCardGetStatusChange", result);
  expect("the context afterwards", SCardIsValidContext(ctx), SCARD_S_SUCCESS);
  return failures;
}

static int transaction(const char* reader) {
  char line[16];
  DWORD protocol = 0;
  const SCARDCONTEXT ctx = context();
  const SCARDHANDLE card = connect_to(ctx, reader, &protocol);
  printf("connected\n");
  fflush(stdout);
  say("SCardBeginTransaction", SCardBeginTransaction(card));
  if (fgets(line, sizeof line, stdin) == NULL) return 1;
  say("SCardEndTransaction", SCardEndTransaction(card, SCARD_LEAVE_CARD));
  SCardDisconnect(card, SCARD_LEAVE_CARD);
  SCardReleaseContext(ctx);
  return 0;
}

static void check_lists(SCARDCONTEXT ctx) {
  DWORD narrow = 0, wide = 0, small = 1;
  WCHAR buffer[512];
  char bytes[512];
  expect("no length", SCardListReadersA(ctx, NULL, NULL, NULL), SCARD_E_INVALID_PARAMETER);
  expect("length, A", SCardListReadersA(ctx, NULL, NULL, &narrow), SCARD_S_SUCCESS);
  expect("length, W", SCardListReadersW(ctx, NULL, NULL, &wide), SCARD_S_SUCCESS);
  expect("one length for both", (LONG)narrow, (LONG)wide);
  expect("small", SCardListReadersA(ctx, NULL, bytes, &small), SCARD_E_INSUFFICIENT_BUFFER);
  expect("what it should be", (LONG)small, (LONG)narrow);
  expect("W", SCardListReadersW(ctx, L"SCard$AllReaders\0", buffer, &wide), SCARD_S_SUCCESS);
  expect("both ends", buffer[wide - 1] == 0 && buffer[wide - 2] == 0, 1);
  expect("other group", SCardListReadersA(ctx, "Elsewhere\0", NULL, &small), SCARD_E_NO_READERS_AVAILABLE);
  expect("no such context", SCardListReadersA(ctx + 1, NULL, NULL, &small), SCARD_E_INVALID_HANDLE);
}

static void check_card(SCARDCONTEXT ctx, const char* reader) {
  DWORD protocol = 0, state = 0, length = 0, atr_length = 36, four = 4, presence = 0;
  BYTE atr[36], *made = NULL;
  char name[200];
  WCHAR wide[200];
  SCARDHANDLE card = 0;
  expect("no reader", SCardConnectA(ctx, NULL, SCARD_SHARE_SHARED, SCARD_PROTOCOL_T1, &card, &protocol),
         SCARD_E_INVALID_PARAMETER);
  expect("unknown reader",
         SCardConnectA(ctx, "Nobody 0", SCARD_SHARE_SHARED, SCARD_PROTOCOL_T1, &card, &protocol),
         SCARD_E_UNKNOWN_READER);
  expect("share mode", SCardConnectA(ctx, reader, 9, SCARD_PROTOCOL_T1, &card, &protocol),
         SCARD_E_INVALID_VALUE);
  card = connect_to(ctx, reader, &protocol);
  expect("protocol", (LONG)protocol, SCARD_PROTOCOL_T1);
  length = sizeof name;
  expect("status", SCardStatusA(card, name, &length, &state, &protocol, atr, &atr_length), SCARD_S_SUCCESS);
  expect("name", strcmp(name, reader), 0);
  expect("multi-string", (LONG)length, (LONG)strlen(reader) + 2);
  expect("state", (LONG)state, SCARD_SPECIFIC);
  length = 3;
  expect("status, small", SCardStatusW(card, wide, &length, NULL, NULL, NULL, NULL),
         SCARD_E_INSUFFICIENT_BUFFER);
  expect("status, nothing wanted", SCardStatusW(card, NULL, NULL, NULL, NULL, NULL, NULL), SCARD_S_SUCCESS);
  length = SCARD_AUTOALLOCATE;
  expect("attribute", SCardGetAttrib(card, SCARD_ATTR_ATR_STRING, (LPBYTE)&made, &length), SCARD_S_SUCCESS);
  expect("its length", (LONG)length, (LONG)atr_length);
  if (made != NULL) expect("its octets", memcmp(made, atr, atr_length), 0);
  expect("given back", SCardFreeMemory(ctx, made), SCARD_S_SUCCESS);
  expect("and not twice", SCardFreeMemory(ctx, made), SCARD_E_INVALID_PARAMETER);
  expect("presence", SCardGetAttrib(card, SCARD_ATTR_ICC_PRESENCE, (LPBYTE)&presence, &four),
         SCARD_S_SUCCESS);
  expect("unknown attribute", SCardGetAttrib(card, 0x12345, atr, &atr_length), SCARD_E_UNSUPPORTED_FEATURE);
  expect("transmit without a buffer", SCardTransmit(card, SCARD_PCI_T1, NULL, 4, NULL, NULL, NULL),
         SCARD_E_INVALID_PARAMETER);
  expect("end of no transaction", SCardEndTransaction(card, SCARD_LEAVE_CARD), SCARD_E_NOT_TRANSACTED);
  expect("no card", SCardBeginTransaction(card + 1), SCARD_E_INVALID_HANDLE);
  expect("disconnect", SCardDisconnect(card, SCARD_LEAVE_CARD), SCARD_S_SUCCESS);
  expect("twice", SCardDisconnect(card, SCARD_LEAVE_CARD), SCARD_E_INVALID_HANDLE);
}

typedef LONG(WINAPI* ReadCacheW)(SCARDCONTEXT, UUID*, DWORD, LPWSTR, PBYTE, DWORD*);
typedef LONG(WINAPI* WriteCacheW)(SCARDCONTEXT, UUID*, DWORD, LPWSTR, PBYTE, DWORD);
typedef LONG(WINAPI* DeviceType)(SCARDCONTEXT, LPCSTR, LPDWORD);

static void check_windows_only(SCARDCONTEXT ctx, const char* reader) {
  const HMODULE dll = GetModuleHandleA("winscard.dll");
  const ReadCacheW read_cache = (ReadCacheW)(void*)GetProcAddress(dll, "SCardReadCacheW");
  const WriteCacheW write_cache = (WriteCacheW)(void*)GetProcAddress(dll, "SCardWriteCacheW");
  const DeviceType device_type = (DeviceType)(void*)GetProcAddress(dll, "SCardGetDeviceTypeIdA");
  UUID card = {1, 2, 3, {4, 5, 6, 7, 8, 9, 10, 11}};
  BYTE data[8] = "cached", back[8];
  DWORD length = sizeof back, type = 0;
  SCARD_READERSTATEA state;
  SCARD_ATRMASK any;
  HANDLE started = SCardAccessStartedEvent();
  expect("started", WaitForSingleObject(started, 0) == WAIT_OBJECT_0, 1);
  SCardReleaseStartedEvent();
  expect("cache, nothing", read_cache(ctx, &card, 1, L"file", back, &length), (LONG)0x80100070);
  expect("cache, write", write_cache(ctx, &card, 1, L"file", data, sizeof data), SCARD_S_SUCCESS);
  expect("cache, read", read_cache(ctx, &card, 1, L"file", back, &length), SCARD_S_SUCCESS);
  expect("cache, same", memcmp(data, back, sizeof data), 0);
  expect("cache, stale", read_cache(ctx, &card, 2, L"file", back, &length), (LONG)0x80100071);
  expect("type", device_type(ctx, reader, &type), SCARD_S_SUCCESS);
  expect("of a vendor", (LONG)type, 0xF0);
  memset(&state, 0, sizeof state);
  state.szReader = reader;
  SCardGetStatusChangeA(ctx, 0, &state, 1);
  any.cbAtr = state.cbAtr;
  memcpy(any.rgbAtr, state.rgbAtr, sizeof any.rgbAtr);
  memset(any.rgbMask, 0xFF, sizeof any.rgbMask);
  expect("locate", SCardLocateCardsByATRA(ctx, &any, 1, &state, 1), SCARD_S_SUCCESS);
  expect("found", (state.dwEventState & SCARD_STATE_ATRMATCH) != 0, 1);
  any.rgbAtr[1] ^= 1;
  expect("locate another", SCardLocateCardsByATRA(ctx, &any, 1, &state, 1), SCARD_S_SUCCESS);
  expect("not found", (state.dwEventState & SCARD_STATE_ATRMATCH) != 0, 0);
  length = 0;
  expect("types of cards", SCardListCardsA(ctx, NULL, NULL, 0, NULL, &length), SCARD_S_SUCCESS);
  expect("unknown type", SCardGetProviderIdA(ctx, "No such card", &card), SCARD_E_UNKNOWN_CARD);
  expect("groups", SCardListReaderGroupsW(ctx, NULL, &length), SCARD_S_SUCCESS);
  state.szReader = "Nobody 0";
  state.dwCurrentState = SCARD_STATE_UNAWARE;
  expect("change of nobody", SCardGetStatusChangeA(ctx, 0, &state, 1), SCARD_S_SUCCESS);
  expect("is unknown", (state.dwEventState & SCARD_STATE_UNKNOWN) != 0, 1);
  state.szReader = "\\\\?PnP?\\Notification";
  state.dwCurrentState = SCARD_STATE_UNAWARE;
  expect("plug and play", SCardGetStatusChangeA(ctx, 0, &state, 1), SCARD_S_SUCCESS);
  expect("readers", (LONG)(state.dwEventState >> 16), 1);
  state.dwCurrentState = state.dwEventState;
  expect("no more of them", SCardGetStatusChangeA(ctx, 50, &state, 1), SCARD_E_TIMEOUT);
}

static int check(const char* reader) {
  SCARDCONTEXT ctx = 0;
  expect("nowhere to put it", SCardEstablishContext(SCARD_SCOPE_USER, NULL, NULL, NULL),
         SCARD_E_INVALID_PARAMETER);
  ctx = context();
  check_lists(ctx);
  check_card(ctx, reader);
  check_windows_only(ctx, reader);
  expect("release", SCardReleaseContext(ctx), SCARD_S_SUCCESS);
  expect("release twice", SCardReleaseContext(ctx), SCARD_E_INVALID_HANDLE);
  expect("valid no more", SCardIsValidContext(ctx), ERROR_INVALID_HANDLE);
  expect("the structures of three protocols",
         (LONG)(g_rgSCardT0Pci.dwProtocol | g_rgSCardT1Pci.dwProtocol | g_rgSCardRawPci.dwProtocol),
         SCARD_PROTOCOL_T0 | SCARD_PROTOCOL_T1 | SCARD_PROTOCOL_RAW);
  printf("%d failures\n", failures);
  return failures != 0;
}

static int connect_by(const char* reader, DWORD protocols) {
  DWORD protocol = 0;
  SCARDHANDLE card = 0;
  const SCARDCONTEXT ctx = context();
  const LONG result = SCardConnectA(ctx, reader, SCARD_SHARE_SHARED, protocols, &card, &protocol);
  say("SCardConnect", result);
  if (result == SCARD_S_SUCCESS) printf("protocol %08lX\n", (unsigned long)protocol);
  SCardReleaseContext(ctx);
  return 0;
}

typedef LONG (*Waits)(void);

static int outlive(const char* ours, const char* real) {
  DWORD protocol = 0;
  SCARDHANDLE card = 0;
  SCARD_READERSTATEA state;
  const SCARDCONTEXT ctx = context();
  const Waits waits = (Waits)(void*)GetProcAddress(GetModuleHandleA("stand_in.dll"), "stand_in_waits");
  memset(&state, 0, sizeof state);
  state.szReader = real;
  state.dwCurrentState = SCARD_STATE_EMPTY;
  printf("waiting\n");
  fflush(stdout);
  say("SCardGetStatusChange, real", SCardGetStatusChangeA(ctx, INFINITE, &state, 1));

  state.dwCurrentState = SCARD_STATE_PRESENT;
  const LONG before = waits();
  say("SCardGetStatusChange, real, limited", SCardGetStatusChangeA(ctx, 500, &state, 1));
  printf("waits: %s\n", waits() - before < 8 ? "few" : "many");
  say("SCardConnect, real",
      SCardConnectA(ctx, real, SCARD_SHARE_SHARED, SCARD_PROTOCOL_T0, &card, &protocol));
  say("SCardConnect, ours",
      SCardConnectA(ctx, ours, SCARD_SHARE_SHARED, SCARD_PROTOCOL_T1, &card, &protocol));
  state.szReader = ours;
  state.dwCurrentState = SCARD_STATE_EMPTY;
  say("SCardGetStatusChange, ours", SCardGetStatusChangeA(ctx, INFINITE, &state, 1));
  SCardReleaseContext(ctx);
  return 0;
}

int main(int argc, char** argv) {
  const char* verb = argc > 1 ? argv[1] : "";
  if (strcmp(verb, "list") == 0) return list();
  if (argc > 2 && strcmp(verb, "exchange") == 0) return exchange(argv[2]);
  if (argc > 3 && strcmp(verb, "watch") == 0) return watch(argv[2], (DWORD)atoi(argv[3]));
  if (argc > 2 && strcmp(verb, "cancel") == 0) return cancel(argv[2]);
  if (argc > 2 && strcmp(verb, "transaction") == 0) return transaction(argv[2]);
  if (argc > 2 && strcmp(verb, "check") == 0) return check(argv[2]);
  if (argc > 3 && strcmp(verb, "connect") == 0) return connect_by(argv[2], strtoul(argv[3], NULL, 16));
  if (argc > 3 && strcmp(verb, "outlive") == 0) return outlive(argv[2], argv[3]);
  if (argc > 2 && strcmp(verb, "unelevated") == 0) return run_unelevated();
  fprintf(stderr,
          "card_tool: list, exchange, watch, cancel, transaction, check, connect, outlive or unelevated\n");
  return 2;
}
