// The archive's own records behind objects: damaged ones must be refused, good ones come back as they were.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "entry.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  const auto trailer = aceso::archive::parse_trailer(text);
  if (!trailer || !trailer->entry) return 0;
  const auto bytes = aceso::archive::object_trailer(*trailer->entry);
  const auto again =
      aceso::archive::parse_trailer(std::string_view{bytes}.substr(0, bytes.size() - aceso::archive::kTrailerEnd));
  if (!again || !again->entry || aceso::archive::object_trailer(*again->entry) != bytes) std::abort();
  return 0;
}
