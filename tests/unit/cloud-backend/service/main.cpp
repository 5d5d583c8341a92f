#define DOCTEST_CONFIG_IMPLEMENT_WITH_MAIN
#include <doctest/doctest.h>

#include "cardea/test/broken_pipe.h"

namespace {
const cardea::test::IgnoreBrokenPipe kIgnoreBrokenPipe;
}  // namespace
