#include <doctest/doctest.h>

#include "cardea/cms/perso/plan.h"
#include "cardea/cms/perso/steps.h"

using namespace cardea;
using namespace cardea::cms;
using namespace cardea::cms::perso;

namespace {

/// A plan with `slot` as its only slot, and `more` beside it.
std::string plan(const std::string& slot, const std::string& more = "") {
  return R"({"name": "p", "slots": [)" + slot + "]" + more + "}";
}

std::string slot(const std::string& more = "",
                 const std::string& certificate = R"("key_usage": ["digitalSignature"])") {
  return R"({"slot": "9A", "algorithm": "p256", "certificate": {)" + certificate + "}" + more + "}";
}

std::string complaint(const std::string& text) {
  const auto parsed = parse_plan(text);
  if (parsed) return "accepted";
  CHECK(parsed.error().code == Errc::invalid);
  return parsed.error().what;
}

}  // namespace

TEST_CASE("the smallest plan has safe defaults") {
  const auto parsed = parse_plan(plan(slot()));
  REQUIRE(parsed);
  CHECK(parsed->slots.size() == 1);
  CHECK(parsed->slots[0].pin_policy == piv::PinPolicy::standard);
  CHECK(parsed->slots[0].certificate.valid_days == 365);
  CHECK(parsed->certificate_capacity == 1905);
  CHECK(parsed->pin.change);
  CHECK(parsed->pin.digits_only);
  CHECK(parsed->change_puk);
  REQUIRE(parsed->management_key);
  CHECK(parsed->management_key->algorithm == piv::AdminAlgorithm::aes256);
  CHECK_FALSE(parsed->management_key->keep_if_unsupported);
  CHECK_FALSE(parsed->chuid);
}

TEST_CASE("the plans that come with the program are good, and are twenty-five steps") {
  for (const auto* name : {"piv-standard", "piv-p256"}) {
    CAPTURE(name);
    const auto parsed = load_plan(std::string{CARDEA_PLANS} + "/" + name + ".json");
    REQUIRE(parsed);
    CHECK(parsed->name == name);
    CHECK(parsed->slots.size() == 4);
    const auto steps = plan_steps(*parsed, {true, true, true});
    CHECK(steps.size() == 25);
    CHECK(steps.front().kind == StepKind::open);
    CHECK(steps.back().kind == StepKind::management_key);
    CHECK(plan_steps(*parsed, {}).size() == 22);
  }
}

TEST_CASE("what is wrong with a plan is said with its place") {
  CHECK(complaint("") == "the plan is not a JSON document");
  CHECK(complaint("[]") == "plan must be an object");
  CHECK(complaint(R"({"slots": []})") == "plan: \"name\" is missing");
  CHECK(complaint(R"({"name": 7})") == "plan: \"name\" must be a text");
  CHECK(complaint(R"({"name": "p"})") == "plan: \"slots\" must be a list of at least one slot");
  CHECK(complaint(R"({"name": "p", "slots": []})") == "plan: \"slots\" must be a list of at least one slot");
  CHECK(complaint(plan("7")) == "slots[0] must be an object");
  CHECK(complaint(plan(slot(), R"(, "colour": "red")")) == "plan: unknown key \"colour\"");
  CHECK(complaint(plan(slot(), R"(, "application": "gids")")) == "plan: \"application\" must be piv");
  CHECK(complaint(plan(slot(), R"(, "certificate_capacity": 10)")) ==
        "plan: \"certificate_capacity\" must be a number from 256 to 16384");
  CHECK(complaint(plan(slot() + "," + slot())) == "slots[1]: 9A is there twice");
}

