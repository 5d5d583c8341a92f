#include <stdio.h>
#include <string.h>

#include "late.h"
#include "verbs.h"

typedef const char* (*Last)(void);
static Last last = NULL;

/* What the stand-in was asked last. */
static void asked(const char* wanted, int line) {
  const int same = strcmp(last(), wanted) == 0;
  if (!same) printf("the system was asked: %s\n", last());
  check_holds(wanted, __FILE__, line, same);
}
#define ASKED(wanted) asked(wanted, __LINE__)

/* `other` is the system's second connection: each has its own number there. */
static void check_connections(SCARDHANDLE card, SCARDHANDLE other) {
  WCHAR wide[64];
  char name[64];
  BYTE atr[36];
  DWORD length = sizeof name, state = 0, protocol = 0, size = sizeof atr;
  ANSWERS(SCARD_S_SUCCESS, SCardReconnect, other, SCARD_SHARE_DIRECT, 0, SCARD_UNPOWER_CARD, &protocol);
  ASKED("SCardReconnect 5C 3 0 2");
  HOLDS(protocol == SCARD_PROTOCOL_T0);
  ANSWERS(SCARD_S_SUCCESS, SCardReconnect, card, SCARD_SHARE_EXCLUSIVE, SCARD_PROTOCOL_DEFAULT,
          SCARD_LEAVE_CARD, &protocol);
  ASKED("SCardReconnect 58 1 80000000 0");
  ANSWERS(SCARD_S_SUCCESS, SCardStatusA, card, name, &length, &state, &protocol, atr, &size);
  ASKED("SCardStatusA 58");
  HOLDS(strcmp(name, "Stand-in 0") == 0 && length == 12 && state == SCARD_NEGOTIABLE);
  HOLDS(size == 2 && atr[0] == 0x3B && atr[1] == 0x00);
  length = 64;
  ANSWERS(SCARD_S_SUCCESS, SCardStatusW, other, wide, &length, NULL, NULL, NULL, NULL);
  ASKED("SCardStatusW 5C");
  HOLDS(wcscmp(wide, L"Stand-in 0") == 0);
  ANSWERS(SCARD_S_SUCCESS, SCardState, card, &state, &protocol, atr, &size);
  ASKED("SCardStatusW 58");
  ANSWERS(SCARD_S_SUCCESS, SCardBeginTransaction, other);
  ASKED("SCardBeginTransaction 5C");
  ANSWERS(SCARD_S_SUCCESS, SCardEndTransaction, other, SCARD_EJECT_CARD);
  ASKED("SCardEndTransaction 5C 3");
}

static void check_driver(SCARDCONTEXT context, SCARDHANDLE card) {
  static const BYTE in[] = {0x0F, 0xF0, 0x00};
  BYTE out[8], *made = NULL;
  DWORD size = 0;
  ANSWERS(SCARD_S_SUCCESS, SCardControl, card, SCARD_CTL_CODE(3400), in, sizeof in, out, sizeof out, &size);
  ASKED("SCardControl 58 313520 3 8");
  HOLDS(size == sizeof in && out[0] == 0xF0 && out[1] == 0x0F && out[2] == 0xFF);
  ANSWERS(SCARD_E_INSUFFICIENT_BUFFER, SCardControl, card, SCARD_CTL_CODE(1), in, sizeof in, out, 2, &size);
  ANSWERS(SCARD_S_SUCCESS, SCardSetAttrib, card, 0x12345, in, sizeof in);
  ASKED("SCardSetAttrib 58 12345 3 F");
  size = 1;
  ANSWERS(SCARD_E_INSUFFICIENT_BUFFER, SCardGetAttrib, card, SCARD_ATTR_VENDOR_NAME, out, &size);
  ASKED("SCardGetAttrib 58 10100");
  size = SCARD_AUTOALLOCATE;
  ANSWERS(SCARD_S_SUCCESS, SCardGetAttrib, card, SCARD_ATTR_VENDOR_NAME, (LPBYTE)&made, &size);
  HOLDS(size == 2 && made != NULL && memcmp(made, "SI", 2) == 0);
  /* Whoever allocated it frees it. */
  ANSWERS(SCARD_S_SUCCESS, SCardFreeMemory, context, made);
  ASKED("SCardFreeMemory 57");
  ANSWERS(SCARD_E_INVALID_PARAMETER, SCardFreeMemory, context, made);
  ANSWERS(SCARD_S_SUCCESS, SCardGetTransmitCount, card, &size);
  ASKED("SCardGetTransmitCount 58");
  HOLDS(size == 42);
}

