#include "cardea/signer/gate.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>

namespace cardea::signer {

namespace {

void lock(int descriptor, int how) {
  if (descriptor < 0) return;
  while (::flock(descriptor, how) != 0 && errno == EINTR) {
  }
}

int open_lock(const std::string& path) {
  return ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
}

}  // namespace

Gate Gate::of_environment() {
  const char* configuration = std::getenv("SOFTHSM2_CONF");  // NOLINT(concurrency-mt-unsafe): one thread
  return Gate{configuration == nullptr ? std::string{} : std::string{configuration}};
}

Gate::Gate(const std::string& configuration) {
  if (configuration.empty()) return;
  turnstile_ = open_lock(configuration + ".turnstile");
  room_ = open_lock(configuration + ".room");
}

Gate::~Gate() {
  if (turnstile_ >= 0) ::close(turnstile_);
  if (room_ >= 0) ::close(room_);
}

void Gate::enter_alone() const {
  lock(turnstile_, LOCK_EX);
  lock(room_, LOCK_EX);
}

void Gate::enter() const {
  lock(turnstile_, LOCK_SH);
  lock(room_, LOCK_SH);
  lock(turnstile_, LOCK_UN);
}

void Gate::leave() const {
  lock(room_, LOCK_UN);
  lock(turnstile_, LOCK_UN);
}

}  // namespace cardea::signer
