#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <tl/expected.hpp>
#include <vector>

#include "cardea/cms/ca/request.h"

namespace cardea::cms::batch {

/// Somebody who is to get a card.
struct Person {
  std::size_t line = 0;  ///< in the table
  std::string id;        ///< personnel number or the like; may be empty
  ca::Holder holder;
  friend bool operator==(const Person&, const Person&) = default;
};

/// What to call the person in a sentence: the common name, or the whole subject.
std::string display_name(const Person& person);

/// Everything that is wrong with a table, a sentence each, with line and column.
using Problems = std::vector<std::string>;

/// People out of a table with a header. Columns, in any order and any case: `subject` (RFC 4514), or `cn`
/// with any of `ou`, `o`, `l`, `st`, `c`, `serialnumber`, `title`, `givenname`, `surname`; `upn`; `email`;
/// `id`. Columns for secrets are refused, and so is a column that is not known, a subject, name or address
/// that no certificate could carry, and a person who is there twice. All problems are found in one go.
tl::expected<std::vector<Person>, Problems> read_people(std::string_view csv);

}  // namespace cardea::cms::batch
