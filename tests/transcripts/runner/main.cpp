// cardea_transcripts [--verbose] [--seeds DIR] [FILE|DIR…]
//
// Plays transcripts (those of the source tree when none are named); prints one line for each that fails and
// the counts. Exit code 1 when any failed, 2 for usage.

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>

#include "cardea/apdu/response.h"
#include "player.h"

namespace {

namespace fs = std::filesystem;

struct Options {
  bool verbose = false;
  std::string seeds;
  std::vector<fs::path> files;
};

void collect(const fs::path& path, std::vector<fs::path>& files) {
  if (!fs::is_directory(path)) {
    files.push_back(path);
    return;
  }
  for (const auto& entry : fs::recursive_directory_iterator{path}) {
    if (entry.path().extension() == ".apdu") files.push_back(entry.path());
  }
}

std::string read_file(const fs::path& path) {
  std::ifstream in{path, std::ios::binary};
  if (!in) throw std::runtime_error{"cannot be read"};
  return {std::istreambuf_iterator<char>{in}, {}};
}

void write_file(const fs::path& path, cardea::BytesView octets) {
  fs::create_directories(path.parent_path());
  std::ofstream out{path, std::ios::binary};
  std::copy(octets.begin(), octets.end(), std::ostreambuf_iterator<char>{out});
}

/// One input for the whole card, and each command and each answer's data for the parsers.
void write_seeds(const fs::path& folder, const fs::path& file, const std::string& profile,
                 const cardea::transcript::Player& player) {
  const auto stem = file.parent_path().filename().string() + "-" + file.stem().string() + "-" + profile;
  write_file(folder / "card_fuzz" / stem, player.recording().octets());
  if (!player.secured().empty()) {
    // With encryption and response MACs, to the card manager and to PIV.
    for (const std::uint8_t how : {std::uint8_t{0x06}, std::uint8_t{0x07}}) {
      write_file(folder / "gp_card_fuzz" / (stem + "-" + std::to_string(how)),
                 cardea::concat({cardea::Bytes{how}, player.secured()}));
    }
  }
  int n = 0;
  for (const auto& command : player.recording().commands()) {
    write_file(folder / "command_fuzz" / (stem + "-" + std::to_string(n)), command);
    if (command.size() > 5) {
      write_file(folder / "tlv_fuzz" / (stem + "-c" + std::to_string(n)),
                 cardea::BytesView{command}.subspan(5));
    }
    ++n;
  }
  n = 0;
  for (const auto& answer : player.answers()) {
    write_file(folder / "response_fuzz" / (stem + "-" + std::to_string(n)), answer);
    if (answer.size() > 2) {
      write_file(folder / "tlv_fuzz" / (stem + "-r" + std::to_string(n)),
                 cardea::BytesView{answer}.first(answer.size() - 2));
    }
    ++n;
  }
}

bool parse(int argc, char** argv, Options& options) {
  for (int i = 1; i < argc; ++i) {
    const std::string word = argv[i];
    if (word == "--verbose") {
      options.verbose = true;
    } else if (word == "--seeds") {
      if (++i == argc) return false;
      options.seeds = argv[i];
    } else if (word.starts_with("--")) {
      return false;
    } else {
      collect(word, options.files);
    }
  }
  if (options.files.empty()) collect(CARDEA_TRANSCRIPTS, options.files);
  std::sort(options.files.begin(), options.files.end());
  return !options.files.empty();
}

/// Whether the transcript goes as written with this profile.
bool play(const Options& options, const fs::path& file, const std::string& text, const std::string& profile) {
  cardea::transcript::Player player{profile, file.parent_path().string()};
  if (options.verbose) player.set_trace([](const std::string& line) { std::cout << line << "\n"; });
  bool good = true;
  try {
    player.play(text);
  } catch (const std::exception& e) {
    good = false;
    std::cout << file.string() << ": " << profile << ", " << e.what() << "\n";
  }
  if (!options.seeds.empty()) write_seeds(options.seeds, file, profile, player);
  return good;
}

int run(const Options& options) {
  int passed = 0;
  int failed = 0;
  for (const auto& file : options.files) {
    const auto text = read_file(file);
    for (const auto& profile : cardea::transcript::profiles_of(text)) {
      (play(options, file, text, profile) ? passed : failed) += 1;
    }
  }
  std::cout << passed << " passed, " << failed << " failed\n";
  return failed == 0 ? 0 : 1;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    Options options;
    if (!parse(argc, argv, options)) {
      std::cerr << "usage: cardea_transcripts [--verbose] [--seeds DIR] [FILE|DIR...]\n";
      return 2;
    }
    return run(options);
  } catch (const std::exception& e) {
    std::cerr << "cardea_transcripts: " << e.what() << "\n";
    return 2;
  }
}
