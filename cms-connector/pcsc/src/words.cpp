#include "words.h"

#include <winscard.h>

namespace cardea::cms {

Error pcsc_error(long code, const std::string& doing) {
  switch (static_cast<unsigned long>(code) & 0xFFFFFFFFUL) {
    case SCARD_E_NO_SERVICE & 0xFFFFFFFFUL:
    case SCARD_E_SERVICE_STOPPED & 0xFFFFFFFFUL:
      return {Errc::unavailable, "the PC/SC service (pcscd) is not running"};
    case SCARD_E_NO_READERS_AVAILABLE & 0xFFFFFFFFUL:
    case SCARD_E_UNKNOWN_READER & 0xFFFFFFFFUL:
    case SCARD_E_READER_UNAVAILABLE & 0xFFFFFFFFUL:
      return {Errc::unavailable, "the reader is not there any more"};
    case SCARD_E_NO_SMARTCARD & 0xFFFFFFFFUL:
    case SCARD_W_REMOVED_CARD & 0xFFFFFFFFUL:
      return {Errc::unavailable, "the card was removed"};
    case SCARD_W_RESET_CARD & 0xFFFFFFFFUL:
      return {Errc::unavailable, "the card was reset by its server or by another program"};
    case SCARD_E_NOT_TRANSACTED & 0xFFFFFFFFUL:
    case SCARD_F_COMM_ERROR & 0xFFFFFFFFUL:
      return {Errc::unavailable, "the card or its reader stopped answering in the middle of a command"};
    case SCARD_W_UNPOWERED_CARD & 0xFFFFFFFFUL:
    case SCARD_W_UNRESPONSIVE_CARD & 0xFFFFFFFFUL:
      return {Errc::unavailable, "the card does not answer"};
    case SCARD_E_SHARING_VIOLATION & 0xFFFFFFFFUL:
      return {Errc::unavailable, "another program is using the card; close it and try again"};
    case SCARD_E_PROTO_MISMATCH & 0xFFFFFFFFUL:
      return {Errc::unavailable, "the card does not offer protocol T=1"};
    default:
      return {Errc::unavailable, doing + ": " + pcsc_stringify_error(code)};
  }
}

}  // namespace cardea::cms
