// A tenant's escrow: its key is made and used here, on the officers' machine; the server never sees it.
#include <unistd.h>

#include <algorithm>
#include <iostream>
#include <memory>

#include "cardea/api/card_secret.h"
#include "cardea/api/jose.h"
#include "cardea/api/recovery_client.h"
#include "secret_input.h"
#include "share_files.h"
#include "verbs.h"

namespace cardea::cli {
namespace {

constexpr int kDone = 0;
constexpr int kRefused = 1;
constexpr int kUnreachable = 3;

struct Options {
  std::string out, id, officer, reason, pin_file;
  std::vector<std::string> files;
  unsigned threshold = 0;
  unsigned shares = 0;
};
using Shared = std::shared_ptr<Options>;

int explain(const Error& error) {
  std::cerr << "cardea: " << error.what << '\n';
  return error.code == Errc::unavailable ? kUnreachable : kRefused;
}

/// The server's socket as what a holder's tool speaks to.
class OverSocket final : public api::HttpConnection {
 public:
  explicit OverSocket(Client& client) : client_{client} {}
  Result<api::HttpReply> send(const api::HttpRequest& request) override {
    CARDEA_TRY(const auto answer,
               client_.send(request.method, request.path, Json::parse(request.body, nullptr, false)));
    api::HttpReply reply;
    reply.status = answer.status;
    reply.content_type = answer.status >= 400 ? "application/problem+json" : "application/json";
    reply.body = answer.body.dump();
    return reply;
  }

