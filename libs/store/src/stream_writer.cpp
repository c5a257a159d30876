#include "stream_writer.hpp"

#include <algorithm>

namespace aceso::store {
namespace {

constexpr std::size_t kInMemory = std::size_t{4} << 20;

}  // namespace

Status StreamWriter::write(std::span<const std::byte> piece) {
  if (failed_) return *failed_;
  if (!part_ && held_.size() + piece.size() <= kInMemory) {
    held_.insert(held_.end(), piece.begin(), piece.end());
    length_ += piece.size();
    return {};
  }
  if (Status done = stream(piece); !done) {
    part_.reset();  // gives the disk its room back
    failed_ = done.error();
    return done;
  }
  length_ += piece.size();
  return {};
}

Status StreamWriter::stream(std::span<const std::byte> piece) {
  if (!part_) {
    ACESO_TRY(part_, log_.make_part());
    part_->begin_stream();
    const std::vector<std::byte> before = std::exchange(held_, {});
    ACESO_TRY_OK(stream(before));
  }
  // A chunk is written once a byte follows it: only then is it known not to be the last.
  while (!piece.empty()) {
    if (held_.size() == kChunkSize) {
      ACESO_TRY_OK(part_->put_chunk(held_, false));
      held_.clear();
    }
    const auto take = std::min(kChunkSize - held_.size(), piece.size());
    held_.insert(held_.end(), piece.begin(), piece.begin() + static_cast<std::ptrdiff_t>(take));
    piece = piece.subspan(take);
  }
  return {};
}

Result<RecordRef> StreamWriter::commit() {
  if (failed_) return *failed_;
  failed_.emplace(Code::precondition, "the record was committed already, or its commit failed");
  if (!part_) return log_.append(held_);
  ACESO_TRY_OK(part_->put_chunk(held_, true));
  ACESO_TRY_OK(part_->end_stream(length_));
  return log_.adopt(*part_, length_);
}

}  // namespace aceso::store
