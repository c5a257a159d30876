// Uploads on their way to a job: bytes go to a file as they come, never into memory.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <span>

#include "aceso/base/result.hpp"

namespace aceso::models {

// Writes what `read` gives (0: the end) to a new file (mode 0600) and flushes it to disk. On any error nothing stays.
// too_large past `limit`, exhausted on a full disk.
Status spool_to_file(const std::filesystem::path& file, std::uint64_t limit,
                     const std::function<Result<std::size_t>(std::span<std::byte>)>& read);

}  // namespace aceso::models
