#include "player.h"

#include <algorithm>
#include <fstream>
#include <iterator>

#include "cardea/apdu/command.h"
#include "cardea/apdu/response.h"
#include "cardea/hex.h"
#include "functions.h"

namespace cardea::transcript {

namespace {

constexpr std::size_t kMaxShown = 48;

std::string shown(BytesView octets) {
  if (octets.size() <= kMaxShown) return octets.empty() ? "no data" : to_hex(octets);
  return to_hex(octets.first(kMaxShown)) + "… (" + std::to_string(octets.size()) + " octets)";
}

std::string described(const std::string& wanted) {
  const auto octets = from_hex(wanted);
  if (!octets || octets->size() != 2) return wanted;
  return apdu::describe(apdu::StatusWord{(*octets)[0], (*octets)[1]});
}

card::Algorithm aes_named(const std::string& name) {
  if (name == "aes256") return card::Algorithm::aes256;
  return name == "aes192" ? card::Algorithm::aes192 : card::Algorithm::aes128;
}

bool is_on(const std::string& word) {
  if (word != "on" && word != "off") throw Mismatch{"on or off"};
  return word == "on";
}

}  // namespace

std::vector<std::string> profiles_of(std::string_view text) {
  for (const auto& line : read_script(text)) {
    if (line.word == "profile") return split(line.rest, ' ');
  }
  return {std::string{test::kYubikey5}};
}

Player::Player(std::string profile, std::string folder)
    : profile_{std::move(profile)}, folder_{std::move(folder)}, recording_{profile_ == test::kYubikey5} {}

void Player::play(std::string_view text) {
  int number = 0;
  profiles_ = profiles_of(text);
  try {
    for (const auto& line : read_script(text)) {
      number = line.number;
      run(line);
    }
    finish();
  } catch (const std::exception& e) {
    throw Mismatch{"line " + std::to_string(number) + ", step " + std::to_string(step_) + ": " + e.what()};
  }
}

void Player::include(const std::string& name) {
  std::ifstream in{folder_ + "/../parts/" + name, std::ios::binary};
  if (!in) throw Mismatch{name + " cannot be read"};
  const std::string text{std::istreambuf_iterator<char>{in}, {}};
  for (const auto& line : read_script(text)) {
    try {
      run(line);
    } catch (const std::exception& e) {
      throw Mismatch{name + ":" + std::to_string(line.number) + ": " + e.what()};
    }
  }
}

void Player::run(const Line& line) {
  if (trace_ != nullptr) trace_(line.word + " " + line.rest);
  if (line.word == "on") return on(line);
  if (line.word == "<") return answer(line.rest);
  if (line.word == "effect") return effect(line.rest);
  if (!answered_) throw Mismatch{"the command before has no answer in the transcript"};
  if (line.word == ">") return command(line.rest);
  if (line.word == ">>") return secured_command(line.rest);
  if (line.word == "domain") return domain(line.rest);
  if (line.word == "channel") return channel(line.rest);
  if (line.word == "let") return let(line.rest);
  if (line.word == "expect") return expect(line.rest);
  if (line.word == "session") return session(line.rest);
  if (line.word == "advance") return advance(line.rest);
  if (line.word == "fail") return fail(line.rest, test::Failure::refused);
  if (line.word == "crash") return fail(line.rest, test::Failure::crashed);
  if (line.word == "power-cycle") {
    recording_.power_cycle();
    return card().power_cycle();
  }
  if (line.word == "audit") return card().world().audit.set_failing(!is_on(line.rest));
  if (line.word == "vault") return card().world().keys.set_available(is_on(line.rest));
  if (line.word == "own-pins") return card().world().pins.await_changes(is_on(line.rest));
  if (line.word == "random") {
    const auto octets = evaluate(line.rest, variables_);
    recording_.random(octets);
    return card().world().rng.load(octets);
  }
  if (line.word == "profile") {
    if (!sessions_.empty()) throw Mismatch{"the profile comes first"};
    return;  // profiles_of has read it
  }
  if (line.word == "include") return include(line.rest);
  throw Mismatch{"unknown directive " + line.word};
}

/// `on PROFILE LINE`: that line, where the profiles differ.
void Player::on(const Line& line) {
  const auto lines = read_script(line.rest);
  const auto inner = lines.empty() ? std::vector<Line>{} : read_script(lines.front().rest);
  if (inner.empty()) throw Mismatch{"on PROFILE LINE"};
  const auto& name = lines.front().word;
  if (std::find(profiles_.begin(), profiles_.end(), name) == profiles_.end())
    throw Mismatch{"the transcript is not played for " + name};
  if (name == profile_) run(inner.front());
}

test::TestCard& Player::card() {
  if (sessions_.empty()) sessions_[1] = std::make_unique<test::TestCard>(profile_);
  return *sessions_.at(current_);
}

void Player::command(const std::string& rest) {
  ++step_;
  plain_.reset();
  (void)transmit(evaluate(rest, variables_));
  answered_ = false;
}

apdu::Response Player::transmit(BytesView octets) {
  auto& target = card();
  recording_.command(octets);
  outcome_ = target.transmit(octets);
  answers_.push_back(outcome_->response);
  if (trace_ != nullptr) trace_("  = " + to_hex(octets) + " -> " + to_hex(outcome_->response));
  return apdu::parse_response(outcome_->response).value();
}

/// Through the channel that the host has opened; `$sent` is what went to the card.
void Player::secured_command(const std::string& rest) {
  const auto open = channels_.find(current_);
  if (open == channels_.end()) throw Mismatch{"there is no channel: channel LEVEL"};
  auto& channel = open->second;
  ++step_;
  const auto octets = evaluate(rest, variables_);
  const auto plain = apdu::parse_command(octets);
  if (!plain) throw Mismatch{"not a command"};
  append_be16(secured_, static_cast<std::uint16_t>(octets.size()));
  append(secured_, octets);
  const auto wrapped = channel.wrap(*plain);
  if (!wrapped) throw Mismatch{wrapped.error().what};
  const auto sent = apdu::encode(*wrapped);
  variables_["sent"] = sent;
  auto response = transmit(sent);
  while (response.sw.sw1() == 0x61) {
    auto more = transmit(Bytes{0x00, 0xC0, 0x00, 0x00, 0x00});
    append(response.data, more.data);
    response.sw = more.sw;
  }
  const auto got = channel.unwrap(response);
  if (!got) throw Mismatch{got.error().what};
  plain_ = *got;
  answered_ = false;
}

/// `domain scp03 60 aes256`, `domain scp02 15`, `domain none`: what the card is made with.
void Player::domain(const std::string& rest) {
  if (!sessions_.empty()) throw Mismatch{"the domain comes before the first command"};
  const auto words = split(rest, ' ');
  std::optional<test::DomainSetup> setup;
  if (words[0] != "none") {
    const auto options = words.size() > 1 ? from_hex(words[1]) : std::nullopt;
    if (!options || options->size() != 1) throw Mismatch{"domain scp03|scp02 OPTIONS [AES], or domain none"};
    const bool scp02 = words[0] == "scp02";
    setup.emplace(
        test::DomainSetup{scp02 ? card::gp::Protocol::scp02 : card::gp::Protocol::scp03, options->front(),
                          scp02 ? card::Algorithm::tdes : aes_named(words.size() > 2 ? words[2] : "aes128")});
  }
  sessions_[1] = std::make_unique<test::TestCard>(profile_, 1, setup);
}

/// `channel LEVEL [VERSION [KEY]] [tdes]`: INITIALIZE UPDATE and EXTERNAL AUTHENTICATE to the selected
/// application, by a host that shares nothing with the card. The key is one for all three; without it, 40 41
/// ..
void Player::channel(const std::string& rest) {
  auto words = split(rest, ' ');
  const auto type = words.back() == "tdes" ? cms::gp::KeyType::tdes : cms::gp::KeyType::aes;
  if (words.back() == "tdes") words.pop_back();
  if (words.empty()) throw Mismatch{"channel LEVEL [VERSION [KEY]] [tdes]"};
  const auto level = evaluate(words[0], variables_);
  const auto version = words.size() > 1 ? evaluate(words[1], variables_) : Bytes{0};
  const auto key = evaluate(words.size() > 2 ? words[2] : "404142434445464748494A4B4C4D4E4F", variables_);
  if (level.size() != 1 || version.size() != 1) throw Mismatch{"channel LEVEL [VERSION [KEY]]"};
  const auto to_card = [this](const apdu::Command& command) -> Result<apdu::Response> {
    return transmit(apdu::encode(command));
  };
  cms::gp::Options options;
  options.level = static_cast<cms::gp::SecurityLevel>(level[0]);
  options.random = [this](std::size_t size) -> Result<Bytes> {
    Bytes out(size);
    for (auto& octet : out)
      octet = static_cast<std::uint8_t>(++step_);  // the same in each run
    return out;
  };
  auto opened = cms::gp::SecureChannel::open(
      to_card, cms::gp::Keyset::same(type, SecretBytes{key}, version[0]), options);
  if (!opened) throw Mismatch{"no channel: " + opened.error().what};
  channels_.insert_or_assign(current_, *std::move(opened));
}

void Player::answer(const std::string& rest) {
  if (answered_) throw Mismatch{"an answer without a command"};
  answered_ = true;
  const auto end = rest.find_last_of(" \t");
  const auto wanted = end == std::string::npos ? rest : rest.substr(end + 1);
  const auto response = plain_ ? *plain_ : apdu::parse_response(outcome_->response).value();
  const Pattern pattern{end == std::string::npos ? std::string{} : rest.substr(0, end), variables_};
  const std::array word{response.sw.sw1(), response.sw.sw2()};
  if (!status_matches(wanted, to_hex(word))) {
    throw Mismatch{"got " + apdu::describe(response.sw) + ", want " + described(wanted)};
  }
  if (!pattern.match(response.data, variables_)) {
    throw Mismatch{"got data " + shown(response.data) + ", want " + pattern.describe()};
  }
}

void Player::effect(const std::string& rest) {
  if (!outcome_) throw Mismatch{"an effect without a command"};
  const std::string got = outcome_->effect == card::Effect::pure ? "pure" : "effectful";
  if (got != rest) throw Mismatch{"the command is " + got + ", want " + rest};
}

void Player::let(const std::string& rest) {
  const auto sides = split(rest, '=');
  if (sides.size() != 2 || sides[0].size() < 2 || sides[0][0] != '$') throw Mismatch{"let $name = octets"};
  variables_[sides[0].substr(1)] = evaluate(sides[1], variables_);
}

void Player::expect(const std::string& rest) {
  const auto sides = split(rest, '=');
  if (sides.size() != 2) throw Mismatch{"expect octets = pattern"};
  const auto got = evaluate(sides[0], variables_);
  const Pattern pattern{sides[1], variables_};
  if (!pattern.match(got, variables_))
    throw Mismatch{"expected " + pattern.describe() + ", is " + shown(got)};
}

void Player::fail(const std::string& rest, test::Failure kind) {
  const auto words = split(rest, ' ');
  if (words.size() != 3 || words[0] != "store" || words[1] != "after") throw Mismatch{"fail store after N"};
  const auto n = number_argument(words[2]);
  auto& target = card();
  recording_.fail(static_cast<std::uint8_t>(n), kind == test::Failure::crashed);
  target.fail_store_after(static_cast<unsigned>(n), kind);
}

void Player::session(const std::string& rest) {
  const auto number = number_argument(rest);
  if (number == 0 || number > 4) throw Mismatch{"sessions are 1 to 4"};
  const auto& first = card();
  if (!sessions_.contains(number)) {
    sessions_[number] = std::make_unique<test::TestCard>(first.second_session());
  }
  current_ = number;
  recording_.session(static_cast<std::uint8_t>(number));
}

void Player::advance(const std::string& rest) {
  if (rest.size() < 2 || rest.back() != 's') throw Mismatch{"advance 30s"};
  card().world().clock.advance(
      std::chrono::seconds{static_cast<std::int64_t>(number_argument(rest.substr(0, rest.size() - 1)))});
}

void Player::finish() {
  if (!answered_) throw Mismatch{"the last command has no answer in the transcript"};
  if (step_ == 0) throw Mismatch{"a transcript without commands"};
  if (card().world().medium.failure_pending()) throw Mismatch{"left over: the planned failure never came"};
  if (card().world().rng.loaded() != 0) throw Mismatch{"left over: nobody asked for the loaded randomness"};
  card().world().medium.revive();
  for (auto& [number, target] : sessions_)
    target->check_invariants();
}

}  // namespace cardea::transcript
