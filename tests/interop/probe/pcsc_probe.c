/* A plain PC/SC program, compiled against libpcsclite's headers and linked with its library. It does what its first
   argument names and prints what it got, one call a line; handles are not printed, everything else is. What it prints
   must not depend on who answers.

   pcsc_probe SCENARIO READER      scenarios: see kScenarios below
   Scenarios that need somebody to insert or eject say what is to be done ("> …") and go on when they read a line. */
#include <PCSC/reader.h>
#include <PCSC/winscard.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

enum { kLimit = 20000, kRoom = 66000 };

static const char* reader;
static SCARDCONTEXT context;

static LONG show(const char* call, LONG code) {
  printf("%s = %08lX %s\n", call, (unsigned long)code, pcsc_stringify_error(code));
  fflush(stdout);
  return code;
}
#define SHOW(call) show(#call, call)

static void show_bytes(const char* name, const BYTE* bytes, DWORD size) {
  printf("  %s[%lu]", name, size);
  for (DWORD i = 0; i < size; ++i) printf(i == 0 ? " %02X" : "%02X", bytes[i]);
  printf("\n");
}

static void show_strings(const char* name, const char* strings, DWORD size) {
  printf("  %s[%lu]", name, size);
  for (DWORD i = 0; i < size; ++i) {
    if (strings[i] == '\0')
      printf("|");
    else
      printf("%c", strings[i]);
  }
  printf("\n");
}

static void show_number(const char* name, DWORD value) { printf("  %s %lX\n", name, value); }

static void must(LONG code, const char* what) {
  if (code == SCARD_S_SUCCESS) return;
  printf("%s: %s\n", what, pcsc_stringify_error(code));
  exit(1);
}

static SCARDCONTEXT open_context(void) {
  SCARDCONTEXT out = 0;
  must(SCardEstablishContext(SCARD_SCOPE_SYSTEM, NULL, NULL, &out), "SCardEstablishContext");
  return out;
}

static SCARDHANDLE open_card(SCARDCONTEXT from, DWORD share) {
  SCARDHANDLE out = 0;
  DWORD protocol = 0;
  must(SCardConnect(from, reader, share, SCARD_PROTOCOL_T0 | SCARD_PROTOCOL_T1, &out, &protocol), "SCardConnect");
  return out;
}

/* SELECT of the PIV application (SP 800-73-4 part 2, 3.1.1), and an empty VERIFY. */
static const BYTE kSelect[] = {0x00, 0xA4, 0x04, 0x00, 0x05, 0xA0, 0x00, 0x00, 0x03, 0x08};
static const BYTE kVerify[] = {0x00, 0x20, 0x00, 0x80};
static BYTE answer[kRoom];
static DWORD answered;

static LONG transmit(SCARDHANDLE card, const BYTE* command, DWORD size) {
  answered = sizeof answer;
  return SCardTransmit(card, SCARD_PCI_T1, command, size, NULL, answer, &answered);
}

static LONG verify(SCARDHANDLE card) { return transmit(card, kVerify, sizeof kVerify); }

static void show_status(SCARDHANDLE card) {
  char name[MAX_READERNAME];
  BYTE atr[MAX_ATR_SIZE];
  DWORD name_size = sizeof name, state = 0, protocol = 0, atr_size = sizeof atr;
  if (SHOW(SCardStatus(card, name, &name_size, &state, &protocol, atr, &atr_size)) == SCARD_S_SUCCESS)
    show_strings("name", name, name_size);
  show_number("state", state & 0xFFFF);
  show_number("protocol", protocol);
  show_bytes("atr", atr, atr_size);
}

/* -- one program, alone ------------------------------------------------------------------------------------- */

static void contexts(void) {
  SCARDCONTEXT first = 0, second = 0, none = 0;
  DWORD scope;
  for (scope = 0; scope < 6; ++scope) {
    show_number("scope", scope);
    if (SHOW(SCardEstablishContext(scope, NULL, NULL, &first)) == SCARD_S_SUCCESS) SHOW(SCardReleaseContext(first));
  }
  SHOW(SCardEstablishContext(SCARD_SCOPE_SYSTEM, NULL, NULL, NULL));
  SHOW(SCardEstablishContext(SCARD_SCOPE_SYSTEM, NULL, NULL, &first));
  SHOW(SCardEstablishContext(SCARD_SCOPE_SYSTEM, NULL, NULL, &second));
  printf("  distinct %d\n", first != second && first != 0 && second != 0);
  SHOW(SCardIsValidContext(first));
  SHOW(SCardIsValidContext(none));
  SHOW(SCardIsValidContext(first + 1 == second ? first + 2 : first + 1));
  SHOW(SCardReleaseContext(first));
  SHOW(SCardReleaseContext(first));
  SHOW(SCardIsValidContext(first));
  SHOW(SCardIsValidContext(second));
  SHOW(SCardReleaseContext(second));
  SHOW(SCardReleaseContext(none));
  SHOW(SCardCancel(none));
  SHOW(SCardFreeMemory(none, NULL));
}

