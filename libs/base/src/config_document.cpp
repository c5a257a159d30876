#include "config_document.hpp"

#include <charconv>
#include <cmath>
#include <nlohmann/json.hpp>
#include <string_view>
#include <system_error>

#include "aceso/base/json.hpp"
#include "aceso/base/text.hpp"

namespace aceso::detail {
namespace {

constexpr std::size_t kDepth = 16;
constexpr std::size_t kValues = 10'000;  // aliases may repeat what stands in the file once

template <class T>
bool is_whole(std::string_view text, T& value) {
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size();
}

Json plain_scalar(const std::string& text) {
  std::int64_t whole = 0;
  double number = 0;
  if (text.empty() || text == "~" || text == "null") return nullptr;
  if (text == "true" || text == "false") return text == "true";
  if (is_whole(text, whole)) return whole;
  if (text.find_first_not_of("+-.0123456789eE") == std::string::npos && is_whole(text, number) && std::isfinite(number))
    return number;
  return text;
}

Status convert(const YAML::Node& value, std::size_t depth, std::size_t& values, Json& out) {
  if (depth > kDepth || ++values > kValues) return Error{Code::invalid, "is too deep or too large"};
  if (value.IsScalar()) {
    if (!is_valid_utf8(value.Scalar())) return Error{Code::invalid, "is not UTF-8"};
    out = value.Tag() == "!" ? Json(value.Scalar()) : plain_scalar(value.Scalar());  // "!": it is quoted
  } else if (value.IsSequence()) {
    out = Json::array();
    for (const auto& item : value) ACESO_TRY_OK(convert(item, depth + 1, values, out.emplace_back()));
  } else if (value.IsMap()) {
    out = Json::object();
    for (const auto& member : value) {
      if (!member.first.IsScalar() || !is_valid_utf8(member.first.Scalar()))
        return Error{Code::invalid, "holds a key that is not a text"};
      if (out.contains(member.first.Scalar())) return Error{Code::invalid, "holds a key twice"};
      ACESO_TRY_OK(convert(member.second, depth + 1, values, out[member.first.Scalar()]));
    }
  } else {
    out = nullptr;
  }
  return {};
}

}  // namespace

Result<std::string> json_of_yaml(const YAML::Node& value) {
  Json out;
  std::size_t values = 0;
  ACESO_TRY_OK(convert(value, 0, values, out));
  return dump_json(out);
}

}  // namespace aceso::detail
