// KServe v2 ("Open Inference Protocol") REST: requests with tensors as JSON or, by the binary tensor data extension, as
// bytes behind the JSON; metadata, configuration, answers.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "aceso/base/json.hpp"
#include "aceso/learn/array.hpp"
#include "aceso/learn/signature.hpp"

namespace aceso::models {

struct KServeOutput {
  std::string name;
  std::optional<bool> binary;  // binary_data; absent: as the request says for all
};

struct KServeRequest {
  std::string id;  // the client's, at most 128 bytes
  learn::NamedArrays inputs;
  std::vector<KServeOutput> outputs;  // wanted; empty: all
  bool binary_outputs = false;        // binary_data_output
  std::uint64_t priority = 0;         // as Triton's: 1 first, more later; 0: as the server thinks
  std::int64_t timeout_us = 0;        // longest wait for the run; 0: the server's
  // Whether this output goes out as bytes; its name is one of `outputs` where there are any.
  bool wants_binary(std::string_view output) const;
};

inline constexpr std::size_t kMaxKServeBody = std::size_t{64} << 20;
inline constexpr std::int64_t kMaxKServeElements = std::int64_t{16} << 20;

// Datatypes BOOL, UINT8, UINT16, INT8, INT16, INT32, INT64, FP32, FP64; data flat in row-major order or nested.
// `header_length`: the value of Inference-Header-Content-Length, "" when absent. With it the first so many bytes are
// the JSON; behind it stand, little-endian and without gaps, the bytes of each input whose parameters give a
// binary_data_size, in the inputs' order: all bytes belong to one input, and each input's number of bytes is that of
// its shape. Numbers are finite, a BOOL is 0 or 1. invalid names the input; unsupported: another datatype, shared
// memory, classification.
Result<KServeRequest> parse_kserve_request(std::string_view body, std::string_view header_length = {});

// An answer as it is sent: the JSON, behind it the bytes of the outputs that stand in it with a binary_data_size.
struct KServeAnswer {
  std::string body;
  std::optional<std::size_t> header_length;  // of Inference-Header-Content-Length; absent: all of it is JSON
};
// `head` without outputs; `parameters` of the one output, may be empty.
KServeAnswer kserve_answer(Json head, const learn::Array& output, Json parameters, bool binary);

std::string_view kserve_datatype(learn::DType type) noexcept;
// Shape of the answer without the batch dimension: of outlines [labels, spatial...], of boxes [labels + 2 * axes,
// cells...], else [classes].
learn::Shape kserve_output_shape(const learn::ModelSignature& signature, std::size_t classes);
Json kserve_metadata(std::string_view name, const std::vector<int>& versions, std::string_view platform,
                     const learn::ModelSignature& signature, const learn::Shape& output);
// As Triton describes a model to its clients (model_config.proto as JSON).
Json kserve_config(std::string_view name, std::string_view platform, const learn::ModelSignature& signature,
                   const learn::Shape& output, std::size_t max_batch, std::int64_t max_delay_us);

}  // namespace aceso::models
