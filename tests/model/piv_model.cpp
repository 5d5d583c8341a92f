#include "piv_model.h"

#include <algorithm>
#include <utility>

#include "cardea/hex.h"

namespace cardea::model {

namespace {

std::string octet(unsigned value) {
  const auto one = static_cast<std::uint8_t>(value);
  return to_hex({&one, 1});
}

}  // namespace

bool PivModel::verified() {
  return session().verified == pin_.version && pin_.left > 0;
}

bool PivModel::administrator() {
  return session().administrator == management_version_;
}

bool PivModel::present(Reference& reference, std::uint8_t value) {
  if (reference.left == 0) return false;
  if (value != reference.value) {
    --reference.left;
    return false;
  }
  reference.left = reference.max;
  return true;
}

std::string PivModel::refusal(const Reference& reference) {
  if (reference.left == 0) return "6983";
  return "63C" + octet(std::min(reference.left, 15U)).substr(1);
}

void PivModel::replace(Reference& reference, std::uint8_t value) {
  reference.value = value;
  reference.left = reference.max;
  reference.factory = value == 0;
  ++reference.version;
}

PivModel::Expected PivModel::apply(const Op& op) {
  if (op.kind == Kind::switch_session) {
    current_ = op.a % sessions_.size();
    return {};
  }
  if (op.kind == Kind::power_cycle) {
    session() = {};
    return {};
  }
  auto& now = session();
  if (op.kind == Kind::chain_piece) {  // collected, nothing processed; what was pending is gone
    now.pending.clear();
    now.chain = true;
    return {"9000", ""};
  }
  if (op.kind == Kind::get_response) {
    now.chain = false;
    const auto pending = std::exchange(now.pending, {});
    if (pending.empty()) return {"6985", ""};
    return {"9000", pending};
  }
  const bool was_fresh = std::exchange(now.fresh, false);
  now.pending.clear();
  // A GET DATA after a piece of one is its end, and the two together are no tag list.
  const bool ends_chain =
      std::exchange(now.chain, false) && (op.kind == Kind::get || op.kind == Kind::get_part);
  if (ends_chain) return {"6A80", ""};
  switch (op.kind) {
    case Kind::authenticate:
    case Kind::replace_key:
    case Kind::set_retries:
      return administration(op);
    case Kind::put:
    case Kind::get:
    case Kind::get_part:
      return objects(op);
    case Kind::generate:
    case Kind::sign:
      return keys(op, was_fresh);
    case Kind::select_piv:
      return {"9000", {}};
    case Kind::select_unknown:
      return {"6A82", ""};
    case Kind::unknown_ins:
      return {"6D00", ""};
    default:
      return references(op);
  }
}

PivModel::Expected PivModel::references(const Op& op) {
  auto& now = session();
  switch (op.kind) {
    case Kind::verify:
      now.verified.reset();
      if (!present(pin_, op.a)) return {refusal(pin_), ""};
      now.verified = pin_.version;
      now.fresh = true;
      return {"9000", ""};
    case Kind::verify_status:
      if (verified()) return {"9000", ""};
      return {refusal(pin_), ""};
    case Kind::log_out:
      now.verified.reset();
      return {"9000", ""};
    case Kind::change_pin:
      now.verified.reset();
      if (!present(pin_, op.a)) return {refusal(pin_), ""};
      replace(pin_, op.b);
      now.verified = pin_.version;
      return {"9000", ""};
    case Kind::change_puk:
      if (!present(puk_, op.a)) return {refusal(puk_), ""};
      replace(puk_, op.b);
      return {"9000", ""};
    case Kind::unblock:
      if (!present(puk_, op.a)) return {refusal(puk_), ""};
      replace(pin_, op.b);
      now.verified.reset();
      return {"9000", ""};
    default:
      return {"9000", "0101FF05010" + std::string{pin_.factory ? "1" : "0"} + "0602" + octet(pin_.max) +
                          octet(pin_.left)};
  }
}

PivModel::Expected PivModel::administration(const Op& op) {
  auto& now = session();
  if (op.kind == Kind::authenticate) {
    now.administrator.reset();
    if (op.a != management_key_) return {"6982", ""};
    now.administrator = management_version_;
    return {"9000", ""};
  }
  if (!administrator()) return {"6982", ""};
  if (op.kind == Kind::replace_key) {
    management_key_ = op.a;
    now.administrator = ++management_version_;
    return {"9000", ""};
  }
  if (!verified()) return {"6982", ""};
  pin_.max = op.a + 1U;
  puk_.max = op.b + 1U;
  replace(pin_, 0);
  replace(puk_, 0);
  now.verified.reset();
  return {"9000", ""};
}

std::string PivModel::object_hex(std::uint8_t which) const {
  const auto it = objects_.find(which);
  if (it == objects_.end()) return {};
  std::string out = "53" + octet(it->second);
  for (unsigned i = 0; i < it->second; ++i)
    out += "C" + octet(which).substr(1);
  return out;
}

PivModel::Expected PivModel::objects(const Op& op) {
  if (op.kind == Kind::put) {
    if (!administrator()) return {"6982", ""};
    if (op.b == 0) {
      objects_.erase(op.a);
    } else {
      objects_[op.a] = op.b;
    }
    return {"9000", ""};
  }
  if (op.a == 2 && !verified()) return {"6982", ""};
  const auto value = object_hex(op.a);
  if (value.empty()) return {"6A82", ""};
  if (op.kind == Kind::get) return {"9000", value};
  session().pending = value.substr(2);
  return {"61" + octet(static_cast<unsigned>(value.size() / 2 - 1)), value.substr(0, 2)};
}

PivModel::Expected PivModel::keys(const Op& op, bool was_fresh) {
  if (op.kind == Kind::generate) {
    if (!administrator()) return {"6982", ""};
    keys_.at(op.a) = true;
    return {"9000", {}};
  }
  const bool allowed = op.a == 2 || (verified() && (op.a == 0 || was_fresh));
  if (!keys_.at(op.a)) return {allowed ? "6A80" : "6A80|6982", ""};
  if (!allowed) return {"6982", ""};
  return {"9000", {}};
}

}  // namespace cardea::model
