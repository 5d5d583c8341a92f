#include "cardea/http/metrics.h"

#include <fmt/format.h>

namespace cardea::http {

Counter& CounterFamily::with(std::string_view first, std::string_view second) {
  const std::pair key{first, second};
  {
    const std::shared_lock lock{mutex_};
    if (const auto at = counters_.find(key); at != counters_.end()) return *at->second;
  }
  const std::unique_lock lock{mutex_};
  auto& slot = counters_[{std::string{first}, std::string{second}}];
  if (!slot) slot = std::make_unique<Counter>();
  return *slot;
}

void CounterFamily::write(std::string& out, const std::string& name) const {
  const std::shared_lock lock{mutex_};
  for (const auto& [key, counter] : counters_) {
    out += fmt::format("{}{{{}=\"{}\",{}=\"{}\"}} {}\n", name, labels_[0], key.first, labels_[1], key.second,
                       counter->value());
  }
}

void Histogram::observe(std::chrono::nanoseconds took) {
  const double seconds = std::chrono::duration<double>(took).count();
  std::size_t i = 0;
  while (i < kBounds.size() && seconds > kBounds[i])
    ++i;
  buckets_[i].fetch_add(1, std::memory_order_relaxed);
  nanoseconds_.fetch_add(static_cast<std::uint64_t>(took.count()), std::memory_order_relaxed);
}

void Histogram::write(std::string& out, const std::string& name) const {
  std::uint64_t total = 0;
  for (std::size_t i = 0; i < kBounds.size(); ++i) {
    total += buckets_[i].load(std::memory_order_relaxed);
    out += fmt::format("{}_bucket{{le=\"{}\"}} {}\n", name, kBounds[i], total);
  }
  total += buckets_.back().load(std::memory_order_relaxed);
  out += fmt::format("{0}_bucket{{le=\"+Inf\"}} {1}\n{0}_sum {2}\n{0}_count {1}\n", name, total,
                     static_cast<double>(nanoseconds_.load(std::memory_order_relaxed)) / 1e9);
}

void Metrics::add(std::string name, std::string help, const char* kind,
                  std::function<void(std::string&, const std::string&)> write) {
  const std::lock_guard lock{mutex_};
  entries_.push_back({std::move(name), std::move(help), kind, std::move(write)});
}

Counter& Metrics::counter(std::string name, std::string help) {
  auto counter = std::make_shared<Counter>();
  add(std::move(name), std::move(help), "counter", [counter](std::string& out, const std::string& n) {
    out += fmt::format("{} {}\n", n, counter->value());
  });
  return *counter;
}

CounterFamily& Metrics::family(std::string name, std::string help, std::string first_label,
                               std::string second_label) {
  auto family = std::make_shared<CounterFamily>(std::move(first_label), std::move(second_label));
  add(std::move(name), std::move(help), "counter",
      [family](std::string& out, const std::string& n) { family->write(out, n); });
  return *family;
}

Histogram& Metrics::histogram(std::string name, std::string help) {
  auto histogram = std::make_shared<Histogram>();
  add(std::move(name), std::move(help), "histogram",
      [histogram](std::string& out, const std::string& n) { histogram->write(out, n); });
  return *histogram;
}

void Metrics::value(std::string name, std::string help, const char* kind, std::function<double()> read) {
  add(std::move(name), std::move(help), kind,
      [read = std::move(read)](std::string& out, const std::string& n) {
        out += fmt::format("{} {}\n", n, read());
      });
}

void Metrics::values(std::string name, std::string help, const char* kind, std::string label,
                     std::function<Values()> read) {
  add(std::move(name), std::move(help), kind,
      [label = std::move(label), read = std::move(read)](std::string& out, const std::string& n) {
        for (const auto& [which, value] : read())
          out += fmt::format("{}{{{}=\"{}\"}} {}\n", n, label, which, value);
      });
}

std::string Metrics::text() const {
  std::string out;
  const std::lock_guard lock{mutex_};
  for (const auto& entry : entries_) {
    out += fmt::format("# HELP {} {}\n# TYPE {} {}\n", entry.name, entry.help, entry.name, entry.kind);
    entry.write(out, entry.name);
  }
  return out;
}

}  // namespace cardea::http