static void lists(void) {
  char buffer[4096];
  char* made = NULL;
  DWORD size = 0;
  SHOW(SCardListReaderGroups(context, NULL, &size));
  show_number("size", size);
  size = 3;
  SHOW(SCardListReaderGroups(context, buffer, &size));
  show_number("size", size);
  size = sizeof buffer;
  if (SHOW(SCardListReaderGroups(context, buffer, &size)) == SCARD_S_SUCCESS) show_strings("groups", buffer, size);
  size = SCARD_AUTOALLOCATE;
  if (SHOW(SCardListReaderGroups(context, (LPSTR)&made, &size)) == SCARD_S_SUCCESS) show_strings("groups", made, size);
  SHOW(SCardFreeMemory(context, made));
  size = SCARD_AUTOALLOCATE;
  SHOW(SCardListReaderGroups(context, NULL, &size));
  show_number("size", size);

  SHOW(SCardListReaders(context, NULL, NULL, NULL));
  SHOW(SCardListReaders(context, NULL, NULL, &size));
  show_number("size", size);
  size = 5;
  SHOW(SCardListReaders(context, NULL, buffer, &size));
  show_number("size", size);
  size = sizeof buffer;
  if (SHOW(SCardListReaders(context, NULL, buffer, &size)) == SCARD_S_SUCCESS) show_strings("readers", buffer, size);
  size = sizeof buffer;
  if (SHOW(SCardListReaders(context, "No such group\0", buffer, &size)) == SCARD_S_SUCCESS)
    show_strings("readers", buffer, size);
  size = SCARD_AUTOALLOCATE;
  if (SHOW(SCardListReaders(context, NULL, (LPSTR)&made, &size)) == SCARD_S_SUCCESS) show_strings("readers", made, size);
  SHOW(SCardFreeMemory(context, made));
  size = SCARD_AUTOALLOCATE;
  SHOW(SCardListReaders(context, NULL, NULL, &size));
  show_number("size", size);
  SHOW(SCardListReaders(0, NULL, NULL, &size));
}

static void connects(void) {
  static const DWORD shares[] = {SCARD_SHARE_SHARED, SCARD_SHARE_EXCLUSIVE, SCARD_SHARE_DIRECT, 0, 4};
  static const DWORD protocols[] = {0, SCARD_PROTOCOL_T0, SCARD_PROTOCOL_T1, SCARD_PROTOCOL_ANY, SCARD_PROTOCOL_RAW, 8};
  for (size_t i = 0; i < sizeof shares / sizeof *shares; ++i) {
    for (size_t j = 0; j < sizeof protocols / sizeof *protocols; ++j) {
      SCARDHANDLE card = 7;
      DWORD active = 9;
      printf("share %lu protocols %lX\n", shares[i], protocols[j]);
      const LONG code = SHOW(SCardConnect(context, reader, shares[i], protocols[j], &card, &active));
      printf("  handle %d active %lX\n", card != 0, active);
      /* A reset, so that the next connection finds no protocol chosen. */
      if (code == SCARD_S_SUCCESS) SHOW(SCardDisconnect(card, SCARD_RESET_CARD));
    }
  }
  SCARDHANDLE card = 0;
  DWORD active = 0;
  SHOW(SCardConnect(context, "No such reader", SCARD_SHARE_SHARED, SCARD_PROTOCOL_T1, &card, &active));
  SHOW(SCardConnect(context, "", SCARD_SHARE_SHARED, SCARD_PROTOCOL_T1, &card, &active));
  SHOW(SCardConnect(context, NULL, SCARD_SHARE_SHARED, SCARD_PROTOCOL_T1, &card, &active));
  SHOW(SCardConnect(context, reader, SCARD_SHARE_SHARED, SCARD_PROTOCOL_T1, NULL, &active));
  SHOW(SCardConnect(context, reader, SCARD_SHARE_SHARED, SCARD_PROTOCOL_T1, &card, NULL));
  SHOW(SCardConnect(0, reader, SCARD_SHARE_SHARED, SCARD_PROTOCOL_T1, &card, &active));
  char longest[200];
  memset(longest, 'x', sizeof longest);
  longest[sizeof longest - 1] = '\0';
  SHOW(SCardConnect(context, longest, SCARD_SHARE_SHARED, SCARD_PROTOCOL_T1, &card, &active));
}

/* Not from exclusive to shared by SCardReconnect: pcscd 1.9.9 keeps the lock then, and who connects next waits for ever. */
static void sharing(void) {
  SCARDHANDLE one = 0, two = 0;
  DWORD active = 0;
  SHOW(SCardConnect(context, reader, SCARD_SHARE_EXCLUSIVE, SCARD_PROTOCOL_T1, &one, &active));
  SHOW(SCardConnect(context, reader, SCARD_SHARE_SHARED, SCARD_PROTOCOL_T1, &two, &active));
  SHOW(SCardConnect(context, reader, SCARD_SHARE_DIRECT, 0, &two, &active));
  SHOW(SCardConnect(context, reader, SCARD_SHARE_EXCLUSIVE, SCARD_PROTOCOL_T1, &two, &active));
  SHOW(verify(one));
  SHOW(SCardBeginTransaction(one));
  SHOW(verify(one));
  SHOW(SCardEndTransaction(one, SCARD_LEAVE_CARD));
  SHOW(SCardConnect(context, reader, SCARD_SHARE_SHARED, SCARD_PROTOCOL_T1, &two, &active));
  SHOW(SCardDisconnect(one, SCARD_LEAVE_CARD));

  SHOW(SCardConnect(context, reader, SCARD_SHARE_SHARED, SCARD_PROTOCOL_T1, &one, &active));
  SHOW(SCardConnect(context, reader, SCARD_SHARE_EXCLUSIVE, SCARD_PROTOCOL_T1, &two, &active));
  SHOW(SCardConnect(context, reader, SCARD_SHARE_SHARED, SCARD_PROTOCOL_T0, &two, &active));
  SHOW(SCardConnect(context, reader, SCARD_SHARE_SHARED, SCARD_PROTOCOL_ANY, &two, &active));
  show_number("active", active);
  SHOW(SCardDisconnect(two, SCARD_LEAVE_CARD));
  SHOW(SCardReconnect(one, SCARD_SHARE_EXCLUSIVE, SCARD_PROTOCOL_T1, SCARD_LEAVE_CARD, &active));
  SHOW(SCardConnect(context, reader, SCARD_SHARE_SHARED, SCARD_PROTOCOL_T1, &two, &active));
  SHOW(SCardDisconnect(one, SCARD_LEAVE_CARD));
  SHOW(SCardDisconnect(one, SCARD_LEAVE_CARD));
}

