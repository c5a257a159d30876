#include "gunzip.hpp"

#include <zlib.h>

#include <algorithm>
#include <string>

namespace aceso::imaging {
namespace {

constexpr int kGzipWindow = 15 + 16;
constexpr std::size_t kFirst = 64 * 1024;
constexpr std::size_t kAtOnce = std::size_t{1} << 30;  // zlib counts in 32 bits

class Inflater {
 public:
  Inflater() { ok_ = inflateInit2(&stream_, kGzipWindow) == Z_OK; }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;
  ~Inflater() { inflateEnd(&stream_); }
  bool ok() const { return ok_; }
  z_stream& stream() { return stream_; }

 private:
  z_stream stream_{};
  bool ok_ = false;
};

}  // namespace

bool is_gzip(std::span<const std::byte> bytes) noexcept {
  return bytes.size() >= 3 && bytes[0] == std::byte{0x1F} && bytes[1] == std::byte{0x8B} && bytes[2] == std::byte{8};
}

Result<std::vector<std::byte>> gunzip(std::span<const std::byte> bytes, std::uint64_t limit, bool prefix) {
  Inflater inflater;
  if (!inflater.ok()) return Error{Code::exhausted, "gzip: no memory"};
  z_stream& stream = inflater.stream();
  std::vector<std::byte> out;
  std::size_t used = 0;
  int state = Z_OK;
  while (state != Z_STREAM_END) {
    if (used == out.size()) {
      if (out.size() == limit) {
        if (prefix) return out;
        return Error{Code::too_large, "gzip: unpacks to more than " + std::to_string(limit) + " bytes"};
      }
      out.resize(static_cast<std::size_t>(std::min<std::uint64_t>(limit, std::max(kFirst, out.size() * 2))));
    }
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<std::byte*>(bytes.data()));
    stream.avail_in = static_cast<uInt>(std::min(bytes.size(), kAtOnce));
    stream.next_out = reinterpret_cast<Bytef*>(out.data() + used);
    stream.avail_out = static_cast<uInt>(std::min(out.size() - used, kAtOnce));
    const uInt before_in = stream.avail_in;
    const uInt before_out = stream.avail_out;
    state = inflate(&stream, Z_NO_FLUSH);
    bytes = bytes.subspan(before_in - stream.avail_in);
    used += before_out - stream.avail_out;
    if (state != Z_OK && state != Z_STREAM_END) {
      if (prefix && used > 0) break;
      return Error{Code::invalid, "gzip: damaged or truncated"};
    }
  }
  out.resize(used);
  return out;
}

}  // namespace aceso::imaging
