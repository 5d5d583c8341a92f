// Tables of people and records of batches: whoever a table names can be put into a record and read back.

#include "../split.h"
#include "cardea/cms/batch/people.h"
#include "cardea/cms/batch/record.h"

namespace batch = cardea::cms::batch;

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text{reinterpret_cast<const char*>(data),
                              size};  // NOLINT(*-reinterpret-cast): octet to char
  const auto people = batch::read_people(text);
  if (!people) {
    cardea::fuzz::require(!people.error().empty());
  } else {
    const auto record = batch::new_record("{}", *people);
    const auto again = batch::parse_record(batch::to_text(record));
    cardea::fuzz::require(again && again->entries == record.entries);
  }
  if (const auto record = batch::parse_record(text))
    cardea::fuzz::require(batch::parse_record(batch::to_text(*record)).has_value());
  return 0;
}
