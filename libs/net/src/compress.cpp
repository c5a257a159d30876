#include "compress.hpp"

#include <zlib.h>

#include <algorithm>
#include <array>

#include "head.hpp"

namespace aceso::net {
namespace {

constexpr int kGzipWindow = 15 + 16;  // zlib.h: 16 more means a gzip wrapper
constexpr int kLevel = 5;

std::string_view trim(std::string_view text) noexcept {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

class Deflate {
 public:
  Deflate() : ok_{deflateInit2(&stream_, kLevel, Z_DEFLATED, kGzipWindow, 8, Z_DEFAULT_STRATEGY) == Z_OK} {}
  Deflate(const Deflate&) = delete;
  Deflate& operator=(const Deflate&) = delete;
  ~Deflate() {
    if (ok_) deflateEnd(&stream_);
  }
  bool ok() const noexcept { return ok_; }
  z_stream& stream() noexcept { return stream_; }

 private:
  z_stream stream_{};
  bool ok_;
};

Bytef* bytes(const void* data) {
  return static_cast<Bytef*>(const_cast<void*>(data));
}  // NOLINT(cppcoreguidelines-pro-type-const-cast): zlib's next_in is not const

class GzipSource final : public BodySource {
 public:
  explicit GzipSource(std::shared_ptr<BodySource> inner) : inner_{std::move(inner)} {}

  Result<std::size_t> read(std::span<std::byte> out) override {
    if (!deflate_.ok()) return Error{Code::internal, "zlib cannot start"};
    z_stream& z = deflate_.stream();
    z.next_out = bytes(out.data());
    z.avail_out = static_cast<uInt>(out.size());
    while (z.avail_out == out.size() && !ended_) {
      if (z.avail_in == 0 && !input_ended_) {
        ACESO_TRY(const std::size_t n, inner_->read(buffer_));
        input_ended_ = n == 0;
        z.next_in = bytes(buffer_.data());
        z.avail_in = static_cast<uInt>(n);
      }
      const int result = deflate(&z, input_ended_ ? Z_FINISH : Z_NO_FLUSH);
      if (result == Z_STREAM_END) ended_ = true;
      if (result != Z_OK && result != Z_STREAM_END && result != Z_BUF_ERROR)
        return Error{Code::internal, "zlib failed"};
    }
    return out.size() - z.avail_out;
  }

 private:
  std::shared_ptr<BodySource> inner_;
  Deflate deflate_;
  std::array<std::byte, 32 * 1024> buffer_;
  bool input_ended_ = false;
  bool ended_ = false;
};

}  // namespace

bool accepts_gzip(std::string_view accept_encoding) noexcept {
  bool any = false;
  while (!accept_encoding.empty()) {
    const std::size_t comma = std::min(accept_encoding.find(','), accept_encoding.size());
    const std::string_view item = accept_encoding.substr(0, comma);
    accept_encoding.remove_prefix(std::min(comma + 1, accept_encoding.size()));
    const std::size_t semicolon = std::min(item.find(';'), item.size());
    const std::string_view coding = trim(item.substr(0, semicolon));
    std::string_view weight = semicolon < item.size() ? trim(item.substr(semicolon + 1)) : std::string_view{};
    const bool refused =
        weight.size() > 2 && weight.substr(0, 2) == "q=" && weight.find_first_not_of("0.", 2) == std::string_view::npos;
    if (iequals(coding, "gzip") || iequals(coding, "x-gzip")) return !refused;
    if (coding == "*") any = !refused;
  }
  return any;
}

bool compressible(std::string_view content_type) noexcept {
  const std::string_view type = trim(content_type.substr(0, std::min(content_type.find(';'), content_type.size())));
  static constexpr std::array<std::string_view, 8> kTypes = {
      "application/json", "application/javascript",    "application/xml",      "image/svg+xml",
      "application/wasm", "application/manifest+json", "application/x-ndjson", "application/problem+json"};
  if (iequals(type, "text/event-stream")) return false;
  return iequals(type.substr(0, 5), "text/") ||
         std::any_of(kTypes.begin(), kTypes.end(), [&](std::string_view t) { return iequals(t, type); });
}

Result<std::string> gzip(std::string_view data) {
  Deflate state;
  if (!state.ok()) return Error{Code::internal, "zlib cannot start"};
  z_stream& z = state.stream();
  std::string out(deflateBound(&z, static_cast<uLong>(data.size())), '\0');
  z.next_in = bytes(data.data());
  z.avail_in = static_cast<uInt>(data.size());
  z.next_out = bytes(out.data());
  z.avail_out = static_cast<uInt>(out.size());
  if (data.size() > (std::size_t{1} << 30) || deflate(&z, Z_FINISH) != Z_STREAM_END)
    return Error{Code::internal, "zlib failed"};
  out.resize(out.size() - z.avail_out);
  return out;
}

Result<std::string> gunzip(std::string_view data, std::size_t limit) {
  z_stream z{};
  if (inflateInit2(&z, kGzipWindow) != Z_OK) return Error{Code::internal, "zlib cannot start"};
  std::string out;
  std::array<char, 16 * 1024> piece;
  z.next_in = bytes(data.data());
  z.avail_in = static_cast<uInt>(data.size());
  int result = Z_OK;
  while (result == Z_OK && out.size() <= limit) {
    z.next_out = bytes(piece.data());
    z.avail_out = static_cast<uInt>(piece.size());
    result = inflate(&z, Z_NO_FLUSH);
    out.append(piece.data(), piece.size() - z.avail_out);
  }
  inflateEnd(&z);
  if (out.size() > limit)
    return Error{Code::too_large, "the unpacked body is larger than " + std::to_string(limit) + " bytes"};
  if (result != Z_STREAM_END) return Error{Code::invalid, "damaged gzip data"};
  return out;
}

std::shared_ptr<BodySource> make_gzip_source(std::shared_ptr<BodySource> inner) {
  return std::make_shared<GzipSource>(std::move(inner));
}

}  // namespace aceso::net
