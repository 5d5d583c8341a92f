// What one exchange costs the server: a SELECT on one kept-alive connection, in process, through the client
// that agents use.
//
//   exchange_cost [N]
//
// Prints microseconds an exchange by the wall, and what of it the server's own threads took. A figure, not a
// test.
#include <sys/resource.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>

#include "cardea/api/client.h"
#include "cardea/cardead/daemon.h"
#include "client.h"

namespace {

using namespace cardea;

double processor_us(int who) {
  rusage usage{};
  ::getrusage(who, &usage);
  const auto us = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) * 1e6 + static_cast<double>(t.tv_usec);
  };
  return us(usage.ru_utime) + us(usage.ru_stime);
}

int measure(int n, const std::filesystem::path& directory) {
  config::Settings settings;
  settings.server.port = 0;
  settings.server.data_directory = directory / "data";
  settings.log.level = "error";
  auto daemon = cardead::Daemon::start(settings);
  if (!daemon) {
    std::cerr << daemon.error().what << '\n';
    return 1;
  }
  const auto admin = cli::connect_to(directory / "data" / "admin.sock");
  const auto ask = [&admin](const char* path, const cli::Json& body) {
    return admin->send("POST", std::string{"/v1/admin/"} + path, body).value().body;
  };
  ask("organisations", {{"name", "Bench"}});
  const auto card = ask("cards", {{"organisation", "Bench"}})["id"].get<std::string>();
  const auto code =
      ask("device-codes", {{"organisation", "Bench"}, {"role", "registrar"}})["code"].get<std::string>();

  const auto key = api::generate_signing_key();
  api::ServerAddress address;
  address.host = "127.0.0.1";
  address.port = (*daemon)->port();
  address.ca_file = (*daemon)->ca_file();
  api::Client client{api::make_openssl_connector()->connect(address),
                     "https://127.0.0.1:" + std::to_string(address.port), key};
  (void)client.enrol(code, "bench").value();
  const auto session = client.open_session(card).value();

  const Bytes select{0x00, 0xA4, 0x04, 0x00, 0x09, 0xA0, 0x00, 0x00,
                     0x03, 0x08, 0x00, 0x00, 0x10, 0x00, 0x00};
  std::uint64_t sequence = 0;
  const auto run = [&](int count) {
    for (int i = 0; i < count; ++i)
      (void)client.exchange(session, {++sequence, {api::CommandStep{select}}}).value();
  };
  run(n / 10);  // warm
  const auto all = processor_us(RUSAGE_SELF);
  const auto own = processor_us(RUSAGE_THREAD);
  const auto began = std::chrono::steady_clock::now();
  run(n);
  const std::chrono::duration<double, std::micro> took = std::chrono::steady_clock::now() - began;
  const auto client_us = processor_us(RUSAGE_THREAD) - own;
  const auto server_us = processor_us(RUSAGE_SELF) - all - client_us;
  std::printf("%d exchanges: %.1f us each by the wall; processor: server %.1f us, client %.1f us\n", n,
              took.count() / n, server_us / n, client_us / n);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  std::string directory = "/tmp/cardea-cost-XXXXXX";
  if (::mkdtemp(directory.data()) == nullptr) return 1;
  const int result = measure(argc > 1 ? std::atoi(argv[1]) : 20'000, directory);
  std::filesystem::remove_all(directory);
  return result;
}
