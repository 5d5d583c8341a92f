#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <rapidcheck.h>

namespace cardea::model {

/// What can be done to a card in these tests.
enum class Kind : std::uint8_t {
  verify,  // a: which PIN value
  verify_status,
  log_out,
  change_pin,    // a: old value, b: new value
  change_puk,    // a: old value, b: new value
  unblock,       // a: PUK value, b: new PIN value
  authenticate,  // a: which management key
  replace_key,   // a: which management key
  set_retries,   // a, b: limits less one
  metadata,      // of the PIN
  put,           // a: which object, b: length; 0 deletes
  get,           // a: which object
  get_part,      // a: which object; Le of 1, so that an answer stays pending
  get_response,
  generate,     // a: which slot
  sign,         // a: which slot
  chain_piece,  // the first part of a GET DATA
  select_piv,
  select_unknown,
  unknown_ins,
  power_cycle,
  switch_session,  // a: which
};
inline constexpr std::uint8_t kKinds = 22;

struct Op {
  Kind kind = Kind::verify;
  std::uint8_t a = 0;  // 0 to 2
  std::uint8_t b = 0;  // 0 to 2
};

inline const char* name(Kind kind) {
  constexpr const char* kNames[kKinds] = {
      "verify",         "verify_status", "log_out",     "change_pin",    "change_puk",  "unblock",
      "authenticate",   "replace_key",   "set_retries", "metadata",      "put",         "get",
      "get_part",       "get_response",  "generate",    "sign",          "chain_piece", "select_piv",
      "select_unknown", "unknown_ins",   "power_cycle", "switch_session"};
  return kNames[static_cast<std::size_t>(kind)];
}

inline void showValue(const Op& op,
                      std::ostream& out) {  // NOLINT(readability-identifier-naming): rapidcheck's name
  out << name(op.kind) << "(" << static_cast<int>(op.a) << "," << static_cast<int>(op.b) << ")";
}

/// Any conversation: right values more often than chance would have it, and PINs and signatures more often
/// than the rest. Half of them begin with an administrator who has made all keys.
inline rc::Gen<std::vector<Op>> conversations() {
  const auto small = rc::gen::weightedElement<std::uint8_t>(
      {{4, std::uint8_t{0}}, {2, std::uint8_t{1}}, {1, std::uint8_t{2}}});
  const auto any = rc::gen::map(rc::gen::inRange<int>(0, kKinds), [](int k) { return static_cast<Kind>(k); });
  const auto kind = rc::gen::weightedOneOf<Kind>({{3, any},
                                                  {1, rc::gen::just(Kind::verify)},
                                                  {1, rc::gen::just(Kind::sign)},
                                                  {1, rc::gen::just(Kind::switch_session)}});
  const auto op = rc::gen::build<Op>(rc::gen::set(&Op::kind, kind), rc::gen::set(&Op::a, small),
                                     rc::gen::set(&Op::b, small));
  const auto plain = rc::gen::scale(4.0, rc::gen::container<std::vector<Op>>(op));
  const auto prepared = rc::gen::map(plain, [](std::vector<Op> ops) {
    ops.insert(ops.begin(), {{Kind::authenticate, 0, 0},
                             {Kind::generate, 0, 0},
                             {Kind::generate, 1, 0},
                             {Kind::generate, 2, 0},
                             {Kind::verify, 0, 0}});
    return ops;
  });
  return rc::gen::oneOf(plain, prepared);
}

}  // namespace cardea::model
