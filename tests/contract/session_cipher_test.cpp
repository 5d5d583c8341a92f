#include "session_cipher_laws.h"

#include "cardea/service/world.h"
#include "cardea/test/session_cipher.h"

TEST_CASE("OpenSslSessionCipher keeps the laws of SessionCipher") {
  cardea::test::OpenSslSessionCipher cipher;
  cardea::test::session_cipher_laws(cipher);
}

TEST_CASE("the server's cipher keeps the laws of SessionCipher") {
  const auto cipher = cardea::service::make_session_cipher();
  cardea::test::session_cipher_laws(*cipher);
}
