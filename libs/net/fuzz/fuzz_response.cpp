// What the client reads: heads of responses, and event streams, which mean the same however they are cut.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>

#include "../src/head.hpp"
#include "../src/sse_reader.hpp"

namespace {

std::string events_of(std::string_view text, std::size_t step) {
  std::string out;
  aceso::net::EventReader reader;
  for (std::size_t i = 0; i < text.size(); i += step) {
    const auto more = reader.feed(text.substr(i, step), [&](std::string_view event, std::string_view data) {
      out.append(event).append("|").append(data).append("\n");
      return true;
    });
    if (!more.ok()) std::abort();
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  std::size_t searched = 0;
  if (const std::size_t end = aceso::net::find_head_end(text, searched); end > 0)
    (void)aceso::net::parse_response_head(text.substr(0, end), {});
  if (events_of(text, size + 1) != events_of(text, 1)) std::abort();
  return 0;
}