static void statuses(void) {
  SCARDHANDLE card = open_card(context, SCARD_SHARE_SHARED);
  char name[MAX_READERNAME];
  char* made = NULL;
  BYTE* made_atr = NULL;
  BYTE atr[MAX_ATR_SIZE];
  DWORD name_size = sizeof name, state = 0, protocol = 0, atr_size = sizeof atr;
  show_status(card);
  SHOW(SCardStatus(card, NULL, NULL, NULL, NULL, NULL, NULL));
  SHOW(SCardStatus(card, NULL, &name_size, &state, &protocol, NULL, &atr_size));
  printf("  sizes %lu %lu\n", name_size, atr_size);
  name_size = 4;
  atr_size = 2;
  memset(name, '-', sizeof name);
  memset(atr, 0xEE, sizeof atr);
  SHOW(SCardStatus(card, name, &name_size, &state, &protocol, atr, &atr_size));
  printf("  sizes %lu %lu\n", name_size, atr_size);
  show_strings("name", name, 6);
  show_bytes("atr", atr, 4);
  name_size = SCARD_AUTOALLOCATE;
  atr_size = SCARD_AUTOALLOCATE;
  SHOW(SCardStatus(card, (LPSTR)&made, &name_size, &state, &protocol, (LPBYTE)&made_atr, &atr_size));
  show_strings("name", made, name_size);
  show_bytes("atr", made_atr, atr_size);
  SHOW(SCardFreeMemory(context, made));
  SHOW(SCardFreeMemory(context, made_atr));
  SHOW(SCardStatus(0, name, &name_size, &state, &protocol, atr, &atr_size));
  SHOW(SCardDisconnect(card, SCARD_UNPOWER_CARD));
  SCARD_READERSTATE seen = {reader, NULL, SCARD_STATE_UNAWARE, 0, 0, {0}};
  SHOW(SCardGetStatusChange(context, 0, &seen, 1));
  show_number("event", seen.dwEventState & 0xFFFF);
  DWORD active = 0;
  SHOW(SCardConnect(context, reader, SCARD_SHARE_DIRECT, 0, &card, &active));
  show_status(card);
  SHOW(SCardDisconnect(card, SCARD_LEAVE_CARD));
  card = open_card(context, SCARD_SHARE_SHARED);
  show_status(card);
  SHOW(SCardDisconnect(card, SCARD_EJECT_CARD));
}

static void transmits(void) {
  SCARDHANDLE card = open_card(context, SCARD_SHARE_SHARED);
  SCARD_IO_REQUEST received = {SCARD_PROTOCOL_T0, sizeof(SCARD_IO_REQUEST)};
  DWORD size = 0;
  SHOW(transmit(card, kSelect, sizeof kSelect));
  show_bytes("answer", answer, answered);
  SHOW(verify(card));
  show_bytes("answer", answer, answered);
  size = sizeof answer;
  SHOW(SCardTransmit(card, SCARD_PCI_T1, kVerify, sizeof kVerify, &received, answer, &size));
  printf("  received %lu %lu\n", received.dwProtocol, received.cbPciLength);
  size = sizeof answer;
  SHOW(SCardTransmit(card, SCARD_PCI_RAW, kVerify, sizeof kVerify, &received, answer, &size));
  printf("  received %lu %lu\n", received.dwProtocol, received.cbPciLength);
  size = sizeof answer;
  SHOW(SCardTransmit(card, SCARD_PCI_T0, kVerify, sizeof kVerify, NULL, answer, &size));
  show_number("size", size);
  size = 1;
  SHOW(SCardTransmit(card, SCARD_PCI_T1, kVerify, sizeof kVerify, NULL, answer, &size));
  show_number("size", size);
  size = 8;
  SHOW(SCardTransmit(card, SCARD_PCI_T1, kSelect, sizeof kSelect, NULL, answer, &size));
  show_number("size", size);
  size = 100000;
  SHOW(SCardTransmit(card, SCARD_PCI_T1, kVerify, sizeof kVerify, NULL, answer, &size));
  show_number("size", size);
  static const BYTE one[] = {0x00};
  static const BYTE odd[] = {0x00, 0xA4, 0x04, 0x00, 0x09, 0xA0};
  SHOW(transmit(card, one, 1));
  show_bytes("answer", answer, answered);
  SHOW(transmit(card, one, 0));
  show_bytes("answer", answer, answered);
  SHOW(transmit(card, odd, sizeof odd));
  show_bytes("answer", answer, answered);
  static BYTE large[65544];
  static const BYTE head[] = {0x00, 0xDB, 0x3F, 0xFF, 0x00, 0xFF, 0xFF};
  memcpy(large, head, sizeof head);
  SHOW(transmit(card, large, sizeof large));
  show_bytes("answer", answer, answered);
  size = sizeof answer;
  SHOW(SCardTransmit(card, NULL, kVerify, sizeof kVerify, NULL, answer, &size));
  SHOW(SCardTransmit(card, SCARD_PCI_T1, NULL, 4, NULL, answer, &size));
  SHOW(SCardTransmit(card, SCARD_PCI_T1, kVerify, sizeof kVerify, NULL, NULL, &size));
  SHOW(SCardTransmit(card, SCARD_PCI_T1, kVerify, sizeof kVerify, NULL, answer, NULL));
  SHOW(SCardTransmit(0, SCARD_PCI_T1, kVerify, sizeof kVerify, NULL, answer, &size));
  show_number("size", size);
  SHOW(SCardDisconnect(card, 4));
  SHOW(SCardDisconnect(card, SCARD_RESET_CARD));
  SHOW(transmit(card, kVerify, sizeof kVerify));
}

