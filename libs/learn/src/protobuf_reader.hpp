// Protobuf's wire format, field by field (protobuf.dev, "Encoding"): enough to look at a message without its schema.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace aceso::learn {

class ProtobufReader {
 public:
  using Bytes = std::span<const std::byte>;
  struct Field {
    std::uint32_t number = 0;
    std::uint32_t wire = 0;
    std::uint64_t value = 0;  // wire type 0
    Bytes bytes;              // wire type 2
    std::string_view text() const { return {reinterpret_cast<const char*>(bytes.data()), bytes.size()}; }
  };

  explicit ProtobufReader(Bytes bytes) : rest_{bytes} {}
  bool bad() const noexcept { return bad_; }  // met something that is no field

  std::optional<Field> next() {
    if (rest_.empty() || bad_) return std::nullopt;
    Field field;
    const std::uint64_t key = varint();
    field.number = static_cast<std::uint32_t>(key >> 3);
    field.wire = static_cast<std::uint32_t>(key & 7);
    if (field.number == 0) bad_ = true;
    switch (field.wire) {
      case 0:
        field.value = varint();
        break;
      case 1:
        take(8);
        break;
      case 2:
        field.bytes = take(varint());
        break;
      case 5:
        take(4);
        break;
      default:
        bad_ = true;
    }
    if (bad_) return std::nullopt;
    return field;
  }

  // One number of a packed field, read in place of next().
  std::optional<std::uint64_t> packed() {
    if (rest_.empty() || bad_) return std::nullopt;
    const std::uint64_t value = varint();
    if (bad_) return std::nullopt;
    return value;
  }

 private:
  std::uint64_t varint() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && !rest_.empty(); shift += 7) {
      const auto byte = std::to_integer<std::uint64_t>(rest_.front());
      rest_ = rest_.subspan(1);
      value |= (byte & 0x7F) << shift;
      if (byte < 0x80) return value;
    }
    bad_ = true;
    return 0;
  }
  Bytes take(std::uint64_t count) {
    if (count > rest_.size()) {
      bad_ = true;
      return {};
    }
    const Bytes taken = rest_.first(static_cast<std::size_t>(count));
    rest_ = rest_.subspan(static_cast<std::size_t>(count));
    return taken;
  }

  Bytes rest_;
  bool bad_ = false;
};

}  // namespace aceso::learn