TEST_CASE("what is wrong with a slot") {
  CHECK(complaint(plan("{}")) == "slots[0]: \"slot\" must be 9A, 9C, 9D, 9E or 82 to 95");
  CHECK(complaint(plan(R"({"slot": "9B"})")) == "slots[0]: \"slot\" must be 9A, 9C, 9D, 9E or 82 to 95");
  CHECK(complaint(plan(R"({"slot": "9A", "algorithm": "rsa1024"})")) ==
        "slots[0]: \"algorithm\" must be rsa2048, rsa3072, rsa4096, p256 or p384");
  CHECK(complaint(plan(R"({"slot": "9A", "algorithm": "p256"})")) == "slots[0]: \"certificate\" is missing");
  CHECK(complaint(plan(slot(R"(, "pin_policy": "often")"))) ==
        "slots[0]: \"pin_policy\" must be default, never, once or always");
  CHECK(complaint(plan(slot(R"(, "touch_policy": 1)"))) == "slots[0]: \"touch_policy\" must be a text");
  CHECK(complaint(plan(slot(R"(, "touch_policy": "firm")"))) ==
        "slots[0]: \"touch_policy\" must be default, never, always or cached");
  CHECK(complaint(plan(slot(R"(, "pin-policy": "once")"))) == "slots[0]: unknown key \"pin-policy\"");
}

TEST_CASE("what is wrong with a certificate") {
  const auto certificate = [](const std::string& text) { return complaint(plan(slot("", text))); };
  CHECK(certificate("") == "slots[0].certificate: \"key_usage\" must name at least one usage");
  CHECK(certificate(R"("key_usage": "digitalSignature")") ==
        "slots[0].certificate: \"key_usage\" must be a list of texts");
  CHECK(certificate(R"("key_usage": ["signing"])") ==
        "slots[0].certificate: \"key_usage\" has no usage \"signing\"");
  const std::string good = R"("key_usage": ["digitalSignature"], )";
  CHECK(certificate(good + R"("extended_key_usage": ["logon"])") ==
        "slots[0].certificate: \"extended_key_usage\" has no usage \"logon\"");
  CHECK(certificate(good + R"("valid_days": 0)") ==
        "slots[0].certificate: \"valid_days\" must be a number from 1 to 7320");
  CHECK(certificate(good + R"("upn": "yes")") == "slots[0].certificate: \"upn\" must be true or false");
  CHECK(certificate(good + R"("compress": "maybe")") ==
        "slots[0].certificate: \"compress\" must be never, when-large or always");
  CHECK(certificate(good + R"("days": 5)") == "slots[0].certificate: unknown key \"days\"");
}

TEST_CASE("what is wrong with objects and secrets") {
  const auto more = [](const std::string& text) { return complaint(plan(slot(), ", " + text)); };
  CHECK(more(R"("objects": [])") == "objects must be an object");
  CHECK(more(R"("objects": {"chuid": 1})") == "objects: \"chuid\" must be true, false or an object");
  CHECK(more(R"("objects": {"chuid": {"fasc_n": "D4"}})") ==
        "objects.chuid: \"fasc_n\" must be \"non-federal\" or 25 octets in hexadecimal");
  CHECK(more(R"("objects": {"chuid": {"guid": "00"}})") == "objects.chuid: unknown key \"guid\"");
  CHECK(more(R"("objects": {"ccc": {}})") == "objects: \"ccc\" must be true or false");
  CHECK(more(R"("objects": {"discovery": {"pin_usage": "40"}})") ==
        "objects.discovery: \"pin_usage\" must be two octets in hexadecimal");
  CHECK(more(R"("objects": {"key_history": {"on_card": 21}})") ==
        "objects.key_history: \"on_card\" must be a number from 0 to 20");
  CHECK(more(R"("objects": {"face": true})") == "objects: unknown key \"face\"");
  CHECK(more(R"("pin": true)") == "pin must be an object");
  CHECK(more(R"("pin": {"minimum_length": 9})") == "pin: \"minimum_length\" must be a number from 1 to 8");
  CHECK(more(R"("pin": {"value": "123456"})") == "pin: unknown key \"value\"");
  CHECK(more(R"("puk": {"length": 8})") == "puk: unknown key \"length\"");
  CHECK(more(R"("management_key": {"algorithm": "des"})") ==
        "management_key: \"algorithm\" must be tdes, aes128, aes192 or aes256");
  CHECK(more(R"("management_key": {"if_unsupported": "ask"})") ==
        "management_key: \"if_unsupported\" must be fail or keep");
}

TEST_CASE("a plan file that is not there says which") {
  const auto missing = load_plan("/nonexistent/plan.json");
  CHECK(missing.error().code == Errc::not_found);
  CHECK(missing.error().what == "cannot read /nonexistent/plan.json: No such file or directory");
}
