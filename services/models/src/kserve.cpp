#include "kserve.hpp"

#include <cmath>
#include <cstring>
#include <limits>
#include <nlohmann/json.hpp>
#include <optional>
#include <type_traits>

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

Result<learn::Array> parse_tensor(ObjectReader& reader) {
  ACESO_TRY(const std::string datatype, reader.text("datatype", 16));
  learn::Array array;
  bool known = false;
  for (const Datatype& d : kDatatypes) {
    if (d.name != datatype) continue;
    array.dtype = d.type;
    known = true;
  }
  if (!known) return Error{Code::unsupported, "datatype: BOOL, UINT8, UINT16, INT8, INT16, INT32, INT64, FP32 or FP64"};
  ACESO_TRY(array.shape, parse_shape(reader.child("shape")));
  ACESO_TRY(const std::int64_t count, learn::element_count(array.shape));
  reader.child("parameters");
  const Json* data = reader.child("data");
  if (data == nullptr) return Error{Code::invalid, "data: is missing"};
  if (!fill_any(*data, static_cast<std::size_t>(count), array))
    return Error{Code::invalid, "data: " + std::to_string(count) + " values of " + datatype + " are expected"};
  ACESO_TRY_OK(reader.done());
  return array;
}

}  // namespace

std::string_view kserve_datatype(learn::DType type) noexcept {
  for (const Datatype& d : kDatatypes) {
    if (d.type == type) return d.name;
  }
  return "BYTES";
}

Result<KServeRequest> parse_kserve_request(std::string_view body) {
  ACESO_TRY(const Json json, parse_json(body, {.bytes = kMaxKServeBody, .depth = 16}));
  ACESO_TRY(ObjectReader reader, ObjectReader::of(json, "request"));
  KServeRequest request;
  ACESO_TRY(request.id, reader.text_or("id", 128, {}));
  reader.child("parameters");
  const Json* inputs = reader.child("inputs");
  if (inputs == nullptr || !inputs->is_array() || inputs->empty() || inputs->size() > kMaxInputs)
    return Error{Code::invalid, "inputs: a list of 1 to 16 tensors is expected"};
  for (const Json& input : *inputs) {
    ACESO_TRY(ObjectReader tensor, ObjectReader::of(input, "input"));
    ACESO_TRY(const std::string name, tensor.text("name", 128));
    Result<learn::Array> array = parse_tensor(tensor);
    if (!array) {
      Error error = std::move(array).error();
      error.add_context("input");
      return error;
    }
    if (!request.inputs.emplace(name, *std::move(array)).second)
      return Error{Code::invalid, "inputs: a name is given twice"};
  }
  if (const Json* outputs = reader.child("outputs")) {
    if (!outputs->is_array() || outputs->size() > kMaxInputs)
      return Error{Code::invalid, "outputs: a list of at most 16 tensors is expected"};
    for (const Json& output : *outputs) {
      ACESO_TRY(ObjectReader wanted, ObjectReader::of(output, "output"));
      ACESO_TRY(std::string name, wanted.text("name", 128));
      wanted.child("parameters");
      ACESO_TRY_OK(wanted.done());
      request.outputs.push_back(std::move(name));
    }
  }
  ACESO_TRY_OK(reader.done());
  return request;
}

Json kserve_metadata(std::string_view name, const std::vector<int>& versions, std::string_view platform,
                     const learn::ModelSignature& signature, std::size_t outputs) {
  Json names = Json::array();
  for (const int v : versions) names.push_back(std::to_string(v));
  Json inputs = Json::array();
  for (const learn::Port& port : signature.inputs) {
    Json shape = Json::array({-1});
    for (const std::int64_t d : port.shape) shape.push_back(d);
    inputs.push_back(Json{{"name", port.name}, {"datatype", kserve_datatype(port.dtype)}, {"shape", std::move(shape)}});
  }
  Json output = Json::array({Json{{"name", "output"}, {"datatype", "FP32"}, {"shape", Json::array({-1, outputs})}}});
  return Json{{"name", name},
              {"versions", std::move(names)},
              {"platform", platform},
              {"inputs", std::move(inputs)},
              {"outputs", std::move(output)}};
}

}  // namespace aceso::models
