#include "cardea/cms/batch/csv.h"

#include <utf8proc.h>

#include "cardea/bytes.h"

namespace cardea::cms::batch {

namespace {

constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

std::string place(std::size_t line, std::size_t column) {
  return "line " + std::to_string(line) + ", column " + std::to_string(column) + ": ";
}

/// Reads character after character and knows where it is.
class Reader {
 public:
  explicit Reader(std::string_view text) : rest_{text} {}

  Result<std::vector<CsvRow>> all() {
    std::vector<CsvRow> out;
    while (!rest_.empty()) {
      CsvRow row;
      row.line = line_;
      CARDEA_CHECK(read_row(row.fields));
      const bool blank = row.fields.size() == 1 && row.fields.front().empty();
      if (!blank) out.push_back(std::move(row));
    }
    return out;
  }

 private:
  Result<void> read_row(std::vector<std::string>& fields) {
    for (;;) {
      std::string field;
      column_ = fields.size() + 1;
      CARDEA_CHECK(rest_.starts_with('"') ? read_quoted(field) : read_plain(field));
      CARDEA_CHECK(check_text(field));
      fields.push_back(std::move(field));
      if (skip(",")) continue;
      if (rest_.empty() || skip("\r\n") || skip("\n")) {
        ++line_;
        return {};
      }
      return wrong("there is text after the quote that ends the field");
    }
  }

  Result<void> read_plain(std::string& field) {
    while (!rest_.empty() && rest_.front() != ',' && rest_.front() != '\n' && !rest_.starts_with("\r\n")) {
      if (rest_.front() == '"') return wrong("a quote stands in a field that does not begin with one");
      if (rest_.front() == '\r') return wrong("a line ends with CR alone; save the table with LF or CR LF");
      field += take();
    }
    return {};
  }

  Result<void> read_quoted(std::string& field) {
    const std::size_t from = line_;
    take();
    for (;;) {
      if (rest_.empty()) {
        return fail(Errc::invalid, place(from, column_) + "the quote that begins here is not closed");
      }
      if (skip("\"\"")) {
        field += '"';
        continue;
      }
      if (skip("\"")) return {};
      if (rest_.front() == '\n') ++line_;
      field += take();
    }
  }

  /// Control characters other than line breaks in quotes are no part of anyone's name.
  [[nodiscard]] Result<void> check_text(const std::string& field) const {
    const auto octets = as_bytes(field);
    for (std::size_t at = 0; at < octets.size();) {
      utf8proc_int32_t character = 0;
      const auto size =
          utf8proc_iterate(octets.data() + at, static_cast<utf8proc_ssize_t>(octets.size() - at), &character);
      if (size <= 0) return wrong("the text is not UTF-8; save the table as UTF-8");
      if (character < 0x20 && character != '\n' && character != '\r' && character != '\t')
        return wrong("there is a control character in the text");
      at += static_cast<std::size_t>(size);
    }
    return {};
  }

  [[nodiscard]] tl::unexpected<Error> wrong(const std::string& what) const {
    return fail(Errc::invalid, place(line_, column_) + what);
  }

  char take() {
    const char out = rest_.front();
    rest_.remove_prefix(1);
    return out;
  }

  bool skip(std::string_view what) {
    if (!rest_.starts_with(what)) return false;
    rest_.remove_prefix(what.size());
    return true;
  }

  std::string_view rest_;
  std::size_t line_ = 1, column_ = 1;
};

}  // namespace

Result<std::vector<CsvRow>> parse_csv(std::string_view text) {
  if (text.starts_with("\xFF\xFE") || text.starts_with("\xFE\xFF"))
    return fail(Errc::invalid, "line 1: the table is UTF-16; save it as UTF-8");
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  return Reader{text}.all();
}

}  // namespace cardea::cms::batch
