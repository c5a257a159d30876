// Query strings of QIDO-RS and of pictures, Accept fields: what clients send that is not an object.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "media_type.hpp"
#include "picture.hpp"
#include "qido.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text{reinterpret_cast<const char*>(data), size};
  std::vector<std::pair<std::string, std::string>> query;
  for (std::size_t at = 0; at < text.size() && query.size() < 300;) {
    const auto end = std::min(text.find('&', at), text.size());
    const auto pair = text.substr(at, end - at);
    const auto equals = std::min(pair.find('='), pair.size());
    query.emplace_back(pair.substr(0, equals), equals < pair.size() ? pair.substr(equals + 1) : std::string_view{});
    at = end + 1;
  }
  static const aceso::archive::Index index;
  for (const auto level : {aceso::archive::QueryLevel::study, aceso::archive::QueryLevel::image}) {
    if (const auto wanted = aceso::archive::parse_qido(query, level))
      (void)aceso::archive::search(index, wanted->search);
  }
  (void)aceso::archive::parse_picture(query);
  (void)aceso::archive::parse_accept(text);
  return 0;
}