 private:
  Client& client_;
};

Result<std::string> make_key(const Options& o) {
  const auto pair = api::hpke::generate_key_pair();
  const std::filesystem::path directory{o.out};
  std::error_code error;
  std::filesystem::create_directories(directory, error);
  if (error) return fail(Errc::invalid, "cannot make the directory " + o.out + ": " + error.message());
  if (o.threshold == 0) {
    CARDEA_CHECK(
        write_share(directory / "escrow-key.txt", unseal::to_text(unseal::whole(pair.private_key), 1)));
    return api::base64url(pair.public_key);
  }
  CARDEA_TRY(const auto shares, unseal::split(pair.private_key, o.threshold, o.shares));
  for (const auto& share : shares) {
    CARDEA_CHECK(write_share(directory / ("escrow-share-" + std::to_string(share.number) + ".txt"),
                             unseal::to_text(share, o.shares)));
  }
  return api::base64url(pair.public_key);
}

Result<api::hpke::KeyPair> key_in(const std::vector<std::string>& files) {
  std::vector<unseal::Share> shares;
  for (const auto& file : files) {
    CARDEA_TRY(auto share, share_in(file));
    shares.push_back(std::move(share));
  }
  CARDEA_TRY(auto key, unseal::combine(shares));
  return api::hpke::key_pair_of(std::move(key));
}

/// The PIN as it stands in a command.
Result<SecretBytes> read_pin(const std::string& file) {
  CARDEA_TRY(const auto line, secret_line_of(file));
  SecretBytes field{api::kPaddedPinSize};
  std::ranges::fill(field.expose(), std::uint8_t{0xFF});
  if (line.empty() || line.size() > field.size())
    return fail(Errc::invalid, "the new PIN must have six to eight characters");
  std::ranges::copy(line.expose(), field.expose().begin());
  return field;
}

Result<std::string> recover(const Options& o, Client& client) {
  // All that can be wrong here is found before the case is used up.
  CARDEA_TRY(const auto key, key_in(o.files));
  CARDEA_TRY(const auto field, read_pin(o.pin_file));
  if (!api::may_become_pin(api::PinForm::padded, field.expose()))
    return fail(Errc::invalid, "the new PIN must have six to eight characters");
  CARDEA_TRY(
      const auto answer,
      client.send("POST", "/v1/admin/escrow-cases/" + percent_encoded(o.id) + "/opening", Json::object()));
  if (answer.status >= 400) return fail(Errc::denied, answer.body.value("detail", "the server refuses"));
  const auto& body = answer.body;
  api::recovery::LinkView view;
  view.organisation = body.value("organisation", "");
  view.card = body.value("card", "");
  view.label = body.value("label", "");
  const auto form = api::parse_pin_form(body.value("pin_format", ""));
  const auto copy = api::from_base64url(body.value("copy", ""));
  const auto challenge = api::from_base64url(body.value("challenge", ""));
  if (!form || !copy || !challenge) return fail(Errc::corrupt, "the server's reply is not what was agreed");
  if (!api::may_become_pin(*form, field.expose()))
    return fail(Errc::invalid,
                "the new PIN must have six to eight digits, and must not be one that everybody tries first; "
                "ask for a new case");
  auto pair =
      api::card_secret::open_copy_with({view.organisation, view.card, api::card_secret::kEscrow}, key, *copy);
  if (!pair)
    return fail(Errc::denied, "this is not the escrow key that the card was made under; ask for a new case");
  api::recovery::LinkClient link{std::make_unique<OverSocket>(client), body.value("link", "")};
  CARDEA_CHECK(link.set_pin(view, {std::move(pair->private_key), *challenge}, field));
  return view.label;
}

}  // namespace

void declare_escrow(CLI::App& app, Call& out) {
  const auto o = std::make_shared<Options>();
  auto* escrow =
      noun(app, "escrow", "Cards of an organisation that keeps an escrow key, without their holders.");
  auto* make = verb(
      escrow, "make-key",
      "Make an escrow key on this machine, as a file or in shares; prints the public half for cardea org "
      "escrow. The server hears nothing of it.",
      out, [o, &out](Call&) {
        out.act = [o](Client&, bool json) {
          const auto made = make_key(*o);
          if (!made) return explain(made.error());
          if (json) {
            std::cout << Json{{"public_key", *made}}.dump(2) << '\n';
          } else {
            std::cout << *made << '\n';
          }
          return kDone;
        };
      });
  make->add_option("--out", o->out, "Directory for the files, mode 0600.")->required();
  auto* threshold = make->add_option("--threshold", o->threshold, "How many shares are needed, 2 or more.");
  make->add_option("--shares", o->shares, "How many there are, up to 16.")->needs(threshold);

  auto* request = verb(escrow, "request", "Open a case, for an hour: a second officer has to approve it.",
                       out, [o](Call& c) {
                         c.method = "POST";
                         c.path = "/v1/admin/cards/" + percent_encoded(o->id) + "/escrow-cases";
                         c.body = {{"officer", o->officer}, {"reason", o->reason}};
                         c.columns = {{"CASE", "case"}, {"CARD", "card"}, {"EXPIRES", "expires_at"}};
                       });
  request->add_option("CARD", o->id, "The card.")->required();
  request->add_option("--officer", o->officer, "Who asks, for the log.")->required();
  request->add_option("--reason", o->reason, "Why, for the log.")->required();
  auto* approve =
      verb(escrow, "approve", "Approve a case that another officer has opened.", out, [o](Call& c) {
        c.method = "POST";
        c.path = "/v1/admin/escrow-cases/" + percent_encoded(o->id) + "/approval";
        c.body = {{"officer", o->officer}};
        c.sentence = "Approved.";
      });
  approve->add_option("CASE", o->id, "The case.")->required();
  approve->add_option("--officer", o->officer, "Who approves, for the log.")->required();
  auto* use =
      verb(escrow, "recover", "Set a new PIN for the card of an approved case; its keys stay as they are.",
           out, [o, &out](Call&) {
             out.act = [o](Client& client, bool json) {
               const auto label = recover(*o, client);
               if (!label) return explain(label.error());
               if (json) {
                 std::cout << Json{{"label", *label}}.dump(2) << '\n';
               } else {
                 std::cout << "The new PIN of " << *label << " is set. Its holder should change it.\n";
               }
               return kDone;
             };
           });
  use->add_option("CASE", o->id, "The case.")->required();
  use->add_option("--key", o->files, "Files with the escrow key or with shares of it, as many as are needed.")
      ->required();
  use->add_option("--pin-file", o->pin_file, "The new PIN, one line; - for standard input.")->required();
}

}  // namespace cardea::cli
