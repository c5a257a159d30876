#include <charconv>
#include <cmath>
#include <limits>

#include "aceso/store/catalogue.hpp"

namespace aceso::store {
namespace {

template <class T>
T parse_or_zero(const std::string& text) {
  T value{};
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size() ? value : T{};
}

std::int64_t truncate(double value) {
  constexpr double kLimit = 9223372036854775808.0;  // 2^63
  if (std::isnan(value)) return 0;
  if (value >= kLimit) return std::numeric_limits<std::int64_t>::max();
  if (value < -kLimit) return std::numeric_limits<std::int64_t>::min();
  return static_cast<std::int64_t>(value);
}

std::string shortest(double value) {
  char buffer[32];
  const auto [end, error] = std::to_chars(buffer, buffer + sizeof buffer, value);
  return error == std::errc{} ? std::string{buffer, end} : std::string{};
}

}  // namespace

std::int64_t Row::integer(std::size_t i) const {
  const SqlValue& v = values_.at(i);
  if (const auto* integer = std::get_if<std::int64_t>(&v)) return *integer;
  if (const auto* number = std::get_if<double>(&v)) return truncate(*number);
  if (const auto* text = std::get_if<std::string>(&v)) return parse_or_zero<std::int64_t>(*text);
  return 0;
}

double Row::number(std::size_t i) const {
  const SqlValue& v = values_.at(i);
  if (const auto* number = std::get_if<double>(&v)) return *number;
  if (const auto* integer = std::get_if<std::int64_t>(&v)) return static_cast<double>(*integer);
  if (const auto* text = std::get_if<std::string>(&v)) return parse_or_zero<double>(*text);
  return 0;
}

std::string Row::text(std::size_t i) const {
  const SqlValue& v = values_.at(i);
  if (const auto* text = std::get_if<std::string>(&v)) return *text;
  if (const auto* integer = std::get_if<std::int64_t>(&v)) return std::to_string(*integer);
  if (const auto* number = std::get_if<double>(&v)) return shortest(*number);
  if (const auto* blob = std::get_if<Blob>(&v)) {
    return {reinterpret_cast<const char*>(blob->data()), blob->size()};
  }
  return {};
}

Blob Row::blob(std::size_t i) const {
  const SqlValue& v = values_.at(i);
  if (const auto* blob = std::get_if<Blob>(&v)) return *blob;
  if (const auto* text = std::get_if<std::string>(&v)) {
    const auto* data = reinterpret_cast<const std::byte*>(text->data());
    return {data, data + text->size()};
  }
  return {};
}

Status Catalogue::execute(std::string_view sql, const SqlArgs& args) {
  return write([&](Transaction& tx) -> Status {
    ACESO_TRY([[maybe_unused]] const std::int64_t changed, tx.execute(sql, args));
    return {};
  });
}

}  // namespace aceso::store
