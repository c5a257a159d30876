// An .npz archive in memory, member by member: small arrays whole, large ones row by row, so that nothing of them is
// held twice.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "aceso/learn/array.hpp"

namespace aceso::learn {

// The rows (first dimension) of one array, in order. One thread.
class RowReader {
 public:
  RowReader() = default;
  RowReader(const RowReader&) = delete;
  RowReader& operator=(const RowReader&) = delete;
  virtual ~RowReader() = default;
  // The next row, appended to nothing: `to` has its size. invalid: damaged or truncated.
  virtual Status next(std::span<std::byte> to) = 0;
  // After the last row: that the member ends there and its checksum is right.
  virtual Status finish() = 0;
};

// Arrays of which `stream` says yes come with their type and shape but without data, and a reader instead; those in
// Fortran order come whole. The readers borrow the archive, which borrows `bytes`.
struct OpenNpz {
  std::shared_ptr<void> archive;  // shared with its readers
  NamedArrays arrays;
  std::map<std::string, std::unique_ptr<RowReader>, std::less<>> rows;
};
// Errors as parse_npz(). `limit` counts what is declared, streamed or not.
Result<OpenNpz> open_npz(std::span<const std::byte> bytes, std::uint64_t limit,
                         const std::function<bool(std::string_view key)>& stream);

}  // namespace aceso::learn
