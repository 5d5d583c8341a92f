// SCARD_ATTR_* of a reader of ours, as Windows hands them out.
#include "cardea/winscard/attributes.h"
#include "dll.h"
#include "output.h"
#include "text.h"

namespace cardea::winscard {
namespace {

constexpr DWORD kFriendlyNameW = 0x7FFF0005;
constexpr DWORD kSystemNameW = 0x7FFF0006;

/// Octets of an attribute: numbers little-endian in four, names with a terminator.
Bytes attribute_out(DWORD id, const Attribute& value) {
  Bytes out;
  if (const auto* number = std::get_if<std::uint32_t>(&value)) {
    for (unsigned shift = 0; shift < 32; shift += 8)
      out.push_back(static_cast<std::uint8_t>(*number >> shift));
    return out;
  }
  const auto& octets = std::get<Bytes>(value);
  const std::string text{octets.begin(), octets.end()};
  if (id == kFriendlyNameW || id == kSystemNameW) {
    for (const wchar_t c : text_out<wchar_t>(text) + L'\0') {
      out.push_back(static_cast<std::uint8_t>(c));
      out.push_back(static_cast<std::uint8_t>(c >> 8U));
    }
  } else if (id == attribute::kDeviceFriendlyName || id == attribute::kDeviceSystemName) {
    out = to_bytes(as_bytes(text_out<char>(text)));
    out.push_back(0);
  } else {
    out = octets;
  }
  return out;
}

Code get_attribute(const Desk::Route& behind, DWORD id, BYTE* out, DWORD* length) {
  if (length == nullptr) return code::kInvalidParameter;
  Attribute value;
  const auto asked = id == kFriendlyNameW ? attribute::kDeviceFriendlyName
                     : id == kSystemNameW ? attribute::kDeviceSystemName
                                          : id;
  const Code result = desk().core().attribute(behind.ours, asked, value);
  if (result != code::kSuccess) return result;
  return give(std::span<const BYTE>{attribute_out(id, value)}, out, length);
}

/// None of a reader of ours can be set. What pcsc-lite says of that means something else on Windows.
Code set_attribute(const Desk::Route& behind, DWORD id, const BYTE* value, DWORD size) {
  if (value == nullptr && size > 0) return code::kInvalidParameter;
  const Code result = desk().core().set_attribute(behind.ours, id);
  return result == code::kNotTransacted ? code::kUnsupportedFeature : result;
}

}  // namespace
}  // namespace cardea::winscard

// NOLINTBEGIN(readability-identifier-naming,readability-inconsistent-declaration-parameter-name): Windows'
// names
using namespace cardea::winscard;

extern "C" {

LONG WINAPI SCardGetAttrib(SCARDHANDLE card, DWORD id, LPBYTE value, LPDWORD length) {
  return on_card(
      card, [&](const Desk::Route& behind) { return get_attribute(behind, id, value, length); },
      [&](SCARDHANDLE real) {
        const auto call = CARDEA_SYSTEM_FUNCTION(SCardGetAttrib);
        return call == nullptr ? kNoSuchFunction : call(real, id, value, length);
      });
}

LONG WINAPI SCardSetAttrib(SCARDHANDLE card, DWORD id, LPCBYTE value, DWORD size) {
  return on_card(
      card, [&](const Desk::Route& behind) { return set_attribute(behind, id, value, size); },
      [&](SCARDHANDLE real) {
        const auto call = CARDEA_SYSTEM_FUNCTION(SCardSetAttrib);
        return call == nullptr ? kNoSuchFunction : call(real, id, value, size);
      });
}

}  // extern "C"
// NOLINTEND(readability-identifier-naming,readability-inconsistent-declaration-parameter-name)
