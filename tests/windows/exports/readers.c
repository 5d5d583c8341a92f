#include <string.h>

#include "late.h"
#include "verbs.h"

static void check_waits(SCARDCONTEXT context, const char* reader) {
  WCHAR name[200];
  SCARD_READERSTATEW state;
  SCARD_READERSTATEA narrow;
  memset(&state, 0, sizeof state);
  memset(&narrow, 0, sizeof narrow);
  state.szReader = widened(reader, name);
  ANSWERS(SCARD_S_SUCCESS, SCardGetStatusChangeW, context, 0, &state, 1);
  HOLDS((state.dwEventState & SCARD_STATE_PRESENT) != 0 && (state.dwEventState & SCARD_STATE_CHANGED) != 0);
  HOLDS(state.cbAtr > 2 && state.rgbAtr[0] == 0x3B);
  narrow.szReader = reader;
  ANSWERS(SCARD_S_SUCCESS, SCardGetStatusChangeA, context, 0, &narrow, 1);
  HOLDS(narrow.cbAtr == state.cbAtr && memcmp(narrow.rgbAtr, state.rgbAtr, state.cbAtr) == 0);
  state.dwCurrentState = state.dwEventState & ~(DWORD)SCARD_STATE_CHANGED;
  ANSWERS(SCARD_E_TIMEOUT, SCardGetStatusChangeW, context, 50, &state, 1);
  ANSWERS(SCARD_E_INVALID_PARAMETER, SCardGetStatusChangeW, context, 0, NULL, 1);
  ANSWERS(SCARD_E_INVALID_HANDLE, SCardGetStatusChangeW, context + 1, 0, &state, 1);
  ANSWERS(SCARD_S_SUCCESS, SCardCancel, context);
  ANSWERS(SCARD_E_INVALID_HANDLE, SCardCancel, context + 1);
}

static int is_match(DWORD event) {
  return (event & SCARD_STATE_ATRMATCH) != 0;
}

static void check_atr(SCARDCONTEXT context, const char* reader, SCARD_ATRMASK* mask, int wanted) {
  WCHAR name[200];
  SCARD_READERSTATEA narrow;
  SCARD_READERSTATEW wide;
  memset(&narrow, 0, sizeof narrow);
  memset(&wide, 0, sizeof wide);
  narrow.szReader = reader;
  wide.szReader = widened(reader, name);
  ANSWERS(SCARD_S_SUCCESS, SCardLocateCardsByATRA, context, mask, 1, &narrow, 1);
  HOLDS(is_match(narrow.dwEventState) == wanted && (narrow.dwEventState & SCARD_STATE_PRESENT) != 0);
  ANSWERS(SCARD_S_SUCCESS, SCardLocateCardsByATRW, context, mask, 1, &wide, 1);
  HOLDS(is_match(wide.dwEventState) == wanted);
}

/* Windows' own database of types of cards, where SCardIntroduceCardType puts them. */
static const char types[] = "SOFTWARE\\Microsoft\\Cryptography\\Calais\\SmartCards\\Cardea test card";

static void check_named(SCARDCONTEXT context, const char* reader, const SCARD_ATRMASK* pattern) {
  WCHAR name[200];
  SCARD_READERSTATEA narrow;
  SCARD_READERSTATEW wide;
  HKEY key = NULL;
  memset(&narrow, 0, sizeof narrow);
  memset(&wide, 0, sizeof wide);
  narrow.szReader = reader;
  wide.szReader = widened(reader, name);
  ANSWERS(SCARD_E_UNKNOWN_CARD, SCardLocateCardsA, context, "Cardea test card\0", &narrow, 1);
  HOLDS(RegCreateKeyExA(HKEY_LOCAL_MACHINE, types, 0, NULL, 0, KEY_ALL_ACCESS, NULL, &key, NULL) ==
        ERROR_SUCCESS);
  HOLDS(RegSetValueExA(key, "ATR", 0, REG_BINARY, pattern->rgbAtr, pattern->cbAtr) == ERROR_SUCCESS);
  HOLDS(RegSetValueExA(key, "ATRMask", 0, REG_BINARY, pattern->rgbMask, pattern->cbAtr) == ERROR_SUCCESS);
  ANSWERS(SCARD_S_SUCCESS, SCardLocateCardsA, context, "Cardea test card\0", &narrow, 1);
  HOLDS(is_match(narrow.dwEventState));
  ANSWERS(SCARD_S_SUCCESS, SCardLocateCardsW, context, L"Cardea test card\0", &wide, 1);
  HOLDS(is_match(wide.dwEventState));
  ANSWERS(SCARD_E_UNKNOWN_CARD, SCardLocateCardsW, context, L"Cardea test card\0Another\0", &wide, 1);
  RegCloseKey(key);
  HOLDS(RegDeleteKeyA(HKEY_LOCAL_MACHINE, types) == ERROR_SUCCESS);
}

