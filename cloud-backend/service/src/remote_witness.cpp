#include "cardea/service/remote_witness.h"

#include <charconv>

namespace cardea::service {

namespace {

// tlog-witness, "add-checkpoint".
constexpr std::string_view kSizeType = "text/x.tlog.size";
/// The end of the year 9999: what no clock shows and no calendar can print.
constexpr std::uint64_t kNoTime = 253'402'300'800;

std::string body_of(std::uint64_t old, const audit::Proof& proof, const std::string& note) {
  return "old " + std::to_string(old) + "\n" + audit::to_text(proof) + "\n" + note;
}

/// One line: a number in decimal.
std::optional<std::uint64_t> size_in(std::string_view body) {
  std::uint64_t size = 0;
  const auto parsed = std::from_chars(body.data(), body.data() + body.size(), size);
  if (parsed.ec != std::errc{} || body != std::to_string(size) + "\n") return std::nullopt;
  return size;
}

}  // namespace

Result<RemoteWitness::Answer> RemoteWitness::add(std::uint64_t old, const audit::Proof& proof,
                                                 const std::string& note) {
  api::HttpRequest request;
  request.method = "POST";
  request.path = place_.prefix + "/add-checkpoint";
  request.content_type = "text/plain; charset=utf-8";
  request.body = body_of(old, proof, note);
  CARDEA_TRY(const auto reply, connection_->send(request));
  switch (reply.status) {
    case 200: {
      // It may have signed with other keys too; ours is looked for, below the checkpoint that was sent.
      const auto time = audit::open_cosignature(note + reply.body, place_.key);
      if (!time || *time >= kNoTime)
        return fail(Errc::corrupt, "its answer is not signed with the key of " + place_.key.name);
      for (std::size_t at = 0; at < reply.body.size();) {
        const auto end = reply.body.find('\n', at);
        if (end == std::string::npos) break;
        auto line = reply.body.substr(at, end + 1 - at);
        if (audit::open_cosignature(note + line, place_.key)) return Cosigned{std::move(line), *time};
        at = end + 1;
      }
      return fail(Errc::corrupt, "its answer cannot be read");
    }
    case 409: {
      const auto size = reply.content_type == kSizeType ? size_in(reply.body) : std::nullopt;
      if (!size) return fail(Errc::corrupt, "it does not say what it has seen");
      return Seen{*size};
    }
    case 422:
      return Inconsistent{};
    case 403:
      return fail(Errc::denied, "it follows this log with another key");
    case 404:
      return fail(Errc::denied, "it does not follow this log: `cardea-witness trust` there");
    default:
      return fail(Errc::unavailable, "it answers with status " + std::to_string(reply.status));
  }
}

}  // namespace cardea::service
