#include "segment_format.hpp"

#include <algorithm>
#include <string_view>

#include "crc32c.hpp"

namespace aceso::store {
namespace {

constexpr std::string_view kMagic = "ACESOSEG";
constexpr std::uint16_t kVersion = 1;
constexpr std::uint16_t kEncrypted = 1;
constexpr std::uint32_t kRecordMagic = 0x31524341;  // "ACR1"
constexpr std::size_t kMacAt = 64;
constexpr std::size_t kHeaderCrcAt = 84;
constexpr std::size_t kRecordCrcAt = 36;

// Little-endian.
template <class T>
void put(std::span<std::byte> out, std::size_t at, T value) {
  for (std::size_t i = 0; i < sizeof(T); ++i) {
    out[at + i] = static_cast<std::byte>(static_cast<std::uint64_t>(value) >> (8 * i));
  }
}
template <class T>
T get(std::span<const std::byte> in, std::size_t at) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < sizeof(T); ++i) value |= std::to_integer<std::uint64_t>(in[at + i]) << (8 * i);
  return static_cast<T>(value);
}

crypto::SecretKey derive(const crypto::SecretKey& data_key, std::string_view info) {
  crypto::Bytes bytes = crypto::hkdf_sha256(data_key.bytes(), {}, info, crypto::SecretKey::kSize);
  return *crypto::SecretKey::from_bytes(bytes);
}

std::array<std::byte, kMacSize> mac(const SegmentKeys& keys, std::span<const std::byte> bytes) {
  const crypto::Digest full = crypto::hmac_sha256(keys.headers.bytes(), bytes);
  std::array<std::byte, kMacSize> out;
  std::copy_n(full.begin(), kMacSize, out.begin());
  return out;
}

std::array<std::byte, 13> encode(const ChunkPlace& place) {
  std::array<std::byte, 13> out;
  put(out, 0, place.record);
  put(out, 8, place.index);
  put(out, 12, static_cast<std::uint8_t>(place.last ? 1 : 0));
  return out;
}

// Unique under a segment's key: no offset of a segment is written twice (SegmentedLog begins a new segment instead).
crypto::Nonce nonce_of(const ChunkPlace& place) {
  crypto::Nonce nonce;
  put(nonce, 0, place.record);
  put(nonce, 8, place.index);
  return nonce;
}

}  // namespace

SegmentKeys::SegmentKeys(const crypto::SecretKey& data_key)
    : chunks{derive(data_key, "aceso segment 1 chunks")}, headers{derive(data_key, "aceso segment 1 headers")} {}

std::array<std::byte, kSegmentHeaderSize> encode(const SegmentHeader& header, const SegmentKeys* keys) {
  std::array<std::byte, kSegmentHeaderSize> out{};
  std::transform(kMagic.begin(), kMagic.end(), out.begin(), [](char c) { return static_cast<std::byte>(c); });
  put(out, 8, kVersion);
  put(out, 10, header.wrapped_key ? kEncrypted : std::uint16_t{0});
  put(out, 12, header.number);
  put(out, 16, header.created_us);
  if (header.wrapped_key) std::copy(header.wrapped_key->begin(), header.wrapped_key->end(), out.begin() + 24);
  if (keys != nullptr) {
    const auto tag = mac(*keys, std::span{out}.first<kMacAt>());
    std::copy(tag.begin(), tag.end(), out.begin() + kMacAt);
  }
  put(out, kHeaderCrcAt, crc32c(0, std::span{out}.first<kHeaderCrcAt>()));
  return out;
}

