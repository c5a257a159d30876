// Uncompressed objects in the other byte encodings of PS3.5 Annex A, for peers that take the default syntax only.
#pragma once

#include <optional>

#include "aceso/contracts/objects.hpp"
#include "association.hpp"

namespace aceso::dimse {

inline constexpr std::uint64_t kMaxConverted = std::uint64_t{512} << 20;  // bytes of an object that fits memory

bool is_native(std::string_view transfer_syntax) noexcept;  // values are not compressed

struct Converted {
  std::uint8_t context;
  std::vector<std::byte> data_set;
};
// For a context that was agreed for the object's class. Nothing when there is none, or the object is compressed, too
// long or damaged.
std::optional<Converted> convert(const Association& association, const contracts::ObjectBytes& object,
                                 bool as_requestor);

}  // namespace aceso::dimse
