#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "cardea/config/settings.h"

using namespace cardea;
using config::Seconds;

namespace {

/// What is wrong with the text; "good" when nothing is.
std::string mistake(const char* toml) {
  const auto settings = config::parse(toml, "c.toml");
  if (settings) return "good";
  CHECK(settings.error().code == Errc::invalid);
  return settings.error().what;
}

}  // namespace

TEST_CASE("config: an empty file means defaults that work on one machine") {
  const auto s = config::parse("", "c.toml").value();
  CHECK(s.server.address == "127.0.0.1");
  CHECK(s.server.port == 8443);
  CHECK(s.server.data_directory == "/var/lib/cardea");
  CHECK(s.vault.kind == config::VaultKind::softhsm);
  CHECK(s.vault.keys == config::KeyLife::operation);
  CHECK(s.vault.module.empty());
  CHECK(s.vault.token_label == "cardea");
  CHECK(s.vault.workers == 2);
  CHECK(s.log.level == "info");
  CHECK(s.limits.session_idle == Seconds{900});
  CHECK(s.limits.session_lifetime == Seconds{43200});
  CHECK(s.limits.body == 1048576);
}

TEST_CASE("config: every key is read") {
  const auto s = config::parse(R"([server]
address = "::1"
port = 9443
data_directory = "/srv/cardea"
threads = 12
[tls]
certificate = "/etc/c.pem"
key = "/etc/k.pem"
client_ca = "/etc/ca.pem"
names = ["cards.example", "192.0.2.1"]
[vault]
kind = "pkcs11"
keys = "session"
session_organisations = ["a", "b"]
module = "/lib/hsm.so"
token_label = "hsm"
pin_file = "/etc/pin"
workers = 5
signer = "/opt/signer"
[log]
level = "debug"
format = "json"
[limits]
sessions = 10
sessions_per_device = 2
session_idle = "1m"
session_lifetime = "2h"
connections = 99
body = 2097152
connection_idle = 30
handshake = "5s"
request = "20s"
)",
                               "c.toml")
                     .value();
  CHECK(s.server.address == "::1");
  CHECK(s.server.port == 9443);
  CHECK(s.server.data_directory == "/srv/cardea");
  CHECK(s.server.threads == 12);
  CHECK(s.tls.certificate == "/etc/c.pem");
  CHECK(s.tls.key == "/etc/k.pem");
  CHECK(s.tls.client_ca == "/etc/ca.pem");
  CHECK(s.tls.names == std::vector<std::string>{"cards.example", "192.0.2.1"});
  CHECK(s.vault.kind == config::VaultKind::pkcs11);
  CHECK(s.vault.keys == config::KeyLife::session);
  CHECK(s.vault.session_organisations == std::vector<std::string>{"a", "b"});
  CHECK(s.vault.module == "/lib/hsm.so");
  CHECK(s.vault.token_label == "hsm");
  CHECK(s.vault.pin_file == "/etc/pin");
  CHECK(s.vault.workers == 5);
  CHECK(s.vault.signer == "/opt/signer");
  CHECK(s.log.level == "debug");
  CHECK(s.log.format == config::LogFormat::json);
  CHECK(s.limits.sessions == 10);
  CHECK(s.limits.sessions_per_device == 2);
  CHECK(s.limits.session_idle == Seconds{60});
  CHECK(s.limits.session_lifetime == Seconds{7200});
  CHECK(s.limits.connections == 99);
  CHECK(s.limits.body == 2097152);
  CHECK(s.limits.connection_idle == Seconds{30});
  CHECK(s.limits.handshake == Seconds{5});
  CHECK(s.limits.request == Seconds{20});

  SUBCASE("and described so that it reads back the same") {
    const auto text = config::describe(s);
    CHECK(config::describe(config::parse(text, "again").value()) == text);
  }
}

TEST_CASE("config: recovery links [D5]") {
  auto s = config::parse("", "c.toml").value();
  CHECK(s.recovery.link_life == Seconds{1800});
  CHECK(s.recovery.attempts == 5);
  CHECK(s.recovery.links_a_day == 3);
  s = config::parse("[recovery]\nlink_life = \"10m\"\nattempts = 2\nlinks_a_day = 7\n", "c.toml").value();
  CHECK(s.recovery.link_life == Seconds{600});
  CHECK(s.recovery.attempts == 2);
  CHECK(s.recovery.links_a_day == 7);
  CHECK(config::describe(config::parse(config::describe(s), "again").value()) == config::describe(s));
  CHECK(mistake("[recovery]\nlives = 1\n") == "c.toml:2: unknown key 'lives' in [recovery]");
  CHECK(mistake("[pin]\ntries = 1\n") == "c.toml:2: unknown key 'tries' in [pin]");
}

