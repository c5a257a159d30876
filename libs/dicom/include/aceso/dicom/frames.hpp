// Where each frame of an object lies in its bytes, so that one frame can be read without the rest (PS3.5 A.4, PS3.3
// C.7.6.3.1.8 extended offset table).
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "aceso/base/result.hpp"
#include "aceso/dicom/parse.hpp"

namespace aceso::dicom {

struct PixelFormat;

// Byte ranges of an object's frames; a frame of several fragments has several ranges that follow each other.
class FrameTable {
 public:
  // By the extended offset table, else the basic one, else one fragment a frame, else (JPEG families, RLE) one frame a
  // start marker when the caller has `bytes`. Native: rows x columns x samples x bits. Errors: not_found (no pixel
  // data), invalid (tables and fragments contradict each other), unsupported (frames cannot be told apart; packed
  // single-bit frames that do not start on a byte have their own answer: bit_offset).
  static Result<FrameTable> build(const Object& object, std::span<const std::byte> bytes = {});

  std::uint32_t count() const noexcept { return static_cast<std::uint32_t>(first_.empty() ? 0 : first_.size() - 1); }
  std::span<const Fragment> ranges(std::uint32_t frame) const noexcept;  // frame < count(), from 0
  std::uint64_t length(std::uint32_t frame) const noexcept;              // bytes of all its ranges
  bool encapsulated() const noexcept { return encapsulated_; }
  // Single-bit native frames are packed without padding: the first bit of the frame inside its first byte (0..7).
  std::uint32_t bit_offset(std::uint32_t frame) const noexcept;

  // A compact form for an index: magic, version, varints. parse() checks everything it reads; errors: invalid.
  std::vector<std::byte> to_bytes() const;
  static Result<FrameTable> from_bytes(std::span<const std::byte> bytes);

 private:
  static Result<FrameTable> native(const PixelFormat& format, std::uint64_t offset, std::uint64_t length);
  static Result<FrameTable> native_as_full(PixelFormat format, std::uint64_t offset, std::uint64_t length);
  bool encapsulated_ = false;
  std::uint64_t bits_ = 0;  // of a native single-bit frame, else 0
  std::vector<Fragment> fragments_;
  std::vector<std::uint32_t> first_;  // count + 1: first fragment of each frame
};

// The bytes of one frame, its fragments put together. Errors: invalid (past the end of bytes or frames).
Result<std::vector<std::byte>> frame_bytes(const FrameTable& table, std::uint32_t frame,
                                           std::span<const std::byte> bytes);

}  // namespace aceso::dicom
