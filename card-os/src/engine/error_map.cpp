#include "engine/error_map.h"

namespace cardea::card {

namespace sw = apdu::sw;

// The only place where a failure outside the card becomes a status word. Middleware acts on few of them, so
// what the holder can do nothing about is 6F00, without detail.
apdu::StatusWord status_word(const Error& error) {
  switch (error.code) {
    case Errc::invalid:      // input that no key could take
    case Errc::unsupported:  // an algorithm that this vault lacks
      return sw::kWrongData;
    case Errc::exhausted:
      return sw::kNoMemory;
    case Errc::corrupt:  // "the memory of the card is damaged" is what 6581 says
      return sw::kMemoryFailure;
    case Errc::denied:
      return sw::kSecurityNotSatisfied;
    case Errc::not_found:  // a PIN that was never set
      return sw::kReferencedDataNotFound;
    case Errc::unavailable:  // nothing was done; a second attempt may succeed
    case Errc::conflict:
      return sw::kUnspecified;
  }
  return sw::kUnspecified;
}

}  // namespace cardea::card
