// A record written piece by piece: small ones wait in memory, larger ones go to a segment file of their own.
#pragma once

#include "segmented_log.hpp"

namespace aceso::store {

class StreamWriter final : public SegmentedLog::Writer {
 public:
  explicit StreamWriter(SegmentedLogImpl& log) : log_{log} {}
  Status write(std::span<const std::byte> piece) override;
  Result<RecordRef> commit() override;

 private:
  Status stream(std::span<const std::byte> piece);

  SegmentedLogImpl& log_;
  std::vector<std::byte> held_;  // all of it, or what is not yet a whole chunk
  std::unique_ptr<SegmentFile> part_ = {};
  std::uint64_t length_ = 0;
  std::optional<Error> failed_ = {};  // the first error, or that it was committed
};

}  // namespace aceso::store
