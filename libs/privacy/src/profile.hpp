// Table E.1-1 of PS3.15 and what the chosen options make of it.
#pragma once

#include <cstdint>
#include <string>

#include "aceso/dicom/tag.hpp"
#include "aceso/privacy/deidentify.hpp"

namespace aceso::privacy {

enum class Action : std::uint8_t { none, x, z, d, u, k, c, xz, xd, zd, xzd, xzu };

struct ProfileRow {
  std::uint32_t tag;
  Action basic;
  Action uids, device, institution, patient, full_dates, modified_dates, descriptors, structured, graphics;
};
// Null for attributes the table does not name. Overlays and curves of every group are found at the first.
const ProfileRow* find_row(dicom::Tag tag) noexcept;

enum class Rule : std::uint8_t { remove, empty, dummy, map_uid, keep, clean, descend };
struct Decision {
  Rule rule;
  std::string why;
};
// For standard attributes in the table. What an option keeps wins over what another cleans.
Decision decide(const ProfileRow& row, const DeidOptions& options);

}  // namespace aceso::privacy
