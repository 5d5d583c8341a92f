// Sends requests over one connection of this system's connector, and prints what came of each.
//   https_probe HOST PORT CA TIMEOUT_MS (METHOD PATH BODY)…
// CA "-" is the system's trust store. A PATH "pause" waits for a line on standard input instead. One line
// each:
//   200 text/plain ok        or        error 4 sentence
#include <cstdlib>
#include <iostream>
#include <string>

#include "cardea/api/http.h"

namespace {

using namespace cardea;

constexpr int kFixed = 5;

void print(const Result<api::HttpReply>& reply) {
  if (reply) {
    std::cout << reply->status << ' ' << reply->content_type << ' ' << reply->body << '\n';
  } else {
    std::cout << "error " << static_cast<int>(reply.error().code) << ' ' << reply.error().what << '\n';
  }
  std::cout.flush();
}

}  // namespace

int main(int argc, char** argv) {
  const std::vector<std::string> words{argv, argv + argc};
  if (words.size() < kFixed) return 2;
  const api::ServerAddress address{words[1],
                                   static_cast<std::uint16_t>(std::stoi(words[2])),
                                   words[3] == "-" ? std::string{} : words[3],
                                   std::chrono::milliseconds{std::stoi(words[4])},
                                   {}};
  const auto connector = api::make_system_connector();
  const auto connection = connector->connect(address);
  for (std::size_t i = kFixed; i + 2 < words.size(); i += 3) {
    if (words[i + 1] == "pause") {
      std::string line;
      std::getline(std::cin, line);
      continue;
    }
    print(connection->send(
        {words[i], words[i + 1], {{"X-Test", "1"}}, words[i + 2].empty() ? "" : "text/plain", words[i + 2]}));
  }
  return 0;
}
