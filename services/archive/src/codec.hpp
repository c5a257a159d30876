// Numbers and strings in the archive's own records (docs/formats/archive.md): LEB128 varints, lengths before bytes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace aceso::archive {

inline void put_varint(std::string& out, std::uint64_t value) {
  while (value >= 0x80) {
    out.push_back(static_cast<char>(value | 0x80U));
    value >>= 7U;
  }
  out.push_back(static_cast<char>(value));
}
inline void put_string(std::string& out, std::string_view text) {
  put_varint(out, text.size());
  out += text;
}

inline std::string_view as_view(std::span<const std::byte> bytes) noexcept {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

// Reads what put_* wrote. After anything that does not fit, good() is false and every read gives 0 or "".
class CodecReader {
 public:
  explicit CodecReader(std::string_view bytes) : left_{bytes} {}

  std::uint64_t varint() noexcept {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && !left_.empty(); shift += 7) {
      const auto byte = static_cast<unsigned char>(left_.front());
      left_.remove_prefix(1);
      value |= std::uint64_t{byte & 0x7FU} << shift;
      if ((byte & 0x80U) == 0) return value;
    }
    return fail();
  }
  std::string_view string() noexcept {
    const std::uint64_t size = varint();
    if (size > left_.size()) {
      fail();
      return {};
    }
    const auto text = left_.substr(0, static_cast<std::size_t>(size));
    left_.remove_prefix(static_cast<std::size_t>(size));
    return text;
  }
  bool good() const noexcept { return good_; }
  bool done() const noexcept { return left_.empty(); }

 private:
  std::uint64_t fail() noexcept {
    good_ = false;
    left_ = {};
    return 0;
  }
  std::string_view left_;
  bool good_ = true;
};

}  // namespace aceso::archive
