// The DICOM JSON model (PS3.18 Annex F), written and read.
#pragma once

#include <cstddef>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "aceso/base/result.hpp"
#include "aceso/dicom/dataset.hpp"

namespace aceso::dicom {

struct JsonOptions {
  // Binary values longer than this many bytes, all pixel data and skipped values become a BulkDataURI, when `bulk_uri`
  // is given, else they are left out (vr only).
  std::size_t inline_binary = 1024;
  // Path of tags and item numbers from 1: "7FE00010", "00540016/1/00181072". Gets the element too.
  std::function<std::optional<std::string>(std::string_view path, const Element& element)> bulk_uri;
  bool skip_group_lengths = true;  // (gggg,0000) other than (0002,0000), as F.2 asks
  bool keep_private = true;
};

// One object in one line of UTF-8, attributes by ascending tag. DS and IS that are numbers become JSON numbers, others
// strings. Never fails: what cannot be read as its VR says is written as a string. Thread-safe.
std::string to_json(const Dataset& dataset, const JsonOptions& options = {});

struct JsonReadLimits {
  std::size_t bytes = std::size_t{64} << 20;
  std::uint32_t depth = 32;  // of nested sequences
};
// Text becomes UTF-8 (ISO_IR 192, which it sets when there is any other character). BulkDataURIs are handed to
// `fetch`; without it they are errors. Errors: invalid (with the tag, never the value), too_large, unsupported.
using BulkFetch = std::function<Result<std::vector<std::byte>>(std::string_view uri)>;
Result<Dataset> from_json(std::string_view text, const JsonReadLimits& limits = {}, const BulkFetch& fetch = {});
// An array of objects, as STOW-RS and query answers have it. A single object counts as an array of one.
Result<std::vector<Dataset>> from_json_array(std::string_view text, const JsonReadLimits& limits = {},
                                             const BulkFetch& fetch = {});

}  // namespace aceso::dicom
