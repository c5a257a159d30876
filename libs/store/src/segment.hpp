// One segment file, for reading. Immutable but for what a writer adds behind `end`, which every call is told.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>
#include <optional>

#include "file_ops.hpp"
#include "segment_format.hpp"

namespace aceso::store {

std::string segment_file_name(std::uint32_t number);  // "0000000042.seg"
std::optional<std::uint32_t> segment_number(const std::string& file_name);

// Thread-safe.
class Segment {
 public:
  // Errors: data_loss (header), denied (another key encryption key), precondition (encrypted and no key given).
  static Result<std::shared_ptr<Segment>> open(const std::filesystem::path& file, std::uint32_t number,
                                               const std::optional<crypto::SecretKey>& kek);

  std::uint32_t number() const noexcept { return number_; }
  const SegmentKeys* keys() const noexcept { return keys_ ? &*keys_ : nullptr; }
  Result<std::uint64_t> size() const;

  // The header of the record that lies there entirely below `end`; none when there is no such record.
  Result<std::optional<RecordHeader>> record_at(std::uint64_t offset, std::uint64_t end) const;
  // Plain bytes [from, from + out.size()) of a record that record_at() gave.
  Status read(const RecordHeader& record, std::uint64_t from, std::span<std::byte> out) const;
  Status check(const RecordHeader& record) const;  // every chunk, or the seal's code

  struct Walk {
    std::uint64_t end = kSegmentHeaderSize;  // of the last good record
    std::uint64_t records = 0;               // data records before it
    bool sealed = false;
    bool stopped = false;  // by visit
  };
  // Visits data records that begin at or after `from` (a record's offset) and end below `end`. Stops at the first that
  // is not good; with `deep`, chunks and seals are checked too. data_loss for more than that only when the file cannot
  // be read.
  Result<Walk> walk(std::uint64_t from, std::uint64_t end, bool deep,
                    const std::function<bool(const RecordHeader&)>& visit) const;
  // The number of data records that the seal at the end of the file states; none when it is not sealed.
  Result<std::optional<std::uint64_t>> sealed_records() const;
  // True when something behind `offset` proves that `offset` was on disk before it was written.
  Result<bool> was_synced_past(std::uint64_t offset) const;
  Result<bool> is_zero_from(std::uint64_t offset) const;  // up to the end of the file

 private:
  Segment(OwnedFd fd, std::uint32_t number, std::optional<SegmentKeys> keys)
      : fd_{std::move(fd)}, number_{number}, keys_{std::move(keys)} {}
  bool encrypted() const noexcept { return keys_.has_value(); }

  OwnedFd fd_;
  std::uint32_t number_;
  std::optional<SegmentKeys> keys_;
};

}  // namespace aceso::store
