// Range, validator and date fields: a part always lies inside the file.
#include <cstdint>
#include <cstdlib>

#include "../src/http_date.hpp"
#include "../src/range.hpp"
#include "aceso/net/multipart.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace aceso::net;
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  for (const std::uint64_t length : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{1000}}) {
    const RangeAnswer r = parse_range(text, length);
    if (r.kind == RangeAnswer::Kind::part && (r.first > r.last || r.last >= length)) std::abort();
  }
  (void)etag_listed(text, "\"a\"");
  (void)parse_http_date(text);
  (void)header_parameter(text, "name");
  return 0;
}
