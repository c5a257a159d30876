#include "aceso/dicom/dictionary.hpp"

#include <algorithm>
#include <array>
#include <iterator>
#include <utility>
#include <vector>

namespace aceso::dicom {
namespace {

constexpr Attribute kAttributes[] = {
#include "dictionary.inc"
};

constexpr std::pair<std::string_view, std::string_view> kSopClasses[] = {
#include "sop_classes.inc"
};

// Overlays and the retired curves: (60xx,eeee) and (50xx,eeee) are described at (6000,eeee) and (5000,eeee).
Tag canonical(Tag tag) noexcept {
  const unsigned family = tag.group & 0xFF00U;
  if ((family == 0x6000U || family == 0x5000U) && !tag.is_private())
    return {static_cast<std::uint16_t>(family), tag.element};
  return tag;
}

const std::vector<std::uint16_t>& by_keyword() {
  static const std::vector<std::uint16_t> kOrder = [] {
    std::vector<std::uint16_t> index(std::size(kAttributes));
    for (std::size_t i = 0; i < index.size(); ++i) index[i] = static_cast<std::uint16_t>(i);
    std::sort(index.begin(), index.end(),
              [](std::uint16_t a, std::uint16_t b) { return kAttributes[a].keyword < kAttributes[b].keyword; });
    return index;
  }();
  return kOrder;
}

}  // namespace

const Attribute* find_attribute(Tag tag) noexcept {
  const Tag wanted = canonical(tag);
  const auto* at = std::lower_bound(std::begin(kAttributes), std::end(kAttributes), wanted,
                                    [](const Attribute& attribute, Tag key) { return attribute.tag < key; });
  return at != std::end(kAttributes) && at->tag == wanted ? at : nullptr;
}

const Attribute* find_keyword(std::string_view keyword) noexcept {
  const auto& order = by_keyword();
  const auto at = std::lower_bound(order.begin(), order.end(), keyword, [](std::uint16_t index, std::string_view key) {
    return kAttributes[index].keyword < key;
  });
  return at != order.end() && kAttributes[*at].keyword == keyword ? &kAttributes[*at] : nullptr;
}

std::string_view keyword(Tag tag) noexcept {
  const Attribute* attribute = find_attribute(tag);
  return attribute == nullptr ? std::string_view{} : attribute->keyword;
}

Vr implicit_vr(Tag tag, bool pixels_signed) noexcept {
  if (tag.is_group_length()) return Vr::ul;
  if (tag.is_private()) return tag.is_private_creator() ? Vr::lo : Vr::un;
  const Attribute* attribute = find_attribute(tag);
  if (attribute == nullptr) return Vr::un;
  switch (attribute->choice) {
    case VrChoice::one:
      return attribute->vr;
    case VrChoice::us_or_ss:
      return pixels_signed ? Vr::ss : Vr::us;
    case VrChoice::ob_or_ow:
    case VrChoice::us_or_ow:
    case VrChoice::us_or_ss_or_ow:
      return Vr::ow;
  }
  return Vr::un;
}

std::string_view sop_class_name(std::string_view uid) noexcept {
  const auto* at = std::lower_bound(std::begin(kSopClasses), std::end(kSopClasses), uid,
                                    [](const auto& entry, std::string_view key) { return entry.first < key; });
  return at != std::end(kSopClasses) && at->first == uid ? at->second : std::string_view{};
}

}  // namespace aceso::dicom