TEST_CASE("config: where keys wait for a PIN of the holder's own [C5]") {
  const auto usual = config::parse("", "c.toml").value();
  CHECK_FALSE(usual.pin.must_change);
  CHECK(usual.pin.must_change_organisations.empty());
  const auto s =
      config::parse("[pin]\nmust_change = true\nmust_change_organisations = [\"a\", \"b\"]\n", "c.toml")
          .value();
  CHECK(s.pin.must_change);
  CHECK(s.pin.must_change_organisations == std::vector<std::string>{"a", "b"});
  CHECK(config::describe(config::parse(config::describe(s), "again").value()) == config::describe(s));
  CHECK(mistake("[pin]\nmust_change = 1\n") == "c.toml:2: pin.must_change must be true or false");
}

TEST_CASE("config: the pool, resident keys, and where the HSM's PIN comes from [B2] [B7] [B11]") {
  auto s = config::parse("", "c.toml").value();
  CHECK(s.vault.unseal == config::Unseal::file);
  CHECK(s.vault.resident_keys == 1000);
  CHECK(s.vault.resident_keys_each() == 250);
  CHECK(s.pool.rsa2048 == 8);
  CHECK(s.pool.p256 == 0);
  s = config::parse(R"([vault]
kind = "pkcs11"
module = "/lib/hsm.so"
unseal = "sealed"
local_share = "tpm"
tpm = "device:/dev/tpm0"
resident_keys = 7
[pool]
rsa2048 = 1
rsa3072 = 2
rsa4096 = 3
p256 = 4
p384 = 5
)",
                    "c.toml")
          .value();  // without pin_file: it is gone once the server has taken the token over
  CHECK(s.vault.unseal == config::Unseal::sealed);
  CHECK(s.vault.local_share == config::LocalShare::tpm);
  CHECK(s.vault.tpm == "device:/dev/tpm0");
  CHECK(s.vault.resident_keys == 7);
  CHECK(s.vault.resident_keys_each() == 2);
  CHECK(s.pool.rsa2048 == 1);
  CHECK(s.pool.rsa3072 == 2);
  CHECK(s.pool.rsa4096 == 3);
  CHECK(s.pool.p256 == 4);
  CHECK(s.pool.p384 == 5);
  CHECK(config::describe(config::parse(config::describe(s), "d.toml").value()) == config::describe(s));
  CHECK(mistake("[vault]\nunseal = \"magic\"") ==
        "c.toml:2: vault.unseal must be one of \"file\", \"shares\", \"sealed\"");
  CHECK(
      config::parse("[vault]\nresident_keys_per_organisation = 1000", "c.toml")->vault.resident_keys_each() ==
      1000);
  CHECK(mistake("[vault]\nresident_keys = 7\nresident_keys_per_organisation = 8") ==
        "c.toml:1: vault.resident_keys_per_organisation is more than vault.resident_keys, what all may have "
        "together");
  CHECK(mistake("[pool]\nrsa2048 = -1") == "c.toml:2: pool.rsa2048 is -1; it must be 0 to 10000");
  CHECK(mistake("[pool]\ntdes = 1") == "c.toml:2: unknown key 'tdes' in [pool]");
}

