// The bytes of a segment file, as docs/formats/segment.md specifies them: headers, chunks, seals. Pure functions.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "aceso/base/result.hpp"
#include "aceso/crypto/crypto.hpp"

namespace aceso::store {

constexpr std::size_t kSegmentHeaderSize = 88;
constexpr std::size_t kRecordHeaderSize = 40;
constexpr std::size_t kMacSize = 16;
constexpr std::size_t kSealSize = kRecordHeaderSize + kMacSize;
constexpr std::size_t kChunkSize = std::size_t{64} << 10;
constexpr std::size_t kCrcSize = 4;
constexpr std::size_t kWrappedKeySize = 40;

// What one segment's data key gives: one key for chunks, one for the header and the seal.
struct SegmentKeys {
  explicit SegmentKeys(const crypto::SecretKey& data_key);
  crypto::SecretKey chunks;
  crypto::SecretKey headers;
};

struct SegmentHeader {
  std::uint32_t number = 0;
  std::int64_t created_us = 0;
  std::optional<std::array<std::byte, kWrappedKeySize>> wrapped_key = {};  // none: not encrypted
};
std::array<std::byte, kSegmentHeaderSize> encode(const SegmentHeader& header, const SegmentKeys* keys);
// data_loss when magic or checksum are wrong, unsupported for another version.
Result<SegmentHeader> decode_segment_header(std::span<const std::byte, kSegmentHeaderSize> bytes);
bool is_authentic(std::span<const std::byte, kSegmentHeaderSize> bytes, const SegmentKeys& keys);

// NOLINTNEXTLINE(performance-enum-size): its width on disk
enum class RecordKind : std::uint32_t { data = 1, checkpoint = 2, seal = 3 };
struct RecordHeader {
  RecordKind kind = RecordKind::data;
  std::uint64_t length = 0;  // data: plain bytes; seal: data records in the segment; checkpoint: 0
  std::uint64_t offset = 0;  // of this header in its file
  std::uint64_t synced = 0;  // bytes of the file that were on disk before this header was written
};
std::array<std::byte, kRecordHeaderSize> encode(const RecordHeader& header);
std::optional<RecordHeader> decode_record_header(std::span<const std::byte, kRecordHeaderSize> bytes);
std::array<std::byte, kMacSize> seal_mac(const RecordHeader& seal, std::uint32_t segment, const SegmentKeys* keys);

constexpr std::uint64_t chunks_of(std::uint64_t length) noexcept {
  return length == 0 ? 1 : (length - 1) / kChunkSize + 1;
}
constexpr std::size_t chunk_overhead(bool encrypted) noexcept {
  return encrypted ? crypto::kTagSize : kCrcSize;
}
// Of header and chunks in the file. length < 2^63.
constexpr std::uint64_t record_size(std::uint64_t length, bool encrypted) noexcept {
  return kRecordHeaderSize + length + chunks_of(length) * chunk_overhead(encrypted);
}

// Where a chunk belongs; bound to it, so that it cannot stand elsewhere.
struct ChunkPlace {
  std::uint64_t record = 0;  // offset of the record's header
  std::uint32_t index = 0;
  bool last = false;
};
// Appends the protected chunk (at most kChunkSize plain bytes) to `out`.
void protect_chunk(const SegmentKeys* keys, const ChunkPlace& place, std::span<const std::byte> plain,
                   std::vector<std::byte>& out);
// `plain` has the size of `stored` less chunk_overhead(). data_loss when it is not what was written there.
Status open_chunk(const SegmentKeys* keys, const ChunkPlace& place, std::span<const std::byte> stored,
                  std::span<std::byte> plain);

}  // namespace aceso::store
