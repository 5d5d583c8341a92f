#include "token.h"

#include <algorithm>
#include <array>

#include "../curves.h"

namespace cardea::signer::software {

namespace {

using card::Algorithm;

constexpr std::size_t kNumber = sizeof(CK_ULONG);

BytesView view(const CK_ATTRIBUTE& attribute) {
  return {static_cast<const std::uint8_t*>(attribute.pValue), attribute.ulValueLen};
}

/// Key material, which is never an attribute here.
bool secret(CK_ATTRIBUTE_TYPE type) {
  switch (type) {
    case CKA_VALUE:
    case CKA_PRIVATE_EXPONENT:
    case CKA_PRIME_1:
    case CKA_PRIME_2:
    case CKA_EXPONENT_1:
    case CKA_EXPONENT_2:
    case CKA_COEFFICIENT:
      return true;
    default:
      return false;
  }
}

/// Templates in attributes hold pointers: good for nothing in a file.
bool nested(CK_ATTRIBUTE_TYPE type) {
  return type == CKA_UNWRAP_TEMPLATE || type == CKA_WRAP_TEMPLATE;
}

void take(Object& object, Template attributes) {
  for (const auto& attribute : attributes) {
    if (!secret(attribute.type) && !nested(attribute.type))
      object.attributes[attribute.type] = to_bytes(view(attribute));
  }
}

void set(Object& object, CK_ATTRIBUTE_TYPE type, CK_ULONG value) {
  Bytes octets(kNumber);
  for (std::size_t i = 0; i < kNumber; ++i)
    octets[i] = static_cast<std::uint8_t>(value >> (8U * i));
  object.attributes[type] = std::move(octets);
}

BytesView in(Template attributes, CK_ATTRIBUTE_TYPE type) {
  for (const auto& attribute : attributes) {
    if (attribute.type == type) return view(attribute);
  }
  return {};
}

CK_ULONG to_number(BytesView octets) {
  CK_ULONG out = 0;
  for (std::size_t i = std::min(octets.size(), kNumber); i-- > 0;)
    out = (out << 8U) | octets[i];
  return out;
}

std::optional<Algorithm> named_curve(BytesView name) {
  for (const auto a :
       {Algorithm::p256, Algorithm::p384, Algorithm::p521, Algorithm::ed25519, Algorithm::x25519}) {
    if (equal(curve_name(a), name)) return a;
  }
  return std::nullopt;
}

/// count 2, then of each attribute: type 8, value x16; then the key's octets.
SecretBytes encode(const Object& object) {
  const BytesView key = object.key ? object.key->octets() : BytesView{};
  std::size_t size = 2 + key.size();
  for (const auto& entry : object.attributes)
    size += 10 + entry.second.size();
  Bytes out;
  out.reserve(size);  // a growing buffer would leave unwiped copies behind
  const WipeOnExit wiping{out};
  append_be16(out, static_cast<std::uint16_t>(object.attributes.size()));
  for (const auto& entry : object.attributes) {
    append_be64(out, entry.first);
    append_be16(out, static_cast<std::uint16_t>(entry.second.size()));
    append(out, entry.second);
  }
  append(out, key);
  return SecretBytes{BytesView{out}};
}

std::optional<Object> decode(BytesView rest) {
  Object out;
  const auto next = [&rest](std::size_t n) {
    n = std::min(n, rest.size());
    const auto field = rest.first(n);
    rest = rest.subspan(n);
    return field;
  };
  for (auto count = read_be(next(2)); count > 0; --count) {
    const auto type = read_be(next(8));
    out.attributes[type] = to_bytes(next(static_cast<std::size_t>(read_be(next(2)))));
  }
  if (rest.empty()) return out;
  out.key = Key::from_octets(out.number(CKA_KEY_TYPE, 0), SecretBytes{rest});
  if (!out.key) return std::nullopt;
  return out;
}

Object fresh(CK_OBJECT_CLASS kind, CK_KEY_TYPE type, Template attributes, bool made_here) {
  Object out;
  take(out, attributes);
  set(out, CKA_CLASS, kind);
  set(out, CKA_KEY_TYPE, type);
  if (kind == CKO_PUBLIC_KEY) return out;
  const auto mark = [&out](CK_ATTRIBUTE_TYPE attribute, bool yes) {
    out.attributes[attribute] = {static_cast<std::uint8_t>(yes ? 1 : 0)};
  };
  mark(CKA_LOCAL, made_here);
  mark(CKA_ALWAYS_SENSITIVE, made_here && out.flag(CKA_SENSITIVE, true));
  mark(CKA_NEVER_EXTRACTABLE, made_here && !out.flag(CKA_EXTRACTABLE));
  return out;
}

}  // namespace

bool Object::flag(CK_ATTRIBUTE_TYPE type, bool otherwise) const {
  const auto found = attributes.find(type);
  return found == attributes.end() ? otherwise : found->second == Bytes{1};
}

CK_ULONG Object::number(CK_ATTRIBUTE_TYPE type, CK_ULONG otherwise) const {
  const auto found = attributes.find(type);
  return found == attributes.end() ? otherwise : to_number(found->second);
}

BytesView Object::value(CK_ATTRIBUTE_TYPE type) const {
  const auto found = attributes.find(type);
  return found == attributes.end() ? BytesView{} : BytesView{found->second};
}

bool Object::matches(Template wanted) const {
  return std::ranges::all_of(wanted, [this](const CK_ATTRIBUTE& attribute) {
    if (attribute.type == CKA_TOKEN) return flag(CKA_TOKEN) == (to_number(view(attribute)) != 0);
    return equal(value(attribute.type), view(attribute));
  });
}

CK_RV Token::init_token(std::string_view label, BytesView so_pin) {
  return store_.initialise(label, so_pin);
}

CK_RV Token::init_pin(BytesView pin) {
  return user_ == CKU_SO ? store_.set_pin(CKU_USER, pin, token_key_) : CKR_USER_NOT_LOGGED_IN;
}

CK_RV Token::set_pin(BytesView old_pin, BytesView new_pin) {
  if (!user_) return CKR_USER_NOT_LOGGED_IN;
  Secret<32> same;
  if (const auto code = store_.open(*user_, old_pin, same); code != CKR_OK) return code;
  return store_.set_pin(*user_, new_pin, token_key_);
}

CK_RV Token::login(CK_USER_TYPE user, BytesView pin) {
  if (user_) return *user_ == user ? CKR_USER_ALREADY_LOGGED_IN : CKR_USER_ANOTHER_ALREADY_LOGGED_IN;
  if (const auto code = store_.open(user, pin, token_key_); code != CKR_OK) return code;
  user_ = user;
  return refresh();
}

// As PKCS#11 has it: private objects of the session go, public ones stay.
CK_RV Token::logout() {
  if (!user_) return CKR_USER_NOT_LOGGED_IN;
  user_.reset();
  token_key_ = Secret<32>{};
  std::erase_if(objects_, [](const auto& entry) { return entry.second.flag(CKA_PRIVATE, true); });
  return CKR_OK;
}

void Token::close_session() {
  user_.reset();
  token_key_ = Secret<32>{};
  objects_.clear();
}

CK_STATE Token::state() const {
  if (!user_) return CKS_RW_PUBLIC_SESSION;
  return *user_ == CKU_SO ? CKS_RW_SO_FUNCTIONS : CKS_RW_USER_FUNCTIONS;
}

CK_RV Token::refresh() {
  if (user_ != CKU_USER) return CKR_OK;
  const auto names = store_.names();
  std::erase_if(objects_, [&names](const auto& entry) {
    return !entry.second.file.empty() && !std::ranges::binary_search(names, entry.second.file);
  });
  for (const auto& name : names) {
    const auto known = [&name](const auto& entry) { return entry.second.file == name; };
    if (std::ranges::any_of(objects_, known)) continue;
    SecretBytes content;
    if (const auto code = store_.read(name, token_key_, content); code != CKR_OK) return code;
    auto object = decode(content.expose());
    if (!object) return CKR_DEVICE_ERROR;
    object->file = name;
    objects_.emplace(next_++, *std::move(object));
  }
  return CKR_OK;
}

Object* Token::object(CK_OBJECT_HANDLE handle) {
  const auto found = objects_.find(handle);
  return found == objects_.end() ? nullptr : &found->second;
}

CK_RV Token::add(Object made, CK_OBJECT_HANDLE& handle) {
  if (made.flag(CKA_TOKEN)) {
    if (user_ != CKU_USER) return CKR_USER_NOT_LOGGED_IN;
    const auto content = encode(made);
    if (const auto code = store_.write(content.expose(), token_key_, made.file); code != CKR_OK) return code;
  }
  handle = next_++;
  objects_.emplace(handle, std::move(made));
  return CKR_OK;
}

CK_RV Token::find(Template wanted, std::vector<CK_OBJECT_HANDLE>& found) {
  if (const auto code = refresh(); code != CKR_OK) return code;
  for (const auto& entry : objects_) {
    if (entry.second.matches(wanted)) found.push_back(entry.first);
  }
  return CKR_OK;
}

CK_RV Token::get(CK_OBJECT_HANDLE handle, CK_ATTRIBUTE& wanted) {
  const auto* const from = object(handle);
  if (from == nullptr) return CKR_OBJECT_HANDLE_INVALID;
  BytesView value = from->value(wanted.type);
  if (secret(wanted.type) && !from->attributes.contains(wanted.type)) {
    const bool readable = wanted.type == CKA_VALUE && from->key && !from->flag(CKA_SENSITIVE, true) &&
                          from->flag(CKA_EXTRACTABLE);
    if (!readable) return CKR_ATTRIBUTE_SENSITIVE;
    value = from->key->octets();
  } else if (!from->attributes.contains(wanted.type)) {
    return CKR_ATTRIBUTE_TYPE_INVALID;
  }
  if (wanted.ulValueLen < value.size()) return CKR_BUFFER_TOO_SMALL;
  std::ranges::copy(value, static_cast<std::uint8_t*>(wanted.pValue));
  wanted.ulValueLen = value.size();
  return CKR_OK;
}

CK_RV Token::generate_key(CK_MECHANISM_TYPE mechanism, Template attributes, CK_OBJECT_HANDLE& made) {
  const auto type = mechanism == CKM_AES_KEY_GEN ? CKK_AES : CKK_GENERIC_SECRET;
  auto out = fresh(CKO_SECRET_KEY, type, attributes, true);
  out.key = Key::generate_secret(type, to_number(in(attributes, CKA_VALUE_LEN)));
  return out.key ? add(std::move(out), made) : CKR_ATTRIBUTE_VALUE_INVALID;
}

CK_RV Token::generate_pair(CK_MECHANISM_TYPE mechanism, Template public_part, Template private_part,
                           CK_OBJECT_HANDLE& public_key, CK_OBJECT_HANDLE& private_key) {
  std::optional<Key> key;
  if (mechanism == CKM_RSA_PKCS_KEY_PAIR_GEN) {
    key = Key::generate_rsa(static_cast<unsigned>(to_number(in(public_part, CKA_MODULUS_BITS))));
  } else if (const auto curve = named_curve(in(public_part, CKA_EC_PARAMS))) {
    key = Key::generate_on(*curve);
  }
  if (!key) return CKR_ATTRIBUTE_VALUE_INVALID;
  auto shown = fresh(CKO_PUBLIC_KEY, key->type(), public_part, true);
  auto kept = fresh(CKO_PRIVATE_KEY, key->type(), private_part, true);
  if (key->type() == CKK_RSA) {
    auto numbers = key->rsa_public();
    shown.attributes[CKA_MODULUS] = std::move(numbers.modulus);
    shown.attributes[CKA_PUBLIC_EXPONENT] = std::move(numbers.exponent);
  } else {
    shown.attributes[CKA_EC_POINT] = key->point();
  }
  kept.key = std::move(key);
  if (const auto code = add(std::move(shown), public_key); code != CKR_OK) return code;
  const auto code = add(std::move(kept), private_key);
  if (code != CKR_OK) (void)destroy(public_key);
  return code;
}

CK_RV Token::create(Template attributes, CK_OBJECT_HANDLE& made) {
  const auto kind = to_number(in(attributes, CKA_CLASS));
  const auto type = to_number(in(attributes, CKA_KEY_TYPE));
  auto out = fresh(kind, type, attributes, false);
  if (kind == CKO_DATA || kind == CKO_CERTIFICATE) {
    out.attributes.erase(CKA_KEY_TYPE);
    out.attributes[CKA_VALUE] = to_bytes(in(attributes, CKA_VALUE));  // no key, and no secret
    return add(std::move(out), made);
  }
  if (type == CKK_RSA) {
    out.key = Key::from_rsa_parts({in(attributes, CKA_MODULUS), in(attributes, CKA_PUBLIC_EXPONENT),
                                   in(attributes, CKA_PRIVATE_EXPONENT), in(attributes, CKA_PRIME_1),
                                   in(attributes, CKA_PRIME_2), in(attributes, CKA_EXPONENT_1),
                                   in(attributes, CKA_EXPONENT_2), in(attributes, CKA_COEFFICIENT)});
  } else {
    out.key = Key::from_octets(type, SecretBytes{in(attributes, CKA_VALUE)});
  }
  return out.key ? add(std::move(out), made) : CKR_ATTRIBUTE_VALUE_INVALID;
}

CK_RV Token::copy(CK_OBJECT_HANDLE handle, Template changes, CK_OBJECT_HANDLE& made) {
  const auto* const from = object(handle);
  if (from == nullptr) return CKR_OBJECT_HANDLE_INVALID;
  if (!from->flag(CKA_COPYABLE, true)) return CKR_ACTION_PROHIBITED;
  Object out;
  out.attributes = from->attributes;
  if (from->key) out.key = from->key->clone();
  take(out, changes);
  return add(std::move(out), made);
}

CK_RV Token::destroy(CK_OBJECT_HANDLE handle) {
  auto* const gone = object(handle);
  if (gone == nullptr) return CKR_OBJECT_HANDLE_INVALID;
  if (!gone->flag(CKA_DESTROYABLE, true)) return CKR_ACTION_PROHIBITED;
  if (!gone->file.empty()) {
    if (const auto code = store_.remove(gone->file); code != CKR_OK) return code;
  }
  objects_.erase(handle);
  return CKR_OK;
}

CK_RV Token::wrap(CK_OBJECT_HANDLE wrapping, CK_OBJECT_HANDLE handle, Bytes& out) {
  auto* const with = object(wrapping);
  const auto* const what = object(handle);
  if (with == nullptr || !with->key || !with->flag(CKA_WRAP)) return CKR_WRAPPING_KEY_HANDLE_INVALID;
  if (what == nullptr || !what->key) return CKR_KEY_HANDLE_INVALID;
  if (!what->flag(CKA_EXTRACTABLE)) return CKR_KEY_UNEXTRACTABLE;
  if (what->flag(CKA_WRAP_WITH_TRUSTED) && !with->flag(CKA_TRUSTED)) return CKR_KEY_NOT_WRAPPABLE;
  return with->key->wrap(what->key->octets(), out);
}

CK_RV Token::unwrap(CK_OBJECT_HANDLE wrapping, BytesView wrapped, Template attributes,
                    CK_OBJECT_HANDLE& made) {
  auto* const with = object(wrapping);
  if (with == nullptr || !with->key || !with->flag(CKA_UNWRAP)) return CKR_UNWRAPPING_KEY_HANDLE_INVALID;
  SecretBytes octets;
  if (const auto code = with->key->unwrap(wrapped, octets); code != CKR_OK) return code;
  Object out;
  take(out, attributes);
  out.key = Key::from_octets(out.number(CKA_KEY_TYPE, 0), std::move(octets));
  return out.key ? add(std::move(out), made) : CKR_WRAPPED_KEY_INVALID;
}

CK_RV Token::derive(CK_OBJECT_HANDLE handle, BytesView peer, Template attributes, CK_OBJECT_HANDLE& made) {
  const auto* const key = object(handle);
  if (key == nullptr || !key->key) return CKR_KEY_HANDLE_INVALID;
  if (!key->flag(CKA_DERIVE)) return CKR_KEY_FUNCTION_NOT_PERMITTED;
  SecretBytes shared;
  if (const auto code = key->key->agree(peer, shared); code != CKR_OK) return code;
  auto out = fresh(CKO_SECRET_KEY, CKK_GENERIC_SECRET, attributes, false);
  out.key = Key::from_octets(CKK_GENERIC_SECRET, std::move(shared));
  return add(std::move(out), made);
}

CK_RV Token::sign(CK_OBJECT_HANDLE handle, CK_MECHANISM_TYPE mechanism, BytesView data,
                  std::span<std::uint8_t> out, std::size_t& written) {
  const auto* const key = object(handle);
  if (key == nullptr || !key->key) return CKR_KEY_HANDLE_INVALID;
  if (!key->flag(CKA_SIGN)) return CKR_KEY_FUNCTION_NOT_PERMITTED;
  return key->key->sign(mechanism, data, out, written);
}

CK_RV Token::encrypt(CK_OBJECT_HANDLE handle, CK_MECHANISM_TYPE mechanism, BytesView block,
                     std::span<std::uint8_t> out) {
  const auto* const key = object(handle);
  if (key == nullptr || !key->key) return CKR_KEY_HANDLE_INVALID;
  if (!key->flag(CKA_ENCRYPT)) return CKR_KEY_FUNCTION_NOT_PERMITTED;
  return key->key->encrypt(mechanism, block, out);
}

CK_RV Token::decrypt(CK_OBJECT_HANDLE handle, CK_MECHANISM_TYPE mechanism, BytesView block,
                     std::span<std::uint8_t> out) {
  const auto* const key = object(handle);
  if (key == nullptr || !key->key) return CKR_KEY_HANDLE_INVALID;
  if (!key->flag(CKA_DECRYPT)) return CKR_KEY_FUNCTION_NOT_PERMITTED;
  return key->key->decrypt(mechanism, block, out);
}

}  // namespace cardea::signer::software