TEST_CASE("config: each mistake has file, line and a sentence") {
  CHECK(mistake("[server]\nprot = 1\n") == "c.toml:2: unknown key 'prot' in [server]");
  CHECK(mistake("[sever]\n") == "c.toml:1: unknown section 'sever'");
  CHECK(mistake("port = 1\n") == "c.toml:1: unknown key 'port'");
  CHECK(mistake("\nserver = 3\n") == "c.toml:2: 'server' must be a section, [server]");
  CHECK(mistake("[server]\nport = \"1\"\n") == "c.toml:2: server.port must be a whole number");
  CHECK(mistake("[server]\nport = 1.5\n") == "c.toml:2: server.port must be a whole number");
  CHECK(mistake("[server]\nport = 65536\n") == "c.toml:2: server.port is 65536; it must be 0 to 65535");
  CHECK(mistake("[server]\nport = -1\n") == "c.toml:2: server.port is -1; it must be 0 to 65535");
  CHECK(mistake("[server]\naddress = 1\n") == "c.toml:2: server.address must be a string");
  CHECK(mistake("[server]\naddress = \"\"\n") == "c.toml:2: server.address must not be empty");
  CHECK(mistake("[server]\naddress = \"a\\u0000b\"\n") == "c.toml:2: server.address holds a zero octet");
  CHECK(mistake("[tls]\nnames = \"x\"\n") == "c.toml:2: tls.names must be a list of strings");
  CHECK(mistake("[tls]\nnames = [1]\n") == "c.toml:2: tls.names must be a list of strings");
  CHECK(mistake("[log]\nlevel = \"loud\"\n") ==
        "c.toml:2: log.level must be one of \"trace\", \"debug\", \"info\", \"warn\", \"error\"");
  CHECK(mistake("[log]\nformat = 1\n") == "c.toml:2: log.format must be one of \"text\", \"json\"");
  CHECK(mistake("[limits]\nsession_idle = \"soon\"\n") ==
        "c.toml:2: limits.session_idle must be a duration such as \"90s\", \"15m\" or \"12h\"");
  CHECK(mistake("[limits]\nsession_idle = \"1s\"\n") ==
        "c.toml:2: limits.session_idle is 1s; it must be 10s to 86400s");
  CHECK(mistake("[limits]\nbody = 10\n") == "c.toml:2: limits.body is 10; it must be 1048576 to 67108864");
}

TEST_CASE("config: what does not go together is a mistake") {
  CHECK(mistake("[tls]\nkey = \"k\"\n") ==
        "c.toml:1: tls.certificate and tls.key go together: name both or neither");
  CHECK(mistake("[vault]\nmodule = \"m\"\n") ==
        "c.toml:1: vault.module needs vault.pin_file, the file that holds the token's user PIN");
  CHECK(mistake("[vault]\nkind = \"pkcs11\"\n") ==
        "c.toml:1: vault.kind \"pkcs11\" needs vault.module, the PKCS#11 module");
  CHECK(mistake("[vault]\nkind = \"software\"\nmodule = \"m\"\npin_file = \"p\"\n") ==
        "c.toml:1: vault.module goes with vault.kind \"pkcs11\" only");
  CHECK(mistake("[vault]\nkind = \"hsm\"\n") ==
        "c.toml:2: vault.kind must be one of \"softhsm\", \"pkcs11\", \"software\"");
  CHECK(config::parse("[vault]\nmodule = \"m\"\npin_file = \"p\"\n", "c").value().vault.kind ==
        config::VaultKind::pkcs11);
  CHECK(mistake("[vault]\npin_file = \"p\"\n") ==
        "c.toml:1: vault.pin_file is for a module that vault.module names; the built-in token has its own");
}

TEST_CASE("config: all mistakes are told at once, in the order of the file") {
  CHECK(mistake("[server]\nport = 70000\nhost = 1\n[log]\nlevel = 1\n") ==
        "c.toml:2: server.port is 70000; it must be 0 to 65535\n"
        "c.toml:3: unknown key 'host' in [server]\n"
        "c.toml:5: log.level must be one of \"trace\", \"debug\", \"info\", \"warn\", \"error\"");
}

TEST_CASE("config: what is not TOML says where") {
  CHECK(mistake("[server\n").substr(0, 9) == "c.toml:1:");
  CHECK(mistake("a = 1\na = 2\n").substr(0, 9) == "c.toml:2:");
}

TEST_CASE("config: durations") {
  CHECK(config::parse_duration("90").value() == Seconds{90});
  CHECK(config::parse_duration("90s").value() == Seconds{90});
  CHECK(config::parse_duration("15m").value() == Seconds{900});
  CHECK(config::parse_duration("12h").value() == Seconds{43200});
  CHECK(config::parse_duration("7d").value() == Seconds{604800});
  for (const auto* bad : {"", "m", "15 m", "-1s", "1.5h", "15min", "99999999999999999999s"}) {
    CAPTURE(bad);
    CHECK(config::parse_duration(bad).error().code == Errc::invalid);
  }
}

