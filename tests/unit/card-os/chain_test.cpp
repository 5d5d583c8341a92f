#include "engine/chain.h"

#include <doctest/doctest.h>

#include "cardea/hex.h"
#include "cardea/test/print.h"

using namespace cardea;
using card::Chain;

namespace {

apdu::Command command(std::string_view hex) {
  return apdu::parse_command(from_hex(hex).value()).value();
}

}  // namespace

TEST_CASE("a chain joins the data of all its parts [ISO7816-4#5.3.3]") {
  Chain chain;
  REQUIRE(chain.add(command("10 DB 3F FF 02 0102")));
  REQUIRE(chain.add(command("10 DB 3F FF 01 03")));
  auto last = command("00 DB 3F FF 02 0405 00");
  REQUIRE(chain.finish(last));
  CHECK(last.data == from_hex("0102030405").value());
  CHECK(last.le == 256);

  auto next = command("00 DB 3F FF 01 09");
  REQUIRE(chain.finish(next));
  CHECK(next.data == from_hex("09").value());  // the chain has ended
}

TEST_CASE("a last part may have no data, and so may the others [ISO7816-4#5.3.3]") {
  Chain chain;
  REQUIRE(chain.add(command("10 87 07 9A")));
  REQUIRE(chain.add(command("10 87 07 9A 02 0102")));
  auto last = command("00 87 07 9A 00");
  REQUIRE(chain.finish(last));
  CHECK(last.data == from_hex("0102").value());
}

TEST_CASE("another header abandons the chain: INS, P1 and P2 all count [ISO7816-4#5.3.3]") {
  for (const auto* const other :
       {"00 CB 3F FF 01 09", "00 DB 3E FF 01 09", "00 DB 3F FE 01 09", "80 DB 3F FF 01 09"}) {
    CAPTURE(other);
    Chain chain;
    REQUIRE(chain.add(command("10 DB 3F FF 02 0102")));
    auto stranger = command(other);
    REQUIRE(chain.finish(stranger));
    CHECK(stranger.data == from_hex("09").value());
    auto late = command("00 DB 3F FF 01 0A");
    REQUIRE(chain.finish(late));
    CHECK(late.data == from_hex("0A").value());
  }
}

TEST_CASE("a part with another header begins a new chain [ISO7816-4#5.3.3]") {
  Chain chain;
  REQUIRE(chain.add(command("10 DB 3F FF 02 0102")));
  REQUIRE(chain.add(command("10 87 07 9A 01 03")));
  auto last = command("00 87 07 9A 01 04");
  REQUIRE(chain.finish(last));
  CHECK(last.data == from_hex("0304").value());
}

TEST_CASE("a chain holds 16 KiB and not one octet more: 6A84 [ISO7816-4#5.3.3]") {
  apdu::Command part = command("10 DB 3F FF");
  part.data.assign(Chain::kMaxSize, 0x55);
  apdu::Command last = command("00 DB 3F FF");

  SUBCASE("exactly") {
    Chain chain;
    REQUIRE(chain.add(part));
    REQUIRE(chain.finish(last));
    CHECK(last.data.size() == Chain::kMaxSize);
  }
  SUBCASE("too long at the end") {
    Chain chain;
    REQUIRE(chain.add(part));
    last.data.assign(1, 0x66);
    const auto result = chain.finish(last);
    REQUIRE_FALSE(result);
    CHECK(result.error() == apdu::sw::kNoMemory);
  }
  SUBCASE("too long in the middle; what was collected is gone") {
    Chain chain;
    REQUIRE(chain.add(part));
    auto more = command("10 DB 3F FF 01 66");
    const auto result = chain.add(more);
    REQUIRE_FALSE(result);
    CHECK(result.error() == apdu::sw::kNoMemory);
    last.data.assign(1, 0x77);
    REQUIRE(chain.finish(last));
    CHECK(last.data.size() == 1);
  }
}

TEST_CASE("the state of a chain tells header and data, and nothing when there is none") {
  Chain chain;
  Bytes before;
  chain.append_state(before);
  REQUIRE(chain.add(command("10 DB 3F FF")));
  Bytes begun;
  chain.append_state(begun);
  CHECK(before != begun);
  REQUIRE(chain.add(command("10 DB 3F FF 01 01")));
  Bytes more;
  chain.append_state(more);
  CHECK(begun != more);
  chain.clear();
  Bytes after;
  chain.append_state(after);
  CHECK(before == after);
}
