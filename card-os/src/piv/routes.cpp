#include "piv/piv.h"
#include "piv/references.h"

namespace cardea::card::piv {

namespace {

constexpr Match kKeySlot{&is_key_slot};
constexpr Match kZero{0x00};
constexpr Match kOnes{0xFF};
constexpr Match kZeroOrOnes{[](std::uint8_t p) { return p == 0x00 || p == 0xFF; }};
constexpr Match kPinRef{kApplicationPin};
constexpr Match kPukRef{kPuk};
constexpr Match kManagementRef{kManagementKey};
constexpr Match kSetManagementKeyP2{[](std::uint8_t p) { return p == 0xFF || p == 0xFE; }};
constexpr Match kPinOrPuk{[](std::uint8_t p) { return p == kApplicationPin || p == kPuk; }};
constexpr Match kMessagingRef{kSecureMessagingKey};
constexpr Match kSuite{[](std::uint8_t p) { return find_cipher_suite(p) != nullptr; }};
constexpr Match kAnyKey{[](std::uint8_t p) { return is_key(p) || p == kSecureMessagingKey; }};
constexpr Match kAnyAlgorithm{
    [](std::uint8_t p) { return algorithm_of(p).has_value() || find_cipher_suite(p) != nullptr; }};
constexpr Match kTries{[](std::uint8_t p) { return p != 0; }};

constexpr auto kPure = Effect::pure;
constexpr auto kEffect = Effect::effectful;
constexpr auto kAlways = Access::always;
constexpr auto kAdmin = Access::administrator;

}  // namespace

// clang-format off
std::span<const Route<Piv>> Piv::opening_routes() {
  static constexpr Route<Piv> kRoutes[] = {
    // INS   P1           P2              data           access   effect   handler                           for the log               Card Specification 2.3.1
    {0x50, kAny,        kAny,           Body::any,     kAlways, kEffect, &Piv::initialize_update,          "PIV INITIALIZE UPDATE",     "GP-2.3.1#E.5.1"},
    {0x82, kAny,        kAny,           Body::any,     kAlways, kEffect, &Piv::external_authenticate,      "PIV EXTERNAL AUTHENTICATE", "GP-2.3.1#E.5.2"},
  };
  return kRoutes;
}

// Only in a secure channel; before the application's own table, which has some of the instructions too.
std::span<const Route<Piv>> Piv::channel_routes() {
  static constexpr Route<Piv> kRoutes[] = {
    // INS   P1           P2              data           access   effect   handler                           for the log               OpenFIPS201
    {0x24, kOnes,       kPinOrPuk,      Body::any,     kAdmin,  kEffect, &Piv::set_pin_in_channel,         "PIV SET PIN",            "OPENFIPS201#24"},
    {0x24, kAnyAlgorithm, kAnyKey,           Body::any,     kAdmin,  kEffect, &Piv::load_key_element,           "PIV LOAD KEY",           "OPENFIPS201#24"},
    {0xDB, Match{0x3F}, kZero,          Body::any,     kAdmin,  kEffect, &Piv::create_in_channel,          "PIV CREATE",             "OPENFIPS201#DB"},
  };
  return kRoutes;
}

// Yubico's cards have none of it.
std::span<const Route<Piv>> Piv::messaging_routes() {
  static constexpr Route<Piv> kRoutes[] = {
    // INS   P1           P2              data           access   effect   handler                           for the log               SP 800-73-4 Part 2
    {0x87, kSuite,      kMessagingRef,  Body::any,     kAlways, kEffect, &Piv::establish_keys,              "PIV GENERAL AUTHENTICATE", "SP800-73-4/2#4.1"},
    {0x47, kZero,       kMessagingRef,  Body::any,     kAdmin,  kEffect, &Piv::generate,                   "PIV GENERATE",           "SP800-73-4/2#3.3.2"},
  };
  return kRoutes;
}

std::span<const Route<Piv>> Piv::piv_routes() {
  static constexpr Route<Piv> kRoutes[] = {
    // INS   P1           P2              data           access   effect   handler                           for the log               SP 800-73-4 Part 2
    {0x20, kZero,       kPinRef,        Body::absent,  kAlways, kPure,   &Piv::pin_status,                 "PIV VERIFY status",      "SP800-73-4/2#3.2.1"},
    {0x20, kZero,       kPinRef,        Body::present, kAlways, kEffect, &Piv::verify,                     "PIV VERIFY",             "SP800-73-4/2#3.2.1"},
    {0x20, kOnes,       kPinRef,        Body::any,     kAlways, kEffect, &Piv::log_out,                    "PIV VERIFY log out",     "SP800-73-4/2#3.2.1"},
    {0x20, kZeroOrOnes, kAny,           Body::any,     kAlways, kPure,   &Piv::no_such_reference,          "PIV VERIFY",             "SP800-73-4/2#3.2.1"},
    {0x24, kZero,       kPinRef,        Body::any,     kAlways, kEffect, &Piv::change_pin,                 "PIV CHANGE PIN",         "SP800-73-4/2#3.2.2"},
    {0x24, kZero,       kPukRef,        Body::any,     kAlways, kEffect, &Piv::change_puk,                 "PIV CHANGE PUK",         "SP800-73-4/2#3.2.2"},
    {0x24, kZero,       kAny,           Body::any,     kAlways, kPure,   &Piv::no_such_reference,          "PIV CHANGE REFERENCE DATA", "SP800-73-4/2#3.2.2"},
    {0x2C, kZero,       kPinRef,        Body::any,     kAlways, kEffect, &Piv::reset_retry_counter,        "PIV RESET RETRY COUNTER", "SP800-73-4/2#3.2.3"},
    {0x2C, kZero,       kAny,           Body::any,     kAlways, kPure,   &Piv::no_such_reference,          "PIV RESET RETRY COUNTER", "SP800-73-4/2#3.2.3"},
    {0x87, kAny,        kManagementRef, Body::any,     kAlways, kEffect, &Piv::authenticate_administrator, "PIV GENERAL AUTHENTICATE", "SP800-73-4/2#3.2.4"},
    {0x87, kAny,        kKeySlot,       Body::any,     kAlways, kEffect, &Piv::use_private_key,            "PIV GENERAL AUTHENTICATE", "SP800-73-4/2#3.2.4"},
    {0x47, kZero,       kKeySlot,       Body::any,     kAdmin,  kEffect, &Piv::generate,                   "PIV GENERATE",           "SP800-73-4/2#3.3.2"},
    {0xCB, Match{0x3F}, kOnes,          Body::any,     kAlways, kPure,   &Piv::get_data,                   "PIV GET DATA",           "SP800-73-4/2#3.1.2"},
    {0xDB, Match{0x3F}, kOnes,          Body::any,     kAdmin,  kEffect, &Piv::put_data,                   "PIV PUT DATA",           "SP800-73-4/2#3.3.1"},
  };
  return kRoutes;
}

// F6 MOVE KEY came with version 5.7 and this card reports 5.4.3: 6D00.
std::span<const Route<Piv>> Piv::yubico_routes() {
  static constexpr Route<Piv> kRoutes[] = {
    // INS   P1     P2                   data       access                        effect   handler                   for the log                  Yubico
    {0xFD, kZero,  kZero,               Body::any, kAlways,                      kPure,   &Piv::version,            "PIV GET VERSION",           "YUBICO-PIV#FD"},
    {0xF8, kZero,  kZero,               Body::any, kAlways,                      kPure,   &Piv::serial,             "PIV GET SERIAL",            "YUBICO-PIV#F8"},
    {0xF7, kZero,  kAny,                Body::any, kAlways,                      kPure,   &Piv::metadata,           "PIV GET METADATA",          "YUBICO-PIV#F7"},
    {0xF9, kAny,   kZero,               Body::any, kAlways,                      kEffect,   &Piv::attest,           "PIV ATTEST",                "YUBICO-PIV#F9"},
    {0xFA, kTries, kTries,              Body::any, Access::administrator_and_pin, kEffect, &Piv::set_retries,       "PIV SET PIN RETRIES",       "YUBICO-PIV#FA"},
    {0xFE, kAny,   kKeySlot,            Body::any, kAdmin,                       kEffect, &Piv::import_key,         "PIV IMPORT KEY",            "YUBICO-PIV#FE"},
    {0xFF, kOnes,  kSetManagementKeyP2, Body::any, kAdmin,                       kEffect, &Piv::set_management_key, "PIV SET MANAGEMENT KEY",    "YUBICO-PIV#FF"},
    {0xFB, kZero,  kZero,               Body::any, kAlways,                      kEffect, &Piv::factory_reset,      "PIV RESET",                 "YUBICO-PIV#FB"},
  };
  return kRoutes;
}
// clang-format on

}  // namespace cardea::card::piv
