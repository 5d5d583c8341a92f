#include "cardea/cms/batch/people.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <map>
#include <optional>
#include <set>

#include "cardea/cms/batch/csv.h"

namespace cardea::cms::batch {

namespace {

struct NameColumn {
  std::string_view column, type;
};

/// In the order in which they stand in the subject.
constexpr std::array<NameColumn, 10> kNameColumns{{{"cn", "CN"},
                                                   {"serialnumber", "serialNumber"},
                                                   {"title", "title"},
                                                   {"givenname", "GN"},
                                                   {"surname", "SN"},
                                                   {"ou", "OU"},
                                                   {"o", "O"},
                                                   {"l", "L"},
                                                   {"st", "ST"},
                                                   {"c", "C"}}};
constexpr std::array<std::string_view, 4> kOtherColumns{"subject", "upn", "email", "id"};
constexpr std::array<std::string_view, 8> kSecretColumns{
    "pin", "puk", "password", "passcode", "managementkey", "management-key", "management_key", "secret"};
constexpr std::size_t kMostProblems = 50;

template <class List>
bool contains(const List& list, std::string_view word) {
  return std::find(list.begin(), list.end(), word) != list.end();
}

std::string trimmed(const std::string& text) {
  const auto from = text.find_first_not_of(" \t\r\n");
  if (from == std::string::npos) return {};
  return text.substr(from, text.find_last_not_of(" \t\r\n") - from + 1);
}

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
  return text;
}

/// A value as RFC 4514, 2.4 writes it.
std::string escaped(const std::string& value) {
  std::string out;
  for (std::size_t i = 0; i < value.size(); ++i) {
    const bool special = std::string_view{"\\,+\"<>;="}.find(value[i]) != std::string_view::npos ||
                         (i == 0 && value[i] == '#');
    out += special ? std::string{'\\', value[i]} : std::string(1, value[i]);
  }
  return out;
}

/// `somebody@somewhere`, without white space; e-mail addresses of certificates are ASCII (RFC 5280, 4.2.1.6).
bool is_address(const std::string& text, bool ascii) {
  const auto at = text.find('@');
  if (at == 0 || at == std::string::npos || at + 1 == text.size() ||
      text.find('@', at + 1) != std::string::npos)
    return false;
  return std::all_of(text.begin(), text.end(), [&](char c) {
    const auto octet = static_cast<unsigned char>(c);
    return octet > 0x20 && octet != 0x7F && (!ascii || octet < 0x80);
  });
}

/// The table while it is being read.
class Table {
 public:
  tl::expected<std::vector<Person>, Problems> read(const std::vector<CsvRow>& rows) {
    if (rows.empty()) return tl::unexpected{Problems{"the table is empty: its first line names the columns"}};
    read_header(rows.front());
    if (!problems_.empty()) return tl::unexpected{problems_};
    for (std::size_t i = 1; i < rows.size(); ++i)
      read_person(rows[i]);
    if (people_.empty() && problems_.empty()) problems_.emplace_back("the table names nobody");
    if (!problems_.empty()) return tl::unexpected{shortened()};
    return std::move(people_);
  }

 private:
  void read_header(const CsvRow& header) {
    for (const auto& field : header.fields)
      columns_.push_back(lower(trimmed(field)));
    if (columns_.size() == 1 && columns_.front().find(';') != std::string::npos) {
      problems_.emplace_back("line 1: the columns are separated by semicolons; save the table with commas");
      return;
    }
    std::set<std::string> seen;
    for (std::size_t i = 0; i < columns_.size(); ++i) {
      const std::string& name = columns_[i];
      if (contains(kSecretColumns, name)) {
        wrong(header.line, i,
              "secrets do not belong in a table; they are made up for each card, see --seal-to");
      } else if (!contains(kOtherColumns, name) && !is_name_column(name)) {
        wrong(header.line, i,
              "there is no such column; known are subject, cn, serialnumber, title, givenname, surname, "
              "ou, o, l, st, c, upn, email and id");
      } else if (!seen.insert(name).second) {
        wrong(header.line, i, "the column is there twice");
      }
    }
    if (!problems_.empty()) return;
    const bool parts = std::any_of(columns_.begin(), columns_.end(), is_name_column);
    if (seen.contains("subject") == parts)
      problems_.emplace_back(
          "line 1: the holder's name is in the column subject, or else in cn and its fellows");
    if (parts && !seen.contains("cn")) problems_.emplace_back("line 1: there is no column cn");
  }

