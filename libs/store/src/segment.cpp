#include "segment.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <charconv>

namespace aceso::store {
namespace {

constexpr std::string_view kSuffix = ".seg";
constexpr std::size_t kDigits = 10;
constexpr std::size_t kSearchBlock = std::size_t{1} << 20;

}  // namespace

std::string segment_file_name(std::uint32_t number) {
  const std::string digits = std::to_string(number);
  return std::string(kDigits - digits.size(), '0') + digits + std::string{kSuffix};
}

std::optional<std::uint32_t> segment_number(const std::string& file_name) {
  if (file_name.size() != kDigits + kSuffix.size() || !file_name.ends_with(kSuffix)) return std::nullopt;
  std::uint32_t number = 0;
  const char* end = file_name.data() + kDigits;
  const auto [parsed, error] = std::from_chars(file_name.data(), end, number);
  if (error != std::errc{} || parsed != end || number == 0) return std::nullopt;
  return number;
}

Result<std::shared_ptr<Segment>> Segment::open(const std::filesystem::path& file, std::uint32_t number,
                                               const std::optional<crypto::SecretKey>& kek) {
  OwnedFd fd{::open(file.c_str(), O_RDONLY | O_CLOEXEC)};
  if (fd.get() < 0) return errno_error(file.string(), errno);
  std::array<std::byte, kSegmentHeaderSize> bytes;
  Status status = read_exactly(fd.get(), bytes, 0);
  if (!status) return std::move(std::move(status).error().add_context(file.string()));
  auto header = decode_segment_header(bytes);
  if (!header) return std::move(std::move(header).error().add_context(file.string()));
  if (header->number != number)
    return Error{Code::data_loss, file.string() + ": is segment " + std::to_string(header->number)};
  std::optional<SegmentKeys> keys;
  if (header->wrapped_key) {
    if (!kek) return Error{Code::precondition, file.string() + ": is encrypted and no key was given"};
    auto data_key = crypto::unwrap_key(*kek, *header->wrapped_key);
    if (!data_key) return std::move(std::move(data_key).error().add_context(file.string()));
    keys.emplace(*data_key);
    if (!is_authentic(bytes, *keys)) return Error{Code::data_loss, file.string() + ": the header was altered"};
  }
  return std::shared_ptr<Segment>{new Segment{std::move(fd), number, std::move(keys)}};
}

Result<std::uint64_t> Segment::size() const {
  struct stat info{};
  if (::fstat(fd_.get(), &info) != 0) return errno_error("cannot size a segment", errno);
  return static_cast<std::uint64_t>(info.st_size);
}

Result<std::optional<RecordHeader>> Segment::record_at(std::uint64_t offset, std::uint64_t end) const {
  const std::optional<RecordHeader> none;
  if (offset < kSegmentHeaderSize || offset > end || end - offset < kRecordHeaderSize) return none;
  std::array<std::byte, kRecordHeaderSize> bytes;
  ACESO_TRY_OK(read_exactly(fd_.get(), bytes, offset));
  const auto header = decode_record_header(bytes);
  if (!header || header->offset != offset) return none;
  const std::uint64_t room = end - offset;
  switch (header->kind) {
    case RecordKind::data:
      return header->length < room && record_size(header->length, encrypted()) <= room ? header : none;
    case RecordKind::seal:
      return kSealSize <= room ? header : none;
    case RecordKind::checkpoint:
      return header;
  }
  return none;
}

Status Segment::read(const RecordHeader& record, std::uint64_t from, std::span<std::byte> out) const {
  const std::size_t overhead = chunk_overhead(encrypted());
  const std::uint64_t last = chunks_of(record.length) - 1;
  std::vector<std::byte> stored(std::min<std::uint64_t>(record.length, kChunkSize) + overhead);
  std::vector<std::byte> plain(stored.size() - overhead);
  std::uint64_t index = from / kChunkSize;
  std::size_t skip = from % kChunkSize;
  do {
    const std::uint64_t begin = index * kChunkSize;
    const std::size_t size = index == last ? record.length - begin : kChunkSize;
    const std::span<std::byte> in = std::span{stored}.first(size + overhead);
    ACESO_TRY_OK(read_exactly(fd_.get(), in, record.offset + kRecordHeaderSize + index * (kChunkSize + overhead)));
    const ChunkPlace place{record.offset, static_cast<std::uint32_t>(index), index == last};
    const std::size_t take = std::min(size - skip, out.size());
    // A whole chunk goes straight to the caller.
    const std::span<std::byte> target = take == size ? out.first(size) : std::span{plain}.first(size);
    ACESO_TRY_OK(open_chunk(keys(), place, in, target));
    if (take != size) std::copy_n(target.begin() + static_cast<std::ptrdiff_t>(skip), take, out.begin());
    out = out.subspan(take);
    skip = 0;
    ++index;
  } while (!out.empty());
  return {};
}

Status Segment::check(const RecordHeader& record) const {
  if (record.kind == RecordKind::checkpoint) return {};
  if (record.kind == RecordKind::seal) {
    std::array<std::byte, kMacSize> code;
    ACESO_TRY_OK(read_exactly(fd_.get(), code, record.offset + kRecordHeaderSize));
    if (crypto::equal_constant_time(code, seal_mac(record, number_, keys()))) return {};
    return Error{Code::data_loss, "a segment's seal is wrong"};
  }
  std::vector<std::byte> piece(std::min<std::uint64_t>(record.length, kChunkSize));
  std::uint64_t from = 0;
  do {
    const std::uint64_t size = std::min<std::uint64_t>(record.length - from, kChunkSize);
    ACESO_TRY_OK(read(record, from, std::span{piece}.first(size)));
    from += size;
  } while (from < record.length);
  return {};
}

Result<Segment::Walk> Segment::walk(std::uint64_t from, std::uint64_t end, bool deep,
                                    const std::function<bool(const RecordHeader&)>& visit) const {
  Walk walk;
  walk.end = std::max<std::uint64_t>(from, kSegmentHeaderSize);
  while (walk.end < end && !walk.sealed) {
    ACESO_TRY(const auto record, record_at(walk.end, end));
    if (!record) break;
    if (deep) {
      const Status good = check(*record);
      if (!good && good.error().code() == Code::data_loss) break;
      if (!good) return good.error();
    }
    switch (record->kind) {
      case RecordKind::data:
        if (!visit(*record)) {
          walk.stopped = true;
          return walk;
        }
        ++walk.records;
        walk.end += record_size(record->length, encrypted());
        break;
      case RecordKind::checkpoint:
        walk.end += kRecordHeaderSize;
        break;
      case RecordKind::seal:
        walk.end += kSealSize;
        walk.sealed = true;
        break;
    }
  }
  return walk;
}

Result<std::optional<std::uint64_t>> Segment::sealed_records() const {
  const std::optional<std::uint64_t> none;
  ACESO_TRY(const std::uint64_t bytes, size());
  if (bytes < kSegmentHeaderSize + kSealSize) return none;
  ACESO_TRY(const auto record, record_at(bytes - kSealSize, bytes));
  if (!record || record->kind != RecordKind::seal) return none;
  const Status good = check(*record);
  if (!good && good.error().code() != Code::data_loss) return good.error();
  return good.ok() ? std::optional{record->length} : none;
}

Result<bool> Segment::is_zero_from(std::uint64_t offset) const {
  ACESO_TRY(const std::uint64_t bytes, size());
  std::vector<std::byte> block;
  for (std::uint64_t at = offset; at < bytes; at += block.size()) {
    block.resize(static_cast<std::size_t>(std::min<std::uint64_t>(kSearchBlock, bytes - at)));
    ACESO_TRY_OK(read_exactly(fd_.get(), block, at));
    if (!std::ranges::all_of(block, [](std::byte b) { return b == std::byte{0}; })) return false;
  }
  return true;
}

Result<bool> Segment::was_synced_past(std::uint64_t offset) const {
  ACESO_TRY(const std::uint64_t bytes, size());
  std::vector<std::byte> block;
  for (std::uint64_t at = offset + 1; at + kRecordHeaderSize <= bytes; at += kSearchBlock) {
    // Blocks overlap, so that a header across their border is seen.
    block.resize(std::min<std::uint64_t>(kSearchBlock + kRecordHeaderSize - 1, bytes - at));
    ACESO_TRY_OK(read_exactly(fd_.get(), block, at));
    for (std::size_t i = 0; i + kRecordHeaderSize <= block.size(); ++i) {
      const auto header = decode_record_header(std::span{block}.subspan(i).first<kRecordHeaderSize>());
      if (header && header->offset == at + i && header->synced > offset) return true;
    }
  }
  return false;
}

}  // namespace aceso::store
