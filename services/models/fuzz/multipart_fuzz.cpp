// multipart/form-data: the first line is the content type, the rest the body, given in pieces.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "../src/multipart.hpp"

namespace {

class Pieces final : public aceso::net::BodyReader {
 public:
  Pieces(std::string_view text, std::size_t step) : text_{text}, step_{step} {}
  aceso::Result<std::size_t> read(std::span<std::byte> out) override {
    const std::size_t n = std::min({out.size(), step_, text_.size()});
    std::copy_n(reinterpret_cast<const std::byte*>(text_.data()), n, out.data());
    text_.remove_prefix(n);
    return n;
  }

 private:
  std::string_view text_;
  std::size_t step_;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view all{reinterpret_cast<const char*>(data), size};
  const std::size_t end = std::min(all.find('\n'), all.size());
  Pieces body{end < all.size() ? all.substr(end + 1) : std::string_view{}, 1 + size % 17};
  auto form = aceso::models::MultipartReader::open(all.substr(0, end), body);
  if (!form) return 0;
  for (;;) {
    const auto part = form->next();
    if (!part || !*part) return 0;
    if (const auto content = form->read_all(std::size_t{1} << 16); content && content->size() > size) __builtin_trap();
  }
}
