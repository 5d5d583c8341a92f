#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cardea/cms/gp/secure_channel.h"
#include "cardea/test/fuzz_input.h"
#include "cardea/test/test_card.h"
#include "expression.h"

namespace cardea::transcript {

/// The profiles that a transcript names; Yubico's when it names none. It is played once for each.
std::vector<std::string> profiles_of(std::string_view text);

/// Plays one transcript against a card of its own. README.md has the format.
class Player {
 public:
  /// `folder`: where the transcript is; `include` looks in the folder `parts` beside it.
  Player(std::string profile, std::string folder);

  /// Throws Mismatch, whose text begins with the line and the step, at the first thing that is not as
  /// written.
  void play(std::string_view text);

  /// What was done to the card, as input for the fuzz target of the whole card.
  [[nodiscard]] const test::FuzzInput& recording() const { return recording_; }
  /// What went through secure channels, before it was protected: commands with 16-bit lengths, as their fuzz
  /// target has them after its first octet.
  [[nodiscard]] const Bytes& secured() const { return secured_; }
  /// All answers.
  [[nodiscard]] const std::vector<Bytes>& answers() const { return answers_; }
  [[nodiscard]] int steps() const { return step_; }

  /// Called with each line of the conversation as it happens.
  void set_trace(void (*trace)(const std::string&)) { trace_ = trace; }

 private:
  void run(const Line& line);
  void on(const Line& line);
  void include(const std::string& name);
  void command(const std::string& rest);
  void secured_command(const std::string& rest);
  apdu::Response transmit(BytesView octets);
  void answer(const std::string& rest);
  void domain(const std::string& rest);
  void channel(const std::string& rest);
  void effect(const std::string& rest);
  void let(const std::string& rest);
  void expect(const std::string& rest);
  void fail(const std::string& rest, test::Failure kind);
  void session(const std::string& rest);
  void advance(const std::string& rest);
  void finish();
  test::TestCard& card();

  std::string profile_;
  std::vector<std::string> profiles_;  // all that the transcript is played for
  std::string folder_;
  std::map<std::size_t, std::unique_ptr<test::TestCard>> sessions_;
  std::size_t current_ = 1;
  Variables variables_;
  std::optional<card::Outcome> outcome_;  // of the last command
  std::optional<apdu::Response> plain_;   // what the host makes of its answer, where it was protected
  std::map<std::size_t, cms::gp::SecureChannel> channels_;  // by session
  bool answered_ = true;
  int step_ = 0;
  test::FuzzInput recording_;
  Bytes secured_;
  std::vector<Bytes> answers_;
  void (*trace_)(const std::string&) = nullptr;
};

}  // namespace cardea::transcript