static void controls(void) {
  SCARDHANDLE card = open_card(context, SCARD_SHARE_SHARED);
  BYTE buffer[300];
  DWORD size = 77;
  SHOW(SCardControl(card, CM_IOCTL_GET_FEATURE_REQUEST, NULL, 0, buffer, sizeof buffer, &size));
  show_number("size", size);
  SHOW(SCardControl(card, CM_IOCTL_GET_FEATURE_REQUEST, NULL, 0, buffer, sizeof buffer, NULL));
  size = 77;
  SHOW(SCardControl(card, SCARD_CTL_CODE(1), "x", 1, buffer, sizeof buffer, &size));
  show_number("size", size);
  SHOW(SCardControl(card, 0, NULL, 0, NULL, 0, &size));
  SHOW(SCardControl(card, CM_IOCTL_GET_FEATURE_REQUEST, NULL, 0, buffer, 100000, &size));
  SHOW(SCardControl(0, CM_IOCTL_GET_FEATURE_REQUEST, NULL, 0, buffer, sizeof buffer, &size));
  SHOW(SCardDisconnect(card, SCARD_LEAVE_CARD));
  DWORD active = 9;
  SHOW(SCardConnect(context, reader, SCARD_SHARE_DIRECT, 0, &card, &active));
  SHOW(SCardControl(card, CM_IOCTL_GET_FEATURE_REQUEST, NULL, 0, buffer, sizeof buffer, &size));
  SHOW(SCardDisconnect(card, SCARD_LEAVE_CARD));
}

static void attributes(void) {
  static const DWORD all[] = {SCARD_ATTR_VENDOR_NAME, SCARD_ATTR_VENDOR_IFD_TYPE, SCARD_ATTR_VENDOR_IFD_VERSION,
                              SCARD_ATTR_VENDOR_IFD_SERIAL_NO, SCARD_ATTR_CHANNEL_ID, SCARD_ATTR_ASYNC_PROTOCOL_TYPES,
                              SCARD_ATTR_CHARACTERISTICS, SCARD_ATTR_CURRENT_PROTOCOL_TYPE, SCARD_ATTR_ICC_PRESENCE,
                              SCARD_ATTR_ICC_INTERFACE_STATUS, SCARD_ATTR_ATR_STRING, SCARD_ATTR_ICC_TYPE_PER_ATR,
                              SCARD_ATTR_MAXINPUT, SCARD_ATTR_DEVICE_UNIT, SCARD_ATTR_DEVICE_FRIENDLY_NAME,
                              SCARD_ATTR_DEVICE_SYSTEM_NAME, SCARD_ATTR_SUPRESS_T1_IFS_REQUEST, 0, 0xFFFFFFFF};
  SCARDHANDLE card = open_card(context, SCARD_SHARE_SHARED);
  BYTE buffer[MAX_BUFFER_SIZE];
  DWORD size = 0;
  for (size_t i = 0; i < sizeof all / sizeof *all; ++i) {
    printf("attribute %lX\n", all[i]);
    size = sizeof buffer;
    if (SHOW(SCardGetAttrib(card, all[i], buffer, &size)) == SCARD_S_SUCCESS) show_bytes("value", buffer, size);
    SHOW(SCardGetAttrib(card, all[i], NULL, &size));
    show_number("size", size);
    size = 3;
    SHOW(SCardGetAttrib(card, all[i], buffer, &size));
    show_number("size", size);
    SHOW(SCardSetAttrib(card, all[i], (const BYTE*)"abc", 3));
  }
  BYTE* made = NULL;
  size = SCARD_AUTOALLOCATE;
  SHOW(SCardGetAttrib(card, SCARD_ATTR_ATR_STRING, (LPBYTE)&made, &size));
  show_bytes("value", made, size);
  SHOW(SCardFreeMemory(context, made));
  size = SCARD_AUTOALLOCATE;
  SHOW(SCardGetAttrib(card, SCARD_ATTR_ATR_STRING, NULL, &size));
  SHOW(SCardGetAttrib(card, SCARD_ATTR_ATR_STRING, buffer, NULL));
  size = 1000;
  SHOW(SCardGetAttrib(card, SCARD_ATTR_ATR_STRING, buffer, &size));
  SHOW(SCardGetAttrib(0, SCARD_ATTR_ATR_STRING, buffer, &size));
  SHOW(SCardSetAttrib(card, SCARD_ATTR_VENDOR_NAME, NULL, 3));
  SHOW(SCardSetAttrib(card, SCARD_ATTR_VENDOR_NAME, (const BYTE*)"abc", 0));
  SHOW(SCardSetAttrib(0, SCARD_ATTR_VENDOR_NAME, (const BYTE*)"abc", 3));
  SHOW(SCardSetAttrib(card, SCARD_ATTR_VENDOR_NAME, (const BYTE*)"abc", 1000));
  SHOW(SCardDisconnect(card, SCARD_LEAVE_CARD));
}

