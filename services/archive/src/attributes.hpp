// The attributes of a patient, study, series or instance that the index holds, packed: UTF-8 values by ascending tag,
// sequences as nested lists of the same.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "aceso/contracts/objects.hpp"
#include "aceso/dicom/dataset.hpp"
#include "aceso/dicom/tag.hpp"

namespace aceso::archive {

using contracts::QueryLevel;

// What the index holds of each level, ascending; nullopt for an attribute it does not hold.
std::span<const dicom::Tag> indexed_tags(QueryLevel level) noexcept;
std::optional<QueryLevel> level_of(dicom::Tag tag) noexcept;
// Attributes that are counted or gathered over children when asked: ModalitiesInStudy, numbers of related instances...
bool is_computed(dicom::Tag tag) noexcept;

class Attributes {
 public:
  static constexpr std::size_t kMaxValue = 4096;  // bytes of one value; longer ones are cut at a character

  Attributes() = default;
  // From the object's data set; missing attributes are left out, empty ones are kept as "".
  static Attributes pick(const dicom::Dataset& dataset, QueryLevel level);
  // Of bytes(); what is malformed is left out.
  static Attributes from_bytes(std::string_view bytes);
  const std::string& bytes() const noexcept { return packed_; }

  // Several values are separated by backslashes. nullopt: not there. Of a sequence "".
  std::optional<std::string_view> find(dicom::Tag tag) const noexcept;
  std::string_view value(dicom::Tag tag) const noexcept { return find(tag).value_or(std::string_view{}); }
  std::vector<Attributes> items(dicom::Tag tag) const;

  struct Field {
    dicom::Tag tag;
    bool sequence = false;
    std::string_view value;  // of a sequence its packed items
  };
  // In ascending order, until it returns false.
  void each(const std::function<bool(const Field&)>& visit) const;

  // Takes from `other` what is missing or empty here.
  void fill_from(const Attributes& other);
  // As elements of a data set in UTF-8.
  void copy_to(dicom::Dataset& out) const;
  static void copy_to(dicom::Dataset& out, const Field& field);

 private:
  void add(dicom::Tag tag, bool sequence, std::string_view value);
  static void pick_element(const dicom::Dataset& dataset, dicom::Tag tag, Attributes& out, int depth);
  std::string packed_;
};

}  // namespace aceso::archive
