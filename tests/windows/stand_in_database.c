/* The stand-in's functions about readers as devices, and about types of cards and groups of readers. */
#include <string.h>

#include "stand_in.h"

static LONG asked_in(SCARDCONTEXT context) {
  return context == stand_in_context || context == 0 ? SCARD_S_SUCCESS : SCARD_E_INVALID_HANDLE;
}
static unsigned long number(ULONG_PTR value) {
  return (unsigned long)value;
}

/* Functions with a name and nothing that comes back. */
#define STAND_IN_NAME(function, type, form)                         \
  LONG WINAPI function(SCARDCONTEXT context, type name) {           \
    stand_in_record(#function " %lX " form, number(context), name); \
    return asked_in(context);                                       \
  }
STAND_IN_NAME(SCardForgetCardTypeA, LPCSTR, "%s")
STAND_IN_NAME(SCardForgetCardTypeW, LPCWSTR, "%ls")
STAND_IN_NAME(SCardIntroduceReaderGroupA, LPCSTR, "%s")
STAND_IN_NAME(SCardIntroduceReaderGroupW, LPCWSTR, "%ls")
STAND_IN_NAME(SCardForgetReaderGroupA, LPCSTR, "%s")
STAND_IN_NAME(SCardForgetReaderGroupW, LPCWSTR, "%ls")
STAND_IN_NAME(SCardForgetReaderA, LPCSTR, "%s")
STAND_IN_NAME(SCardForgetReaderW, LPCWSTR, "%ls")

/* With two. */
#define STAND_IN_NAMES(function, type, form)                                        \
  LONG WINAPI function(SCARDCONTEXT context, type name, type other) {               \
    stand_in_record(#function " %lX " form " " form, number(context), name, other); \
    return asked_in(context);                                                       \
  }
STAND_IN_NAMES(SCardIntroduceReaderA, LPCSTR, "%s")
STAND_IN_NAMES(SCardIntroduceReaderW, LPCWSTR, "%ls")
STAND_IN_NAMES(SCardAddReaderToGroupA, LPCSTR, "%s")
STAND_IN_NAMES(SCardAddReaderToGroupW, LPCWSTR, "%ls")
STAND_IN_NAMES(SCardRemoveReaderFromGroupA, LPCSTR, "%s")
STAND_IN_NAMES(SCardRemoveReaderFromGroupW, LPCWSTR, "%ls")

/* With a name, and text that comes back: "S", or "S" alone in a multi-string. */
#define STAND_IN_TEXT(function, type, out_type, form, give, text)                              \
  LONG WINAPI function(SCARDCONTEXT context, type name, out_type out, LPDWORD length) {        \
    stand_in_record(#function " %lX " form, number(context), name);                            \
    return context == stand_in_context ? give(text, sizeof text / sizeof text[0], out, length) \
                                       : SCARD_E_INVALID_HANDLE;                               \
  }
STAND_IN_TEXT(SCardGetReaderDeviceInstanceIdA, LPCSTR, LPSTR, "%s", stand_in_give_narrow, "S")
STAND_IN_TEXT(SCardGetReaderDeviceInstanceIdW, LPCWSTR, LPWSTR, "%ls", stand_in_give_wide, L"S")
STAND_IN_TEXT(SCardListReadersWithDeviceInstanceIdA, LPCSTR, LPSTR, "%s", stand_in_give_narrow, "S\0")
STAND_IN_TEXT(SCardListReadersWithDeviceInstanceIdW, LPCWSTR, LPWSTR, "%ls", stand_in_give_wide, L"S\0")

#define STAND_IN_ICON(function, type, form)                                            \
  LONG WINAPI function(SCARDCONTEXT context, type name, LPBYTE icon, LPDWORD length) { \
    stand_in_record(#function " %lX " form, number(context), name);                    \
    return stand_in_give_narrow("icon", 4, (LPSTR)icon, length);                       \
  }
STAND_IN_ICON(SCardGetReaderIconA, LPCSTR, "%s")
STAND_IN_ICON(SCardGetReaderIconW, LPCWSTR, "%ls")

#define STAND_IN_TYPE(function, type, form)                               \
  LONG WINAPI function(SCARDCONTEXT context, type name, LPDWORD device) { \
    stand_in_record(#function " %lX " form, number(context), name);       \
    *device = 0x20; /* SCARD_READER_TYPE_USB */                           \
    return asked_in(context);                                             \
  }
STAND_IN_TYPE(SCardGetDeviceTypeIdA, LPCSTR, "%s")
STAND_IN_TYPE(SCardGetDeviceTypeIdW, LPCWSTR, "%ls")

#define STAND_IN_CARDS(function, type, give, text)                                                   \
  LONG WINAPI function(SCARDCONTEXT context, LPCBYTE atr, LPCGUID interfaces, DWORD interface_count, \
                       type cards, LPDWORD length) {                                                 \
    stand_in_record(#function " %lX %X %d %lX", number(context), atr[0], interfaces != NULL,         \
                    interface_count);                                                                \
    return give(text, sizeof text / sizeof text[0], cards, length);                                  \
  }
STAND_IN_CARDS(SCardListCardsA, LPSTR, stand_in_give_narrow, "S\0")
STAND_IN_CARDS(SCardListCardsW, LPWSTR, stand_in_give_wide, L"S\0")

#define STAND_IN_INTERFACES(function, type, form)                                           \
  LONG WINAPI function(SCARDCONTEXT context, type card, LPGUID interfaces, LPDWORD count) { \
    stand_in_record(#function " %lX " form, number(context), card);                         \
    memset(interfaces, 0x11, sizeof *interfaces);                                           \
    *count = 1;                                                                             \
    return asked_in(context);                                                               \
  }
STAND_IN_INTERFACES(SCardListInterfacesA, LPCSTR, "%s")
STAND_IN_INTERFACES(SCardListInterfacesW, LPCWSTR, "%ls")

#define STAND_IN_PROVIDER(function, type, form)                            \
  LONG WINAPI function(SCARDCONTEXT context, type card, LPGUID provider) { \
    stand_in_record(#function " %lX " form, number(context), card);        \
    memset(provider, 0x22, sizeof *provider);                              \
    return asked_in(context);                                              \
  }
STAND_IN_PROVIDER(SCardGetProviderIdA, LPCSTR, "%s")
STAND_IN_PROVIDER(SCardGetProviderIdW, LPCWSTR, "%ls")

#define STAND_IN_PROVIDER_NAME(get, set, type, out_type, form, give, text)                          \
  LONG WINAPI get(SCARDCONTEXT context, type card, DWORD kind, out_type provider, LPDWORD length) { \
    stand_in_record(#get " %lX " form " %lX", number(context), card, kind);                         \
    return give(text, sizeof text / sizeof text[0], provider, length);                              \
  }                                                                                                 \
  LONG WINAPI set(SCARDCONTEXT context, type card, DWORD kind, type provider) {                     \
    stand_in_record(#set " %lX " form " %lX " form, number(context), card, kind, provider);         \
    return asked_in(context);                                                                       \
  }
STAND_IN_PROVIDER_NAME(SCardGetCardTypeProviderNameA, SCardSetCardTypeProviderNameA, LPCSTR, LPSTR, "%s",
                       stand_in_give_narrow, "S")
STAND_IN_PROVIDER_NAME(SCardGetCardTypeProviderNameW, SCardSetCardTypeProviderNameW, LPCWSTR, LPWSTR, "%ls",
                       stand_in_give_wide, L"S")

#define STAND_IN_CARD_TYPE(function, type, form)                                                            \
  LONG WINAPI function(SCARDCONTEXT context, type card, LPCGUID provider, LPCGUID interfaces,               \
                       DWORD interface_count, LPCBYTE atr, LPCBYTE mask, DWORD size) {                      \
    stand_in_record(#function " %lX " form " %d %d %lX %X %X %lX", number(context), card, provider != NULL, \
                    interfaces != NULL, interface_count, atr[0], mask[0], size);                            \
    return asked_in(context);                                                                               \
  }
STAND_IN_CARD_TYPE(SCardIntroduceCardTypeA, LPCSTR, "%s")
STAND_IN_CARD_TYPE(SCardIntroduceCardTypeW, LPCWSTR, "%ls")

LONG WINAPI SCardAudit(SCARDCONTEXT context, DWORD event) {
  stand_in_record("SCardAudit %lX %lX", number(context), event);
  return context == stand_in_context ? SCARD_S_SUCCESS : SCARD_E_INVALID_HANDLE;
}