static void resets(void) {
  SCARDHANDLE one = open_card(context, SCARD_SHARE_SHARED);
  SCARDHANDLE two = open_card(context, SCARD_SHARE_SHARED);
  DWORD active = 0;
  SHOW(transmit(one, kSelect, sizeof kSelect));
  SHOW(SCardReconnect(one, SCARD_SHARE_SHARED, SCARD_PROTOCOL_T1, SCARD_RESET_CARD, &active));
  SHOW(verify(one));
  show_bytes("answer", answer, answered);
  SHOW(verify(two));
  SHOW(verify(two));
  SHOW(SCardStatus(two, NULL, NULL, NULL, NULL, NULL, NULL));
  SHOW(SCardBeginTransaction(two));
  SHOW(SCardEndTransaction(two, SCARD_LEAVE_CARD));
  BYTE buffer[64];
  DWORD size = sizeof buffer;
  SHOW(SCardGetAttrib(two, SCARD_ATTR_VENDOR_NAME, buffer, &size));
  SHOW(SCardControl(two, CM_IOCTL_GET_FEATURE_REQUEST, NULL, 0, buffer, sizeof buffer, &size));
  SHOW(SCardReconnect(two, SCARD_SHARE_SHARED, SCARD_PROTOCOL_T1, SCARD_LEAVE_CARD, &active));
  show_number("active", active);
  SHOW(verify(two));
  SHOW(SCardReconnect(two, SCARD_SHARE_SHARED, SCARD_PROTOCOL_T1, SCARD_UNPOWER_CARD, &active));
  SHOW(verify(one));
  SHOW(SCardReconnect(one, SCARD_SHARE_SHARED, SCARD_PROTOCOL_T0 | SCARD_PROTOCOL_T1, SCARD_LEAVE_CARD, &active));
  SHOW(SCardReconnect(one, SCARD_SHARE_SHARED, SCARD_PROTOCOL_T0, SCARD_LEAVE_CARD, &active));
  show_number("active", active);
  SHOW(SCardReconnect(one, SCARD_SHARE_SHARED, 0, SCARD_LEAVE_CARD, &active));
  SHOW(SCardReconnect(one, SCARD_SHARE_SHARED, SCARD_PROTOCOL_T1, SCARD_EJECT_CARD, &active));
  SHOW(SCardReconnect(one, 7, SCARD_PROTOCOL_T1, SCARD_LEAVE_CARD, &active));
  SHOW(SCardReconnect(one, SCARD_SHARE_SHARED, SCARD_PROTOCOL_T1, SCARD_LEAVE_CARD, NULL));
  SHOW(SCardReconnect(0, SCARD_SHARE_SHARED, SCARD_PROTOCOL_T1, SCARD_LEAVE_CARD, &active));
  SHOW(SCardDisconnect(two, SCARD_RESET_CARD));
  SHOW(verify(one));
  SHOW(SCardReconnect(one, SCARD_SHARE_SHARED, SCARD_PROTOCOL_T1, SCARD_LEAVE_CARD, &active));
  SHOW(SCardBeginTransaction(one));
  SHOW(SCardEndTransaction(one, SCARD_RESET_CARD));
  SHOW(verify(one));
  SHOW(SCardDisconnect(one, SCARD_LEAVE_CARD));
}

/* -- several at once -------------------------------------------------------------------------------------------- */

static pthread_mutex_t order = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t moved = PTHREAD_COND_INITIALIZER;
static int step;

static void reach(int to) {
  pthread_mutex_lock(&order);
  step = to;
  pthread_cond_broadcast(&moved);
  pthread_mutex_unlock(&order);
}

static void await(int at_least) {
  pthread_mutex_lock(&order);
  while (step < at_least) pthread_cond_wait(&moved, &order);
  pthread_mutex_unlock(&order);
}

static void* transact(void* unused) {
  (void)unused;
  SCARDCONTEXT own = open_context();
  SCARDHANDLE card = open_card(own, SCARD_SHARE_SHARED);
  reach(1);
  await(2);
  reach(3);
  const LONG code = SCardBeginTransaction(card);
  pthread_mutex_lock(&order);
  const int over = step >= 4;
  pthread_mutex_unlock(&order);
  await(5);
  printf("  the other's transaction was over: %d\n", over);
  show("second thread: SCardBeginTransaction", code);
  show("second thread: SCardEndTransaction", SCardEndTransaction(card, SCARD_LEAVE_CARD));
  SCardDisconnect(card, SCARD_LEAVE_CARD);
  SCardReleaseContext(own);
  return NULL;
}

static void transactions(void) {
  SCARDHANDLE card = open_card(context, SCARD_SHARE_SHARED);
  SCARDHANDLE other = open_card(context, SCARD_SHARE_SHARED);
  BYTE buffer[64];
  DWORD size = sizeof buffer;
  SHOW(SCardEndTransaction(card, SCARD_LEAVE_CARD));
  SHOW(SCardBeginTransaction(card));
  SHOW(SCardBeginTransaction(card));
  SHOW(SCardEndTransaction(card, SCARD_LEAVE_CARD));
  SHOW(verify(card));
  SHOW(SCardEndTransaction(other, SCARD_LEAVE_CARD));
  SHOW(SCardEndTransaction(other, SCARD_RESET_CARD));
  SHOW(SCardGetAttrib(other, SCARD_ATTR_VENDOR_NAME, buffer, &size));
  SHOW(SCardControl(other, CM_IOCTL_GET_FEATURE_REQUEST, NULL, 0, buffer, sizeof buffer, &size));
  SHOW(SCardEndTransaction(card, 9));
  SHOW(SCardEndTransaction(card, SCARD_LEAVE_CARD));
  SHOW(SCardEndTransaction(card, SCARD_LEAVE_CARD));
  SHOW(SCardBeginTransaction(0));
  SHOW(SCardEndTransaction(0, SCARD_LEAVE_CARD));
  SHOW(SCardDisconnect(other, SCARD_LEAVE_CARD));

  pthread_t second;
  pthread_create(&second, NULL, transact, NULL);
  await(1);
  SHOW(SCardBeginTransaction(card));
  reach(2);
  await(3);
  SHOW(verify(card));
  reach(4);
  SHOW(SCardEndTransaction(card, SCARD_LEAVE_CARD));
  reach(5);
  pthread_join(second, NULL);
  SHOW(SCardDisconnect(card, SCARD_LEAVE_CARD));
}

