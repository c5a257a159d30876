#include "metrics.hpp"

#include <algorithm>
#include <charconv>

namespace aceso::portal {
namespace {

std::string number(double value) {
  std::array<char, 32> buffer{};
  const auto end = std::to_chars(buffer.data(), buffer.data() + buffer.size(), value).ptr;
  return {buffer.data(), end};
}

void metric(std::string& out, std::string_view name, std::string_view type, std::string_view help) {
  out.append("# HELP ").append(name).append(" ").append(help).append("\n");
  out.append("# TYPE ").append(name).append(" ").append(type).append("\n");
}

}  // namespace

void Metrics::observe(net::Method method, std::string_view pattern, int status, double seconds) {
  const auto at = std::ranges::lower_bound(kBounds, seconds) - kBounds.begin();
  const std::lock_guard lock{mutex_};
  auto& series = series_[Key{std::string{pattern}, std::string{net::to_string(method)}, status / 100}];
  series.buckets.at(static_cast<std::size_t>(at)) += 1;
  series.sum += seconds;
  series.count += 1;
}

std::string Metrics::text(std::int64_t sessions) const {
  std::string out;
  metric(out, "aceso_http_request_duration_seconds", "histogram", "From the request's headers to the answer's.");
  {
    const std::lock_guard lock{mutex_};
    for (const auto& [key, series] : series_) {
      const auto& [pattern, method, status] = key;
      const std::string labels =
          "route=\"" + pattern + "\",method=\"" + method + "\",status=\"" + std::to_string(status) + "xx\"";
      std::uint64_t below = 0;
      for (std::size_t i = 0; i < kBounds.size(); ++i) {
        below += series.buckets.at(i);
        out += "aceso_http_request_duration_seconds_bucket{" + labels + ",le=\"" + number(kBounds.at(i)) + "\"} " +
               std::to_string(below) + "\n";
      }
      out += "aceso_http_request_duration_seconds_bucket{" + labels + ",le=\"+Inf\"} " + std::to_string(series.count) +
             "\n";
      out += "aceso_http_request_duration_seconds_sum{" + labels + "} " + number(series.sum) + "\n";
      out += "aceso_http_request_duration_seconds_count{" + labels + "} " + std::to_string(series.count) + "\n";
    }
  }
  metric(out, "aceso_sessions", "gauge", "Sessions that can be used now.");
  out += "aceso_sessions " + std::to_string(sessions) + "\n";
  metric(out, "aceso_login_failures_total", "counter", "Sign-ins refused for a wrong name, password or code.");
  out += "aceso_login_failures_total " + std::to_string(login_failures_.load()) + "\n";
  metric(out, "aceso_login_throttled_total", "counter", "Sign-ins refused because there were too many.");
  out += "aceso_login_throttled_total " + std::to_string(login_throttled_.load()) + "\n";
  return out;
}

}  // namespace aceso::portal
