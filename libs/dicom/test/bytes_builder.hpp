// Data sets written byte by byte, so that tests do not depend on the writer they help to test.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace aceso::dicom::testing {

class Builder {
 public:
  explicit Builder(bool big = false) : big_{big} {}

  Builder& raw(std::string_view text) {
    for (const char c : text) bytes_.push_back(static_cast<std::byte>(c));
    return *this;
  }
  Builder& u16(unsigned value) { return word(value, 2); }
  Builder& u32(std::uint64_t value) { return word(value, 4); }
  Builder& tag(unsigned group, unsigned element) { return u16(group).u16(element); }
  Builder& implicit(unsigned group, unsigned element, std::string_view value) {
    return tag(group, element).u32(value.size()).raw(value);
  }
  Builder& shorts(unsigned group, unsigned element, std::string_view vr, std::string_view value) {
    return tag(group, element).raw(vr).u16(static_cast<unsigned>(value.size())).raw(value);
  }
  Builder& longs(unsigned group, unsigned element, std::string_view vr, std::uint64_t length) {
    return tag(group, element).raw(vr).u16(0).u32(length);
  }
  Builder& item(std::uint64_t length) { return tag(0xFFFE, 0xE000).u32(length); }
  Builder& item_end() { return tag(0xFFFE, 0xE00D).u32(0); }
  Builder& sequence_end() { return tag(0xFFFE, 0xE0DD).u32(0); }
  // Preamble, magic and a meta group with its length.
  Builder& part10(std::string_view syntax) {
    std::string padded{syntax};
    if (padded.size() % 2 != 0) padded += '\0';
    raw(std::string(128, '\0')).raw("DICM");
    const auto length = static_cast<unsigned>(8 + padded.size());
    return tag(2, 0).raw("UL").u16(4).u32(length).shorts(2, 0x10, "UI", padded);
  }
  const std::vector<std::byte>& bytes() const { return bytes_; }
  std::size_t size() const { return bytes_.size(); }
  std::string text() const { return {reinterpret_cast<const char*>(bytes_.data()), bytes_.size()}; }

 private:
  Builder& word(std::uint64_t value, int size) {
    for (int i = 0; i < size; ++i) {
      const int shift = 8 * (big_ ? size - 1 - i : i);
      bytes_.push_back(static_cast<std::byte>(value >> shift & 0xFF));
    }
    return *this;
  }
  bool big_;
  std::vector<std::byte> bytes_;
};

}  // namespace aceso::dicom::testing