static void check_device(SCARDCONTEXT context, const char* real) {
  WCHAR name[200], wide[8];
  char text[8];
  BYTE icon[8];
  DWORD length = sizeof text, count = 8, size = sizeof icon, type = 0;
  (void)widened(real, name);
  ANSWERS(SCARD_S_SUCCESS, SCardGetReaderDeviceInstanceIdA, context, real, text, &length);
  ASKED("SCardGetReaderDeviceInstanceIdA 57 Stand-in 0");
  HOLDS(strcmp(text, "S") == 0 && length == 2);
  ANSWERS(SCARD_S_SUCCESS, SCardGetReaderDeviceInstanceIdW, context, name, wide, &count);
  ASKED("SCardGetReaderDeviceInstanceIdW 57 Stand-in 0");
  HOLDS(wcscmp(wide, L"S") == 0 && count == 2);
  length = sizeof text;
  ANSWERS(SCARD_S_SUCCESS, SCardListReadersWithDeviceInstanceIdA, context, "USB\\S", text, &length);
  ASKED("SCardListReadersWithDeviceInstanceIdA 57 USB\\S");
  HOLDS(length == 3);
  count = 8;
  ANSWERS(SCARD_S_SUCCESS, SCardListReadersWithDeviceInstanceIdW, context, L"USB\\S", wide, &count);
  ASKED("SCardListReadersWithDeviceInstanceIdW 57 USB\\S");
  HOLDS(count == 3);
  ANSWERS(SCARD_S_SUCCESS, SCardGetReaderIconA, context, real, icon, &size);
  ASKED("SCardGetReaderIconA 57 Stand-in 0");
  HOLDS(size == 4 && memcmp(icon, "icon", 4) == 0);
  size = sizeof icon;
  ANSWERS(SCARD_S_SUCCESS, SCardGetReaderIconW, context, name, icon, &size);
  ASKED("SCardGetReaderIconW 57 Stand-in 0");
  ANSWERS(SCARD_S_SUCCESS, SCardGetDeviceTypeIdA, context, real, &type);
  ASKED("SCardGetDeviceTypeIdA 57 Stand-in 0");
  HOLDS(type == SCARD_READER_TYPE_USB);
  ANSWERS(SCARD_S_SUCCESS, SCardGetDeviceTypeIdW, context, name, &type);
  ASKED("SCardGetDeviceTypeIdW 57 Stand-in 0");
  ANSWERS(SCARD_S_SUCCESS, SCardAudit, context, 1);
  ASKED("SCardAudit 57 1");
}

