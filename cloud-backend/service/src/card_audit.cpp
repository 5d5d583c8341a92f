#include "cardea/service/card_audit.h"

#include <fmt/format.h>

#include <string_view>

namespace cardea::service {
namespace {

/// What goes into the row: the action, whether it succeeded, and a JSON object of numbers and constants, none
/// of which needs escaping.
struct Line {
  std::string_view action;
  bool success = true;
  std::string detail;
};

std::string_view pin_name(card::PinRef ref) {
  return ref == card::PinRef::puk ? "puk" : "pin";
}

std::string_view operation_name(card::KeyOperation operation) {
  switch (operation) {
    case card::KeyOperation::sign:
      return "sign";
    case card::KeyOperation::decipher_or_sign_raw:
      return "decipher-or-sign";
    case card::KeyOperation::agree:
      return "agree";
    case card::KeyOperation::authenticate:
      return "authenticate";
    case card::KeyOperation::attest:
      return "attest";
  }
  return "other";
}

Line line(const card::PinTried& e) {
  return {"pin.try", e.match,
          fmt::format(R"({{"reference":"{}","tries_left":{}}})", pin_name(e.ref), e.tries_left)};
}
Line line(const card::PinChallenged& e) {
  return {"pin.challenge", true,
          fmt::format(R"({{"reference":"{}","tries_left":{}}})", pin_name(e.ref), e.tries_left)};
}
Line line(const card::PinReplaced& e) {
  return {"pin.replace", true, fmt::format(R"({{"reference":"{}"}})", pin_name(e.ref))};
}
Line line(const card::AdministratorTried& e) {
  return {"administrator.try", e.match, "{}"};
}
Line line(const card::KeyUsed& e) {
  return {"key.use", e.success,
          fmt::format(R"({{"key":"{:02X}","algorithm":"{}","operation":"{}"}})", e.reference,
                      card::name(e.algorithm), operation_name(e.operation))};
}
Line line(const card::KeyReplaced& e) {
  return {e.origin == card::KeyOrigin::generated ? "key.generate" : "key.import", true,
          fmt::format(R"({{"key":"{:02X}","algorithm":"{}"}})", e.reference, card::name(e.algorithm))};
}
Line line(const card::KeyDeleted& e) {
  return {"key.delete", true, fmt::format(R"({{"key":"{:02X}"}})", e.reference)};
}
Line line(const card::ObjectWritten& e) {
  return {e.size == 0 ? "object.delete" : "object.write", true,
          fmt::format(R"({{"tag":"{:X}","size":{}}})", e.tag, e.size)};
}
Line line(const card::CardWiped&) {
  return {"card.wipe", true, "{}"};
}
Line line(const card::ChannelTried& e) {
  return {"channel.try", e.match,
          fmt::format(R"({{"key_version":"{:02X}","level":"{:02X}"}})", e.key_version, e.level)};
}
Line line(const card::KeySetReplaced& e) {
  return {"keyset.replace", true,
          fmt::format(R"({{"key_version":"{:02X}","replaced":"{:02X}","algorithm":"{}"}})", e.version,
                      e.replaced, card::name(e.algorithm))};
}
Line line(const card::KeySetDeleted& e) {
  return {"keyset.delete", true, fmt::format(R"({{"key_version":"{:02X}"}})", e.version)};
}
Line line(const card::CardStateChanged& e) {
  return {"card.lifecycle", true, fmt::format(R"({{"from":"{:02X}","to":"{:02X}"}})", e.from, e.to)};
}
Line line(const card::ApplicationStateChanged& e) {
  return {"application.lifecycle", true, fmt::format(R"({{"from":"{:02X}","to":"{:02X}"}})", e.from, e.to)};
}
Line line(const card::DomainDataWritten& e) {
  return {e.size == 0 ? "domain.delete" : "domain.write", true,
          fmt::format(R"({{"tag":"{:X}","size":{}}})", e.tag, e.size)};
}

}  // namespace

Result<void> CardAudit::record(const card::AuditEvent& event) {
  if (const auto* tried = std::get_if<card::PinTried>(&event))
    world_.observer.pin_tried(subject_.card, *tried);
  auto what = std::visit([](const auto& e) { return line(e); }, event);
  return append(what.action, what.success, std::move(what.detail));
}

Result<void> CardAudit::record_refund(card::PinRef ref, const card::PinVerdict& verdict) {
  return append(
      "pin.refund", verdict.match,
      fmt::format(R"({{"reference":"{}","tries_left":{}}})", pin_name(ref), verdict.status.tries_left));
}

Result<void> CardAudit::append(std::string_view action, bool success, std::string detail) {
  store::AuditRow row;
  row.at = world_.clock.now();
  row.organisation = subject_.organisation;
  row.card = subject_.card;
  row.actor = subject_.actor;
  row.action = action;
  row.success = success;
  row.detail = std::move(detail);
  return world_.database.append(row);
}

}  // namespace cardea::service