static void check_located(SCARDCONTEXT context, const char* reader) {
  SCARD_READERSTATEA state;
  SCARD_ATRMASK mask;
  memset(&state, 0, sizeof state);
  memset(&mask, 0, sizeof mask);
  state.szReader = reader;
  ANSWERS(SCARD_S_SUCCESS, SCardGetStatusChangeA, context, 0, &state, 1);
  mask.cbAtr = state.cbAtr;
  memcpy(mask.rgbAtr, state.rgbAtr, sizeof mask.rgbAtr);
  memset(mask.rgbMask, 0xFF, sizeof mask.rgbMask);
  check_named(context, reader, &mask);
  check_atr(context, reader, &mask, 1);
  mask.rgbAtr[mask.cbAtr - 1] ^= 0xFF;
  check_atr(context, reader, &mask, 0);
  mask.rgbAtr[mask.cbAtr - 1] = 0;
  mask.rgbMask[mask.cbAtr - 1] = 0; /* that octet does not count */
  check_atr(context, reader, &mask, 1);
  ANSWERS(SCARD_E_INVALID_PARAMETER, SCardLocateCardsByATRA, context, NULL, 1, &state, 1);
}

/* The two errors of SCardReadCache and the one of SCardWriteCache that are documented. A and W are one cache.
 */
static void check_cache(SCARDCONTEXT context) {
  static BYTE large[(64 << 10) + 1];
  UUID card = {11, 12, 13, {14, 15, 16, 17, 18, 19, 20, 21}}, other = card;
  BYTE data[4] = {1, 2, 3, 4}, back[8];
  DWORD size = sizeof back, small = 1;
  other.Data1++;
  ANSWERS(SCARD_W_CACHE_ITEM_NOT_FOUND, SCardReadCacheA, context, &card, 7, "item", back, &size);
  ANSWERS(SCARD_S_SUCCESS, SCardWriteCacheA, context, &card, 7, "item", data, sizeof data);
  ANSWERS(SCARD_S_SUCCESS, SCardReadCacheW, context, &card, 7, L"item", back, &size);
  HOLDS(size == sizeof data && memcmp(back, data, sizeof data) == 0);
  ANSWERS(SCARD_E_INSUFFICIENT_BUFFER, SCardReadCacheW, context, &card, 7, L"item", back, &small);
  HOLDS(small == sizeof data);
  size = sizeof back;
  ANSWERS(SCARD_W_CACHE_ITEM_NOT_FOUND, SCardReadCacheW, context, &other, 7, L"item", back, &size);
  ANSWERS(SCARD_W_CACHE_ITEM_NOT_FOUND, SCardReadCacheA, context, &card, 7, "another", back, &size);
  ANSWERS(SCARD_W_CACHE_ITEM_STALE, SCardReadCacheA, context, &card, 8, "item", back, &size);
  ANSWERS(SCARD_W_CACHE_ITEM_NOT_FOUND, SCardReadCacheA, context, &card, 7, "item", back, &size);
  ANSWERS(SCARD_S_SUCCESS, SCardWriteCacheW, context, &card, 8, L"item", data, 2);
  size = sizeof back;
  ANSWERS(SCARD_S_SUCCESS, SCardReadCacheA, context, &card, 8, "item", back, &size);
  HOLDS(size == 2);
  ANSWERS(SCARD_W_CACHE_ITEM_TOO_BIG, SCardWriteCacheW, context, &card, 8, L"item", large, sizeof large);
  ANSWERS(SCARD_E_INVALID_HANDLE, SCardReadCacheA, context + 1, &card, 8, "item", back, &size);
  ANSWERS(SCARD_E_INVALID_HANDLE, SCardWriteCacheW, context + 1, &card, 8, L"item", data, 2);
}

