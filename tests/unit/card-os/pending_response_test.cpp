#include "engine/pending_response.h"

#include <doctest/doctest.h>

#include "cardea/hex.h"
#include "cardea/test/print.h"

using namespace cardea;
using card::PendingResponse;

namespace {

Bytes data(std::size_t size) {
  return Bytes(size, 0xA5);
}

std::string trailer(const Bytes& response) {
  return to_hex(BytesView{response}.last(2));
}

}  // namespace

TEST_CASE("what fits goes at once with 9000") {
  PendingResponse pending;
  CHECK(pending.begin(from_hex("0102").value(), 2) == from_hex("01029000").value());
  CHECK(pending.empty());
  CHECK(pending.begin({}, 256) == from_hex("9000").value());
}

TEST_CASE("61XX counts what remains, and 00 stands for 256 or more [ISO7816-4#5.3.4]") {
  PendingResponse pending;
  CHECK(trailer(pending.begin(data(257), 256)) == "6101");
  CHECK(trailer(pending.begin(data(511), 256)) == "61FF");
  CHECK(trailer(pending.begin(data(512), 256)) == "6100");
  CHECK(trailer(pending.begin(data(5000), 256)) == "6100");
}

TEST_CASE("pieces come in order until nothing is left [ISO7816-4#5.3.4]") {
  PendingResponse pending;
  CHECK(pending.begin(from_hex("0102030405").value(), 2) == from_hex("01026103").value());
  CHECK(pending.next(1) == from_hex("036102").value());
  CHECK_FALSE(pending.empty());
  CHECK(pending.next(256) == from_hex("04059000").value());
  CHECK(pending.empty());
}

TEST_CASE("the state of a pending response is what is still to come") {
  PendingResponse a;
  PendingResponse b;
  (void)a.begin(from_hex("01020304").value(), 2);
  (void)b.begin(from_hex("09080304").value(), 2);
  Bytes state_a;
  Bytes state_b;
  a.append_state(state_a);
  b.append_state(state_b);
  CHECK(state_a == state_b);
  (void)b.next(1);
  Bytes later;
  b.append_state(later);
  CHECK(state_a != later);
}
