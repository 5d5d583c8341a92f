#include "cardea/test/test_card.h"

#include <stdexcept>
#include <string>
#include <utility>

#include "cardea/apdu/command.h"
#include "cardea/hex.h"

namespace cardea::test {

namespace {

[[noreturn]] void broken(const World& world, const std::string& what) {
  throw std::logic_error{"invariant broken: " + what + " (" + world.rng.describe() + ")"};
}

const card::Profile& profile_named(std::string_view name) {
  const auto* profile = card::find_profile(name);
  if (profile == nullptr) throw std::runtime_error{"no profile is called " + std::string{name}};
  return *profile;
}

std::optional<card::gp::SecurityDomainKeys> keys_of(const std::optional<DomainSetup>& domain,
                                                    card::KeyVault& vault) {
  if (!domain) return std::nullopt;
  SecretBytes key{domain->algorithm == card::Algorithm::tdes ? 16 : card::key_size(domain->algorithm)};
  for (std::size_t i = 0; i < key.size(); ++i)
    key.expose()[i] = static_cast<std::uint8_t>(0x40 + i);
  auto out = card::gp::imported_keys(vault, domain->protocol, domain->options, key.clone(), key.clone(),
                                     key.clone());
  out.diversification = {0x00, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, 0x09};
  return out;
}

void check_pin(World& world, card::PinRef ref, const char* name) {
  const auto status = world.pins.status(ref);
  if (!status) broken(world, std::string{name} + " is not set");
  if (status->tries_max == 0 || status->tries_max > 255)
    broken(world, std::string{name} + " has an odd limit");
  if (status->tries_left > status->tries_max)
    broken(world, std::string{name} + " has more tries than its limit");
}

}  // namespace

TestCard::TestCard(std::string_view profile, std::uint64_t seed, std::optional<DomainSetup> domain)
    : TestCard{std::make_shared<World>(seed), profile_named(profile)} {
  // The factory state must exist before the session that sees it.
  const auto made =
      card::make_factory_card(*profile_, {kTestSerial, keys_of(domain, world_->keys)}, world_->ports());
  if (!made) throw std::runtime_error{"cannot make a factory card: " + made.error().what};
  world_->audit.clear();
  card_->reset();
}

TestCard::TestCard(std::shared_ptr<World> world, const card::Profile& profile)
    : world_{std::move(world)},
      profile_{&profile},
      card_{std::make_unique<card::Card>(profile, world_->ports())} {}

TestCard TestCard::second_session() const {
  return TestCard{world_, *profile_};
}

apdu::Response TestCard::send(std::string_view hex) {
  const auto command = from_hex(hex);
  if (!command) throw std::runtime_error{"not hexadecimal: " + std::string{hex}};
  return raw(*command);
}

apdu::Response TestCard::raw(BytesView command) {
  return *apdu::parse_response(transmit(command).response);
}

card::Outcome TestCard::transmit(BytesView command) {
  const auto before = world_->medium.generation();
  auto outcome = card_->transmit(command);
  const auto response = apdu::parse_response(outcome.response);
  if (!response) broken(*world_, "an answer of " + std::to_string(outcome.response.size()) + " octets");
  const unsigned sw1 = response->sw.sw1();
  if ((sw1 & 0xF0U) != 0x60 && sw1 != 0x90) broken(*world_, "status word " + apdu::describe(response->sw));
  if (outcome.effect == card::Effect::pure && world_->medium.generation() != before) {
    broken(*world_, "a pure command has written: " + std::string{outcome.command});
  }
  return outcome;
}

void TestCard::power_cycle() {
  world_->medium.revive();
  card_->reset();
}

void TestCard::check_invariants() {
  check_pin(*world_, card::PinRef::application, "the PIN");
  check_pin(*world_, card::PinRef::puk, "the PUK");
  if (card_->state_digest() != card_->state_digest())
    broken(*world_, "the state digest changes by looking at it");
  // Without any match there is no way to a verified PIN (resetting the retry counter needs the PUK to match).
  if (world_->pins.matches() == 0) {
    send("00 A4 04 00 05 A000000308");
    if (send("00 20 00 80").sw == apdu::sw::kOk) broken(*world_, "verified although no PIN ever matched");
  }
}

}  // namespace cardea::test
