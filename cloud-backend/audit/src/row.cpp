#include "cardea/audit/row.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "cardea/hex.h"

namespace cardea::audit {

namespace {

constexpr std::uint8_t kRow = 1;
constexpr std::uint8_t kTombstone = 2;
enum Type : std::uint8_t { integer = 1, real = 2, text = 3, blob = 4 };

void append_name(Bytes& out, std::string_view name) {
  append_be16(out, static_cast<std::uint16_t>(name.size()));
  append(out, as_bytes(name));
}

void append_value(Bytes& out, Type type, BytesView value) {
  out.push_back(type);
  append_be32(out, static_cast<std::uint32_t>(value.size()));
  append(out, value);
}

void append_column(Bytes& out, const Column& column) {
  append_name(out, column.name);
  Bytes octets;
  if (const auto* number = std::get_if<std::int64_t>(&column.value)) {
    append_be64(octets, static_cast<std::uint64_t>(*number));
    append_value(out, integer, octets);
  } else if (const auto* fraction = std::get_if<double>(&column.value)) {
    append_be64(octets, std::bit_cast<std::uint64_t>(*fraction));
    append_value(out, real, octets);
  } else if (const auto* string = std::get_if<std::string>(&column.value)) {
    append_value(out, text, as_bytes(*string));
  } else {
    append_value(out, blob, std::get<Bytes>(column.value));
  }
}

Bytes encode(std::uint8_t kind, const Row& row) {
  std::vector<const Column*> columns;
  for (const auto& column : row.columns) {
    if (kind == kTombstone && !column.key) continue;
    if (!std::holds_alternative<std::monostate>(column.value)) columns.push_back(&column);
  }
  std::ranges::sort(columns, {}, [](const Column* column) -> const std::string& { return column->name; });
  Bytes out{kind};
  append_name(out, row.table);
  append_be16(out, static_cast<std::uint16_t>(columns.size()));
  for (const auto* column : columns)
    append_column(out, *column);
  return out;
}

/// Takes octets from the front; nothing when they are too few.
class Cursor {
 public:
  explicit Cursor(BytesView data) : data_{data} {}
  std::optional<BytesView> take(std::size_t n) {
    if (data_.size() < n) return std::nullopt;
    const auto part = data_.first(n);
    data_ = data_.subspan(n);
    return part;
  }
  std::optional<std::uint64_t> number(std::size_t octets) {
    const auto part = take(octets);
    if (!part) return std::nullopt;
    return read_be(*part);
  }
  std::optional<std::string> name() {
    const auto size = number(2);
    if (!size) return std::nullopt;
    const auto part = take(*size);
    if (!part) return std::nullopt;
    return std::string{part->begin(), part->end()};
  }
  [[nodiscard]] bool done() const { return data_.empty(); }

 private:
  BytesView data_;
};

std::optional<Value> value_of(std::uint64_t type, BytesView octets) {
  if ((type == integer || type == real) && octets.size() != 8) return std::nullopt;
  switch (type) {
    case integer:
      return Value{static_cast<std::int64_t>(read_be(octets))};
    case real:
      return Value{std::bit_cast<double>(read_be(octets))};
    case text:
      return Value{std::string{octets.begin(), octets.end()}};
    case blob:
      return Value{to_bytes(octets)};
    default:
      return std::nullopt;
  }
}

std::string show(const Value& value) {
  if (const auto* number = std::get_if<std::int64_t>(&value)) return std::to_string(*number);
  if (const auto* fraction = std::get_if<double>(&value)) return std::to_string(*fraction);
  if (const auto* string = std::get_if<std::string>(&value)) return *string;
  if (const auto* octets = std::get_if<Bytes>(&value)) return to_hex(*octets);
  return "NULL";
}

}  // namespace

Bytes encode_row(const Row& row) {
  return encode(kRow, row);
}

Bytes encode_key(const Row& row) {
  return encode(kTombstone, row);
}

bool is_tombstone(BytesView encoding) {
  return !encoding.empty() && encoding[0] == kTombstone;
}

std::optional<Row> decode(BytesView encoding) {
  Cursor in{encoding};
  const auto kind = in.number(1);
  if (!kind || (*kind != kRow && *kind != kTombstone)) return std::nullopt;
  auto table = in.name();
  const auto count = in.number(2);
  if (!table || !count) return std::nullopt;
  Row row{std::move(*table), {}};
  for (std::uint64_t i = 0; i < *count; ++i) {
    auto name = in.name();
    const auto type = in.number(1);
    const auto size = in.number(4);
    if (!name || !type || !size) return std::nullopt;
    const auto octets = in.take(*size);
    if (!octets) return std::nullopt;
    auto value = value_of(*type, *octets);
    if (!value) return std::nullopt;
    if (!row.columns.empty() && row.columns.back().name >= *name) return std::nullopt;
    row.columns.push_back({std::move(*name), std::move(*value)});
  }
  if (!in.done()) return std::nullopt;
  return row;
}

std::string describe(BytesView key) {
  const auto row = decode(key);
  if (!row) return "a row that cannot be read";
  std::string out = "table " + row->table + ", row";
  for (const auto& column : row->columns)
    out += " " + column.name + "=" + show(column.value);
  return out;
}

}  // namespace cardea::audit
