/* WINSCARD: waiting for cards, transactions, commands. */
#include "cms.h"

#include <string.h>

static void expect(const char* call, LONG result) {
  if (result != SCARD_S_SUCCESS) fail("%s: %08lX", call, (unsigned long)result);
}

void reader_open(Reader* reader, const char* name) {
  memset(reader, 0, sizeof *reader);
  reader->name = name;
  expect("SCardEstablishContext", SCardEstablishContext(SCARD_SCOPE_USER, NULL, NULL, &reader->context));
}

/* The next state after `known`, which says SCARD_STATE_UNAWARE to ask for the state as it is. */
static DWORD next_state(const Reader* reader, DWORD known) {
  SCARD_READERSTATEA state;
  memset(&state, 0, sizeof state);
  state.szReader = reader->name;
  state.dwCurrentState = known;
  expect("SCardGetStatusChange", SCardGetStatusChangeA(reader->context, INFINITE, &state, 1));
  if ((state.dwEventState & SCARD_STATE_UNKNOWN) != 0) fail("there is no reader '%s'", reader->name);
  return state.dwEventState & ~(DWORD)SCARD_STATE_CHANGED;
}

void reader_wait_for_card(Reader* reader) {
  DWORD state = next_state(reader, SCARD_STATE_UNAWARE);
  while ((state & SCARD_STATE_PRESENT) == 0 || (state & SCARD_STATE_MUTE) != 0)
    state = next_state(reader, state);
  reader->insertions = HIWORD(state);
}

/* A card that went and another that came between two looks are told apart by the count. */
void reader_wait_until_empty(Reader* reader) {
  DWORD state = next_state(reader, SCARD_STATE_UNAWARE);
  while ((state & SCARD_STATE_EMPTY) == 0 && HIWORD(state) == reader->insertions)
    state = next_state(reader, state);
}

void reader_connect(Reader* reader) {
  DWORD protocol = 0;
  expect("SCardConnect", SCardConnectA(reader->context, reader->name, SCARD_SHARE_SHARED, SCARD_PROTOCOL_T1,
                                       &reader->card, &protocol));
}

void reader_disconnect(Reader* reader) {
  expect("SCardDisconnect", SCardDisconnect(reader->card, SCARD_UNPOWER_CARD));
}

void reader_begin(Reader* reader) {
  LONG result = SCardBeginTransaction(reader->card);
  if (result == SCARD_W_RESET_CARD) {
    DWORD protocol = 0;
    expect("SCardReconnect",
           SCardReconnect(reader->card, SCARD_SHARE_SHARED, SCARD_PROTOCOL_T1, SCARD_LEAVE_CARD, &protocol));
    result = SCardBeginTransaction(reader->card);
  }
  expect("SCardBeginTransaction", result);
}

void reader_end(Reader* reader) {
  expect("SCardEndTransaction", SCardEndTransaction(reader->card, SCARD_LEAVE_CARD));
}

/* One command; its answer goes behind what `answer` has already. */
static unsigned exchange(Reader* reader, const BYTE* command, DWORD size, Buffer* answer) {
  BYTE response[258];
  DWORD length = sizeof response;
  expect("SCardTransmit", SCardTransmit(reader->card, SCARD_PCI_T1, command, size, NULL, response, &length));
  if (length < 2) fail("the card answers without a status word");
  add(answer, response, length - 2);
  return (unsigned)response[length - 2] << 8U | response[length - 1];
}

unsigned reader_command(Reader* reader, unsigned header, const Buffer* data, Buffer* answer) {
  enum { kHeader = 5, kMost = 255 };
  const BYTE head[4] = {(BYTE)(header >> 24U), (BYTE)(header >> 16U), (BYTE)(header >> 8U), (BYTE)header};
  DWORD sent = 0;
  unsigned status = 0;
  answer->size = 0;
  do { /* ISO 7816-4, 5.3.3 */
    const DWORD rest = data == NULL ? 0 : data->size - sent;
    const DWORD part = rest > kMost ? kMost : rest;
    BYTE command[kHeader + kMost + 1];
    DWORD size = kHeader - 1;
    memcpy(command, head, sizeof head);
    if (part < rest) command[0] |= 0x10U;
    if (part > 0) {
      command[size++] = (BYTE)part;
      memcpy(command + size, data->octets + sent, part);
      size += part;
    }
    if (part == rest) command[size++] = 0; /* Le */
    status = exchange(reader, command, size, answer);
    sent += part;
    SecureZeroMemory(command, sizeof command);
    if (part == rest) break;
  } while (status == 0x9000);
  while (status >> 8U == 0x61) {
    const BYTE more[] = {0x00, 0xC0, 0x00, 0x00, (BYTE)status};
    status = exchange(reader, more, sizeof more, answer);
  }
  return status;
}
