#include "cardea/audit/row.h"

#include <algorithm>
#include <array>
#include <bit>

#include "cardea/hex.h"

namespace cardea::audit {

namespace {

enum Type : std::uint8_t { kInteger = 1, kReal = 2, kText = 3, kBlob = 4 };

void append_name(Bytes& out, std::string_view name) {
  append_be16(out, static_cast<std::uint16_t>(name.size()));
  append(out, as_bytes(name));
}

std::array<std::uint8_t, 8> eight_octets(std::uint64_t number) {
  std::array<std::uint8_t, 8> out{};
  for (auto at = out.rbegin(); at != out.rend(); ++at, number >>= 8U)
    *at = static_cast<std::uint8_t>(number);
  return out;
}

void write(RowWriter& writer, const Column& column) {
  if (const auto* number = std::get_if<std::int64_t>(&column.value)) {
    writer.integer(column.name, *number);
  } else if (const auto* fraction = std::get_if<double>(&column.value)) {
    writer.real(column.name, *fraction);
  } else if (const auto* string = std::get_if<std::string>(&column.value)) {
    writer.text(column.name, *string);
  } else if (const auto* octets = std::get_if<Bytes>(&column.value)) {
    writer.blob(column.name, *octets);
  }
}

Bytes encode(RowWriter::Form form, const Row& row) {
  std::vector<const Column*> columns;
  for (const auto& column : row.columns)
    if (form == RowWriter::Form::row || column.key) columns.push_back(&column);
  std::ranges::sort(columns, {}, [](const Column* column) -> const std::string& { return column->name; });
  Bytes out;
  RowWriter writer{out, form, row.table};
  for (const auto* column : columns)
    write(writer, *column);
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
  if ((type == kInteger || type == kReal) && octets.size() != 8) return std::nullopt;
  switch (type) {
    case kInteger:
      return Value{static_cast<std::int64_t>(read_be(octets))};
    case kReal:
      return Value{std::bit_cast<double>(read_be(octets))};
    case kText:
      return Value{std::string{octets.begin(), octets.end()}};
    case kBlob:
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

RowWriter::RowWriter(Bytes& out, Form form, std::string_view table) : out_{out} {
  out_.clear();
  out_.push_back(static_cast<std::uint8_t>(form));
  append_name(out_, table);
  count_at_ = out_.size();
  append_be16(out_, 0);
}

void RowWriter::column(std::string_view name, std::uint8_t type, BytesView value) {
  append_name(out_, name);
  out_.push_back(type);
  append_be32(out_, static_cast<std::uint32_t>(value.size()));
  append(out_, value);
  if (++out_[count_at_ + 1] == 0) ++out_[count_at_];
}

void RowWriter::integer(std::string_view name, std::int64_t value) {
  column(name, kInteger, eight_octets(static_cast<std::uint64_t>(value)));
}
void RowWriter::real(std::string_view name, double value) {
  column(name, kReal, eight_octets(std::bit_cast<std::uint64_t>(value)));
}
void RowWriter::text(std::string_view name, std::string_view value) {
  column(name, kText, as_bytes(value));
}
void RowWriter::blob(std::string_view name, BytesView value) {
  column(name, kBlob, value);
}

Bytes encode_row(const Row& row) {
  return encode(RowWriter::Form::row, row);
}

Bytes encode_key(const Row& row) {
  return encode(RowWriter::Form::key, row);
}

bool is_tombstone(BytesView encoding) {
  return !encoding.empty() && encoding[0] == static_cast<std::uint8_t>(RowWriter::Form::key);
}

std::optional<Row> decode(BytesView encoding) {
  Cursor in{encoding};
  const auto kind = in.number(1);
  if (!kind || *kind < 1 || *kind > 2) return std::nullopt;
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