/* Two processes that tell each other how far they are. Connections are made before there is a transaction: pcscd 1.9
   may let a connect during one wait for ever. */
struct two {
  int to_parent[2], to_child[2];
  pid_t child;
};

static void part(struct two* two) {
  if (pipe(two->to_parent) != 0 || pipe(two->to_child) != 0) exit(1);
  fflush(stdout);
  two->child = fork();
}

static void tell(int fd) {
  if (write(fd, "", 1) != 1) exit(1);
}

static void hear(int fd) {
  char octet;
  if (read(fd, &octet, 1) != 1) exit(1);
}

/* They count, one step a transaction, in a pipe: nobody is ever disturbed. */
static void processes(void) {
  enum { kRounds = 40 };
  struct two two;
  int shared[2];
  int number = 0;
  if (pipe(shared) != 0 || write(shared[1], &number, sizeof number) != sizeof number) exit(1);
  part(&two);
  SCARDCONTEXT own = open_context();
  SCARDHANDLE card = open_card(own, SCARD_SHARE_SHARED);
  if (two.child == 0) {
    tell(two.to_parent[1]);
    hear(two.to_child[0]);
  } else {
    hear(two.to_parent[0]);
    tell(two.to_child[1]);
  }
  for (int i = 0; i < kRounds; ++i) {
    must(SCardBeginTransaction(card), "SCardBeginTransaction");
    if (read(shared[0], &number, sizeof number) != sizeof number) exit(1);
    must(verify(card), "SCardTransmit");
    ++number;
    if (write(shared[1], &number, sizeof number) != sizeof number) exit(1);
    must(SCardEndTransaction(card, SCARD_LEAVE_CARD), "SCardEndTransaction");
  }
  must(SCardDisconnect(card, SCARD_LEAVE_CARD), "SCardDisconnect");
  if (two.child == 0) _exit(0);
  int status = 1;
  waitpid(two.child, &status, 0);
  if (read(shared[0], &number, sizeof number) != sizeof number) exit(1);
  printf("child %d, transactions %d\n", status, number);
}

/* A program that dies in a transaction: whoever waited goes on, with a card that was reset. */
static void death(void) {
  struct two two;
  part(&two);
  if (two.child == 0) {
    SCARDCONTEXT own = open_context();
    SCARDHANDLE card = open_card(own, SCARD_SHARE_SHARED);
    hear(two.to_child[0]);
    must(SCardBeginTransaction(card), "SCardBeginTransaction");
    tell(two.to_parent[1]);
    pause();
  }
  SCARDCONTEXT own = open_context();
  SCARDHANDLE card = open_card(own, SCARD_SHARE_SHARED);
  tell(two.to_child[1]);
  hear(two.to_parent[0]);
  kill(two.child, SIGKILL);
  /* It may be told of the reset at once, or find itself in a transaction that was reset. */
  LONG code = SCardBeginTransaction(card);
  if (code == SCARD_S_SUCCESS) code = verify(card);
  show("after the death of the other", code);
  waitpid(two.child, NULL, 0);
  DWORD active = 0;
  SHOW(SCardReconnect(card, SCARD_SHARE_SHARED, SCARD_PROTOCOL_T1, SCARD_LEAVE_CARD, &active));
  SHOW(SCardBeginTransaction(card));
  SHOW(verify(card));
  SHOW(SCardEndTransaction(card, SCARD_LEAVE_CARD));
  SHOW(SCardDisconnect(card, SCARD_LEAVE_CARD));
  SHOW(SCardReleaseContext(own));
}

/* -- waiting ------------------------------------------------------------------------------------------------- */

static void show_event(const SCARD_READERSTATE* seen) {
  show_number("event", seen->dwEventState & 0xFFFF);
  show_bytes("atr", seen->rgbAtr, seen->cbAtr);
}

static void* cancel(void* unused) {
  (void)unused;
  SCARD_READERSTATE seen = {reader, NULL, SCARD_STATE_UNAWARE, 0, 0, {0}};
  await(1);
  /* Until the other really waits, a cancel does nothing: repeated until it has been heard. */
  while (step < 2) {
    SCardCancel(context);
    SCARDCONTEXT own = open_context();
    SCardGetStatusChange(own, 0, &seen, 1);
    SCardReleaseContext(own);
  }
  return NULL;
}

