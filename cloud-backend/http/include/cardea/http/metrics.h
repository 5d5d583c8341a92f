#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <shared_mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace cardea::http {

/// Counts up. Safe from any thread.
class Counter {
 public:
  void add(std::uint64_t n = 1) { value_.fetch_add(n, std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

/// Counters under one name, told apart by two labels. The values of labels must come from small, fixed sets.
class CounterFamily {
 public:
  CounterFamily(std::string first_label, std::string second_label)
      : labels_{std::move(first_label), std::move(second_label)} {}

  Counter& with(std::string_view first, std::string_view second);
  void write(std::string& out, const std::string& name) const;

 private:
  using Key = std::pair<std::string, std::string>;
  struct Less {
    using is_transparent = void;
    bool operator()(const auto& a, const auto& b) const {
      const int order = std::string_view{a.first}.compare(std::string_view{b.first});
      return order != 0 ? order < 0 : std::string_view{a.second} < std::string_view{b.second};
    }
  };

  std::array<std::string, 2> labels_;
  mutable std::shared_mutex mutex_;
  std::map<Key, std::unique_ptr<Counter>, Less> counters_;
};

/// How often something took how long, in buckets from 10 µs to 10 s.
class Histogram {
 public:
  void observe(std::chrono::nanoseconds took);
  void write(std::string& out, const std::string& name) const;

 private:
  static constexpr std::array<double, 13> kBounds{1e-5, 2e-5, 5e-5, 1e-4, 2e-4, 5e-4, 1e-3,
                                                  5e-3, 2e-2, 1e-1, 5e-1, 2.0,  10.0};

  std::array<std::atomic<std::uint64_t>, kBounds.size() + 1> buckets_{};
  std::atomic<std::uint64_t> nanoseconds_{0};
};

/// The numbers of one process in Prometheus' text format (0.0.4). Debian has no C++ client library for
/// Prometheus; what is needed of one is this.
class Metrics {
 public:
  // What is added lives as long as the registry. `name` follows Prometheus' rules; `help` is one line.
  Counter& counter(std::string name, std::string help);
  CounterFamily& family(std::string name, std::string help, std::string first_label,
                        std::string second_label);
  Histogram& histogram(std::string name, std::string help);
  /// A value that is asked for when the text is made. `kind`: "gauge" or "counter".
  void value(std::string name, std::string help, const char* kind, std::function<double()> read);
  /// The same with a label, of which each value has a line. None where it cannot be read.
  using Values = std::vector<std::pair<std::string, double>>;
  void values(std::string name, std::string help, const char* kind, std::string label,
              std::function<Values()> read);

  [[nodiscard]] std::string text() const;

 private:
  struct Entry {
    std::string name;
    std::string help;
    const char* kind;
    std::function<void(std::string&, const std::string&)> write;
  };

  void add(std::string name, std::string help, const char* kind,
           std::function<void(std::string&, const std::string&)> write);

  mutable std::mutex mutex_;
  std::vector<Entry> entries_;
};

}  // namespace cardea::http
