#include <algorithm>
#include <array>
#include <cstring>
#include <optional>

#include "npy_header.hpp"

namespace aceso::learn {
namespace {

constexpr std::string_view kMagic = "\x93NUMPY";
constexpr std::size_t kMaxDimensions = 32;

struct Descr {
  std::string_view code;
  DType type;
};
constexpr std::array<Descr, 11> kDescrs{{{"|u1", DType::u8},
                                         {"|i1", DType::i8},
                                         {"<u1", DType::u8},
                                         {"<i1", DType::i8},
                                         {"<u2", DType::u16},
                                         {"<i2", DType::i16},
                                         {"<i4", DType::i32},
                                         {"<i8", DType::i64},
                                         {"<f4", DType::f32},
                                         {"<f8", DType::f64},
                                         {"|b1", DType::boolean}}};

Result<DType> parse_descr(std::string_view code) {
  for (const auto& entry : kDescrs) {
    if (entry.code == code) return entry.type;
  }
  if (code.find('O') != std::string_view::npos)
    return Error{Code::unsupported, "the array holds pickled Python objects, which are never loaded"};
  if (!code.empty() && code.front() == '>') return Error{Code::unsupported, "the array is big-endian"};
  return Error{Code::unsupported,
               "the array's number type is none of uint8, int8, uint16, int16, int32, int64, float32, float64, bool"};
}

// The few Python literals a header may hold.
class HeaderText {
 public:
  explicit HeaderText(std::string_view text) : text_{text} {}