static void changes(void) {
  SCARD_READERSTATE seen[3];
  memset(seen, 0, sizeof seen);
  seen[0].szReader = reader;
  SHOW(SCardGetStatusChange(context, 0, NULL, 0));
  SHOW(SCardGetStatusChange(context, 0, NULL, 1));
  SHOW(SCardGetStatusChange(0, 0, seen, 1));
  SHOW(SCardGetStatusChange(context, 0, seen, 17));
  SHOW(SCardGetStatusChange(context, 0, seen, 1));
  show_event(seen);
  seen[0].dwCurrentState = seen[0].dwEventState;
  SHOW(SCardGetStatusChange(context, 0, seen, 1));
  show_event(seen);
  SHOW(SCardGetStatusChange(context, 120, seen, 1));
  show_event(seen);
  seen[0].dwCurrentState = SCARD_STATE_EMPTY;
  SHOW(SCardGetStatusChange(context, INFINITE, seen, 1));
  show_event(seen);
  seen[0].dwCurrentState = SCARD_STATE_PRESENT | 0x70000;
  SHOW(SCardGetStatusChange(context, INFINITE, seen, 1));
  show_event(seen);
  seen[0].dwCurrentState = SCARD_STATE_IGNORE;
  SHOW(SCardGetStatusChange(context, INFINITE, seen, 1));
  seen[0].dwCurrentState = SCARD_STATE_UNAWARE;
  seen[1].szReader = "No such reader";
  SHOW(SCardGetStatusChange(context, 0, seen, 2));
  seen[1].szReader = NULL;
  SHOW(SCardGetStatusChange(context, 0, seen, 2));
  seen[1].szReader = "\\\\?PnP?\\Notification";
  SHOW(SCardGetStatusChange(context, 0, seen, 2));
  show_event(seen);
  show_event(seen + 1);
  SHOW(SCardGetStatusChange(context, 0, seen + 1, 1));
  show_event(seen + 1);

  /* How a reader that is in use is seen. */
  static const DWORD believed[] = {SCARD_STATE_UNAWARE, SCARD_STATE_PRESENT, SCARD_STATE_PRESENT | SCARD_STATE_INUSE,
                                   SCARD_STATE_PRESENT | SCARD_STATE_EXCLUSIVE, SCARD_STATE_UNAVAILABLE,
                                   SCARD_STATE_UNKNOWN, SCARD_STATE_MUTE, SCARD_STATE_ATRMATCH};
  for (DWORD share = 0; share <= 2; ++share) {
    SCARDHANDLE card = share == 0 ? 0 : open_card(context, share);
    for (size_t i = 0; i < sizeof believed / sizeof *believed; ++i) {
      printf("share %lu believed %lX\n", share, believed[i]);
      seen[0].dwCurrentState = believed[i];
      SHOW(SCardGetStatusChange(context, 0, seen, 1));
      show_event(seen);
    }
    if (card != 0) SHOW(SCardDisconnect(card, SCARD_LEAVE_CARD));
  }

  SHOW(SCardCancel(context));
  pthread_t second;
  pthread_create(&second, NULL, cancel, NULL);
  seen[0].dwCurrentState = SCARD_STATE_PRESENT;
  reach(1);
  const LONG code = SCardGetStatusChange(context, INFINITE, seen, 1);
  reach(2);
  pthread_join(second, NULL);
  show("cancelled", code);
  SHOW(SCardGetStatusChange(context, 50, seen, 1));
}

/* Asks for something, and goes on when it is done. */
static void say(const char* what) {
  char line[8];
  printf("> %s\n", what);
  fflush(stdout);
  if (fgets(line, sizeof line, stdin) == NULL) exit(1);
}

static void wait_for(SCARD_READERSTATE* seen, DWORD flag) {
  seen->dwCurrentState = seen->dwEventState & ~(DWORD)SCARD_STATE_CHANGED;
  do {
    must(SCardGetStatusChange(context, kLimit, seen, 1), "SCardGetStatusChange");
    seen->dwCurrentState = seen->dwEventState & ~(DWORD)SCARD_STATE_CHANGED;
  } while ((seen->dwEventState & flag) == 0);
}

/* From a reader with a card: it is taken out, and comes back. No reset is asked for meanwhile: pcscd would tell the
   other connections of one. */
static void removal(void) {
  SCARD_READERSTATE seen = {reader, NULL, SCARD_STATE_UNAWARE, 0, 0, {0}};
  must(SCardGetStatusChange(context, 0, &seen, 1), "SCardGetStatusChange");
  const DWORD counter = seen.dwEventState >> 16;
  SCARDHANDLE card = open_card(context, SCARD_SHARE_SHARED);
  SCARDHANDLE held = open_card(context, SCARD_SHARE_SHARED);
  DWORD active = 0;
  SHOW(transmit(card, kSelect, sizeof kSelect));
  SHOW(SCardBeginTransaction(held));
  say("eject");
  wait_for(&seen, SCARD_STATE_EMPTY);
  printf("  events %lu\n", (seen.dwEventState >> 16) - counter);
  show_event(&seen);
  SHOW(verify(card));
  SHOW(SCardStatus(card, NULL, NULL, NULL, NULL, NULL, NULL));
  SHOW(SCardBeginTransaction(card));
  SHOW(SCardEndTransaction(held, SCARD_LEAVE_CARD));
  SHOW(SCardReconnect(card, SCARD_SHARE_SHARED, SCARD_PROTOCOL_T1, SCARD_LEAVE_CARD, &active));
  SCARDHANDLE direct = 0;
  SHOW(SCardConnect(context, reader, SCARD_SHARE_SHARED, SCARD_PROTOCOL_T1, &direct, &active));
  SHOW(SCardConnect(context, reader, SCARD_SHARE_DIRECT, 0, &direct, &active));
  show_number("active", active);
  show_status(direct);
  SHOW(verify(direct));
  BYTE buffer[64];
  DWORD size = sizeof buffer;
  SHOW(SCardGetAttrib(direct, SCARD_ATTR_ATR_STRING, buffer, &size));
  size = sizeof buffer;
  SHOW(SCardGetAttrib(direct, SCARD_ATTR_ICC_PRESENCE, buffer, &size));
  show_bytes("value", buffer, size);
  SHOW(SCardDisconnect(direct, SCARD_LEAVE_CARD));
  say("insert");
  wait_for(&seen, SCARD_STATE_PRESENT);
  printf("  events %lu\n", (seen.dwEventState >> 16) - counter);
  show_event(&seen);
  SHOW(verify(card));
  SHOW(SCardReconnect(card, SCARD_SHARE_SHARED, SCARD_PROTOCOL_T1, SCARD_LEAVE_CARD, &active));
  SHOW(verify(card));
  SHOW(verify(held));
  SHOW(SCardDisconnect(held, SCARD_LEAVE_CARD));
  SHOW(SCardDisconnect(card, SCARD_LEAVE_CARD));
}

