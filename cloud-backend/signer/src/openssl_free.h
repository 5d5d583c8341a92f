#pragma once

#include <memory>

namespace cardea::signer {

template <auto Free>
struct Freer {
  template <class T>
  void operator()(T* p) const {
    Free(p);
  }
};

/// One of OpenSSL's objects, freed by its own function when the pointer goes.
template <class T, auto Free>
using Owned = std::unique_ptr<T, Freer<Free>>;

}  // namespace cardea::signer
