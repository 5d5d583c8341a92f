// Shares: reading them from people and files, making new ones.

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <memory>

#include "cardea/hex.h"
#include "cardea/unseal/shares.h"
#include "secret_input.h"
#include "share_files.h"
#include "verbs.h"

namespace cardea::cli {
namespace {

constexpr int kDone = 0;
constexpr int kRefused = 1;
constexpr int kUsage = 2;
constexpr int kUnreachable = 3;

constexpr std::string_view kTitle = "CARDEA-SHARE-";
constexpr int kLines = 4;

struct Options {
  std::vector<std::string> files;
  bool abort = false;
  unsigned threshold = 0;
  unsigned shares = 0;
  std::string out;
  bool tpm = false;
};
using Shared = std::shared_ptr<Options>;

int refuse(const std::string& sentence) {
  std::cerr << "cardea: " << sentence << '\n';
  return kRefused;
}

std::string sentence_of(const Answer& answer) {
  if (answer.body.is_object() && answer.body.contains("detail"))
    return answer.body["detail"].get<std::string>();
  return "the server refuses with status " + std::to_string(answer.status);
}

std::string text_of(const unseal::Share& share, unsigned count) {
  const auto text = unseal::to_text(share, count);
  return {text.expose().begin(), text.expose().end()};
}

struct Outcome {
  int status = kDone;
  bool open = false;
  Json body;  ///< null when it was refused
};

void print(const Json& body) {
  const auto given = body["given"].size();
  if (!body["sealed"].get<bool>()) {
    std::cout << "The server is open.\n";
  } else {
    std::cout << given << " of " << body["threshold"] << " shares.\n";
  }
}

/// Text for people at once; one document for programs at the end.
void print_last(const Json& body, bool json) {
  if (json && !body.is_null()) std::cout << body.dump(2) << '\n';
}

Outcome give(Client& client, const unseal::Share& share, bool json) {
  const auto answer =
      client.send("POST", "/v1/admin/unseal", Json{{"share", text_of(share, share.threshold)}});
  if (!answer) {
    std::cerr << "cardea: " << answer.error().what << '\n';
    return {kUnreachable, false, nullptr};
  }
  if (answer->status >= 400) return {refuse(sentence_of(*answer)), false, nullptr};
  if (!json) print(answer->body);
  return {kDone, !answer->body["sealed"].get<bool>(), answer->body};
}

/// The lines of one share, in memory that does not grow.
class TypedShare {
 public:
  enum class Line { nothing, part, last, stray };

  Line take(const SecretBytes& line) {
    const auto octets = line.expose();
    if (octets.empty() || octets.front() == '#') return Line::nothing;
    if (is_title(octets)) {
      size_ = 0;
      lines_ = 0;
    } else if (lines_ >= 0) {
      ++lines_;
    } else {
      return Line::stray;
    }
    append(octets);
    if (lines_ < kLines) return Line::part;
    lines_ = -1;
    return Line::last;
  }

  [[nodiscard]] bool begun() const { return lines_ >= 0; }
  [[nodiscard]] Result<unseal::Share> read() const {
    return unseal::parse_share(characters_of(text_).substr(0, size_));
  }

 private:
  static bool is_title(BytesView line) {
    const auto same = [](std::uint8_t typed, char c) {
      return (typed >= 'a' && typed <= 'z' ? typed - 'a' + 'A' : typed) == c;
    };
    return line.size() >= kTitle.size() &&
           std::equal(kTitle.begin(), kTitle.end(), line.begin(),
                      [&](char c, std::uint8_t typed) { return same(typed, c); });
  }
  /// What has no room is no share, and is said to be none.
  void append(BytesView line) {
    const auto room = text_.expose().subspan(size_);
    const auto taken = std::min(line.size(), room.size() - 1);
    std::ranges::copy(line.first(taken), room.begin());
    room[taken] = '\n';
    size_ += std::min(taken + 1, room.size() - 1);
  }

