// The functions about what Windows keeps in its registry: types of cards, groups of readers. Ours needs
// nothing of it: they go to the system's winscard.dll, and where there is none they answer what is documented
// for what does not exist.
#include "dll.h"
#include "output.h"
#include "text.h"

namespace cardea::winscard {
namespace {

/// No type of card is known: an empty multi-string.
template <class C>
Code no_cards(C* cards, DWORD* length) {
  return length == nullptr ? code::kInvalidParameter : give_text(std::basic_string<C>(1, C{}), cards, length);
}

/// Those of the system, and those that ours are in.
template <class C>
LONG list_groups(SCARDCONTEXT context, C* groups, DWORD* length) {
  return guarded([&]() -> Code {
    if (length == nullptr) return code::kInvalidParameter;
    std::vector<std::string> names;
    const Code result = desk().list_groups(context, names);
    return result != code::kSuccess ? result : give_text(multi_out<C>(names), groups, length);
  });
}

}  // namespace
}  // namespace cardea::winscard

// NOLINTBEGIN(readability-identifier-naming,readability-inconsistent-declaration-parameter-name): Windows'
// names
using namespace cardea::winscard;

extern "C" {

LONG WINAPI SCardListReaderGroupsA(SCARDCONTEXT context, LPSTR groups, LPDWORD length) {
  return list_groups(context, groups, length);
}
LONG WINAPI SCardListReaderGroupsW(SCARDCONTEXT context, LPWSTR groups, LPDWORD length) {
  return list_groups(context, groups, length);
}

LONG WINAPI SCardListCardsA(SCARDCONTEXT context, LPCBYTE atr, LPCGUID interfaces, DWORD interface_count,
                            LPSTR cards, LPDWORD length) {
  return CARDEA_PASS_ON(SCardListCardsA, context, no_cards(cards, length), atr, interfaces, interface_count,
                        cards, length);
}
LONG WINAPI SCardListCardsW(SCARDCONTEXT context, LPCBYTE atr, LPCGUID interfaces, DWORD interface_count,
                            LPWSTR cards, LPDWORD length) {
  return CARDEA_PASS_ON(SCardListCardsW, context, no_cards(cards, length), atr, interfaces, interface_count,
                        cards, length);
}
LONG WINAPI SCardListInterfacesA(SCARDCONTEXT context, LPCSTR card, LPGUID interfaces, LPDWORD count) {
  return CARDEA_PASS_ON(SCardListInterfacesA, context, windows_code::kUnknownCard, card, interfaces, count);
}
LONG WINAPI SCardListInterfacesW(SCARDCONTEXT context, LPCWSTR card, LPGUID interfaces, LPDWORD count) {
  return CARDEA_PASS_ON(SCardListInterfacesW, context, windows_code::kUnknownCard, card, interfaces, count);
}
LONG WINAPI SCardGetProviderIdA(SCARDCONTEXT context, LPCSTR card, LPGUID provider) {
  return CARDEA_PASS_ON(SCardGetProviderIdA, context, windows_code::kUnknownCard, card, provider);
}
LONG WINAPI SCardGetProviderIdW(SCARDCONTEXT context, LPCWSTR card, LPGUID provider) {
  return CARDEA_PASS_ON(SCardGetProviderIdW, context, windows_code::kUnknownCard, card, provider);
}
LONG WINAPI SCardGetCardTypeProviderNameA(SCARDCONTEXT context, LPCSTR card, DWORD kind, LPSTR provider,
                                          LPDWORD length) {
  return CARDEA_PASS_ON(SCardGetCardTypeProviderNameA, context, windows_code::kUnknownCard, card, kind,
                        provider, length);
}
LONG WINAPI SCardGetCardTypeProviderNameW(SCARDCONTEXT context, LPCWSTR card, DWORD kind, LPWSTR provider,
                                          LPDWORD length) {
  return CARDEA_PASS_ON(SCardGetCardTypeProviderNameW, context, windows_code::kUnknownCard, card, kind,
                        provider, length);
}
LONG WINAPI SCardSetCardTypeProviderNameA(SCARDCONTEXT context, LPCSTR card, DWORD kind, LPCSTR provider) {
  return CARDEA_PASS_ON(SCardSetCardTypeProviderNameA, context, code::kUnsupportedFeature, card, kind,
                        provider);
}
LONG WINAPI SCardSetCardTypeProviderNameW(SCARDCONTEXT context, LPCWSTR card, DWORD kind, LPCWSTR provider) {
  return CARDEA_PASS_ON(SCardSetCardTypeProviderNameW, context, code::kUnsupportedFeature, card, kind,
                        provider);
}
LONG WINAPI SCardIntroduceCardTypeA(SCARDCONTEXT context, LPCSTR card, LPCGUID provider, LPCGUID interfaces,
                                    DWORD interface_count, LPCBYTE atr, LPCBYTE mask, DWORD size) {
  return CARDEA_PASS_ON(SCardIntroduceCardTypeA, context, code::kUnsupportedFeature, card, provider,
                        interfaces, interface_count, atr, mask, size);
}
LONG WINAPI SCardIntroduceCardTypeW(SCARDCONTEXT context, LPCWSTR card, LPCGUID provider, LPCGUID interfaces,
                                    DWORD interface_count, LPCBYTE atr, LPCBYTE mask, DWORD size) {
  return CARDEA_PASS_ON(SCardIntroduceCardTypeW, context, code::kUnsupportedFeature, card, provider,
                        interfaces, interface_count, atr, mask, size);
}
LONG WINAPI SCardForgetCardTypeA(SCARDCONTEXT context, LPCSTR card) {
  return CARDEA_PASS_ON(SCardForgetCardTypeA, context, windows_code::kUnknownCard, card);
}
LONG WINAPI SCardForgetCardTypeW(SCARDCONTEXT context, LPCWSTR card) {
  return CARDEA_PASS_ON(SCardForgetCardTypeW, context, windows_code::kUnknownCard, card);
}
LONG WINAPI SCardIntroduceReaderGroupA(SCARDCONTEXT context, LPCSTR group) {
  return CARDEA_PASS_ON(SCardIntroduceReaderGroupA, context, code::kUnsupportedFeature, group);
}
LONG WINAPI SCardIntroduceReaderGroupW(SCARDCONTEXT context, LPCWSTR group) {
  return CARDEA_PASS_ON(SCardIntroduceReaderGroupW, context, code::kUnsupportedFeature, group);
}
LONG WINAPI SCardForgetReaderGroupA(SCARDCONTEXT context, LPCSTR group) {
  return CARDEA_PASS_ON(SCardForgetReaderGroupA, context, code::kUnsupportedFeature, group);
}
LONG WINAPI SCardForgetReaderGroupW(SCARDCONTEXT context, LPCWSTR group) {
  return CARDEA_PASS_ON(SCardForgetReaderGroupW, context, code::kUnsupportedFeature, group);
}
LONG WINAPI SCardIntroduceReaderA(SCARDCONTEXT context, LPCSTR reader, LPCSTR device) {
  return CARDEA_PASS_ON(SCardIntroduceReaderA, context, code::kUnsupportedFeature, reader, device);
}
LONG WINAPI SCardIntroduceReaderW(SCARDCONTEXT context, LPCWSTR reader, LPCWSTR device) {
  return CARDEA_PASS_ON(SCardIntroduceReaderW, context, code::kUnsupportedFeature, reader, device);
}
LONG WINAPI SCardForgetReaderA(SCARDCONTEXT context, LPCSTR reader) {
  return CARDEA_PASS_ON(SCardForgetReaderA, context, code::kUnknownReader, reader);
}
LONG WINAPI SCardForgetReaderW(SCARDCONTEXT context, LPCWSTR reader) {
  return CARDEA_PASS_ON(SCardForgetReaderW, context, code::kUnknownReader, reader);
}
LONG WINAPI SCardAddReaderToGroupA(SCARDCONTEXT context, LPCSTR reader, LPCSTR group) {
  return CARDEA_PASS_ON(SCardAddReaderToGroupA, context, code::kUnknownReader, reader, group);
}
LONG WINAPI SCardAddReaderToGroupW(SCARDCONTEXT context, LPCWSTR reader, LPCWSTR group) {
  return CARDEA_PASS_ON(SCardAddReaderToGroupW, context, code::kUnknownReader, reader, group);
}
LONG WINAPI SCardRemoveReaderFromGroupA(SCARDCONTEXT context, LPCSTR reader, LPCSTR group) {
  return CARDEA_PASS_ON(SCardRemoveReaderFromGroupA, context, code::kUnknownReader, reader, group);
}
LONG WINAPI SCardRemoveReaderFromGroupW(SCARDCONTEXT context, LPCWSTR reader, LPCWSTR group) {
  return CARDEA_PASS_ON(SCardRemoveReaderFromGroupW, context, code::kUnknownReader, reader, group);
}

}  // extern "C"
// NOLINTEND(readability-identifier-naming,readability-inconsistent-declaration-parameter-name)
