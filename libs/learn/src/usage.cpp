#include "usage.hpp"

#include <sys/resource.h>

#include <charconv>
#include <chrono>
#include <optional>

#include "aceso/base/file.hpp"

namespace aceso::learn {
namespace {

rusage usage_now() {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return usage;
}

double cpu_seconds() {
  const rusage usage = usage_now();
  const auto seconds = [](const timeval& t) {
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_usec) * 1e-6;
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

std::optional<double> number_in(const std::filesystem::path& file) {
  const Result<std::string> text = read_text_file(file, 64);
  double value = 0;
  if (!text || std::from_chars(text->data(), text->data() + text->size(), value).ec != std::errc{}) return std::nullopt;
  return value;
}

}  // namespace

// Linux powercap: intel-rapl:N is a processor package (AMD's as well), intel-rapl:N:M a part of one.
UsageMeter::UsageMeter(const Clock& clock, const std::filesystem::path& powercap)
    : clock_{clock}, begun_{clock.steady_now()}, cpu_begun_{cpu_seconds()} {
  std::error_code ec;
  for (const auto& entry : std::filesystem::directory_iterator{powercap, ec}) {
    const std::string name = entry.path().filename().string();
    if (!name.starts_with("intel-rapl:") || name.find(':', 11) != std::string::npos) continue;
    const auto now = number_in(entry.path() / "energy_uj");
    if (now)
      counters_.push_back(
          {entry.path() / "energy_uj", *now, number_in(entry.path() / "max_energy_range_uj").value_or(0)});
  }
}

void UsageMeter::sample() {
  for (Counter& counter : counters_) {
    const auto now = number_in(counter.file);
    if (!now) continue;
    energy_uj_ += *now - counter.last_uj + (*now < counter.last_uj ? counter.range_uj : 0);
    counter.last_uj = *now;
  }
}

Usage UsageMeter::since_start() const {
  Usage usage;
  usage.seconds = std::chrono::duration<double>(clock_.steady_now() - begun_).count();
  usage.cpu_seconds = cpu_seconds() - cpu_begun_;
  if (!counters_.empty()) usage.energy_joules = energy_uj_ * 1e-6;
  usage.peak_rss_bytes = static_cast<std::uint64_t>(usage_now().ru_maxrss) * 1024;
  return usage;
}

std::uint64_t minor_faults() {
  return static_cast<std::uint64_t>(usage_now().ru_minflt);
}

}  // namespace aceso::learn