static void check_devices(SCARDCONTEXT context, const char* reader) {
  WCHAR name[200], wide[200], found_wide[200];
  char device[200], found[200];
  DWORD length = sizeof device, count = 200, type = 0;
  ANSWERS(SCARD_S_SUCCESS, SCardGetReaderDeviceInstanceIdA, context, reader, device, &length);
  HOLDS(length == strlen(device) + 1 && length > 1);
  ANSWERS(SCARD_S_SUCCESS, SCardGetReaderDeviceInstanceIdW, context, widened(reader, name), wide, &count);
  HOLDS(count == length);
  length = sizeof found;
  ANSWERS(SCARD_S_SUCCESS, SCardListReadersWithDeviceInstanceIdA, context, device, found, &length);
  HOLDS(strcmp(found, reader) == 0 && length == strlen(reader) + 2);
  count = 200;
  ANSWERS(SCARD_S_SUCCESS, SCardListReadersWithDeviceInstanceIdW, context, wide, found_wide, &count);
  HOLDS(wcscmp(found_wide, name) == 0 && count == length);
  ANSWERS(SCARD_E_UNKNOWN_READER, SCardGetReaderDeviceInstanceIdA, context, "Nobody 0", device, &length);
  ANSWERS(SCARD_E_UNKNOWN_READER, SCardGetReaderDeviceInstanceIdW, context, L"Nobody 0", wide, &count);
  ANSWERS(SCARD_E_NO_READERS_AVAILABLE, SCardListReadersWithDeviceInstanceIdA, context, "USB\\NOBODY", found,
          &length);
  ANSWERS(SCARD_E_NO_READERS_AVAILABLE, SCardListReadersWithDeviceInstanceIdW, context, L"USB\\NOBODY",
          found_wide, &count);

  ANSWERS(SCARD_S_SUCCESS, SCardGetDeviceTypeIdA, context, reader, &type);
  HOLDS(type == SCARD_READER_TYPE_VENDOR);
  ANSWERS(SCARD_S_SUCCESS, SCardGetDeviceTypeIdW, context, name, &type);
  ANSWERS(SCARD_E_UNKNOWN_READER, SCardGetDeviceTypeIdA, context, "Nobody 0", &type);
  /* A reader may have none. */
  length = sizeof found;
  ANSWERS(SCARD_E_UNSUPPORTED_FEATURE, SCardGetReaderIconA, context, reader, (LPBYTE)found, &length);
  ANSWERS(SCARD_E_UNSUPPORTED_FEATURE, SCardGetReaderIconW, context, name, (LPBYTE)found, &length);
  ANSWERS(SCARD_E_UNKNOWN_READER, SCardGetReaderIconA, context, "Nobody 0", (LPBYTE)found, &length);
}

static void check_events(SCARDCONTEXT context) {
  const HANDLE started = SCardAccessStartedEvent();
  CALLED(SCardAccessStartedEvent);
  HOLDS(started != NULL && WaitForSingleObject(started, 0) == WAIT_OBJECT_0);
  SCardReleaseStartedEvent();
  CALLED(SCardReleaseStartedEvent);
  HOLDS(SCardAccessNewReaderEvent() != NULL);
  CALLED(SCardAccessNewReaderEvent);
  SCardReleaseNewReaderEvent();
  CALLED(SCardReleaseNewReaderEvent);
  SCardReleaseAllEvents();
  CALLED(SCardReleaseAllEvents);
  HOLDS(WaitForSingleObject(SCardAccessStartedEvent(), 0) == WAIT_OBJECT_0);
  ANSWERS(SCARD_S_SUCCESS, SCardAudit, context, 1 /* SCARD_AUDIT_CHV_SUCCESS */);
  ANSWERS(SCARD_S_SUCCESS, SCardAudit, context, 0 /* SCARD_AUDIT_CHV_FAILURE */);
  ANSWERS(SCARD_E_INVALID_HANDLE, SCardAudit, context + 1, 1);
  ANSWERS(SCARD_E_INVALID_HANDLE, SCardAudit, 0, 1); /* "cannot be NULL" */
  /* For functions that it does not know, too, a class installer answers ERROR_DI_DO_DEFAULT. */
  ANSWERS(0xE000020E, ClassInstall32, 2 /* DIF_INSTALLDEVICE */, NULL, NULL);
  ANSWERS(0xE000020E, ClassInstall32, 0x7777, NULL, NULL);
}

void check_readers(SCARDCONTEXT context, const char* reader) {
  char names[200];
  WCHAR wide[200];
  DWORD length = sizeof names, count = 200;
  ANSWERS(SCARD_S_SUCCESS, SCardIsValidContext, context);
  ANSWERS(ERROR_INVALID_HANDLE, SCardIsValidContext, context + 1);
  ANSWERS(SCARD_S_SUCCESS, SCardListReadersA, context, NULL, names, &length);
  HOLDS(strcmp(names, reader) == 0);
  ANSWERS(SCARD_S_SUCCESS, SCardListReadersW, context, NULL, wide, &count);
  HOLDS(count == length);
  check_waits(context, reader);
  check_located(context, reader);
  check_cache(context);
  check_devices(context, reader);
  check_events(context);
}
