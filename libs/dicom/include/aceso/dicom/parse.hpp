// Part 10 files and bare data sets (PS3.10 chapter 7, PS3.5 chapter 7 and Annex A), whole or piece by piece. Bytes are
// never changed. Everything is bounded: lengths are checked against what remains, depth, counts and sizes by options.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "aceso/base/result.hpp"
#include "aceso/dicom/dataset.hpp"
#include "aceso/dicom/uid.hpp"

namespace aceso::dicom {

struct ParseOptions {
  std::uint32_t depth = 32;                         // of nested sequences
  std::uint64_t keep = ~std::uint64_t{0};           // values longer than this are located, not kept (Element::skipped)
  std::uint64_t elements = 2'000'000;               // in all, items and fragments among them
  std::uint64_t inflated = std::uint64_t{1} << 30;  // bytes of a deflated data set, and 1032 times the deflated
  std::uint64_t header = std::uint64_t{256} << 20;  // bytes of kept values in all, for StreamReader
  std::optional<Tag> stop_at;                       // the first top-level tag that is not read any more
  bool skip_pixel_data = false;                     // as if `keep` were 0 for (7FE0,0008), (7FE0,0009), (7FE0,0010)
  // A data set that does not begin with "DICM" after 128 bytes: accepted when it begins with a plausible element. It is
  // read as `syntax` when given, else explicit or implicit, little or big endian as its first element looks.
  bool allow_bare = true;
  std::optional<std::string> syntax;
};

// What was odd but readable; an archive counts them, a validator shows them.
struct Oddities {
  bool no_preamble = false;      // "DICM" at 0, or no meta group at all
  bool wrong_syntax = false;     // the file says implicit and is explicit, or the other way round
  bool no_meta_length = false;   // (0002,0000) missing or wrong
  bool odd_length = false;       // a value of odd length
  bool out_of_order = false;     // tags not ascending; a tag twice keeps the first
  bool unknown_vr = false;       // two bytes that are no VR
  bool bad_item_length = false;  // an item or sequence whose length does not fit what it holds
  bool trailing = false;         // bytes after the data set
  bool no_delimiter = false;     // the end came where a delimiter was due
};

// A parsed object. Values view the bytes given to parse(), or `inflated`; moving an Object keeps them valid.
struct Object {
  Dataset meta;                            // group 0002
  Dataset dataset;                         // the rest
  const TransferSyntax* syntax = nullptr;  // how the data set is encoded indeed; never null after parse()
  std::string syntax_uid;                  // as the file says; differs from syntax->uid when wrong or unknown
  std::uint64_t dataset_offset = 0;        // where group 0002 ends
  std::uint64_t end = 0;                   // first byte not read: stop_at, or the end
  bool stopped = false;                    // by stop_at
  Oddities odd;
  std::vector<std::byte> inflated;  // the data set of a deflated file; its offsets count from here
  Object() = default;
  Object(Object&&) = default;
  Object& operator=(Object&&) = default;
  Object(const Object&) = delete;
  Object& operator=(const Object&) = delete;

  std::string sop_class() const;     // (0008,0016), else (0002,0002)
  std::string sop_instance() const;  // (0008,0018), else (0002,0003)
};

// `bytes` must outlive the Object. Errors: invalid (no DICOM; damaged, with the offset), data_loss (ends too early),
// too_large (past a limit), unsupported. Messages hold tags and offsets, never values. Thread-safe.
Result<Object> parse(std::span<const std::byte> bytes, const ParseOptions& options = {});
// A data set without meta, as associations send it, in a known transfer syntax.
Result<Object> parse_dataset(std::span<const std::byte> bytes, std::string_view syntax_uid,
                             const ParseOptions& options = {});

// "DICM" after the preamble. Cheap: at most 132 bytes are looked at.
bool has_part10_magic(std::span<const std::byte> bytes) noexcept;

// The same from pieces in any cut, holding the header only: values up to options.keep (64 KiB unless set) are copied,
// pixel data and longer values are located and passed over. Memory: kept values + at most one element being completed.
// Not thread-safe; one reader an object.
class StreamReader {
 public:
  // Part 10 when `syntax_uid` is empty, else a data set without meta in that syntax.
  explicit StreamReader(ParseOptions options = {}, std::string_view syntax_uid = {});
  StreamReader(StreamReader&&) noexcept;
  StreamReader& operator=(StreamReader&&) noexcept;
  ~StreamReader();

  // Errors as parse(); after an error the reader takes nothing more.
  Status feed(std::span<const std::byte> piece);
  // The end of the input: data_loss when it came too early. Once.
  Result<Object> finish();

  bool in_pixel_data() const noexcept;      // everything before top-level pixel data has been read
  const Object& so_far() const noexcept;    // complete elements of the top level; valid until the next call
  std::uint64_t consumed() const noexcept;  // bytes fed

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace aceso::dicom
