#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "cardea/bytes.h"
#include "cardea/card/result.h"
#include "cardea/secret.h"

namespace cardea::card::gp {

/// How the blocks of STORE DATA are to be read (Card Specification 2.3.1, table 11-89).
enum class Structure : std::uint8_t { none = 0x00, groups = 0x08, objects = 0x10 };

/// Blocks one after the other that are to be read alike: a group or an object may be cut anywhere between
/// two.
struct Segment {
  Structure structure = Structure::none;
  bool encrypted = false;  ///< the values of groups, with the data encryption key
  Bytes data;
};

/// The blocks of one STORE DATA sequence. Nothing of them is used before the last has come.
class Collection {
 public:
  /// Octets in one sequence.
  static constexpr std::size_t kMaxSize = std::size_t{32} * 1024;

  Collection() = default;
  Collection(const Collection&) = delete;
  Collection& operator=(const Collection&) = delete;
  ~Collection() { clear(); }

  /// Errors, which drop what was there: 6A86 for a block that is not the next or a P1 that nobody specifies,
  /// 6A84.
  CardResult<void> add(std::uint8_t p1, std::uint8_t block, BytesView data);

  [[nodiscard]] const std::vector<Segment>& segments() const { return segments_; }
  [[nodiscard]] bool empty() const { return next_ == 0; }
  [[nodiscard]] std::size_t size() const { return size_; }
  void clear() noexcept;

 private:
  std::vector<Segment> segments_;
  unsigned next_ = 0;
  std::size_t size_ = 0;
};

/// One data group: DGI, length in one octet or FF and two, value (EMV Card Personalization Specification).
struct Group {
  std::uint16_t id = 0;
  BytesView value;
};
/// Nothing when they do not add up.
std::optional<std::vector<Group>> read_groups(BytesView data);

}  // namespace cardea::card::gp
