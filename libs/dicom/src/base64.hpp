// Base64 with padding (RFC 4648 4), as InlineBinary has it.
#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace aceso::dicom {

void append_base64(std::string& out, std::span<const std::byte> bytes);
// Nullopt for anything that is not whole and canonical; line breaks are not taken.
std::optional<std::vector<std::byte>> decode_base64(std::string_view text);

}  // namespace aceso::dicom
