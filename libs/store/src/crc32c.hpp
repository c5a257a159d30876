// CRC-32C (Castagnoli), RFC 3720 appendix B.4.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace aceso::store {

// The CRC of what `crc` was the CRC of, followed by `data`; 0 to begin with. Uses SSE 4.2 where the processor has it.
std::uint32_t crc32c(std::uint32_t crc, std::span<const std::byte> data) noexcept;
std::uint32_t crc32c_portable(std::uint32_t crc, std::span<const std::byte> data) noexcept;

}  // namespace aceso::store
