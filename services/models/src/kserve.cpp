#include "kserve.hpp"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <type_traits>

#include "aceso/learn/boxes.hpp"
#include "aceso/learn/outlines.hpp"
#include "aceso/learn/trainer.hpp"
#include "object_reader.hpp"

namespace aceso::models {
namespace {

constexpr std::size_t kMaxInputs = 16;
constexpr std::size_t kMaxDimensions = 8;

struct Datatype {
  std::string_view name;
  learn::DType type;
};
constexpr Datatype kDatatypes[] = {
    {"BOOL", learn::DType::boolean}, {"UINT8", learn::DType::u8},  {"UINT16", learn::DType::u16},
    {"INT8", learn::DType::i8},      {"INT16", learn::DType::i16}, {"INT32", learn::DType::i32},
    {"INT64", learn::DType::i64},    {"FP32", learn::DType::f32},  {"FP64", learn::DType::f64}};

// One number of the tensor's type; nothing when it does not fit into it.
template <class T>
std::optional<T> number(const Json& v) {
  if constexpr (std::is_floating_point_v<T>) {
    if (!v.is_number()) return std::nullopt;
    const auto value = v.get<double>();
    if (!std::isfinite(value) || std::abs(value) > static_cast<double>(std::numeric_limits<T>::max()))
      return std::nullopt;
    return static_cast<T>(value);
  } else {
    if (v.is_number_unsigned()) {
      const auto value = v.get<std::uint64_t>();
      return value <= static_cast<std::uint64_t>(std::numeric_limits<T>::max())
                 ? std::optional<T>{static_cast<T>(value)}
                 : std::nullopt;
    }
    if (!v.is_number_integer()) return std::nullopt;
    const auto value = v.get<std::int64_t>();
    return value >= static_cast<std::int64_t>(std::numeric_limits<T>::min()) &&
                   value <= static_cast<std::int64_t>(std::numeric_limits<T>::max())
               ? std::optional<T>{static_cast<T>(value)}
               : std::nullopt;
  }
}

// Nested lists in the order of their leaves; their own lengths are not compared with the shape, only the number of
// values.
template <class T>
bool append(const Json& data, std::size_t depth, std::size_t limit, std::vector<T>& out) {
  if (data.is_array()) {
    if (depth == 0) return false;
    for (const Json& item : data) {
      if (!append(item, depth - 1, limit, out)) return false;
    }
    return true;
  }
  if (out.size() >= limit) return false;
  const std::optional<T> value = number<T>(data);
  if (value) out.push_back(*value);
  return value.has_value();
}

template <class T>
bool fill(const Json& data, std::size_t count, learn::Array& array) {
  std::vector<T> values;
  values.reserve(count);
  if (!data.is_array() || !append<T>(data, kMaxDimensions, count, values) || values.size() != count) return false;
  array.data.resize(count * sizeof(T));
  if (count > 0) std::memcpy(array.data.data(), values.data(), array.data.size());
  return true;
}

bool fill_boolean(const Json& data, std::size_t count, learn::Array& array) {
  if (!data.is_array() || data.size() != count) return false;
  for (const Json& item : data) {
    if (!item.is_boolean()) return false;
    array.data.push_back(static_cast<std::byte>(item.get<bool>() ? 1 : 0));
  }
  return true;
}

bool fill_any(const Json& data, std::size_t count, learn::Array& array) {
  switch (array.dtype) {
    case learn::DType::u8:
      return fill<std::uint8_t>(data, count, array);
    case learn::DType::i8:
      return fill<std::int8_t>(data, count, array);
    case learn::DType::u16:
      return fill<std::uint16_t>(data, count, array);
    case learn::DType::i16:
      return fill<std::int16_t>(data, count, array);
    case learn::DType::i32:
      return fill<std::int32_t>(data, count, array);
    case learn::DType::i64:
      return fill<std::int64_t>(data, count, array);
    case learn::DType::f32:
      return fill<float>(data, count, array);
    case learn::DType::f64:
      return fill<double>(data, count, array);
    case learn::DType::boolean:
      return fill_boolean(data, count, array);
  }
  return false;
}

Result<learn::Shape> parse_shape(const Json* json) {
  if (json == nullptr || !json->is_array() || json->empty() || json->size() > kMaxDimensions)
    return Error{Code::invalid, "shape: a list of 1 to 8 numbers is expected"};
  learn::Shape shape;
  for (const Json& d : *json) {
    const auto value = number<std::int64_t>(d);
    if (!value || *value < 1 || *value > kMaxKServeElements)
      return Error{Code::invalid, "shape: each dimension is a number from 1 on"};
    shape.push_back(*value);
  }
  ACESO_TRY(const std::int64_t count, learn::element_count(shape));
  if (count > kMaxKServeElements) return Error{Code::too_large, "shape: too many values"};
  return shape;
}

// What the JSON says of a tensor's bytes behind it.
struct Described {
  learn::Array array;  // without data where `bytes` is given
  std::size_t count = 0;
  std::optional<std::uint64_t> bytes;
};

// Parameters that would change the meaning of a tensor are refused; others are the client's own.
Status check_tensor_parameters(const Json& parameters) {
  if (!parameters.is_object()) return Error{Code::invalid, "parameters: an object is expected"};
  for (const auto& [key, value] : parameters.items()) {
    if (key.starts_with("shared_memory")) return Error{Code::unsupported, "parameters: there is no shared memory here"};
    if (key == "classification" && value != 0)
      return Error{Code::unsupported, "parameters: classification is not done here; ask for the numbers"};
  }
  return {};
}

Result<Described> parse_tensor(ObjectReader& reader) {
  ACESO_TRY(const std::string datatype, reader.text("datatype", 16));
  Described out;
  bool known = false;
  for (const Datatype& d : kDatatypes) {
    if (d.name != datatype) continue;
    out.array.dtype = d.type;
    known = true;
  }
  if (!known) return Error{Code::unsupported, "datatype: BOOL, UINT8, UINT16, INT8, INT16, INT32, INT64, FP32 or FP64"};
  ACESO_TRY(out.array.shape, parse_shape(reader.child("shape")));
  ACESO_TRY(const std::int64_t count, learn::element_count(out.array.shape));
  out.count = static_cast<std::size_t>(count);
  if (const Json* parameters = reader.child("parameters")) {
    ACESO_TRY_OK(check_tensor_parameters(*parameters));
    if (const auto size = parameters->find("binary_data_size"); size != parameters->end()) {
      if (!size->is_number_unsigned()) return Error{Code::invalid, "binary_data_size: a number of bytes is expected"};
      out.bytes = size->get<std::uint64_t>();
    }
  }
  const Json* data = reader.child("data");
  if ((data != nullptr) == out.bytes.has_value())
    return Error{Code::invalid, data == nullptr ? "data: is missing" : "data: given twice, as JSON and as bytes"};
  if (out.bytes && *out.bytes != out.count * learn::size_of(out.array.dtype)) {
    return Error{Code::invalid, "binary_data_size: " + std::to_string(out.count) + " values of " + datatype + " are " +
                                    std::to_string(out.count * learn::size_of(out.array.dtype)) + " bytes"};
  }
  if (data != nullptr && !fill_any(*data, out.count, out.array))
    return Error{Code::invalid, "data: " + std::to_string(out.count) + " values of " + datatype + " are expected"};
  ACESO_TRY_OK(reader.done());
  return out;
}

template <class T>
bool all_finite(std::string_view bytes) {
  for (std::size_t at = 0; at < bytes.size(); at += sizeof(T)) {
    T value;
    std::memcpy(&value, bytes.data() + at, sizeof(T));
    if (!std::isfinite(value)) return false;
  }
  return true;
}

// A parameter that counts something; 0 when it is absent.
Result<std::uint64_t> count_parameter(const Json& parameters, const char* name) {
  const auto found = parameters.find(name);
  if (found == parameters.end()) return std::uint64_t{0};
  if (!found->is_number_unsigned()) return Error{Code::invalid, std::string{name} + ": a whole number is expected"};
  return found->get<std::uint64_t>();
}

// Takes the tensor's bytes from the front of `rest`.
Status take_bytes(Described& tensor, std::string_view& rest) {
  if (*tensor.bytes > rest.size()) return Error{Code::invalid, "binary_data_size: more bytes than were sent"};
  const std::string_view bytes = rest.substr(0, static_cast<std::size_t>(*tensor.bytes));
  rest.remove_prefix(bytes.size());
  const learn::DType type = tensor.array.dtype;
  if (type == learn::DType::boolean && std::any_of(bytes.begin(), bytes.end(), [](char c) { return c != 0 && c != 1; }))
    return Error{Code::invalid, "binary data: a BOOL is 0 or 1"};
  if ((type == learn::DType::f32 && !all_finite<float>(bytes)) ||
      (type == learn::DType::f64 && !all_finite<double>(bytes)))
    return Error{Code::invalid, "binary data: a number is not finite"};
  const auto* first = reinterpret_cast<const std::byte*>(bytes.data());
  tensor.array.data.assign(first, first + bytes.size());
  return {};
}

// The length of the JSON: all of the body without the header.
Result<std::size_t> json_length(std::string_view body, std::string_view header_length) {
  if (header_length.empty()) return body.size();
  std::size_t length = 0;
  const char* const begin = header_length.begin();
  const char* const end = header_length.end();
  const auto [stop, error] = std::from_chars(begin, end, length);
  if (error != std::errc{} || stop != end)
    return Error{Code::invalid, "Inference-Header-Content-Length: a number of bytes is expected"};
  if (length == 0)
    return Error{Code::unsupported, "Inference-Header-Content-Length: 0: a request without JSON is not understood"};
  if (length > body.size()) return Error{Code::invalid, "Inference-Header-Content-Length: more bytes than were sent"};
  return length;
}

Status parse_inputs(const Json& inputs, std::string_view rest, bool bytes_behind, learn::NamedArrays& out) {
  for (const Json& input : inputs) {
    ACESO_TRY(ObjectReader reader, ObjectReader::of(input, "input"));
    ACESO_TRY(const std::string name, reader.text("name", 128));
    Result<Described> tensor = parse_tensor(reader);
    Status taken;
    if (tensor && tensor->bytes && !bytes_behind) {
      taken = Error{Code::invalid, "binary_data_size: without the header Inference-Header-Content-Length"};
    } else if (tensor && tensor->bytes) {
      taken = take_bytes(*tensor, rest);
    }
    if (!tensor || !taken) {
      Error error = tensor ? std::move(taken).error() : std::move(tensor).error();
      error.add_context("input");
      return error;
    }
    if (!out.emplace(name, std::move(tensor->array)).second)
      return Error{Code::invalid, "inputs: a name is given twice"};
  }
  if (!rest.empty())
    return Error{Code::invalid, "binary data: " + std::to_string(rest.size()) + " bytes are no input's"};
  return {};
}

Status parse_outputs(const Json& outputs, std::vector<KServeOutput>& out) {
  if (!outputs.is_array() || outputs.size() > kMaxInputs)
    return Error{Code::invalid, "outputs: a list of at most 16 tensors is expected"};
  for (const Json& output : outputs) {
    ACESO_TRY(ObjectReader wanted, ObjectReader::of(output, "output"));
    KServeOutput one;
    ACESO_TRY(one.name, wanted.text("name", 128));
    if (const Json* parameters = wanted.child("parameters")) {
      ACESO_TRY_OK(check_tensor_parameters(*parameters));
      if (const auto binary = parameters->find("binary_data"); binary != parameters->end()) {
        if (!binary->is_boolean()) return Error{Code::invalid, "binary_data: true or false"};
        one.binary = binary->get<bool>();
      }
    }
    ACESO_TRY_OK(wanted.done());
    out.push_back(std::move(one));
  }
  return {};
}

Json free_batch(const learn::Shape& shape) {
  Json out = Json::array({-1});
  for (const std::int64_t d : shape) out.push_back(d);
  return out;
}

}  // namespace

std::string_view kserve_datatype(learn::DType type) noexcept {
  for (const Datatype& d : kDatatypes) {
    if (d.type == type) return d.name;
  }
  return "BYTES";
}

bool KServeRequest::wants_binary(std::string_view output) const {
  for (const KServeOutput& o : outputs) {
    if (o.name == output && o.binary) return *o.binary;
  }
  return binary_outputs;
}

Result<KServeRequest> parse_kserve_request(std::string_view body, std::string_view header_length) {
  ACESO_TRY(const std::size_t length, json_length(body, header_length));
  ACESO_TRY(const Json json, parse_json(body.substr(0, length), {.bytes = kMaxKServeBody, .depth = 16}));
  ACESO_TRY(ObjectReader reader, ObjectReader::of(json, "request"));
  KServeRequest request;
  ACESO_TRY(request.id, reader.text_or("id", 128, {}));
  if (const Json* parameters = reader.child("parameters")) {
    if (!parameters->is_object()) return Error{Code::invalid, "parameters: an object is expected"};
    if (const auto binary = parameters->find("binary_data_output"); binary != parameters->end()) {
      if (!binary->is_boolean()) return Error{Code::invalid, "binary_data_output: true or false"};
      request.binary_outputs = binary->get<bool>();
    }
    ACESO_TRY(request.priority, count_parameter(*parameters, "priority"));
    ACESO_TRY(const std::uint64_t timeout, count_parameter(*parameters, "timeout"));
    request.timeout_us = static_cast<std::int64_t>(std::min<std::uint64_t>(timeout, 3'600'000'000));
    if (const auto sequence = parameters->find("sequence_id"); sequence != parameters->end() && *sequence != 0)
      return Error{Code::unsupported, "sequence_id: models here keep nothing from one request to the next"};
  }
  const Json* inputs = reader.child("inputs");
  if (inputs == nullptr || !inputs->is_array() || inputs->empty() || inputs->size() > kMaxInputs)
    return Error{Code::invalid, "inputs: a list of 1 to 16 tensors is expected"};
  ACESO_TRY_OK(parse_inputs(*inputs, body.substr(length), !header_length.empty(), request.inputs));
  if (const Json* outputs = reader.child("outputs")) {
    ACESO_TRY_OK(parse_outputs(*outputs, request.outputs));
  }
  ACESO_TRY_OK(reader.done());
  return request;
}

KServeAnswer kserve_answer(Json head, const learn::Array& output, Json parameters, bool binary) {
  Json tensor{{"name", "output"}, {"datatype", kserve_datatype(output.dtype)}, {"shape", output.shape}};
  if (binary) parameters["binary_data_size"] = output.data.size();
  if (!parameters.empty()) tensor["parameters"] = std::move(parameters);
  if (!binary) {
    Json data = Json::array();
    for (const float v : output.f32()) data.push_back(v);
    tensor["data"] = std::move(data);
  }
  head["outputs"] = Json::array({std::move(tensor)});
  KServeAnswer answer{.body = dump_json(head), .header_length = std::nullopt};
  if (binary) {
    answer.header_length = answer.body.size();
    answer.body.append(reinterpret_cast<const char*>(output.data.data()), output.data.size());
  }
  return answer;
}

learn::Shape kserve_output_shape(const learn::ModelSignature& signature, std::size_t classes) {
  if (learn::draws_outlines(signature) || learn::finds_boxes(signature)) return signature.outputs.front().shape;
  const bool several = learn::task_of(signature) == learn::Task::multi_label || classes > 2;
  return {several ? static_cast<std::int64_t>(classes) : 1};
}

Json kserve_metadata(std::string_view name, const std::vector<int>& versions, std::string_view platform,
                     const learn::ModelSignature& signature, const learn::Shape& output) {
  Json names = Json::array();
  for (const int v : versions) names.push_back(std::to_string(v));
  Json inputs = Json::array();
  for (const learn::Port& port : signature.inputs) {
    inputs.push_back(
        Json{{"name", port.name}, {"datatype", kserve_datatype(port.dtype)}, {"shape", free_batch(port.shape)}});
  }
  return Json{
      {"name", name},
      {"versions", std::move(names)},
      {"platform", platform},
      {"inputs", std::move(inputs)},
      {"outputs", Json::array({Json{{"name", "output"}, {"datatype", "FP32"}, {"shape", free_batch(output)}}})}};
}

Json kserve_config(std::string_view name, std::string_view platform, const learn::ModelSignature& signature,
                   const learn::Shape& output, std::size_t max_batch, std::int64_t max_delay_us) {
  Json inputs = Json::array();
  for (const learn::Port& port : signature.inputs) {
    inputs.push_back(Json{
        {"name", port.name}, {"data_type", "TYPE_" + std::string{kserve_datatype(port.dtype)}}, {"dims", port.shape}});
  }
  return Json{{"name", name},
              {"platform", platform},
              {"backend", platform},
              {"max_batch_size", max_batch},
              {"dynamic_batching", {{"max_queue_delay_microseconds", max_delay_us}, {"priority_levels", 2}}},
              {"input", std::move(inputs)},
              {"output", Json::array({Json{{"name", "output"}, {"data_type", "TYPE_FP32"}, {"dims", output}}})}};
}

}  // namespace aceso::models