/* A function of the database, in both forms. */
#define PASSED(function, arguments_a, arguments_w, wanted)                           \
  do {                                                                               \
    check_answer(#function "A", __LINE__, function##A arguments_a, SCARD_S_SUCCESS); \
    ASKED(#function "A " wanted);                                                    \
    check_answer(#function "W", __LINE__, function##W arguments_w, SCARD_S_SUCCESS); \
    ASKED(#function "W " wanted);                                                    \
  } while (0)

static void check_passed(SCARDCONTEXT context) {
  static const GUID id = {1, 2, 3, {4, 5, 6, 7, 8, 9, 10, 11}};
  static const BYTE atr[] = {0x3B, 0x00}, mask[] = {0xFE, 0xFF};
  GUID out;
  char text[8];
  WCHAR wide[8];
  DWORD length = sizeof text, count = 8;
  PASSED(SCardListCards, (context, atr, &id, 1, text, &length), (context, atr, &id, 1, wide, &count),
         "57 3B 1 1");
  HOLDS(length == 3 && count == 3);
  PASSED(SCardListInterfaces, (context, "T", &out, &length), (context, L"T", &out, &length), "57 T");
  HOLDS(length == 1 && out.Data2 == 0x1111);
  PASSED(SCardGetProviderId, (context, "T", &out), (context, L"T", &out), "57 T");
  HOLDS(out.Data2 == 0x2222);
  length = count = 8;
  PASSED(SCardGetCardTypeProviderName, (context, "T", 2, text, &length), (context, L"T", 2, wide, &count),
         "57 T 2");
  HOLDS(length == 2 && strcmp(text, "S") == 0);
  PASSED(SCardSetCardTypeProviderName, (context, "T", 2, "P"), (context, L"T", 2, L"P"), "57 T 2 P");
  PASSED(SCardIntroduceCardType, (context, "T", NULL, &id, 1, atr, mask, 2),
         (context, L"T", NULL, &id, 1, atr, mask, 2), "57 T 0 1 1 3B FE 2");
  PASSED(SCardForgetCardType, (context, "T"), (context, L"T"), "57 T");
  PASSED(SCardIntroduceReader, (context, "R", "D"), (context, L"R", L"D"), "57 R D");
  PASSED(SCardForgetReader, (context, "R"), (context, L"R"), "57 R");
  PASSED(SCardIntroduceReaderGroup, (context, "G"), (context, L"G"), "57 G");
  PASSED(SCardForgetReaderGroup, (context, "G"), (context, L"G"), "57 G");
  PASSED(SCardAddReaderToGroup, (context, "R", "G"), (context, L"R", L"G"), "57 R G");
  PASSED(SCardRemoveReaderFromGroup, (context, "R", "G"), (context, L"R", L"G"), "57 R G");
  /* Where NULL is no error, it is for the system to say what it means. */
  PASSED(SCardIntroduceReaderGroup, (0, "G"), (0, L"G"), "0 G");
  PASSED(SCardGetProviderId, (0, "T", &out), (0, L"T", &out), "0 T");
}

/* None of this is any business of the system's. */
static void check_ours(SCARDCONTEXT context, SCARDHANDLE card, const char* reader) {
  char before[512];
  BYTE* made = NULL;
  DWORD size = SCARD_AUTOALLOCATE, protocol = 0, state = 0;
  strncpy(before, last(), sizeof before - 1);
  before[sizeof before - 1] = '\0';
  HOLDS(select_piv(card));
  ANSWERS(SCARD_S_SUCCESS, SCardReconnect, card, SCARD_SHARE_SHARED, SCARD_PROTOCOL_T1, SCARD_RESET_CARD,
          &protocol);
  ANSWERS(SCARD_S_SUCCESS, SCardBeginTransaction, card);
  ANSWERS(SCARD_S_SUCCESS, SCardState, card, &state, &protocol, NULL, NULL);
  HOLDS(state == SCARD_SPECIFIC && protocol == SCARD_PROTOCOL_T1);
  ANSWERS(SCARD_S_SUCCESS, SCardEndTransaction, card, SCARD_LEAVE_CARD);
  ANSWERS(SCARD_S_SUCCESS, SCardGetAttrib, card, SCARD_ATTR_ATR_STRING, (LPBYTE)&made, &size);
  ANSWERS(SCARD_S_SUCCESS, SCardFreeMemory, context, made);
  size = 0;
  ANSWERS(SCARD_S_SUCCESS, SCardGetReaderDeviceInstanceIdA, context, reader, NULL, &size);
  ANSWERS(SCARD_S_SUCCESS, SCardGetDeviceTypeIdA, context, reader, &size);
  HOLDS(size == SCARD_READER_TYPE_VENDOR);
  ANSWERS(SCARD_S_SUCCESS, SCardGetTransmitCount, card, &size);
  HOLDS(size > 0 && size != 42);
  ASKED(before);
}

void check_real(SCARDCONTEXT context, const char* reader, const char* real) {
  SCARDHANDLE card = 0, other = 0;
  DWORD protocol = 0;
  last = (Last)(void*)GetProcAddress(GetModuleHandleA("stand_in.dll"), "stand_in_last");
  HOLDS(last != NULL);
  if (last == NULL) return;
  const SCARDHANDLE ours = connect_ours(context, reader);
  ANSWERS(SCARD_S_SUCCESS, SCardConnectA, context, real, SCARD_SHARE_SHARED, SCARD_PROTOCOL_T0, &card,
          &protocol);
  ANSWERS(SCARD_S_SUCCESS, SCardConnectA, context, real, SCARD_SHARE_SHARED, SCARD_PROTOCOL_T0, &other,
          &protocol);
  check_connections(card, other);
  check_ours(context, ours, reader);
  check_driver(context, card);
  check_device(context, real);
  check_ours(context, ours, reader);
  check_passed(context);
  check_ours(context, ours, reader);
  ANSWERS(SCARD_S_SUCCESS, SCardDisconnect, card, SCARD_LEAVE_CARD);
  ANSWERS(SCARD_S_SUCCESS, SCardBeginTransaction, other);
  ANSWERS(SCARD_E_INVALID_HANDLE, SCardBeginTransaction, card);
  ASKED("SCardBeginTransaction 5C");
  ANSWERS(SCARD_S_SUCCESS, SCardDisconnect, other, SCARD_LEAVE_CARD);
  ANSWERS(SCARD_S_SUCCESS, SCardDisconnect, ours, SCARD_LEAVE_CARD);
}