  static bool is_name_column(const std::string& name) {
    return std::any_of(kNameColumns.begin(), kNameColumns.end(),
                       [&](const NameColumn& row) { return row.column == name; });
  }

  void read_person(const CsvRow& row) {
    if (row.fields.size() != columns_.size()) {
      problems_.push_back("line " + std::to_string(row.line) + ": there are " +
                          std::to_string(row.fields.size()) + " fields where the header has " +
                          std::to_string(columns_.size()));
      return;
    }
    Person person;
    person.line = row.line;
    person.id = value(row, "id").value_or("");
    person.holder.subject = subject(row);
    person.holder.upn = address(row, "upn", false);
    person.holder.email = address(row, "email", true);
    note_twice(person);
    people_.push_back(std::move(person));
  }

  std::string subject(const CsvRow& row) {
    std::string out;
    std::size_t at = column_of("subject").value_or(0);
    if (const auto whole = value(row, "subject")) {
      out = *whole;
    } else {
      at = column_of("cn").value_or(0);
      for (const auto& part : kNameColumns) {
        const auto text = value(row, part.column);
        if (!text || text->empty()) continue;
        const std::string one = std::string{part.type} + "=" + escaped(*text);
        // One by one, so that the column at fault is the one that is named.
        if (const auto good = ca::check_subject(one); !good)
          wrong(row.line, *column_of(part.column), good.error().what);
        out += (out.empty() ? "" : ",") + one;
      }
      if (value(row, "cn").value_or("").empty()) {
        wrong(row.line, at, "it is empty");
        return out;
      }
      return out;
    }
    if (out.empty()) {
      wrong(row.line, at, "it is empty");
    } else if (const auto good = ca::check_subject(out); !good) {
      wrong(row.line, at, good.error().what);
    }
    return out;
  }

  std::string address(const CsvRow& row, std::string_view name, bool ascii) {
    const auto text = value(row, name);
    if (!text || text->empty()) return {};
    if (!is_address(*text, ascii))
      wrong(row.line, *column_of(name), "\"" + *text + "\" is not of the form somebody@somewhere");
    return *text;
  }

  void note_twice(const Person& person) {
    const auto same = [&](std::map<std::string, std::size_t>& known, const std::string& key,
                          const std::string& what) {
      const auto [at, fresh] = known.emplace(key, person.line);
      if (fresh) return;
      problems_.push_back("line " + std::to_string(person.line) + ": " + what + " as on line " +
                          std::to_string(at->second));
    };
    same(holders_, person.holder.subject + "\n" + person.holder.upn + "\n" + person.holder.email,
         "the same person");
    if (!person.id.empty()) same(ids_, person.id, "the same id");
  }

  [[nodiscard]] std::optional<std::size_t> column_of(std::string_view name) const {
    const auto at = std::find(columns_.begin(), columns_.end(), name);
    if (at == columns_.end()) return std::nullopt;
    return static_cast<std::size_t>(at - columns_.begin());
  }

  [[nodiscard]] std::optional<std::string> value(const CsvRow& row, std::string_view name) const {
    const auto at = column_of(name);
    if (!at) return std::nullopt;
    return trimmed(row.fields[*at]);
  }

  void wrong(std::size_t line, std::size_t column, const std::string& what) {
    problems_.push_back("line " + std::to_string(line) + ", column " + std::to_string(column + 1) + " (" +
                        columns_[column] + "): " + what);
  }

  [[nodiscard]] Problems shortened() const {
    Problems out = problems_;
    if (out.size() > kMostProblems) {
      out.resize(kMostProblems);
      out.push_back("and " + std::to_string(problems_.size() - kMostProblems) + " more");
    }
    return out;
  }

  std::vector<std::string> columns_;
  std::vector<Person> people_;
  std::map<std::string, std::size_t> holders_, ids_;
  Problems problems_;
};

}  // namespace

std::string display_name(const Person& person) {
  const std::string& subject = person.holder.subject;
  const auto at = lower(subject).find("cn=");
  if (at == std::string::npos) return subject;
  std::string out;
  for (std::size_t i = at + 3; i < subject.size() && subject[i] != ','; ++i) {
    if (subject[i] == '\\' && i + 1 < subject.size()) ++i;
    out += subject[i];
  }
  return out;
}

tl::expected<std::vector<Person>, Problems> read_people(std::string_view csv) {
  const auto rows = parse_csv(csv);
  if (!rows) return tl::unexpected{Problems{rows.error().what}};
  return Table{}.read(*rows);
}

}  // namespace cardea::cms::batch
