#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "late.h"
#include "verbs.h"

const WCHAR* widened(const char* text, WCHAR* out) {
  DWORD i = 0;
  for (; text[i] != '\0' && i < 199; i++)
    out[i] = (WCHAR)(unsigned char)text[i];
  out[i] = 0;
  return out;
}

SCARDHANDLE connect_ours(SCARDCONTEXT context, const char* reader) {
  WCHAR name[200];
  SCARDHANDLE card = 0;
  DWORD protocol = 0;
  ANSWERS(SCARD_S_SUCCESS, SCardConnectW, context, widened(reader, name), SCARD_SHARE_SHARED,
          SCARD_PROTOCOL_T0 | SCARD_PROTOCOL_T1, &card, &protocol);
  HOLDS(protocol == SCARD_PROTOCOL_T1);
  if (card == 0) exit(check_summary());
  return card;
}

/* ISO/IEC 7816-4 SELECT of SP 800-73-4's application. */
static const BYTE select_command[] = {0x00, 0xA4, 0x04, 0x00, 0x09, 0xA0, 0x00, 0x00,
                                      0x03, 0x08, 0x00, 0x00, 0x10, 0x00, 0x00};

int select_piv(SCARDHANDLE card) {
  BYTE response[258];
  DWORD length = sizeof response;
  ANSWERS(SCARD_S_SUCCESS, SCardTransmit, card, SCARD_PCI_T1, select_command, sizeof select_command, NULL,
          response, &length);
  return length >= 2 && response[length - 2] == 0x90 && response[length - 1] == 0x00;
}

/* "Smart Card Return Values": a card that another application has reset says so until the connection is made
   anew by SCardReconnect, which "acknowledges and clears an error condition". */
static void check_reset(SCARDCONTEXT context, const char* reader) {
  const SCARDHANDLE first = connect_ours(context, reader), second = connect_ours(context, reader);
  BYTE response[258];
  DWORD length = sizeof response, protocol = 0;
  HOLDS(select_piv(second));
  ANSWERS(SCARD_S_SUCCESS, SCardReconnect, first, SCARD_SHARE_SHARED, SCARD_PROTOCOL_T0 | SCARD_PROTOCOL_T1,
          SCARD_RESET_CARD, &protocol);
  HOLDS(protocol == SCARD_PROTOCOL_T1);
  ANSWERS(SCARD_W_RESET_CARD, SCardTransmit, second, SCARD_PCI_T1, select_command, sizeof select_command,
          NULL, response, &length);
  ANSWERS(SCARD_W_RESET_CARD, SCardBeginTransaction, second);
  HOLDS(select_piv(first)); /* who resets need not be told */
  ANSWERS(SCARD_S_SUCCESS, SCardReconnect, second, SCARD_SHARE_SHARED, SCARD_PROTOCOL_T1, SCARD_LEAVE_CARD,
          &protocol);
  HOLDS(select_piv(second));

  ANSWERS(SCARD_E_PROTO_MISMATCH, SCardReconnect, second, SCARD_SHARE_SHARED, SCARD_PROTOCOL_T0,
          SCARD_LEAVE_CARD, &protocol);
  ANSWERS(SCARD_E_SHARING_VIOLATION, SCardReconnect, second, SCARD_SHARE_EXCLUSIVE, SCARD_PROTOCOL_T1,
          SCARD_LEAVE_CARD, &protocol);
  ANSWERS(SCARD_E_INVALID_HANDLE, SCardReconnect, second + 1, SCARD_SHARE_SHARED, SCARD_PROTOCOL_T1,
          SCARD_LEAVE_CARD, &protocol);
  ANSWERS(SCARD_S_SUCCESS, SCardDisconnect, first, SCARD_LEAVE_CARD);
  /* The protocol that came of it is an optional parameter. */
  ANSWERS(SCARD_S_SUCCESS, SCardReconnect, second, SCARD_SHARE_EXCLUSIVE, SCARD_PROTOCOL_T1,
          SCARD_UNPOWER_CARD, NULL);
  SCARDHANDLE third = 0;
  ANSWERS(SCARD_E_SHARING_VIOLATION, SCardConnectA, context, reader, SCARD_SHARE_SHARED, SCARD_PROTOCOL_T1,
          &third, &protocol);
  ANSWERS(SCARD_S_SUCCESS, SCardDisconnect, second, SCARD_LEAVE_CARD);
}

