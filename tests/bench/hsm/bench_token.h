#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <filesystem>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <string>

#include "cardea/card/algorithm.h"
#include "cardea/vault/vault.h"

namespace cardea::bench {

/// What both programs take on the command line.
struct Arguments {
  std::string algorithm = "rsa2048";
  double seconds = 2;
  unsigned processes = 1;
  bool json = false;
  std::string vault = "softhsm";
  std::string keys = "operation";

  void add_to(CLI::App& app) {
    app.add_option("--algorithm", algorithm)
        ->check(CLI::IsMember({"rsa2048", "p256"}))
        ->capture_default_str();
    app.add_option("--seconds", seconds)->check(CLI::PositiveNumber)->capture_default_str();
    app.add_option("--processes", processes, "processes (and, through the vault, caller threads)")
        ->check(CLI::Range(1, 64))
        ->capture_default_str();
    app.add_flag("--json", json, "one JSON object");
  }
  void add_vault_to(CLI::App& app) {
    app.add_option("--vault", vault)->check(CLI::IsMember({"softhsm", "software"}))->capture_default_str();
    app.add_option("--keys", keys, "how long an unwrapped key lives in a signer")
        ->check(CLI::IsMember({"operation", "session"}))
        ->capture_default_str();
  }
  [[nodiscard]] card::Algorithm kind() const {
    return algorithm == "p256" ? card::Algorithm::p256 : card::Algorithm::rsa2048;
  }
  void print(std::uint64_t operations, double elapsed) const {
    const auto rate = static_cast<double>(operations) / elapsed;
    if (json) {
      std::cout << "{\"algorithm\":\"" << algorithm << "\",\"processes\":" << processes
                << ",\"operations\":" << operations << ",\"seconds\":" << elapsed
                << ",\"per_second\":" << rate << "}\n";
    } else {
      std::cout << algorithm << ", " << processes << " processes: " << rate << " operations/s\n";
    }
  }
};

template <class T>
T must(Result<T> result) {
  if (!result) throw std::runtime_error{result.error().what};
  if constexpr (!std::is_void_v<T>) return *std::move(result);
}

/// A token of its own with the keys of the tenant "bench", gone with the object.
class Token {
 public:
  explicit Token(bool software = false) {
    std::string name = std::filesystem::temp_directory_path() / "cardea-bench-XXXXXX";
    if (::mkdtemp(name.data()) == nullptr) throw std::runtime_error{"no temporary directory"};
    directory_ = name;
    if (software) {
      auto token = must(vault::init_software(directory_));
      hsm_.module = token.module;
      hsm_.token_label = token.token_label;
      hsm_.user_pin = std::move(token.root_key);
    } else {
      hsm_ = must(vault::init_softhsm(directory_));
    }
  }
  Token(const Token&) = delete;
  Token& operator=(const Token&) = delete;
  Token(Token&&) = delete;
  Token& operator=(Token&&) = delete;
  ~Token() {
    std::error_code ignored;
    std::filesystem::remove_all(directory_, ignored);
  }

  [[nodiscard]] const vault::SoftHsm& hsm() const { return hsm_; }

  [[nodiscard]] std::unique_ptr<vault::Vault> open(unsigned workers, bool session_keys = false) const {
    vault::Options options;
    options.module = hsm_.module;
    options.token_label = hsm_.token_label;
    options.user_pin = hsm_.user_pin.clone();
    options.softhsm_config = hsm_.config_file;
    if (hsm_.config_file.empty()) options.so_pin = hsm_.user_pin.clone();
    options.session_keys = session_keys;
    options.workers = workers;
    auto out = must(vault::Vault::open(std::move(options)));
    must(out->ensure_tenant("bench"));
    return out;
  }

 private:
  std::filesystem::path directory_;
  vault::SoftHsm hsm_;
};

}  // namespace cardea::bench
