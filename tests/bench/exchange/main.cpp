// Signatures per second through the whole server: TLS, exchange, card, vault, audit. No PC/SC in between.
//
//   bench_exchange --server HOST:PORT --ca FILE --code-file FILE --card ID --pin PIN --algorithm rsa2048|p256
//                  [--sessions N] [--seconds S]
//
// Enrols itself with the one-time code, opens N sessions of the card, verifies the PIN in each, signs with 9A
// for S seconds and prints one JSON object. A figure for the benchmark; it decides nothing.
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "cardea/apdu/response.h"
#include "cardea/apdu/tlv.h"
#include "cardea/api/client.h"
#include "cardea/api/remote_card.h"

namespace {

using namespace cardea;
using Clock = std::chrono::steady_clock;

[[noreturn]] void die(const std::string& what) {
  std::cerr << "bench_exchange: " << what << '\n';
  std::exit(1);
}

Bytes verify_command(const std::string& pin) {
  Bytes apdu{0x00, 0x20, 0x00, 0x80, 0x08};
  Bytes field(8, 0xFF);
  std::copy(pin.begin(), pin.end(), field.begin());
  append(apdu, field);
  return apdu;
}

/// GENERAL AUTHENTICATE with 9A over a fixed block: a PKCS #1 padded digest, or a digest.
Bytes sign_command(bool rsa) {
  Bytes block(rsa ? 256 : 32, 0xFF);
  if (rsa) {
    block[0] = 0x00;
    block[1] = 0x01;
  }
  const auto request = apdu::make_template(0x7C, {apdu::make_tlv(0x82, {}), apdu::make_tlv(0x81, block)});
  Bytes out{0x00, 0x87, static_cast<std::uint8_t>(rsa ? 0x07 : 0x11), 0x9A, 0x00};
  append_be16(out, static_cast<std::uint16_t>(request.size()));
  append(out, request);
  append_be16(out, 0);
  return out;
}

/// One holder at one workstation: a session with the PIN verified.
class Signer {
 public:
  Signer(std::unique_ptr<api::HttpConnection> connection, const std::string& url, const api::SigningKey& key,
         const std::string& card, const std::string& pin)
      : client_{std::move(connection), url, key} {
    auto opened = client_.open_session(card);
    if (!opened) die("opening a session: " + opened.error().what);
    remote_.emplace(*std::move(opened), [this](BytesView octets) { return send(octets); });
    expect_ok(verify_command(pin));
    if (const auto settled = remote_->settle(); !settled) die("verifying the PIN: " + settled.error().what);
  }

  void expect_ok(const Bytes& command) {
    const auto answer = remote_->transmit(command);
    if (!answer) die("exchange: " + answer.error().what);
    const auto response = apdu::parse_response(*answer);
    if (!response || response->sw != apdu::sw::kOk)
      die("the card answered " + apdu::describe(response ? response->sw : apdu::sw::kUnspecified));
  }

 private:
  Result<api::RemoteCard::Sent> send(BytesView octets) {
    CARDEA_TRY(auto posted, client_.post(remote_->session(), octets));
    return api::RemoteCard::Sent{std::move(posted.reply), std::move(posted.tls_exporter), false};
  }

  api::Client client_;
  std::optional<api::RemoteCard> remote_;
};

std::string read_first_line(const std::string& path) {
  std::ifstream file{path};
  std::string line;
  std::getline(file, line);
  return line;
}

}  // namespace

int main(int argc, char** argv) {
  std::map<std::string, std::string> options{{"--sessions", "8"}, {"--seconds", "5"}};
  for (int i = 1; i + 1 < argc; i += 2)
    options[argv[i]] = argv[i + 1];
  for (const char* needed : {"--server", "--ca", "--code-file", "--card", "--pin", "--algorithm"}) {
    if (options[needed].empty()) die(std::string{needed} + " is needed");
  }
  const auto colon = options["--server"].rfind(':');
  api::ServerAddress address;
  address.host = options["--server"].substr(0, colon);
  address.port = static_cast<std::uint16_t>(std::stoi(options["--server"].substr(colon + 1)));
  address.ca_file = options["--ca"];
  const std::string url = "https://" + options["--server"];
  const bool rsa = options["--algorithm"] == "rsa2048";

  const auto connector = api::make_openssl_connector();
  const auto key = api::generate_signing_key();
  api::Client first{connector->connect(address), url, key};
  if (const auto enrolled = first.enrol(read_first_line(options["--code-file"]), "bench"); !enrolled) {
    die("enrolling: " + enrolled.error().what);
  }

  std::vector<std::unique_ptr<Signer>> signers;
  for (int i = 0; i < std::stoi(options["--sessions"]); ++i) {
    signers.push_back(
        std::make_unique<Signer>(connector->connect(address), url, key, options["--card"], options["--pin"]));
  }
  const auto command = sign_command(rsa);
  std::atomic<std::uint64_t> signatures{0};
  const auto began = Clock::now();
  const auto end = began + std::chrono::seconds{std::stoi(options["--seconds"])};
  std::vector<std::thread> threads;
  for (auto& signer : signers) {
    threads.emplace_back([&signatures, &command, end, s = signer.get()] {
      while (Clock::now() < end) {
        s->expect_ok(command);
        ++signatures;
      }
    });
  }
  for (auto& thread : threads)
    thread.join();
  const std::chrono::duration<double> took = Clock::now() - began;
  std::cout << "{\"algorithm\":\"" << options["--algorithm"] << "\",\"sessions\":" << signers.size()
            << ",\"per_second\":" << static_cast<double>(signatures.load()) / took.count() << "}\n";
  return 0;
}