/* Until the reader has a card, or has none. */
static void wait_present(void) {
  SCARD_READERSTATE seen = {reader, NULL, SCARD_STATE_UNAWARE, 0, 0, {0}};
  wait_for(&seen, SCARD_STATE_PRESENT);
}
static void wait_empty(void) {
  SCARD_READERSTATE seen = {reader, NULL, SCARD_STATE_UNAWARE, 0, 0, {0}};
  wait_for(&seen, SCARD_STATE_EMPTY);
}

/* A child may not go on where its parent was. */
static void forked(void) {
  SCARDHANDLE card = open_card(context, SCARD_SHARE_SHARED);
  fflush(stdout);
  const pid_t child = fork();
  if (child == 0) {
    SHOW(SCardIsValidContext(context));
    SHOW(verify(card));
    SHOW(SCardDisconnect(card, SCARD_LEAVE_CARD));
    SCARDCONTEXT own = open_context();
    SCARDHANDLE again = open_card(own, SCARD_SHARE_SHARED);
    SHOW(verify(again));
    SHOW(SCardDisconnect(again, SCARD_LEAVE_CARD));
    SHOW(SCardReleaseContext(own));
    fflush(stdout);
    _exit(0);
  }
  waitpid(child, NULL, 0);
  SHOW(verify(card));
  SHOW(SCardDisconnect(card, SCARD_LEAVE_CARD));
}

/* What the death of the service is to those who wait for it, and afterwards. */
static void* wait_for_end(void* unused) {
  (void)unused;
  SCARDCONTEXT own = open_context();
  SCARD_READERSTATE seen = {reader, NULL, SCARD_STATE_UNAWARE, 0, 0, {0}};
  must(SCardGetStatusChange(own, 0, &seen, 1), "SCardGetStatusChange");
  seen.dwCurrentState = seen.dwEventState & ~(DWORD)SCARD_STATE_CHANGED;
  reach(1);
  LONG code;
  do {
    code = SCardGetStatusChange(own, INFINITE, &seen, 1);
    seen.dwCurrentState = seen.dwEventState & ~(DWORD)SCARD_STATE_CHANGED;
  } while (code == SCARD_S_SUCCESS);
  show("waiting", code);
  reach(2);
  return NULL;
}

static void service_gone(void) {
  SCARDHANDLE card = open_card(context, SCARD_SHARE_SHARED);
  pthread_t second;
  pthread_create(&second, NULL, wait_for_end, NULL);
  await(1);
  say("kill");
  await(2);
  pthread_join(second, NULL);
  DWORD size = 0;
  SHOW(verify(card));
  SHOW(SCardStatus(card, NULL, NULL, NULL, NULL, NULL, NULL));
  SHOW(SCardListReaders(context, NULL, NULL, &size));
  SHOW(SCardBeginTransaction(card));
  SHOW(SCardIsValidContext(context));
  SCARDCONTEXT other = 0;
  SHOW(SCardEstablishContext(SCARD_SCOPE_SYSTEM, NULL, NULL, &other));
  say("start");
  SHOW(verify(card));
  SHOW(SCardEstablishContext(SCARD_SCOPE_SYSTEM, NULL, NULL, &other));
  card = open_card(other, SCARD_SHARE_SHARED);
  SHOW(verify(card));
  SHOW(SCardDisconnect(card, SCARD_LEAVE_CARD));
  SHOW(SCardReleaseContext(other));
}

static void no_service(void) {
  SCARDCONTEXT own = 0;
  SHOW(SCardEstablishContext(SCARD_SCOPE_SYSTEM, NULL, NULL, &own));
  DWORD size = 0;
  SHOW(SCardListReaders(own, NULL, NULL, &size));
}

static void words(void) {
  for (unsigned long i = 0; i < 0x100; ++i) printf("%lX %s\n", i, pcsc_stringify_error((LONG)(0x80100000UL + i)));
  printf("%s\n%s\n%s\n", pcsc_stringify_error(0), pcsc_stringify_error(1), pcsc_stringify_error(-1));
  printf("%lu %lu %lu %lu %lu %lu\n", SCARD_PCI_T0->dwProtocol, SCARD_PCI_T0->cbPciLength, SCARD_PCI_T1->dwProtocol,
         SCARD_PCI_T1->cbPciLength, SCARD_PCI_RAW->dwProtocol, SCARD_PCI_RAW->cbPciLength);
}

static const struct {
  const char* name;
  void (*run)(void);
  int alone; /* makes its own context */
} kScenarios[] = {
    {"contexts", contexts, 1},         {"lists", lists, 0},           {"connects", connects, 0},
    {"sharing", sharing, 0},           {"statuses", statuses, 0},     {"transmits", transmits, 0},
    {"controls", controls, 0},         {"attributes", attributes, 0}, {"resets", resets, 0},
    {"transactions", transactions, 0}, {"processes", processes, 1},   {"death", death, 1},
    {"changes", changes, 0},           {"removal", removal, 0},       {"forked", forked, 0},
    {"service-gone", service_gone, 0}, {"no-service", no_service, 1}, {"words", words, 1},
    {"wait-present", wait_present, 0}, {"wait-empty", wait_empty, 0},
};

int main(int argc, char** argv) {
  if (argc != 3) {
    fprintf(stderr, "usage: pcsc_probe SCENARIO READER\n");
    return 2;
  }
  reader = argv[2];
  for (size_t i = 0; i < sizeof kScenarios / sizeof *kScenarios; ++i) {
    if (strcmp(argv[1], kScenarios[i].name) != 0) continue;
    if (!kScenarios[i].alone) context = open_context();
    kScenarios[i].run();
    if (!kScenarios[i].alone) SCardReleaseContext(context);
    return 0;
  }
  fprintf(stderr, "pcsc_probe: no scenario %s\n", argv[1]);
  return 2;
}
