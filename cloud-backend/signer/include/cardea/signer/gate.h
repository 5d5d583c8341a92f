#pragma once

#include <string>

namespace cardea::signer {

/// Keeps processes that share one SoftHSM token out of each other's way. SoftHSM 2.6.1 rewrites the token's
/// file at each C_Login, and a process that reads it just then finds no token, no key, or an invalid handle.
/// So: many operations at a time, or one start. Two file locks beside the configuration, freed by the kernel
/// when a process dies; of no effect for other modules, which look after themselves.
class Gate {
 public:
  /// The gate of the SoftHSM configuration that the environment names.
  static Gate of_environment();
  Gate(const Gate&) = delete;
  Gate& operator=(const Gate&) = delete;
  Gate(Gate&&) = delete;
  Gate& operator=(Gate&&) = delete;
  ~Gate();

  /// For starting, logging in and making token objects; until `leave`.
  void enter_alone() const;
  /// For one operation; until `leave`.
  void enter() const;
  void leave() const;

 private:
  explicit Gate(const std::string& configuration);

  int turnstile_ =
      -1;  // whoever wants to be alone holds it, so that a stream of operations cannot starve a start
  int room_ = -1;
};

}  // namespace cardea::signer
