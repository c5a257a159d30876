// One segment file, for writing: from a part file that nobody sees, through records, to its seal.
#pragma once

#include <algorithm>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>

#include "aceso/base/clock.hpp"
#include "file_ops.hpp"
#include "segment_format.hpp"

namespace aceso::store {

// Not thread-safe but sync_data(). What is put is buffered until flush(); flushed is not yet on disk until sync().
class SegmentFile {
 public:
  // A part file: its header comes with publish(). With a key encryption key it gets a data key of its own.
  static Result<std::unique_ptr<SegmentFile>> create_part(FileOps& ops, const std::filesystem::path& part,
                                                          const std::optional<crypto::SecretKey>& kek);
  // A published segment of `end` good bytes, to be continued or sealed.
  static Result<std::unique_ptr<SegmentFile>> reopen(FileOps& ops, const std::filesystem::path& file,
                                                     std::uint32_t number, const SegmentKeys* keys, std::uint64_t end,
                                                     std::uint64_t records);
  SegmentFile(const SegmentFile&) = delete;
  SegmentFile& operator=(const SegmentFile&) = delete;
  ~SegmentFile();  // removes a part file that was not published

  std::uint32_t number() const noexcept { return number_; }
  bool encrypted() const noexcept { return keys_.has_value(); }
  std::uint64_t end() const noexcept { return flushed_ + buffer_.size(); }
  std::uint64_t flushed() const noexcept { return flushed_; }
  std::uint64_t synced() const noexcept { return synced_; }
  std::uint64_t records() const noexcept { return records_; }

  // Writes the header, syncs, renames to `<folder>/<number>.seg` and syncs the folder.
  enum class As : std::uint8_t { active, sealed };
  Status publish(const std::filesystem::path& folder, std::uint32_t number, UtcTime now, As how);

  Status put_record(std::span<const std::byte> plain);
  Status put_checkpoint();
  Status put_seal();
  // A record of unknown length: chunks of kChunkSize, the last one shorter or marked; then its header.
  void begin_stream();
  Status put_chunk(std::span<const std::byte> plain, bool last);
  Status end_stream(std::uint64_t length);

  Status flush();
  // Once what is flushed reaches the end of the zeros: writes more, as many as there are bytes already, at most `most`
  // and not beyond `limit`. A disk that is full gets no zeros.
  void write_ahead(std::uint64_t most, std::uint64_t limit);
  Status trim();  // takes them away
  Status sync();  // an error here is final: see SegmentedLog
  // The first half of sync(), while others write on: what was flushed when it began is on disk when it returns...
  Status sync_data();
  void mark_synced(std::uint64_t end) noexcept { synced_ = std::max(synced_, end); }  // ...and the second
  Status cut_to(std::uint64_t end, std::uint64_t records);  // drops what is buffered and what is flushed beyond `end`

 private:
  SegmentFile(FileOps& ops, OwnedFd fd, std::uint64_t end)
      : ops_{ops}, fd_{std::move(fd)}, flushed_{end}, synced_{end} {}
  Status put(std::span<const std::byte> bytes);
  Status flush_when_large();
  const SegmentKeys* keys() const noexcept { return keys_ ? &*keys_ : nullptr; }

  FileOps& ops_;
  OwnedFd fd_;
  std::filesystem::path part_;  // empty once published
  std::uint32_t number_ = 0;
  std::optional<std::array<std::byte, kWrappedKeySize>> wrapped_key_;
  std::optional<SegmentKeys> keys_;
  std::vector<std::byte> buffer_;
  std::uint64_t flushed_;
  std::uint64_t synced_;
  std::uint64_t zeroed_ = 0;   // end of the zeros behind `flushed_`, when it is larger
  bool ahead_failed_ = false;  // no more zeros in this file
  std::uint64_t records_ = 0;
  ChunkPlace stream_;
};

}  // namespace aceso::store
