// The parts of a file one after the other: preamble, meta group, data set, inflated first where it is deflated.
#pragma once

#include <zlib.h>

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "aceso/dicom/parse.hpp"
#include "parser_core.hpp"

namespace aceso::dicom {

class Driver {
 public:
  // `copy` as in ParserCore. `size`: of the whole input, when known. `syntax_uid` empty: part 10 or, when the options
  // allow it, a bare data set.
  Driver(ParseOptions options, std::string_view syntax_uid, bool copy, std::optional<std::uint64_t> size);
  Driver(const Driver&) = delete;
  Driver& operator=(const Driver&) = delete;
  ~Driver();

  Status run(std::span<const std::byte> window, bool last, std::size_t& used);
  bool finished() const noexcept { return phase_ == Phase::done; }
  bool in_pixel_data() const noexcept { return core_.in_pixel_data(); }
  const Object& so_far();
  Object take();

 private:
  enum class Phase : std::uint8_t { start, meta, choose, dataset, inflate, done };

  Status start(std::span<const std::byte> rest, bool last, std::size_t& used);
  Status start_bare(std::span<const std::byte> rest);
  Status run_meta(std::span<const std::byte> rest, bool last, std::size_t& used);
  Status choose(std::span<const std::byte> rest, bool last);
  Status run_dataset(std::span<const std::byte> rest, bool last, std::size_t& used);
  Status run_inflate(std::span<const std::byte> rest, bool last);
  Status inflate_some(bool& produced);
  Status drain_inflated(bool last);

  ParseOptions options_;
  Object object_;
  bool copy_;
  std::optional<std::uint64_t> size_;
  ParserCore core_;
  Phase phase_ = Phase::start;
  bool waiting_ = false;  // the current phase needs more bytes than the window has
  std::uint64_t position_ = 0;
  std::unique_ptr<z_stream> inflate_;
  bool inflate_ended_ = false;
  std::vector<std::byte> inflated_;
  std::uint64_t inflated_total_ = 0;
  bool core_begun_ = false;
};

}  // namespace aceso::dicom
