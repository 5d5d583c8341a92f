#pragma once

#include <cstdint>
#include <memory>
#include <string>

namespace cardea::agent {

/// Octets that a person or a file gives. Nothing is read ahead: what comes after is left to whoever reads
/// next, and no buffer keeps a secret.
class Input {
 public:
  Input() = default;
  Input(const Input&) = delete;
  Input& operator=(const Input&) = delete;
  /// Switches echo on again.
  virtual ~Input() = default;

  static std::unique_ptr<Input> standard();
  /// Null when it cannot be opened.
  static std::unique_ptr<Input> file(const std::string& path);
  /// The terminal, wherever standard input leads. Null when there is none.
  static std::unique_ptr<Input> terminal();

  /// 1, or 0 at the end, or -1.
  virtual int next(std::uint8_t& octet) = 0;
  /// Whether what is typed is shown; without meaning for a file.
  virtual void set_echo(bool shown) = 0;
};

/// Whether somebody types at standard input.
bool standard_input_is_terminal();

}  // namespace cardea::agent
