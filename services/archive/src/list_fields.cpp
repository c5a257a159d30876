#include "list_fields.hpp"

#include <nlohmann/json.hpp>
#include <utility>

namespace aceso::archive {
namespace {

constexpr std::size_t kMaxFieldText = 256;
constexpr std::size_t kMaxList = 40;

}  // namespace

std::string lower_ascii(std::string_view text) {
  std::string out{text};
  for (char& c : out) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return out;
}

std::string padded(std::uint64_t value) {
  const std::string digits = std::to_string(value);
  return std::string(20 - digits.size(), '0') + digits;
}

Result<std::string> text_field(const Json& value, const std::string& name) {
  if (!value.is_string()) return Error{Code::invalid, name + " must be text"};
  auto text = value.get<std::string>();
  if (text.size() > kMaxFieldText) return Error{Code::invalid, name + " is longer than 256 bytes"};
  const auto first = text.find_first_not_of(' ');
  if (first == std::string::npos) return std::string{};
  return text.substr(first, text.find_last_not_of(' ') - first + 1);
}

Result<std::size_t> count_field(const Json& value, const std::string& name, std::size_t min, std::size_t max) {
  if (!value.is_number_unsigned() || value.get<std::uint64_t>() < min || value.get<std::uint64_t>() > max)
    return Error{Code::invalid, name + " must be " + std::to_string(min) + " to " + std::to_string(max)};
  return value.get<std::size_t>();
}

Result<bool> page_field(const Json& value, const std::string& name, std::size_t most, bool& ascending,
                        std::size_t& offset, std::size_t& limit) {
  if (name == "ascending") {
    if (!value.is_boolean()) return Error{Code::invalid, "ascending must be true or false"};
    ascending = value.get<bool>();
  } else if (name == "offset") {
    ACESO_TRY(offset, count_field(value, name, 0, 100'000'000));
  } else if (name == "limit") {
    ACESO_TRY(limit, count_field(value, name, 1, most));
  } else {
    return false;
  }
  return true;
}

Result<std::vector<std::string>> list_field(const Json& value, const std::string& name) {
  if (!value.is_array() || value.size() > kMaxList)
    return Error{Code::invalid, name + " must be a list of at most " + std::to_string(kMaxList)};
  std::vector<std::string> out;
  for (const auto& one : value) {
    ACESO_TRY(auto text, text_field(one, name));
    if (!text.empty()) out.push_back(std::move(text));
  }
  return out;
}

}  // namespace aceso::archive
