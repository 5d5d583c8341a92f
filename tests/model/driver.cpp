#include "driver.h"

#include <stdexcept>

#include "cardea/hex.h"
#include "cardea/test/block_cipher.h"
#include "piv_model.h"

namespace cardea::model {

namespace {

const std::string kDigest = "00112233445566778899AABBCCDDEEFF00112233445566778899AABBCCDDEEFF";

std::string filler(std::uint8_t which, std::uint8_t length) {
  return to_hex(Bytes(length, static_cast<std::uint8_t>(0xC0U | which)));
}

std::string octet(unsigned value) {
  const auto one = static_cast<std::uint8_t>(value);
  return to_hex({&one, 1});
}

/// The command of an operation that is one command.
std::string command_of(const Op& op) {
  switch (op.kind) {
    case Kind::verify:
      return std::string{"0020008008"} + kPins.at(op.a);
    case Kind::verify_status:
      return "00200080";
    case Kind::log_out:
      return "0020FF80";
    case Kind::change_pin:
      return std::string{"0024008010"} + kPins.at(op.a) + kPins.at(op.b);
    case Kind::change_puk:
      return std::string{"0024008110"} + kPuks.at(op.a) + kPuks.at(op.b);
    case Kind::unblock:
      return std::string{"002C008010"} + kPuks.at(op.a) + kPins.at(op.b);
    case Kind::replace_key:
      return std::string{"00FFFFFF1B039B18"} + kManagementKeys.at(op.a);
    case Kind::set_retries:
      return "00FA" + octet(op.a + 1U) + octet(op.b + 1U);
    case Kind::metadata:
      return "00F7008000";
    case Kind::put:
      return "00DB3FFF" + octet(7U + op.b) + "5C03" + kObjects.at(op.a) + "53" + octet(op.b) +
             filler(op.a, op.b);
    case Kind::get:
      return std::string{"00CB3FFF055C03"} + kObjects.at(op.a) + "00";
    case Kind::get_part:
      return std::string{"00CB3FFF055C03"} + kObjects.at(op.a) + "01";
    case Kind::get_response:
      return "00C0000000";
    case Kind::generate:
      return std::string{"004700"} + kSlots.at(op.a) + "05AC0380011100";
    case Kind::sign:
      return std::string{"008711"} + kSlots.at(op.a) + "267C2482008120" + kDigest + "00";
    case Kind::chain_piece:
      return "10CB3FFF025C03";
    case Kind::select_piv:
      return "00A4040005A000000308";
    case Kind::select_unknown:
      return "00A4040006A0000000010100";
    default:
      return "00B0000000";
  }
}

}  // namespace

Driver::Driver() {
  sessions_[0] = std::make_unique<test::TestCard>();
  sessions_[1] = std::make_unique<test::TestCard>(sessions_[0]->second_session());
}

std::string Driver::send(const std::string& hex) {
  const auto before = card().card().state_digest();
  const auto generation = card().world().medium.generation();
  const auto outcome = card().transmit(from_hex(hex).value());
  if (outcome.effect == card::Effect::pure) {
    const auto after = card().card().state_digest();
    const Situation situation{{before, generation}, hex};
    const auto [it, is_new] = memory_.try_emplace(situation, Known{outcome.response, after});
    if (!is_new) {
      ++repetitions_;
      if (it->second.response != outcome.response) throw std::logic_error{"pure, yet another answer: " + hex};
      if (it->second.next != after) throw std::logic_error{"pure, yet another next state: " + hex};
    }
  }
  return to_hex(outcome.response);
}

std::string Driver::apply(const Op& op) {
  if (op.kind == Kind::switch_session) {
    current_ = op.a % sessions_.size();
    return {};
  }
  if (op.kind == Kind::power_cycle) {
    card().power_cycle();
    return {};
  }
  if (op.kind == Kind::authenticate) {
    const auto challenge = send("0087039B047C02810000");  // 7C0A8108 and eight octets
    const auto key = from_hex(kManagementKeys.at(op.a)).value();
    const auto answer =
        test::ecb_encrypt(card::Algorithm::tdes, key, from_hex(challenge.substr(8, 16)).value());
    return send("0087039B0C7C0A8208" + to_hex(answer.value()));
  }
  return send(command_of(op));
}

void Driver::finish() {
  for (auto& session : sessions_)
    session->check_invariants();
}

}  // namespace cardea::model
