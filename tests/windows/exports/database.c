#include <string.h>

#include "late.h"
#include "verbs.h"

static const GUID some_interface = {1, 2, 3, {4, 5, 6, 7, 8, 9, 10, 11}};

/* "The specified smart card name is not recognized": there is no type of card of that name. */
static void check_types(SCARDCONTEXT context) {
  static const BYTE atr[] = {0x3B, 0x00};
  GUID id;
  char narrow[64], *made = NULL;
  WCHAR wide[64];
  DWORD length = sizeof narrow, count = 64, interfaces = 1, needed = SCARD_AUTOALLOCATE;
  ANSWERS(SCARD_S_SUCCESS, SCardListCardsA, context, NULL, NULL, 0, narrow, &length);
  HOLDS(narrow[0] == '\0' && length >= 1);
  ANSWERS(SCARD_S_SUCCESS, SCardListCardsW, context, atr, &some_interface, 1, wide, &count);
  HOLDS(wide[0] == 0 && count == length);
  ANSWERS(SCARD_S_SUCCESS, SCardListCardsA, context, NULL, NULL, 0, (LPSTR)&made, &needed);
  HOLDS(made != NULL && *made == '\0');
  ANSWERS(SCARD_S_SUCCESS, SCardFreeMemory, context, made);
  ANSWERS(SCARD_E_INVALID_PARAMETER, SCardListCardsA, context, NULL, NULL, 0, narrow, NULL);

  ANSWERS(SCARD_E_UNKNOWN_CARD, SCardListInterfacesA, context, "No such card", &id, &interfaces);
  ANSWERS(SCARD_E_UNKNOWN_CARD, SCardListInterfacesW, context, L"No such card", &id, &interfaces);
  ANSWERS(SCARD_E_UNKNOWN_CARD, SCardGetProviderIdA, context, "No such card", &id);
  ANSWERS(SCARD_E_UNKNOWN_CARD, SCardGetProviderIdW, context, L"No such card", &id);
  length = sizeof narrow;
  ANSWERS(SCARD_E_UNKNOWN_CARD, SCardGetCardTypeProviderNameA, context, "No such card", SCARD_PROVIDER_CSP,
          narrow, &length);
  ANSWERS(SCARD_E_UNKNOWN_CARD, SCardGetCardTypeProviderNameW, context, L"No such card", SCARD_PROVIDER_CSP,
          wide, &count);
  ANSWERS(SCARD_E_UNKNOWN_CARD, SCardForgetCardTypeA, context, "No such card");
  ANSWERS(SCARD_E_UNKNOWN_CARD, SCardForgetCardTypeW, context, L"No such card");
}

/* There is nobody who would keep it. */
static void check_introductions(SCARDCONTEXT context) {
  static const BYTE atr[] = {0x3B, 0x00}, mask[] = {0xFF, 0xFF};
  ANSWERS(SCARD_E_UNSUPPORTED_FEATURE, SCardIntroduceCardTypeA, context, "A card", NULL, &some_interface, 1,
          atr, mask, sizeof atr);
  ANSWERS(SCARD_E_UNSUPPORTED_FEATURE, SCardIntroduceCardTypeW, context, L"A card", NULL, &some_interface, 1,
          atr, mask, sizeof atr);
  ANSWERS(SCARD_E_UNSUPPORTED_FEATURE, SCardSetCardTypeProviderNameA, context, "A card", SCARD_PROVIDER_CSP,
          "A provider");
  ANSWERS(SCARD_E_UNSUPPORTED_FEATURE, SCardSetCardTypeProviderNameW, context, L"A card", SCARD_PROVIDER_CSP,
          L"A provider");
  ANSWERS(SCARD_E_UNSUPPORTED_FEATURE, SCardIntroduceReaderA, context, "A reader", "A device");
  ANSWERS(SCARD_E_UNSUPPORTED_FEATURE, SCardIntroduceReaderW, context, L"A reader", L"A device");
  ANSWERS(SCARD_E_UNSUPPORTED_FEATURE, SCardIntroduceReaderGroupA, context, "A group");
  ANSWERS(SCARD_E_UNSUPPORTED_FEATURE, SCardIntroduceReaderGroupW, context, L"A group");
  ANSWERS(SCARD_E_UNSUPPORTED_FEATURE, SCardForgetReaderGroupA, context, "A group");
  ANSWERS(SCARD_E_UNSUPPORTED_FEATURE, SCardForgetReaderGroupW, context, L"A group");
  ANSWERS(SCARD_E_UNKNOWN_READER, SCardForgetReaderA, context, "Nobody 0");
  ANSWERS(SCARD_E_UNKNOWN_READER, SCardForgetReaderW, context, L"Nobody 0");
  ANSWERS(SCARD_E_UNKNOWN_READER, SCardAddReaderToGroupA, context, "Nobody 0", "A group");
  ANSWERS(SCARD_E_UNKNOWN_READER, SCardAddReaderToGroupW, context, L"Nobody 0", L"A group");
  ANSWERS(SCARD_E_UNKNOWN_READER, SCardRemoveReaderFromGroupA, context, "Nobody 0", "A group");
  ANSWERS(SCARD_E_UNKNOWN_READER, SCardRemoveReaderFromGroupW, context, L"Nobody 0", L"A group");
}

/* One of no list is no context, for whichever function. */
static void check_contexts(SCARDCONTEXT none) {
  GUID id;
  DWORD length = 0;
  ANSWERS(SCARD_E_INVALID_HANDLE, SCardListCardsA, none, NULL, NULL, 0, NULL, &length);
  ANSWERS(SCARD_E_INVALID_HANDLE, SCardGetProviderIdW, none, L"No such card", &id);
  ANSWERS(SCARD_E_INVALID_HANDLE, SCardIntroduceReaderA, none, "A reader", "A device");
  ANSWERS(SCARD_E_INVALID_HANDLE, SCardForgetReaderW, none, L"A reader");
}

void check_database(SCARDCONTEXT context) {
  check_types(context);
  check_introductions(context);
  check_contexts(context + 1);
}