Result<SegmentHeader> decode_segment_header(std::span<const std::byte, kSegmentHeaderSize> bytes) {
  const bool ours = std::equal(kMagic.begin(), kMagic.end(), bytes.begin(),
                               [](char c, std::byte b) { return static_cast<std::byte>(c) == b; });
  if (!ours || get<std::uint32_t>(bytes, kHeaderCrcAt) != crc32c(0, bytes.first<kHeaderCrcAt>())) {
    return Error{Code::data_loss, "the segment's header is damaged"};
  }
  const auto flags = get<std::uint16_t>(bytes, 10);
  if (get<std::uint16_t>(bytes, 8) != kVersion || flags > kEncrypted) {
    return Error{Code::unsupported, "the segment was written by a newer version"};
  }
  SegmentHeader header{.number = get<std::uint32_t>(bytes, 12), .created_us = get<std::int64_t>(bytes, 16)};
  if (flags == kEncrypted) {
    header.wrapped_key.emplace();
    std::copy_n(bytes.begin() + 24, kWrappedKeySize, header.wrapped_key->begin());
  }
  return header;
}

bool is_authentic(std::span<const std::byte, kSegmentHeaderSize> bytes, const SegmentKeys& keys) {
  return crypto::equal_constant_time(mac(keys, bytes.first<kMacAt>()), bytes.subspan<kMacAt, kMacSize>());
}

std::array<std::byte, kRecordHeaderSize> encode(const RecordHeader& header) {
  std::array<std::byte, kRecordHeaderSize> out{};
  put(out, 0, kRecordMagic);
  put(out, 4, static_cast<std::uint32_t>(header.kind));
  put(out, 8, header.length);
  put(out, 16, header.offset);
  put(out, 24, header.synced);
  put(out, kRecordCrcAt, crc32c(0, std::span{out}.first<kRecordCrcAt>()));
  return out;
}

std::optional<RecordHeader> decode_record_header(std::span<const std::byte, kRecordHeaderSize> bytes) {
  if (get<std::uint32_t>(bytes, 0) != kRecordMagic) return std::nullopt;
  if (get<std::uint32_t>(bytes, kRecordCrcAt) != crc32c(0, bytes.first<kRecordCrcAt>())) return std::nullopt;
  const auto kind = get<std::uint32_t>(bytes, 4);
  if (kind < 1 || kind > 3) return std::nullopt;
  return RecordHeader{.kind = static_cast<RecordKind>(kind),
                      .length = get<std::uint64_t>(bytes, 8),
                      .offset = get<std::uint64_t>(bytes, 16),
                      .synced = get<std::uint64_t>(bytes, 24)};
}

std::array<std::byte, kMacSize> seal_mac(const RecordHeader& seal, std::uint32_t segment, const SegmentKeys* keys) {
  if (keys == nullptr) return {};
  std::array<std::byte, kRecordHeaderSize + 4> bytes;
  const auto header = encode(seal);
  std::copy(header.begin(), header.end(), bytes.begin());
  put(bytes, kRecordHeaderSize, segment);
  return mac(*keys, bytes);
}

void protect_chunk(const SegmentKeys* keys, const ChunkPlace& place, std::span<const std::byte> plain,
                   std::vector<std::byte>& out) {
  const auto bound = encode(place);
  const std::size_t at = out.size();
  out.resize(at + plain.size() + chunk_overhead(keys != nullptr));
  const std::span<std::byte> stored = std::span{out}.subspan(at);
  if (keys != nullptr) {
    crypto::aead_seal_to(keys->chunks, nonce_of(place), plain, bound, stored);
    return;
  }
  std::copy(plain.begin(), plain.end(), stored.begin());
  put(stored, plain.size(), crc32c(crc32c(0, bound), plain));
}

Status open_chunk(const SegmentKeys* keys, const ChunkPlace& place, std::span<const std::byte> stored,
                  std::span<std::byte> plain) {
  const auto bound = encode(place);
  if (keys != nullptr) return crypto::aead_open_to(keys->chunks, nonce_of(place), stored, bound, plain);
  const auto text = stored.first(plain.size());
  if (get<std::uint32_t>(stored, plain.size()) != crc32c(crc32c(0, bound), text)) {
    return Error{Code::data_loss, "a chunk's checksum is wrong"};
  }
  std::copy(text.begin(), text.end(), plain.begin());
  return {};
}

}  // namespace aceso::store
