// Round trips of SCardTransmit, as an application sees them: minimum, median and maximum over many.
#include <winscard.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

#include "cardea/hex.h"

namespace {

using Clock = std::chrono::steady_clock;

[[noreturn]] void stop(const char* call, LONG code) {
  std::fprintf(stderr, "%s: 0x%08lX\n", call, static_cast<unsigned long>(code) & 0xFFFFFFFFUL);
  std::exit(1);
}

void check(const char* call, LONG code) {
  if (code != SCARD_S_SUCCESS) stop(call, code);
}

/// Waits, by events, until the reader is there and has a card.
void wait_for_card(SCARDCONTEXT context, const std::string& reader) {
  SCARD_READERSTATE state{};
  state.szReader = reader.c_str();
  const auto end = Clock::now() + std::chrono::seconds{20};
  while (Clock::now() < end) {
    const auto code = SCardGetStatusChange(context, 1000, &state, 1);
    if (code == SCARD_S_SUCCESS && (state.dwEventState & SCARD_STATE_PRESENT) != 0) return;
    if (code != SCARD_S_SUCCESS && code != SCARD_E_TIMEOUT && code != SCARD_E_UNKNOWN_READER) {
      stop("SCardGetStatusChange", code);
    }
    state.dwCurrentState = state.dwEventState & ~static_cast<DWORD>(SCARD_STATE_CHANGED);
  }
  stop("waiting for a card", SCARD_E_NO_SMARTCARD);
}

}  // namespace

int main(int argc, char** argv) {
  std::string reader;
  std::string text;
  unsigned count = 1000;
  bool json = false;
  CLI::App app{"Measures SCardTransmit"};
  app.add_option("--reader", reader)->required();
  app.add_option("--apdu", text)->required();
  app.add_option("--count", count)->check(CLI::Range(1U, 10'000'000U));
  app.add_flag("--json", json);
  CLI11_PARSE(app, argc, argv);
  const auto apdu = cardea::from_hex(text);
  if (!apdu) {
    std::fprintf(stderr, "--apdu: not hexadecimal\n");
    return 2;
  }

  SCARDCONTEXT context{};
  check("SCardEstablishContext", SCardEstablishContext(SCARD_SCOPE_SYSTEM, nullptr, nullptr, &context));
  wait_for_card(context, reader);
  SCARDHANDLE card{};
  DWORD protocol = 0;
  check("SCardConnect",
        SCardConnect(context, reader.c_str(), SCARD_SHARE_SHARED, SCARD_PROTOCOL_T1, &card, &protocol));

  std::array<std::uint8_t, MAX_BUFFER_SIZE_EXTENDED> answer{};
  const auto once = [&] {
    DWORD length = answer.size();
    check("SCardTransmit",
          SCardTransmit(card, SCARD_PCI_T1, apdu->data(), apdu->size(), nullptr, answer.data(), &length));
    if (length < 2 || (answer[length - 2] != 0x90 && answer[length - 2] != 0x61)) {
      std::fprintf(stderr, "the card refuses the command\n");
      std::exit(1);
    }
  };
  for (unsigned i = 0; i < std::min(count, 20U); ++i)
    once();  // connections, caches, clock speed

  std::vector<double> took;
  took.reserve(count);
  for (unsigned i = 0; i < count; ++i) {
    const auto began = Clock::now();
    once();
    took.push_back(std::chrono::duration<double, std::micro>(Clock::now() - began).count());
  }
  std::sort(took.begin(), took.end());
  SCardDisconnect(card, SCARD_LEAVE_CARD);
  SCardReleaseContext(context);
  const char* form = json ? "{\"count\": %u, \"min_us\": %.2f, \"median_us\": %.2f, \"max_us\": %.2f}\n"
                          : "%u round trips: min %.2f us, median %.2f us, max %.2f us\n";
  std::printf(form, count, took.front(), took[took.size() / 2], took.back());
  return 0;
}
