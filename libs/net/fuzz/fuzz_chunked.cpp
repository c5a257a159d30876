// The chunked coding: the same body however the bytes are cut.
#include <cstdint>
#include <cstdlib>

#include "../src/chunked.hpp"

namespace {

bool decode(std::string_view text, std::size_t step, std::string& out) {
  aceso::net::ChunkDecoder decoder;
  for (std::size_t i = 0; i < text.size() && !decoder.done(); i += step) {
    std::string_view in = text.substr(i, step);
    while (!in.empty() && !decoder.done()) {
      const auto piece = decoder.next(in);
      if (!piece) return false;
      out.append(*piece);
    }
  }
  return true;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  std::string whole;
  std::string bytes;
  if (decode(text, size + 1, whole) != decode(text, 1, bytes) || whole != bytes) std::abort();
  return 0;
}
