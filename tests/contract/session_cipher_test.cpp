#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include "session_cipher_laws.h"

#include "cardea/test/session_cipher.h"

TEST_CASE("OpenSslSessionCipher keeps the laws of SessionCipher") {
  cardea::test::OpenSslSessionCipher cipher;
  cardea::test::session_cipher_laws(cipher);
}
