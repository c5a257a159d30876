// KServe v2 ("Open Inference Protocol") REST: requests with JSON tensors, metadata, answers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "aceso/base/json.hpp"
#include "aceso/learn/array.hpp"
#include "aceso/learn/signature.hpp"

namespace aceso::models {

struct KServeRequest {
  std::string id;  // the client's, at most 128 bytes
  learn::NamedArrays inputs;
  std::vector<std::string> outputs;  // wanted; empty: all
};

inline constexpr std::size_t kMaxKServeBody = std::size_t{64} << 20;
inline constexpr std::int64_t kMaxKServeElements = std::int64_t{16} << 20;

// Datatypes BOOL, UINT8, UINT16, INT8, INT16, INT32, INT64, FP32, FP64; data flat in row-major order or nested. invalid
// names the input; unsupported: another datatype.
Result<KServeRequest> parse_kserve_request(std::string_view body);

std::string_view kserve_datatype(learn::DType type) noexcept;
Json kserve_metadata(std::string_view name, const std::vector<int>& versions, std::string_view platform,
                     const learn::ModelSignature& signature, std::size_t outputs);

}  // namespace aceso::models
