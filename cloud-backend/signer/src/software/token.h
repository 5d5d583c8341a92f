#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cardea/signer/software.h"
#include "key.h"
#include "store.h"

namespace cardea::signer::software {

/// One object: attributes that may be read, and the key itself, which may not.
struct Object {
  std::map<CK_ATTRIBUTE_TYPE, Bytes> attributes;
  std::optional<Key> key;
  std::string file;  ///< of a token object

  [[nodiscard]] bool flag(CK_ATTRIBUTE_TYPE type, bool otherwise = false) const;
  [[nodiscard]] CK_ULONG number(CK_ATTRIBUTE_TYPE type, CK_ULONG otherwise) const;
  [[nodiscard]] BytesView value(CK_ATTRIBUTE_TYPE type) const;
  [[nodiscard]] bool matches(std::span<const CK_ATTRIBUTE> wanted) const;
};

using Template = std::span<const CK_ATTRIBUTE>;

/// A token in a directory, as one session of one process sees it. Does what PKCS#11 says of the functions
/// with these names, as far as cardea-signer calls them. Attributes that bind other programs (TRUSTED, the
/// unwrap template) are kept and reported; what protects the keys here is that no other program is in this
/// process.
class Token {
 public:
  explicit Token(std::filesystem::path directory) : store_{std::move(directory)} {}

  [[nodiscard]] const Store& store() const { return store_; }

  CK_RV init_token(std::string_view label, BytesView so_pin);
  CK_RV init_pin(BytesView pin);
  CK_RV set_pin(BytesView old_pin, BytesView new_pin);
  CK_RV login(CK_USER_TYPE user, BytesView pin);
  CK_RV logout();
  void close_session();
  [[nodiscard]] CK_STATE state() const;

  CK_RV find(Template wanted, std::vector<CK_OBJECT_HANDLE>& found);
  CK_RV get(CK_OBJECT_HANDLE handle, CK_ATTRIBUTE& wanted);
  CK_RV generate_key(CK_MECHANISM_TYPE mechanism, Template attributes, CK_OBJECT_HANDLE& made);
  CK_RV generate_pair(CK_MECHANISM_TYPE mechanism, Template public_part, Template private_part,
                      CK_OBJECT_HANDLE& public_key, CK_OBJECT_HANDLE& private_key);
  CK_RV create(Template attributes, CK_OBJECT_HANDLE& made);
  CK_RV copy(CK_OBJECT_HANDLE handle, Template changes, CK_OBJECT_HANDLE& made);
  CK_RV destroy(CK_OBJECT_HANDLE handle);
  CK_RV wrap(CK_OBJECT_HANDLE wrapping, CK_OBJECT_HANDLE handle, Bytes& out);
  CK_RV unwrap(CK_OBJECT_HANDLE wrapping, BytesView wrapped, Template attributes, CK_OBJECT_HANDLE& made);
  CK_RV derive(CK_OBJECT_HANDLE handle, BytesView peer, Template attributes, CK_OBJECT_HANDLE& made);
  CK_RV sign(CK_OBJECT_HANDLE handle, CK_MECHANISM_TYPE mechanism, BytesView data,
             std::span<std::uint8_t> out, std::size_t& written);
  CK_RV encrypt(CK_OBJECT_HANDLE handle, CK_MECHANISM_TYPE mechanism, BytesView block,
                std::span<std::uint8_t> out);
  CK_RV decrypt(CK_OBJECT_HANDLE handle, CK_MECHANISM_TYPE mechanism, BytesView block,
                std::span<std::uint8_t> out);

 private:
  Object* object(CK_OBJECT_HANDLE handle);
  CK_RV add(Object made, CK_OBJECT_HANDLE& handle);
  /// Brings the objects in memory up to what is in the directory.
  CK_RV refresh();

  Store store_;
  std::optional<CK_USER_TYPE> user_;
  Secret<32> token_key_;
  std::map<CK_OBJECT_HANDLE, Object> objects_;
  CK_OBJECT_HANDLE next_ = 1;
};

}  // namespace cardea::signer::software