TEST_CASE("config: files that are named must be readable") {
  config::Settings s;
  CHECK(config::check_files(s));
  s.tls.client_ca = "/nonexistent/ca.pem";
  s.vault.signer = "/etc/passwd";
  const auto checked = config::check_files(s);
  REQUIRE_FALSE(checked);
  CHECK(checked.error().what.find("tls.client_ca: /nonexistent/ca.pem: No such file or directory") == 0);
  CHECK(checked.error().what.find("vault.signer: /etc/passwd: Permission denied") != std::string::npos);

  CHECK(config::load("/nonexistent/c.toml").error() ==
        Error{Errc::not_found, "/nonexistent/c.toml: cannot be read: No such file or directory"});
  CHECK(config::load("/tmp").error() == Error{Errc::not_found, "/tmp: cannot be read: Is a directory"});
  CHECK(config::load("/dev/null").value().server.port == 8443);  // empty is good
}

TEST_CASE("config: what the TOML reader itself gives up on is a mistake in the file") {
  for (const auto* const text : {"[$x]\n", "[ [ x", "a = [$", "\x01", "$ = 1", " ce\xEF\xBB\xBD"}) {
    CAPTURE(text);
    const auto settings = config::parse(text, "f");
    REQUIRE_FALSE(settings);
    CHECK(settings.error().code == Errc::invalid);
    CHECK(settings.error().what.substr(0, 2) == "f:");
  }
  CHECK(config::parse("[$x]\n", "f").error().what == "f: not TOML: is there a name that needs quotes?");
}

TEST_CASE("config: what a registration authority's cards must be") {
  const auto s = config::parse(R"([issuing]
blank_cards = 7
blank_life = "2h"
required_slots = ["9A", "9C"]
factory_pins = true
factory_pin_organisations = ["one"]
factory_management_key = true
factory_management_key_organisations = ["two"]
uid_attributes = ["serialNumber", "0.9.2342.19200300.100.1.1"]
)",
                               "c.toml")
                     .value();
  CHECK(s.issuing.blank_cards == 7);
  CHECK(s.issuing.blank_life == Seconds{7200});
  CHECK(s.issuing.required_slots == std::vector<std::string>{"9A", "9C"});
  CHECK(s.issuing.factory_pins);
  CHECK(s.issuing.factory_pin_organisations == std::vector<std::string>{"one"});
  CHECK(s.issuing.uid_attributes.size() == 2);
  CHECK(s.issuing.factory_management_key);
  CHECK(s.issuing.factory_management_key_organisations == std::vector<std::string>{"two"});
  CHECK(config::describe(config::parse(config::describe(s), "d").value()) == config::describe(s));
  CHECK(mistake("[issuing]\nrequired_slots = [\"9B\"]\n") ==
        "c.toml:1: issuing.required_slots must be some of \"9A\", \"9C\", \"9D\", \"9E\"");
  CHECK(mistake("[issuing]\nblank_cards = 0\n") ==
        "c.toml:2: issuing.blank_cards is 0; it must be 1 to 10000");
}

TEST_CASE("config: a witness on another machine has an address and a key") {
  const auto s = config::parse(R"([witness]
url = "https://[::1]:8444/a/"
key = "/etc/w.key"
ca = "/etc/w.pem"
required = true
timeout = "7s"
origin = "cards.example/changes"
)",
                               "c.toml")
                     .value();
  CHECK(s.witness.required);
  CHECK(s.witness.timeout == Seconds{7});
  CHECK(s.witness.origin == "cards.example/changes");
  CHECK(config::describe(config::parse(config::describe(s), "d.toml").value()) == config::describe(s));
  const auto url = config::parse_https_url(s.witness.url).value();
  CHECK(url.host == "::1");
  CHECK(url.port == 8444);
  CHECK(url.prefix == "/a");
  CHECK(config::parse_https_url("https://w.example").value().port == 443);
  for (const auto* bad :
       {"", "http://w", "https://", "https://:1", "https://w:", "https://w:0", "https://w:70000",
        "https://w:1x", "https://u@w", "https://w/?q", "https://a b", "https://a:b:1", "https://[::1"})
    CHECK_FALSE(config::parse_https_url(bad).has_value());

  CHECK(mistake("[witness]\nurl = \"https://w\"\n") ==
        "c.toml:1: witness.url and witness.key go together: name both or neither");
  CHECK(mistake("[witness]\nurl = \"http://w\"\nkey = \"/k\"\n") ==
        "c.toml:1: witness.url must be https://HOST, https://HOST:PORT or such with a path");
  CHECK(mistake("[witness]\nrequired = true\n") ==
        "c.toml:1: witness.required and witness.ca need witness.url");
  CHECK(mistake("[witness]\norigin = \"two words\"\n") ==
        "c.toml:1: witness.origin must be a name without blanks, of 255 octets at most");
}
