#include <doctest/doctest.h>
#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "cardea/cms/perso/state.h"
#include "cardea/hex.h"

using namespace cardea;
using namespace cardea::cms;
using namespace cardea::cms::perso;
namespace fs = std::filesystem;

namespace {

constexpr std::string_view kPlan = R"({"name": "p",
  "objects": {"chuid": {"valid_days": 1}, "ccc": true, "discovery": true, "key_history": true},
  "slots": [{"slot": "9A", "algorithm": "p256", "certificate": {"key_usage": ["digitalSignature"]}}]})";
constexpr std::time_t kNow = 1'893'456'000;  // 2030-01-01T00:00:00Z

State sample() {
  State out = new_state(parse_plan(kPlan).value(), {"CN=Zoë \"Z\"", "z@x", "z@example.org"},
                        {true, false, true}, kNow)
                  .value();
  out.reader = "Cardea 00 00";
  out.serial = 4294967295U;
  out.objects[0x5FC102].touched = true;
  out.objects[0x5FC102].before = {1, 2};
  out.slots[0x9A] = {piv::PublicKey{piv::KeyAlgorithm::p256, {0x86, 0x01, 0x04}}, {3, 4}, {5}};
  out.begun = {"pin"};
  out.done = {"chuid", "9A/generate"};
  return out;
}

std::string temporary() {
  std::string pattern = (fs::temp_directory_path() / "cardea-cms-XXXXXX").string();
  return ::mkdtemp(pattern.data());
}

}  // namespace

TEST_CASE("a new state has a random GUID, and the objects that go with it") {
  const auto state = sample();
  CHECK(piv::chuid_guid(state.objects.at(0x5FC102).content) == state.guid);
  CHECK(guid_text(state.guid)[12] == '4');
  CHECK(to_hex(state.objects.at(0x5FC102).content)
            .find("3508"
                  "3230333030313032") != std::string::npos);  // 20300102
  CHECK(to_hex(state.objects.at(0x7E).content) == "7E124F0BA0000003080000100001005F2F024000");
  CHECK(state.objects.at(0x5FC107).content.size() == 51);
  CHECK(sample().guid != state.guid);
}

TEST_CASE("a state comes back from its text as it was") {
  const auto state = sample();
  const auto text = to_text(state);
  const auto back = parse_state(text);
  REQUIRE(back);
  CHECK(to_text(*back) == text);
  CHECK(back->holder.subject == "CN=Zoë \"Z\"");
  CHECK(back->serial == 4294967295U);
  CHECK(back->objects == state.objects);
  CHECK(back->slots == state.slots);
  CHECK(back->changes.pin);
  CHECK_FALSE(back->changes.puk);
  CHECK(back->changes.management_key);
  CHECK(back->begun == state.begun);
  CHECK(back->done == state.done);
}

TEST_CASE("a damaged state is corrupt, one of another version unsupported") {
  const auto text = to_text(sample());
  const auto with = [&](const std::string& from, const std::string& to) {
    std::string changed = text;
    const auto at = changed.find(from);
    REQUIRE(at != std::string::npos);
    return parse_state(changed.replace(at, from.size(), to));
  };
  CHECK(parse_state("").error() ==
        Error{Errc::corrupt, "the state file is damaged: the state file is not a JSON document"});
  CHECK(parse_state(text.substr(0, text.size() / 2)).error().code == Errc::corrupt);
  CHECK(with("\"finished\"", "\"finnished\"").error() ==
        Error{Errc::corrupt, "the state file is damaged: state: unknown key \"finnished\""});
  CHECK(with("\"version\": 1", "\"version\": 2").error().code == Errc::unsupported);
  CHECK(with("\"p256\"", "\"p521\"").error().code == Errc::corrupt);
  CHECK(with("\"005FC102\"", "\"5FC102XX\"").error().code == Errc::corrupt);
  CHECK(with("\"pin\",", "\"pen\",").error().code == Errc::corrupt);
}

TEST_CASE("a state file is for its owner, and is replaced as a whole") {
  const fs::path folder = temporary();
  StateFile file{folder / "deeper" / "state.json"};
  REQUIRE(file.save(sample()));
  auto changed = sample();
  changed.finished = true;
  REQUIRE(file.save(changed));
  struct stat status {};
  REQUIRE(::stat(file.path().c_str(), &status) == 0);
  CHECK((status.st_mode & 0777U) == 0600);
  CHECK(file.load()->finished);
  CHECK(unfinished_states(folder / "deeper").empty());
  REQUIRE(file.save(sample()));
  CHECK(unfinished_states(folder / "deeper") == std::vector<fs::path>{file.path()});
  std::ofstream{folder / "deeper" / "other.json"} << "nonsense";
  CHECK(unfinished_states(folder / "deeper").size() == 1);
  CHECK(StateFile{folder / "deeper" / "other.json"}.load().error().code == Errc::corrupt);
  CHECK(StateFile{folder / "none.json"}.load().error().code == Errc::not_found);
  CHECK(StateFile{"/proc/cardea/state.json"}.save(sample()).error().code == Errc::unavailable);
  fs::remove_all(folder);
}
