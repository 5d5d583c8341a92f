#include "cmp_errors.h"

#include <algorithm>
#include <array>
#include <sstream>
#include <vector>

namespace cardea::cms::ca {

namespace {

struct Known {
  std::string_view part;  ///< of a line by openssl cmp
  Errc code;
  std::string_view sentence;  ///< follows "the CMP server URL "
};

// The first that occurs anywhere decides: causes stand before what follows from them.
constexpr std::array<Known, 12> kKnown{
    {{"Connection refused", Errc::unavailable, "does not answer"},
     {"connect timeout", Errc::unavailable, "does not answer"},
     {"total timeout", Errc::unavailable,
      "has not decided in time; resume later, or allow more with --ca-timeout"},
     {"wrong pbm value", Errc::denied,
      "and this host do not have the same secret (--ca-secret-file) for the reference (--ca-ref)"},
     {"missing secret", Errc::denied,
      "protects its answers with a shared secret; give it with --ca-secret-file"},
     {"certificate verify failed", Errc::denied, "has a TLS certificate that does not lead to --ca-trust"},
     {"potentially invalid signer", Errc::denied,
      "signs its answers with a certificate that does not lead to --ca-trust"},
     {"no suitable sender cert", Errc::denied,
      "signs its answers with a certificate that does not lead to --ca-trust"},
     {"srvcert does not validate", Errc::denied, "does not sign its answers with --ca-server-cert"},
     {"unexpected sender", Errc::denied, "answers under another name than --ca-server-cert"},
     {"getaddrinfo", Errc::unavailable, "cannot be found: its name is not known"},
     {"unexpected pkibody", Errc::corrupt, "answers something else than was asked"}}};

/// What stands in `text` after `label` and before the next semicolon.
std::string field(const std::string& text, const std::string& label) {
  const auto at = text.find(label);
  if (at == std::string::npos) return {};
  const auto from = at + label.size();
  std::string out = text.substr(from, text.find(';', from) - from);
  std::replace_if(
      out.begin(), out.end(), [](unsigned char c) { return c < 0x20 || c == 0x7F; }, ' ');
  return out;
}

/// The texts of the lines that begin with "CMP error: ".
std::vector<std::string> error_lines(const std::string& errors) {
  constexpr std::string_view kMark = "CMP error: ";
  std::vector<std::string> out;
  std::istringstream lines{errors};
  for (std::string line; std::getline(lines, line);) {
    const auto at = line.find(kMark);
    if (at != std::string::npos) out.push_back(line.substr(at + kMark.size()));
  }
  return out;
}

}  // namespace

Error cmp_error(const std::string& errors, const std::string& server) {
  const std::string begin = "the CMP server " + server + " ";
  const auto status = field(errors, "PKIStatus: ");
  if (!status.empty()) {
    const auto why = field(errors, "PKIFailureInfo: ");
    const auto said = field(errors, "StatusString: ");
    return {Errc::denied, begin + "refuses (" + status + (why.empty() ? "" : ", " + why) +
                              (said.empty() ? "" : ": " + said) + ")"};
  }
  const auto* known = std::find_if(kKnown.begin(), kKnown.end(), [&](const Known& row) {
    return errors.find(row.part) != std::string::npos;
  });
  if (known != kKnown.end()) return {known->code, begin + std::string{known->sentence}};
  const auto lines = error_lines(errors);
  return {Errc::denied, begin + "was not asked with success" + (lines.empty() ? "" : ": " + lines.front())};
}

}  // namespace cardea::cms::ca
