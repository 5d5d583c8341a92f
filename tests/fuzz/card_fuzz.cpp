// The whole card: any commands, resets, failures and sessions (FuzzInput), then the invariants of every card.

#include <array>
#include <memory>

#include "cardea/test/fuzz_input.h"
#include "cardea/test/test_card.h"
#include "split.h"

namespace {

using cardea::test::FuzzInput;
using cardea::test::TestCard;

/// A long input says nothing that several short ones do not say faster.
constexpr int kMaxEvents = 200;

class Conversation {
 public:
  explicit Conversation(bool yubico) {
    sessions_[0] = std::make_unique<TestCard>(yubico ? cardea::test::kYubikey5 : cardea::test::kNist);
  }

  void event(cardea::fuzz::Input& input) {
    const auto length = input.number();
    switch (length) {
      case FuzzInput::kPowerCycle:
        return card().power_cycle();
      case FuzzInput::kFail: {
        const auto how = input.octet();
        return card().fail_store_after(how & 0x7FU, (how & 0x80U) != 0 ? cardea::test::Failure::crashed
                                                                       : cardea::test::Failure::refused);
      }
      case FuzzInput::kSession:
        return session((input.octet() - 1U) % sessions_.size());
      case FuzzInput::kRandom:
        return card().world().rng.load(input.take(input.octet()));
      default:
        (void)card().raw(input.take(length));
    }
  }
  void finish() {
    card().world().medium.revive();
    for (auto& session : sessions_) {
      if (session) session->check_invariants();
    }
  }

 private:
  TestCard& card() { return *sessions_.at(current_); }
  void session(std::size_t number) {
    if (!sessions_.at(number))
      sessions_.at(number) = std::make_unique<TestCard>(sessions_[0]->second_session());
    current_ = number;
  }

  std::array<std::unique_ptr<TestCard>, 4> sessions_;
  std::size_t current_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  cardea::fuzz::Input input{data, size};
  Conversation conversation{(input.octet() & 1U) != 0};
  for (int i = 0; i < kMaxEvents && !input.empty(); ++i)
    conversation.event(input);
  conversation.finish();
  return 0;
}