  bool take(char c) {
    skip_space();
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  std::optional<std::string_view> quoted() {
    skip_space();
    if (at_ >= text_.size() || (text_[at_] != '\'' && text_[at_] != '"')) return std::nullopt;
    const char quote = text_[at_];
    const std::size_t end = text_.find(quote, at_ + 1);
    if (end == std::string_view::npos) return std::nullopt;
    const std::string_view value = text_.substr(at_ + 1, end - at_ - 1);
    at_ = end + 1;
    return value;
  }
  bool word(std::string_view expected) {
    skip_space();
    if (text_.substr(at_, expected.size()) != expected) return false;
    at_ += expected.size();
    return true;
  }
  std::optional<std::int64_t> integer() {
    skip_space();
    std::int64_t value = 0;
    std::size_t digits = 0;
    for (; at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9'; ++at_, ++digits) {
      if (digits >= 18) return std::nullopt;
      value = value * 10 + (text_[at_] - '0');
    }
    if (digits == 0) return std::nullopt;
    if (at_ < text_.size() && text_[at_] == 'L') ++at_;  // Python 2's long integers
    return value;
  }
  bool at_end() {
    skip_space();
    return at_ == text_.size();
  }

 private:
  void skip_space() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\t')) ++at_;
  }
  std::string_view text_;
  std::size_t at_ = 0;
};

std::optional<Shape> parse_tuple(HeaderText& text) {
  Shape shape;
  if (!text.take('(')) return std::nullopt;
  while (!text.take(')')) {
    const auto size = text.integer();
    if (!size || shape.size() == kMaxDimensions) return std::nullopt;
    shape.push_back(*size);
    if (!text.take(',')) {
      if (!text.take(')')) return std::nullopt;
      break;
    }
  }
  return shape;
}

Result<NpyHeader> parse_dictionary(std::string_view dictionary) {
  const auto bad = [](std::string_view why) { return Error{Code::invalid, "bad .npy header: " + std::string{why}}; };
  HeaderText text{dictionary};
  NpyHeader header;
  std::optional<std::string_view> descr;
  std::optional<Shape> shape;
  bool order = false;
  if (!text.take('{')) return bad("no dictionary");
  while (!text.take('}')) {
    const auto key = text.quoted();
    if (!key || !text.take(':')) return bad("no key");
    if (*key == "descr" && !descr) {
      descr = text.quoted();
      if (!descr) return Error{Code::unsupported, "the array has a structured number type"};
    } else if (*key == "fortran_order" && !order) {
      order = true;
      header.fortran = text.word("True");
      if (!header.fortran && !text.word("False")) return bad("fortran_order is neither True nor False");
    } else if (*key == "shape" && !shape) {
      shape = parse_tuple(text);
      if (!shape) return bad("shape is no tuple of sizes");
    } else {
      return bad("a key twice, or one it does not have");
    }
    if (!text.take(',')) {
      if (!text.take('}')) return bad("no end");
      break;
    }
  }
  if (!text.at_end()) return bad("text after the dictionary");
  if (!descr || !shape || !order) return bad("descr, fortran_order or shape is missing");
  ACESO_TRY(header.dtype, parse_descr(*descr));
  header.shape = std::move(*shape);
  ACESO_TRY(const std::int64_t count, element_count(header.shape));
  header.data_bytes = static_cast<std::uint64_t>(count) * size_of(header.dtype);
  return header;
}

std::size_t byte_at(std::span<const std::byte> bytes, std::size_t i) {
  return std::to_integer<std::size_t>(bytes[i]);
}

// Walks the C-order index and reads the element of the same index in Fortran order.
std::vector<std::byte> to_c_order(const NpyHeader& header, const std::vector<std::byte>& data) {
  const std::size_t width = size_of(header.dtype);
  const std::size_t dims = header.shape.size();
  std::vector<std::size_t> stride(dims);
  std::size_t step = 1;
  for (std::size_t d = 0; d < dims; ++d) {
    stride[d] = step;
    step *= static_cast<std::size_t>(header.shape[d]);
  }
  std::vector<std::byte> out(data.size());
  std::vector<std::int64_t> index(dims, 0);
  std::size_t from = 0;
  for (std::size_t to = 0; to < out.size(); to += width) {
    std::memcpy(out.data() + to, data.data() + from * width, width);
    for (std::size_t d = dims; d-- > 0;) {
      from += stride[d];
      if (++index[d] < header.shape[d]) break;
      from -= stride[d] * static_cast<std::size_t>(header.shape[d]);
      index[d] = 0;
    }
  }
  return out;
}

}  // namespace

Result<std::size_t> npy_data_offset(std::span<const std::byte> prefix) {
  if (prefix.size() < 10 || std::memcmp(prefix.data(), kMagic.data(), kMagic.size()) != 0)
    return Error{Code::invalid, "not a .npy array"};
  const std::size_t major = byte_at(prefix, 6);
  if (major < 1 || major > 3) return Error{Code::unsupported, "unknown .npy format version"};
  std::size_t length = byte_at(prefix, 8) | byte_at(prefix, 9) << 8;
  if (major > 1) {
    if (prefix.size() < kNpyPrefix) return Error{Code::invalid, "truncated .npy header"};
    length |= byte_at(prefix, 10) << 16 | byte_at(prefix, 11) << 24;
  }
  if (length > kNpyMaxHeader) return Error{Code::too_large, "the .npy header is longer than 64 KiB"};
  return length + (major > 1 ? 12 : 10);
}

Result<NpyHeader> parse_npy_header(std::span<const std::byte> bytes) {
  ACESO_TRY(const std::size_t offset, npy_data_offset(bytes.first(std::min(bytes.size(), kNpyPrefix))));
  if (offset > bytes.size()) return Error{Code::invalid, "truncated .npy header"};
  const std::size_t start = byte_at(bytes, 6) > 1 ? 12 : 10;
  ACESO_TRY(NpyHeader header, parse_dictionary({reinterpret_cast<const char*>(bytes.data()) + start, offset - start}));
  header.data_offset = offset;
  return header;
}

Array finish_npy(const NpyHeader& header, std::vector<std::byte> data) {
  Array array;
  array.dtype = header.dtype;
  array.shape = header.shape;
  array.data = header.fortran && header.shape.size() > 1 ? to_c_order(header, data) : std::move(data);
  if (array.dtype == DType::boolean) {
    for (std::byte& value : array.data) value = value == std::byte{0} ? std::byte{0} : std::byte{1};
  }
  return array;
}

Result<Array> parse_npy(std::span<const std::byte> bytes, std::uint64_t limit) {
  ACESO_TRY(const NpyHeader header, parse_npy_header(bytes));
  if (header.data_bytes > limit)
    return Error{Code::too_large, "the array declares " + std::to_string(header.data_bytes) + " bytes, the limit is " +
                                      std::to_string(limit)};
  const std::size_t present = bytes.size() - header.data_offset;
  if (present != header.data_bytes) {
    return Error{Code::invalid, "the array declares " + std::to_string(header.data_bytes) + " bytes of data and has " +
                                    std::to_string(present)};
  }
  const auto data = bytes.subspan(header.data_offset);
  return finish_npy(header, {data.begin(), data.end()});
}

std::vector<std::byte> to_npy(const Array& array) {
  std::string_view descr;
  for (const auto& entry : kDescrs) {
    if (entry.type == array.dtype && descr.empty()) descr = entry.code;
  }
  std::string text = "{'descr': '" + std::string{descr} + "', 'fortran_order': False, 'shape': (";
  for (const std::int64_t size : array.shape) text += std::to_string(size) + ", ";
  if (array.shape.size() > 1) text.resize(text.size() - 2);
  if (array.shape.size() == 1) text.pop_back();
  text += "), }";
  text.append(63 - (10 + text.size()) % 64, ' ');
  text += '\n';
  std::string head{kMagic};
  head += {'\x01', '\x00', static_cast<char>(text.size() & 0xFF), static_cast<char>(text.size() >> 8)};
  head += text;
  std::vector<std::byte> bytes(head.size() + array.data.size());
  std::memcpy(bytes.data(), head.data(), head.size());
  if (!array.data.empty()) std::memcpy(bytes.data() + head.size(), array.data.data(), array.data.size());
  return bytes;
}

}  // namespace aceso::learn