static void check_status(SCARDHANDLE card, const char* reader) {
  WCHAR wide[200], wanted[200];
  char name[200];
  BYTE atr[36];
  DWORD length = 200, state = 0, protocol = 0, size = sizeof atr;
  ANSWERS(SCARD_S_SUCCESS, SCardStatusW, card, wide, &length, &state, &protocol, atr, &size);
  HOLDS(wcscmp(wide, widened(reader, wanted)) == 0 && length == strlen(reader) + 2);
  HOLDS(state == SCARD_SPECIFIC && protocol == SCARD_PROTOCOL_T1);
  HOLDS(size > 2 && atr[0] == 0x3B);
  length = sizeof name;
  ANSWERS(SCARD_S_SUCCESS, SCardStatusA, card, name, &length, NULL, NULL, NULL, NULL);
  HOLDS(strcmp(name, reader) == 0);

  BYTE again[36];
  DWORD again_size = sizeof again, again_state = 0, small = 1;
  ANSWERS(SCARD_S_SUCCESS, SCardState, card, &again_state, &protocol, again, &again_size);
  HOLDS(again_state == state && protocol == SCARD_PROTOCOL_T1);
  HOLDS(again_size == size && memcmp(again, atr, size) == 0);
  ANSWERS(SCARD_E_INSUFFICIENT_BUFFER, SCardState, card, NULL, NULL, again, &small);
  HOLDS(small == size);
  ANSWERS(SCARD_E_INVALID_HANDLE, SCardState, card + 1, NULL, NULL, NULL, NULL);
}

/* CM_IOCTL_GET_FEATURE_REQUEST: PC/SC part 10, 2.2: each entry a tag, the length 4 and a control code,
 * big-endian. */
static void check_control(SCARDHANDLE card) {
  BYTE features[128];
  DWORD size = 0xFFFF;
  ANSWERS(SCARD_S_SUCCESS, SCardControl, card, SCARD_CTL_CODE(3400), NULL, 0, features, sizeof features,
          &size);
  HOLDS(size % 6 == 0 && size <= sizeof features);
  for (DWORD at = 0; at + 6 <= size && size <= sizeof features; at += 6)
    HOLDS(features[at + 1] == 4 && features[at + 2] == 0x00 && features[at + 3] == FILE_DEVICE_SMARTCARD);
  ANSWERS(SCARD_E_UNSUPPORTED_FEATURE, SCardControl, card, SCARD_CTL_CODE(999), NULL, 0, features,
          sizeof features, &size);
  HOLDS(size == 0);
  ANSWERS(SCARD_E_INVALID_HANDLE, SCardControl, card + 1, SCARD_CTL_CODE(3400), NULL, 0, features,
          sizeof features, &size);
}

