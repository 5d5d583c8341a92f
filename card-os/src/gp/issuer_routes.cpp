#include "gp/issuer.h"

namespace cardea::card::gp {

namespace {

constexpr Match kZero{0x00};
constexpr Match kScope{[](std::uint8_t p) { return p == 0x80 || p == 0x40 || p == 0x20 || p == 0x10; }};
// 02 the first occurrence, 03 the next; without the bit 02 answers would have no tags, as they once had.
constexpr Match kOccurrence{[](std::uint8_t p) { return p == 0x02 || p == 0x03; }};
constexpr Match kVersion{[](std::uint8_t p) { return p <= 0x7F || p == 0xFF; }};
// Several keys, beginning with identifier 01: a set is replaced as a whole.
constexpr Match kSeveralFrom1{0x81};
constexpr Match kInstall{[](std::uint8_t p) { return p == 0x04 || p == 0x08 || p == 0x0C; }};
constexpr Match kDeleteP2{[](std::uint8_t p) { return p == 0x00 || p == 0x80; }};

constexpr auto kPure = Effect::pure;
constexpr auto kEffect = Effect::effectful;
constexpr auto kAlways = Access::always;
constexpr auto kAdmin = Access::administrator;

}  // namespace

// clang-format off
std::span<const Route<Issuer>> Issuer::routes() {
  static constexpr Route<Issuer> kRoutes[] = {
    // INS   P1           P2              data           access   effect   handler                                for the log                       Card Specification 2.3.1
    {0x50, kAny,        kAny,           Body::any,     kAlways, kEffect, &Issuer::initialize_update,           "ISD INITIALIZE UPDATE",          "GP-2.3.1#E.5.1"},
    {0x82, kAny,        kAny,           Body::any,     kAlways, kEffect, &Issuer::external_authenticate,       "ISD EXTERNAL AUTHENTICATE",      "GP-2.3.1#E.5.2"},
    {0xCA, kAny,        kAny,           Body::any,     kAlways, kPure,   &Issuer::get_data,                    "ISD GET DATA",                   "GP-2.3.1#11.3"},
    {0xF2, kScope,      kOccurrence,    Body::any,     kAdmin,  kEffect, &Issuer::get_status,                  "ISD GET STATUS",                 "GP-2.3.1#11.4"},
    {0xD8, kVersion,    kSeveralFrom1,  Body::present, kAdmin,  kEffect, &Issuer::put_key,                     "ISD PUT KEY",                    "GP-2.3.1#11.8"},
    {0xE2, kAny,        kAny,           Body::any,     kAdmin,  kEffect, &Issuer::store_data,                  "ISD STORE DATA",                 "GP-2.3.1#11.11"},
    {0xE6, Match{0x02}, kZero,          Body::any,     kAdmin,  kEffect, &Issuer::install_for_load,            "ISD INSTALL for load",           "GP-2.3.1#11.5"},
    {0xE6, kInstall,    kZero,          Body::any,     kAdmin,  kEffect, &Issuer::install,                     "ISD INSTALL",                    "GP-2.3.1#11.5"},
    {0xE6, Match{0x20}, kZero,          Body::any,     kAdmin,  kEffect, &Issuer::install_for_personalization, "ISD INSTALL for personalization", "GP-2.3.1#11.5"},
    {0xE6, Match{0x10}, kZero,          Body::any,     kAdmin,  kEffect, &Issuer::extradite,                   "ISD INSTALL for extradition",    "GP-2.3.1#11.5"},
    {0xE8, kAny,        kAny,           Body::any,     kAdmin,  kEffect, &Issuer::load,                        "ISD LOAD",                       "GP-2.3.1#11.6"},
    {0xE4, kZero,       kDeleteP2,      Body::present, kAdmin,  kEffect, &Issuer::delete_content,              "ISD DELETE",                     "GP-2.3.1#11.2"},
    {0xF0, Match{0x80}, kAny,           Body::any,     kAdmin,  kEffect, &Issuer::set_card_status,             "ISD SET STATUS of the card",     "GP-2.3.1#11.10"},
    {0xF0, Match{0x40}, kAny,           Body::present, kAdmin,  kEffect, &Issuer::set_application_status,      "ISD SET STATUS",                 "GP-2.3.1#11.10"},
  };
  return kRoutes;
}
// clang-format on

}  // namespace cardea::card::gp
