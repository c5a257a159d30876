// What an Element holds beside its value.
#pragma once

#include <vector>

#include "aceso/dicom/dataset.hpp"

namespace aceso::dicom {

struct Element::Nested {
  std::vector<Dataset> items;
  std::vector<Fragment> fragments;
  std::vector<std::uint64_t> basic_offsets;
};

std::string_view trim_value(std::string_view text, bool both_ends) noexcept;
std::optional<double> parse_decimal(std::string_view text) noexcept;
std::string shortest(double value);        // as short as reads back the same
std::string decimal_string(double value);  // DS: at most 16 characters

}  // namespace aceso::dicom
