#pragma once

#include <atomic>
#include <chrono>
#include <filesystem>
#include <mutex>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>

#include "agent.h"

namespace cardea::agent {

/// The registration authority's side of issuing, in the daemon: one card at a time that a card management
/// system is to write. What was asked for is kept in a file before it is asked, so that neither a kill nor a
/// lost answer leaves a card behind. Thread-safe; the server is asked without a lock.
class Issuer {
 public:
  /// `memory`: the file. `daemon` outlives this.
  Issuer(Agent& daemon, std::filesystem::path memory) : daemon_{daemon}, memory_{std::move(memory)} {}

  /// The control verbs, all but the last two with the "run" that `begin` was given:
  ///   issue-begin   {run, profile, label, resume, except, card?}   presents a card: {card, resumed}, {done}
  ///   or
  ///                 {none} when there is nothing to resume
  ///   issue-watch   {run}   {phase, detail, commands, idle_ms, releases, next, skip}
  ///   issue-look    {run}   what the server says is on the card
  ///   issue-finish  {run}   {done: …} and the card is taken out, or {missing, sentence}
  ///   issue-end     {run}   takes the card out; it stays at the server
  ///   issue-next, issue-skip   what the operator wants, from another terminal
  /// Errors: those of the server; `conflict` while another run has the card; `not_found` when there is none.
  Result<nlohmann::json> handle(const nlohmann::json& request);

  /// Whether it is one of those verbs.
  static bool knows(const std::string& verb) { return verb.starts_with("issue-"); }

 private:
  struct Current {
    std::string run;
    nlohmann::json card;
    std::chrono::steady_clock::time_point heard;  ///< from its run
    unsigned requests = 0;                        ///< of it that are being answered
    bool next = false;
    bool skip = false;
  };

  struct Answering;

  Result<nlohmann::json> begin(const nlohmann::json& request);
  Result<nlohmann::json> watch(const std::string& run);
  Result<nlohmann::json> finish(const std::string& run);
  Result<nlohmann::json> end(const std::string& run);
  Result<nlohmann::json> mark(bool Current::*what);
  Result<std::string> current(const std::string& run);
  Result<nlohmann::json> ask(const char* method, const std::string& path,
                             const nlohmann::json& body = nullptr);
  Result<void> take_over(const std::string& run);
  Result<std::optional<nlohmann::json>> half_issued(const nlohmann::json& request);
  Result<nlohmann::json> issued_already(const std::string& card);
  Result<nlohmann::json> blank(const nlohmann::json& request);
  Result<nlohmann::json> present(const std::string& run, const nlohmann::json& card, bool resumed);
  Result<void> remember(const nlohmann::json& request) const;
  [[nodiscard]] nlohmann::json remembered() const;
  void forget() const;
  void let_go(const std::string& run);

  Agent& daemon_;
  const std::filesystem::path memory_;
  std::mutex mutex_;
  std::optional<Current> current_;  // guarded by mutex_
};

}  // namespace cardea::agent
