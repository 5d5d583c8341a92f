#include "cardea/test/broken_pipe.h"

namespace {
const cardea::test::IgnoreBrokenPipe kIgnoreBrokenPipe;
}  // namespace
