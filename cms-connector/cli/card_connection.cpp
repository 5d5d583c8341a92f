#include "card_connection.h"

#include <iostream>

#include "interrupt.h"

namespace cardea::cms::cli {

Outcome<Connected> connect(const Options& options, const std::string& reader) {
  WaitOptions wait;
  wait.deadline = std::chrono::seconds{options.wait_seconds};
  wait.tell = [](const std::string& sentence) { std::cerr << sentence << "\n"; };
  wait.interrupted = &interrupted;
  auto connected = connect_card(reader, wait);
  if (!connected) return tl::unexpected{Failure{Exit::no_card, connected.error().what}};
  return *std::move(connected);
}

}  // namespace cardea::cms::cli
