#include "deflated.hpp"

#include <zlib.h>

#include <array>

namespace aceso::archive {
namespace {

constexpr int kLevel = 3;
constexpr int kRaw = -15;

void put_le(std::string& out, std::uint64_t value, unsigned bytes) {
  for (unsigned i = 0; i < bytes; ++i) out.push_back(static_cast<char>(value >> 8U * i));
}

// A stored block of one character.
void put_stored(std::string& out, char character, bool last) {
  out.push_back(last ? '\1' : '\0');
  put_le(out, 1, 2);
  put_le(out, 0xFFFE, 2);
  out.push_back(character);
}

std::uint32_t crc_of(std::string_view text) {
  return static_cast<std::uint32_t>(
      crc32(0, reinterpret_cast<const Bytef*>(text.data()), static_cast<uInt>(text.size())));
}

}  // namespace

Result<Deflated> deflate_piece(std::string_view plain) {
  z_stream z{};
  if (deflateInit2(&z, kLevel, Z_DEFLATED, kRaw, 8, Z_DEFAULT_STRATEGY) != Z_OK)
    return Error{Code::exhausted, "no memory to compress"};
  Deflated out;
  out.length = plain.size();
  out.crc = static_cast<std::uint32_t>(crc32(0, Z_NULL, 0));
  std::array<char, 65536> buffer{};
  int status = Z_OK;
  do {
    const auto part = plain.substr(0, std::size_t{1} << 24);
    plain.remove_prefix(part.size());
    out.crc = static_cast<std::uint32_t>(
        crc32(out.crc, reinterpret_cast<const Bytef*>(part.data()), static_cast<uInt>(part.size())));
    z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(part.data()));
    z.avail_in = static_cast<uInt>(part.size());
    const int flush = plain.empty() ? Z_FULL_FLUSH : Z_NO_FLUSH;
    do {
      z.next_out = reinterpret_cast<Bytef*>(buffer.data());
      z.avail_out = static_cast<uInt>(buffer.size());
      status = deflate(&z, flush);
      out.bytes.append(buffer.data(), buffer.size() - z.avail_out);
    } while (z.avail_out == 0);
  } while (!plain.empty());
  deflateEnd(&z);
  if (status != Z_OK && status != Z_BUF_ERROR) return Error{Code::internal, "compressing failed"};
  return out;
}

std::string gzip_array(std::span<const Deflated* const> pieces) {
  std::string out{"\x1f\x8b\x08\0\0\0\0\0\0\xff", 10};
  std::uint32_t crc = crc_of("[");
  std::uint64_t length = 1;
  put_stored(out, '[', false);
  const auto combine = [&](std::uint32_t other, std::uint64_t n) {
    crc = static_cast<std::uint32_t>(crc32_combine(crc, other, static_cast<z_off_t>(n)));
    length += n;
  };
  bool first = true;
  for (const auto* piece : pieces) {
    if (!first) {
      put_stored(out, ',', false);
      combine(crc_of(","), 1);
    }
    first = false;
    out += piece->bytes;
    combine(piece->crc, piece->length);
  }
  put_stored(out, ']', true);
  combine(crc_of("]"), 1);
  put_le(out, crc, 4);
  put_le(out, length, 4);
  return out;
}

Result<std::string> plain_array(std::span<const Deflated* const> pieces, std::uint64_t limit) {
  std::uint64_t whole = 2 + pieces.size();
  for (const auto* piece : pieces) whole += piece->length;
  if (whole > limit) return Error{Code::too_large, "the answer is too large without compression: accept gzip"};
  std::string out;
  out.reserve(static_cast<std::size_t>(whole));
  out += '[';
  for (const auto* piece : pieces) {
    if (out.size() > 1) out += ',';
    const auto at = out.size();
    out.resize(at + static_cast<std::size_t>(piece->length));
    z_stream z{};
    if (inflateInit2(&z, kRaw) != Z_OK) return Error{Code::exhausted, "no memory to decompress"};
    z.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(piece->bytes.data()));
    z.avail_in = static_cast<uInt>(piece->bytes.size());
    z.next_out = reinterpret_cast<Bytef*>(out.data() + at);
    z.avail_out = static_cast<uInt>(piece->length);
    const int status = inflate(&z, Z_SYNC_FLUSH);
    const bool good = (status == Z_OK || status == Z_BUF_ERROR) && z.avail_out == 0;
    inflateEnd(&z);
    if (!good) return Error{Code::data_loss, "kept metadata are damaged"};
  }
  out += ']';
  return out;
}

}  // namespace aceso::archive
