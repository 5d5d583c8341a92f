#include "bench.h"

#include <cstdlib>

#include "cardea/hex.h"

namespace cardea::test {

using card::gp::KeySet;

Result<std::optional<KeySet>> MemoryKeySets::find(std::uint8_t version) {
  if (version == 0) return sets.empty() ? std::nullopt : std::optional{sets.rbegin()->second};
  const auto found = sets.find(version);
  return found == sets.end() ? std::nullopt : std::optional{found->second};
}

Bytes ChannelBench::from(std::string_view hex) {
  return from_hex(hex).value();
}

void ChannelBench::add_keys(std::uint8_t version, card::gp::Protocol protocol, std::uint8_t options,
                            card::Algorithm algorithm) {
  Bytes key(card::key_size(algorithm));
  for (std::size_t i = 0; i < key.size(); ++i)
    key[i] = static_cast<std::uint8_t>(0x40 + (algorithm == card::Algorithm::tdes ? i % 16 : i));
  KeySet set;
  set.version = version;
  set.protocol = protocol;
  set.options = options;
  set.encryption = vault.import_symmetric({1, version}, algorithm, SecretBytes{key}).value();
  set.mac = vault.import_symmetric({2, version}, algorithm, SecretBytes{key}).value();
  set.sensitive = vault.import_symmetric({3, version}, algorithm, SecretBytes{key}).value();
  keys.sets[version] = set;
}

apdu::Response ChannelBench::send(const apdu::Command& command) {
  arrived_.reset();
  if (command.ins == 0x50) {
    const auto data = channel.initialize_update(command);
    return data ? apdu::Response{*data, apdu::sw::kOk} : apdu::Response{{}, data.error()};
  }
  if (command.ins == 0x82) {
    const auto done = channel.external_authenticate(command);
    return {{}, done ? apdu::sw::kOk : done.error()};
  }
  const auto plain = channel.unwrap(command);
  if (!plain) return {{}, plain.error()};
  arrived_ = *plain;
  return channel.wrap(answer_);
}

std::string ChannelBench::send(std::string_view hex) {
  const auto response = send(apdu::parse_command(from(hex)).value());
  const auto word = to_hex(Bytes{response.sw.sw1(), response.sw.sw2()});
  return response.data.empty() ? word : to_hex(response.data) + " " + word;
}

void ChannelBench::will_answer(std::string_view data, apdu::StatusWord word) {
  answer_ = {from(data), word};
}

std::string ChannelBench::arrived() {
  return arrived_ ? to_hex(apdu::encode(*arrived_)) : "";
}

void ChannelBench::count_sessions(std::uint8_t version, std::uint32_t n) {
  Bytes octets{1};
  append_be32(octets, n);
  const card::Change change{card::gp::StoredSequenceCounters::record(version), octets};
  if (!store.commit({&change, 1})) std::abort();  // only a test that planned a failure too early
}

}  // namespace cardea::test
