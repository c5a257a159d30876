// The segmented log: the one place where Aceso's bytes go to disk. Blobs, DICOM objects, messages and monitor frames
// stand on it. docs/formats/segment.md specifies the bytes. Records are immutable; a segment is sealed at its size
// limit and never written again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "aceso/base/clock.hpp"
#include "aceso/base/log.hpp"
#include "aceso/base/result.hpp"
#include "aceso/crypto/crypto.hpp"

namespace aceso::store {

struct LogPosition {
  std::uint32_t segment = 0;
  std::uint64_t offset = 0;
  auto operator<=>(const LogPosition&) const = default;
};
struct RecordRef {
  LogPosition at;
  std::uint64_t length = 0;  // plain bytes
};

enum class SyncMode : std::uint8_t {
  each,    // append() returns after the bytes are on disk; concurrent appends share one fsync (group commit)
  window,  // append() returns at once, disk follows within window_ms: what was acknowledged in the window may be lost
           // on power failure
};

struct RecoveryReport {
  std::uint64_t records = 0;
  std::uint64_t cut_bytes = 0;  // of a damaged tail
  std::string damaged_segment;  // file name, empty when nothing was cut
};

// Thread safety: all members from any thread. Readers never wait for writers.
class SegmentedLog {
 public:
  struct Options {
    std::uint64_t segment_bytes = std::uint64_t{256} << 20;
    SyncMode sync = SyncMode::each;
    std::int64_t window_ms = 20;
    // With SyncMode::each, behind small records: zeros are written so far ahead, so that most syncs change no metadata
    // of the file (a tenth of the time on the machine where it was measured). Cut off when the segment ends. 0: none.
    std::uint64_t ahead_bytes = std::uint64_t{4} << 20;
    std::optional<crypto::SecretKey> key =
        {};  // key encryption key: each segment gets its own wrapped data key; 64 KiB chunks, AES-256-GCM
  };
  // Opens or creates; cuts a damaged tail and says so in recovery() and the log. Other errors: data_loss (damage before
  // the tail, a segment missing), denied (another key), precondition (encrypted and no key), conflict (another process
  // has it open).
  static Result<std::unique_ptr<SegmentedLog>> open(const std::filesystem::path& folder, Options options,
                                                    const Clock& clock, const Logger& logger);
  virtual ~SegmentedLog() = default;

  // Errors: exhausted (disk full: nothing of the record stays, the log goes on), unavailable (the disk failed an fsync:
  // no append succeeds until the log is opened again).
  virtual Result<RecordRef> append(std::span<const std::byte> record) = 0;

  // A record written piece by piece, for bodies larger than memory: up to 4 MiB wait in memory, more goes to a segment
  // file of its own. Nothing is visible or counted until commit(); destroyed before it: dropped. One thread at a time;
  // must not outlive the log.
  class Writer {
   public:
    virtual ~Writer() = default;
    virtual Status write(std::span<const std::byte> piece) = 0;
    virtual Result<RecordRef> commit() = 0;
  };
  virtual Result<std::unique_ptr<Writer>> begin() = 0;

  // [from, from + out.size()) of the record's plain bytes; checksums (and authenticity) verified for what is read.
  // Errors: not_found, invalid (range), data_loss.
  virtual Status read_range(const RecordRef& record, std::uint64_t from, std::span<std::byte> out) const = 0;
  Result<std::vector<std::byte>> read(const RecordRef& record, std::uint64_t limit) const;

  // Calls visit for each committed record from `from` on, in order, until it returns false.
  virtual Status scan(LogPosition from, const std::function<bool(const RecordRef&)>& visit) const = 0;
  virtual Status sync() = 0;          // everything appended so far is on disk on return
  virtual Status verify() const = 0;  // reads everything: checksums, authenticity, order
  virtual const RecoveryReport& recovery() const = 0;
  virtual LogPosition end() const = 0;
};

}  // namespace aceso::store