static void check_attributes(SCARDCONTEXT context, SCARDHANDLE card, const char* reader) {
  static const BYTE one[] = {1};
  WCHAR wide[200], wanted[200];
  char* name = NULL;
  DWORD size = SCARD_AUTOALLOCATE;
  ANSWERS(SCARD_S_SUCCESS, SCardGetAttrib, card, SCARD_ATTR_DEVICE_FRIENDLY_NAME_A, (LPBYTE)&name, &size);
  HOLDS(name != NULL && strcmp(name, reader) == 0 && size == strlen(reader) + 1);
  ANSWERS(SCARD_S_SUCCESS, SCardFreeMemory, context, name);
  size = sizeof wide;
  ANSWERS(SCARD_S_SUCCESS, SCardGetAttrib, card, SCARD_ATTR_DEVICE_FRIENDLY_NAME_W, (LPBYTE)wide, &size);
  HOLDS(wcscmp(wide, widened(reader, wanted)) == 0 && size == 2 * (strlen(reader) + 1));
  size = 1;
  ANSWERS(SCARD_E_INSUFFICIENT_BUFFER, SCardGetAttrib, card, SCARD_ATTR_ATR_STRING, (LPBYTE)wide, &size);
  HOLDS(size > 1);
  ANSWERS(SCARD_E_INVALID_PARAMETER, SCardGetAttrib, card, SCARD_ATTR_ATR_STRING, (LPBYTE)wide, NULL);
  /* Readers need not have any that can be set, and ours has none. */
  ANSWERS(SCARD_E_UNSUPPORTED_FEATURE, SCardSetAttrib, card, SCARD_ATTR_SUPRESS_T1_IFS_REQUEST, one,
          sizeof one);
  ANSWERS(SCARD_E_UNSUPPORTED_FEATURE, SCardSetAttrib, card, SCARD_ATTR_ATR_STRING, one, sizeof one);
  ANSWERS(SCARD_E_INVALID_PARAMETER, SCardSetAttrib, card, SCARD_ATTR_ATR_STRING, NULL, 1);
  ANSWERS(SCARD_E_INVALID_HANDLE, SCardSetAttrib, card + 1, SCARD_ATTR_ATR_STRING, one, sizeof one);
}

/* "Performed on the reader since it was introduced" (MS-RDPESC 2.2.3.13): whichever connection it was. */
static void check_count(SCARDCONTEXT context, SCARDHANDLE card, const char* reader) {
  const SCARDHANDLE other = connect_ours(context, reader);
  DWORD before = 0, after = 0;
  ANSWERS(SCARD_S_SUCCESS, SCardGetTransmitCount, card, &before);
  HOLDS(select_piv(card));
  HOLDS(select_piv(other));
  ANSWERS(SCARD_S_SUCCESS, SCardGetTransmitCount, card, &after);
  HOLDS(after == before + 2);
  ANSWERS(SCARD_S_SUCCESS, SCardGetTransmitCount, other, &after);
  HOLDS(after == before + 2);
  ANSWERS(SCARD_E_INVALID_PARAMETER, SCardGetTransmitCount, card, NULL);
  ANSWERS(SCARD_E_INVALID_HANDLE, SCardGetTransmitCount, card + 1, &after);
  ANSWERS(SCARD_S_SUCCESS, SCardDisconnect, other, SCARD_LEAVE_CARD);
}

void check_cards(SCARDCONTEXT context, const char* reader) {
  check_reset(context, reader);
  const SCARDHANDLE card = connect_ours(context, reader);
  check_status(card, reader);
  check_control(card);
  check_attributes(context, card, reader);
  check_count(context, card, reader);
  ANSWERS(SCARD_S_SUCCESS, SCardBeginTransaction, card);
  ANSWERS(SCARD_S_SUCCESS, SCardEndTransaction, card, SCARD_LEAVE_CARD);
  ANSWERS(SCARD_S_SUCCESS, SCardDisconnect, card, SCARD_LEAVE_CARD);
  HOLDS(SCARD_PCI_T0->dwProtocol == SCARD_PROTOCOL_T0 &&
        SCARD_PCI_T0->cbPciLength == sizeof(SCARD_IO_REQUEST));
  HOLDS(SCARD_PCI_T1->dwProtocol == SCARD_PROTOCOL_T1 &&
        SCARD_PCI_T1->cbPciLength == sizeof(SCARD_IO_REQUEST));
  HOLDS(SCARD_PCI_RAW->dwProtocol == SCARD_PROTOCOL_RAW &&
        SCARD_PCI_RAW->cbPciLength == sizeof(SCARD_IO_REQUEST));
  CALLED(g_rgSCardT0Pci);
  CALLED(g_rgSCardT1Pci);
  CALLED(g_rgSCardRawPci);
}
