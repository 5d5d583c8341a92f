#include <winscard.h>

#include <array>
#include <cstdio>

// The words of pcsc-lite's pcsc_stringify_error, which programs print and scripts look for: a part of its
// interface, as the values are.

namespace {

struct Word {
  unsigned long value;
  const char* text;
};

constexpr Word kWords[] = {
    {0x00000000, "Command successful."},      {0x80100001, "Internal error."},
    {0x80100002, "Command cancelled."},       {0x80100003, "Invalid handle."},
    {0x80100004, "Invalid parameter given."}, {0x80100005, "Invalid target given."},
    {0x80100006, "Not enough memory."},       {0x80100007, "Waited too long."},
    {0x80100008, "Insufficient buffer."},     {0x80100009, "Unknown reader specified."},
    {0x8010000A, "Command timeout."},         {0x8010000B, "Sharing violation."},
    {0x8010000C, "No smart card inserted."},  {0x8010000D, "Unknown card."},
    {0x8010000E, "Cannot dispose handle."},   {0x8010000F, "Card protocol mismatch."},
    {0x80100010, "Subsystem not ready."},     {0x80100011, "Invalid value given."},
    {0x80100012, "System cancelled."},        {0x80100013, "RPC transport error."},
    {0x80100014, "Unknown error."},           {0x80100015, "Invalid ATR."},
    {0x80100016, "Transaction failed."},      {0x80100017, "Reader is unavailable."},
    {0x80100019, "PCI struct too small."},    {0x8010001A, "Reader is unsupported."},
    {0x8010001B, "Reader already exists."},   {0x8010001C, "Card is unsupported."},
    {0x8010001D, "Service not available."},   {0x8010001E, "Service was stopped."},
    {0x8010001F, "Feature not supported."},   {0x8010002E, "Cannot find a smart card reader."},
    {0x80100065, "Card is not supported."},   {0x80100066, "Card is unresponsive."},
    {0x80100067, "Card is unpowered."},       {0x80100068, "Card was reset."},
    {0x80100069, "Card was removed."},        {0x8010006A, "Access denied."},
};

}  // namespace

extern "C" const char* pcsc_stringify_error(const LONG error) {
  const auto value = static_cast<unsigned long>(error);
  // Good until the thread's next call, as there.
  static thread_local std::array<char, 75> text{};
  (void)std::snprintf(text.data(), text.size(), "Unknown error: 0x%08lX", value);
  for (const auto& word : kWords) {
    if (word.value == value) (void)std::snprintf(text.data(), text.size(), "%s", word.text);
  }
  return text.data();
}