  SecretBytes text_{4096};
  std::size_t size_ = 0;
  int lines_ = -1;  ///< below the title; -1 before it
};

/// Shares from standard input, one after the other; a mistyped one is asked for again where a person types.
int give_typed(Client& client, bool json) {
  const bool person = ::isatty(STDIN_FILENO) != 0;
  TypedShare typed;
  int status = kDone;
  Json last;
  if (person) std::cerr << "Type a share, from the line CARDEA-SHARE-1 on. End with Ctrl-D.\n";
  for (auto line = secret_line(STDIN_FILENO); line; line = secret_line(STDIN_FILENO)) {
    const auto taken = typed.take(*line);
    if (taken == TypedShare::Line::stray)
      return refuse("this is not a share: the line CARDEA-SHARE-1 is not there");
    if (taken != TypedShare::Line::last) continue;
    const auto share = typed.read();
    if (!share) {
      status = refuse(share.error().what);
      continue;
    }
    const auto outcome = give(client, *share, json);
    if (!outcome.body.is_null()) last = outcome.body;
    status = outcome.status;
    if (outcome.open || outcome.status == kUnreachable) break;
  }
  print_last(last, json);
  if (typed.begun()) return refuse("the share is not complete");
  return status;
}

int run_unseal(const Shared& o, Client& client, bool json) {
  if (o->abort) {
    const auto answer = client.send("DELETE", "/v1/admin/unseal", nullptr);
    if (!answer) {
      std::cerr << "cardea: " << answer.error().what << '\n';
      return kUnreachable;
    }
    if (answer->status >= 400) return refuse(sentence_of(*answer));
    if (json) {
      print_last(answer->body, json);
    } else {
      print(answer->body);
    }
    return kDone;
  }
  if (o->files.empty()) return give_typed(client, json);
  int status = kDone;
  Json last;
  for (const auto& file : o->files) {
    const auto share = share_in(file);
    if (!share) {
      status = refuse(share.error().what);
      break;
    }
    const auto outcome = give(client, *share, json);
    if (!outcome.body.is_null()) last = outcome.body;
    status = outcome.status;
    if (status != kDone || outcome.open) break;
  }
  print_last(last, json);
  return status;
}

/// The shares are on the disk and give the key before the server hears of it; it then gives the token new
/// PINs.
int init_shares(const Shared& o, Client& client, bool json) {
  unseal::UnsealKey key;
  std::ifstream random{"/dev/urandom", std::ios::binary};
  random.read(
      reinterpret_cast<char*>(key.expose().data()),  // NOLINT(*-reinterpret-cast): octets as characters
      static_cast<std::streamsize>(unseal::UnsealKey::size()));
  if (!random) return refuse("the system gives no random octets");
  const auto shares = unseal::split(key, o->threshold, o->shares);
  if (!shares) {
    std::cerr << "cardea: " << shares.error().what << '\n';
    return kUsage;
  }
  const std::filesystem::path directory{o->out};
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (error) return refuse("cannot make the directory " + o->out + ": " + error.message());
  std::vector<unseal::Share> back;
  auto digests = Json::array();
  for (const auto& share : *shares) {
    const auto file = directory / ("share-" + std::to_string(share.number) + ".txt");
    if (const auto written = write_share(file, unseal::to_text(share, o->shares)); !written) {
      return refuse(written.error().what);
    }
    auto read = share_in(file.string());
    if (!read) return refuse(read.error().what);
    digests.push_back(to_hex(unseal::digest(*read)));
    back.push_back(*std::move(read));
  }
  if (const int directory_fd = ::open(directory.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
      directory_fd >= 0) {
    (void)::fsync(directory_fd);
    ::close(directory_fd);
  }
  const auto again = unseal::combine(back);
  const auto last = unseal::combine(std::span{back}.last(o->threshold));
  if (!again || !last || !same_secret(*again, key) || !same_secret(*last, key)) {
    return refuse("the shares that were written do not give the key");
  }
  const auto answer = client.send(
      "POST", "/v1/admin/hsm/shares",
      Json{{"key", text_of(unseal::whole(key), 0)}, {"threshold", o->threshold}, {"digests", digests}});
  if (!answer) {
    std::cerr << "cardea: " << answer.error().what
              << "; keep the shares: the server may have taken them into use\n";
    return kUnreachable;
  }
  if (answer->status >= 400) return refuse(sentence_of(*answer));
  if (json) {
    std::cout << answer->body.dump(2) << '\n';
  } else {
    std::cout << "The HSM has new PINs. Any " << o->threshold << " of the " << o->shares << " shares in "
              << o->out << " open the server (key " << answer->body["key"].get<std::string>()
              << ").\nGive each to another person and delete it here; set [vault] unseal = \"shares\" in "
                 "cardead.toml.\n";
  }
  return kDone;
}

int local_share(const Shared& o, Client& client, bool json) {
  std::vector<unseal::Share> shares;
  for (const auto& file : o->files) {
    auto share = share_in(file);
    if (!share) return refuse(share.error().what);
    shares.push_back(*std::move(share));
  }
  const auto key = unseal::combine(shares);
  if (!key) return refuse(key.error().what);
  if (!o->tpm) {
    std::cout << text_of(unseal::whole(*key), 0);
    return kDone;
  }
  const auto answer =
      client.send("POST", "/v1/admin/hsm/local-share", Json{{"key", text_of(unseal::whole(*key), 0)}});
  if (!answer) {
    std::cerr << "cardea: " << answer.error().what << '\n';
    return kUnreachable;
  }
  if (answer->status >= 400) return refuse(sentence_of(*answer));
  if (json) {
    std::cout << answer->body.dump(2) << '\n';
  } else {
    std::cout << "The TPM of this machine keeps the key. Set [vault] unseal = \"sealed\" and local_share = "
                 "\"tpm\".\n";
  }
  return kDone;
}

}  // namespace

void declare_unseal(CLI::App& app, Call& out) {
  const auto o = std::make_shared<Options>();
  const auto act = [o, &out](int (*run)(const Shared&, Client&, bool)) {
    return [o, &out, run](Call&) {
      out.act = [o, run](Client& client, bool json) { return run(o, client, json); };
    };
  };
  auto* unseal =
      verb(&app, "unseal", "Give shares to a sealed server, until it is open.", out, act(run_unseal));
  unseal->add_option("FILE", o->files,
                     "Files with a share each. Without them shares are read from standard input.");
  unseal->add_flag("--abort", o->abort, "Make the server forget the shares that were given so far.");

  auto* hsm = app.get_subcommand("hsm");
  auto* init = verb(hsm, "init-shares",
                    "Take the HSM over: new random PINs, kept only in shares, of which several are needed. "
                    "Again, on an open "
                    "server: new shares, which void the earlier ones.",
                    out, act(init_shares));
  init->add_option("--threshold", o->threshold, "How many of them open the server, 2 or more.")->required();
  init->add_option("--shares", o->shares, "How many there are, up to 16.")->required();
  init->add_option("--out", o->out, "Directory for the files share-1.txt, share-2.txt …")->required();

  verb(hsm, "rotate-pin", "Give the HSM new random PINs; the shares stay as they are.", out, [](Call& c) {
    c.method = "POST";
    c.path = "/v1/admin/hsm/pin";
    c.columns = {{"Key", "key"}, {"Threshold", "threshold"}, {"Shares", "shares"}};
    c.sentence = "The HSM has new PINs.";
  });

  auto* local = verb(hsm, "local-share",
                     "Put shares together for one machine, which then starts by itself: to standard output, "
                     "for systemd-creds, or "
                     "into its TPM.",
                     out, act(local_share));
  local->add_option("FILE", o->files, "Files with shares, as many as are needed.")->required();
  local->add_flag("--tpm", o->tpm, "Let the server seal it in the TPM.");
}

}  // namespace cardea::cli
