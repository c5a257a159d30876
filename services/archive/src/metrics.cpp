#include "metrics.hpp"

#include <charconv>

namespace aceso::archive {
namespace {

std::string number(double value) {
  std::array<char, 32> buffer{};
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value).ptr;
  return {buffer.data(), end};
}

}  // namespace

void Histogram::write(std::string& out, std::string_view name, std::string_view help) const {
  const std::string n{name};
  out += "# HELP " + n + " " + std::string{help} + "\n# TYPE " + n + " histogram\n";
  std::uint64_t below = 0;
  for (std::size_t i = 0; i < kSeconds.size(); ++i) {
    below += buckets_.at(i).load(std::memory_order_relaxed);
    out += n + "_bucket{le=\"" + number(kSeconds.at(i)) + "\"} " + std::to_string(below) + "\n";
  }
  below += buckets_.back().load(std::memory_order_relaxed);
  out += n + "_bucket{le=\"+Inf\"} " + std::to_string(below) + "\n";
  out += n + "_sum " + number(static_cast<double>(micros_.load(std::memory_order_relaxed)) * 1e-6) + "\n";
  out += n + "_count " + std::to_string(below) + "\n";
}

}  // namespace aceso::archive
