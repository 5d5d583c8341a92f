#include <algorithm>
#include <cstdlib>

#include "cardea/cms/ca/files.h"
#include "cardea/cms/perso/state.h"

namespace cardea::cms::perso {

namespace fs = std::filesystem;

Result<void> StateFile::save(const State& state) {
  std::error_code problem;
  if (path_.has_parent_path()) fs::create_directories(path_.parent_path(), problem);
  if (problem)
    return fail(Errc::unavailable, "cannot make " + path_.parent_path().string() + ": " + problem.message());
  return ca::replace_file(path_, to_text(state), 0600);
}

Result<State> StateFile::load() const {
  CARDEA_TRY(const auto text, ca::read_file(path_));
  auto state = parse_state(text);
  if (!state) return fail(state.error().code, path_.string() + ": " + state.error().what);
  return state;
}

fs::path state_directory() {
  const auto variable = [](const char* name) {
    const char* value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): nothing here sets variables
    return fs::path{value == nullptr ? "" : value};
  };
  const fs::path base = variable("XDG_STATE_HOME");
  return (base.empty() ? variable("HOME") / ".local" / "state" : base) / "cardea-cms";
}

std::vector<fs::path> unfinished_states(const fs::path& directory) {
  std::vector<fs::path> out;
  std::error_code problem;
  for (fs::directory_iterator it{directory, problem}, end; !problem && it != end; it.increment(problem)) {
    if (it->path().extension() != ".json") continue;
    const auto state = StateFile{it->path()}.load();
    if (state && !state->finished && !state->rolled_back) out.push_back(it->path());
  }
  std::sort(out.begin(), out.end());
  return out;
}

}  // namespace cardea::cms::perso
