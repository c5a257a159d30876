#include "aceso/learn/signature.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>

#include "json_reader.hpp"

namespace aceso::learn {
namespace {

constexpr std::array<std::string_view, 12> kKinds{"image",     "signal", "table",  "probability", "logit",
                                                  "embedding", "other",  "volume", "mask",        "label_probability",
                                                  "number",    "boxes"};
constexpr std::int64_t kMaxSide = 16384;
constexpr double kMaxSpacing = 100;  // mm
constexpr std::int64_t kMaxVoxels = std::int64_t{1} << 28;

std::string_view kind_name(PortKind kind) {
  return kKinds[static_cast<std::size_t>(kind)];
}

Result<PortKind> parse_kind(const std::string& name, const std::string& where) {
  for (std::size_t i = 0; i < kKinds.size(); ++i) {
    if (kKinds[i] == name) return static_cast<PortKind>(i);
  }
  return Error{Code::invalid, where + ".kind: unknown kind"};
}

Json port_json(const Port& port) {
  return Json{{"name", port.name},       {"dtype", to_string(port.dtype)},
              {"shape", port.shape},     {"kind", kind_name(port.kind)},
              {"meaning", port.meaning}, {"labels", port.labels},
              {"unit", port.unit}};
}

Result<Port> parse_port(const Json& json, const std::string& where) {
  ACESO_TRY(JsonReader reader, JsonReader::object(json, where));
  Port port;
  port.name = reader.text("name");
  const std::string dtype = reader.text("dtype");
  port.shape = reader.integers("shape");
  const std::string kind = reader.text("kind");
  port.meaning = reader.text("meaning", JsonReader::optional);
  port.labels = reader.texts("labels", JsonReader::optional);
  port.unit = reader.text("unit", JsonReader::optional);
  ACESO_TRY_OK(reader.finish());
  if (port.name.empty()) return Error{Code::invalid, where + ".name: empty"};
  auto type = parse_dtype(dtype);
  if (!type) return Error{Code::invalid, where + ".dtype: " + type.error().message()};
  port.dtype = *type;
  ACESO_TRY(port.kind, parse_kind(kind, where));
  for (const std::int64_t size : port.shape) {
    if (size < -1 || size == 0) return Error{Code::invalid, where + ".shape: sizes are positive, or -1 for any"};
  }
  return port;
}

Result<std::vector<Port>> parse_ports(const Json& list, const std::string& where) {
  std::vector<Port> ports;
  if (list.size() > 64) return Error{Code::too_large, where + ": more than 64 ports"};
  for (std::size_t i = 0; i < list.size(); ++i) {
    ACESO_TRY(Port port, parse_port(list[i], where + "[" + std::to_string(i) + "]"));
    ports.push_back(std::move(port));
  }
  return ports;
}

Result<Preprocessing> parse_preprocessing(const Json& json) {
  const std::string where = "signature.preprocessing";
  ACESO_TRY(JsonReader reader, JsonReader::object(json, where));
  Preprocessing how;
  const std::string kind = reader.text("kind");
  how.height = reader.integer("height", 0);
  how.width = reader.integer("width", 0);
  how.depth = reader.integer("depth", 0);
  how.channels = reader.integer("channels", 0);
  how.scale = reader.number("scale", how.scale);
  how.mean = reader.numbers("mean", JsonReader::optional);
  how.std = reader.numbers("std", JsonReader::optional);
  how.channels_last = reader.boolean("channels_last", false);
  how.flip_average = reader.boolean("flip_average", false);
  how.window = reader.integers("window", JsonReader::optional);
  how.spacing_mm = reader.numbers("spacing_mm", JsonReader::optional);
  ACESO_TRY_OK(reader.finish());
  ACESO_TRY(how.kind, parse_kind(kind, where));
  if (how.height < 0 || how.height > kMaxSide || how.width < 0 || how.width > kMaxSide ||
      (how.height == 0) != (how.width == 0)) {
    return Error{Code::invalid, where + ": height and width are both 0, or both 1 to 16384"};
  }
  if (how.channels != 0 && how.channels != 1 && how.channels != 3)
    return Error{Code::invalid, where + ".channels: must be 0, 1 or 3"};
  const bool volume = how.kind == PortKind::volume;
  if (how.depth < 0 || how.depth > kMaxSide || (volume ? (how.depth == 0) != (how.height == 0) : how.depth != 0))
    return Error{Code::invalid, where + ".depth: goes with the height and width of volumes, 1 to 16384"};
  if (how.flip_average && how.kind != PortKind::image && !volume)
    return Error{Code::invalid, where + ".flip_average: goes with images and volumes only"};
  const bool window = how.window.size() == (volume ? 3U : 2U) &&
                      std::all_of(how.window.begin(), how.window.end(),
                                  [](std::int64_t side) { return side >= 1 && side <= kMaxSide; });
  if (!how.window.empty() && ((how.kind != PortKind::image && !volume) || !window))
    return Error{Code::invalid, where + ".window: a size for each spatial axis of an image or a volume"};
  const bool spacing = how.spacing_mm.size() == 3 && std::all_of(how.spacing_mm.begin(), how.spacing_mm.end(),
                                                                 [](double mm) { return mm > 0 && mm <= kMaxSpacing; });
  if (!how.spacing_mm.empty() && (!volume || how.window.empty() || !spacing))
    return Error{Code::invalid, where + ".spacing_mm: three lengths of at most 100 mm, of volumes with a window"};
  if (volume && how.height > 0 && how.depth * how.height > kMaxVoxels / how.width)
    return Error{Code::too_large, where + ": a volume of more than 2^28 voxels"};
  for (const double deviation : how.std) {
    if (!(deviation > 0)) return Error{Code::invalid, where + ".std: must be positive"};
  }
  return how;
}

template <class T>
std::int64_t first_not_finite(const Array& array) {
  const auto values = array.as<T>();
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (!std::isfinite(values[i])) return static_cast<std::int64_t>(i);
  }
  return -1;
}

Status check_port(const Port& port, const Array& array) {
  const std::string who = "input \"" + port.name + "\": ";
  if (array.dtype != port.dtype) {
    return Error{Code::invalid,
                 who + "must be " + std::string{to_string(port.dtype)} + ", is " + std::string{to_string(array.dtype)}};
  }
  bool fits = array.shape.size() == port.shape.size() + 1;
  for (std::size_t d = 0; fits && d < port.shape.size(); ++d)
    fits = port.shape[d] == -1 || port.shape[d] == array.shape[d + 1];
  if (!fits) {
    return Error{Code::invalid,
                 who + "must have shape [N] + " + to_string(port.shape) + ", has " + to_string(array.shape)};
  }
  ACESO_TRY(const std::int64_t count, element_count(array.shape));
  if (static_cast<std::uint64_t>(count) * size_of(array.dtype) != array.data.size())
    return Error{Code::invalid, who + "its data do not fill its shape"};
  std::int64_t bad = -1;
  if (array.dtype == DType::f32) bad = first_not_finite<float>(array);
  if (array.dtype == DType::f64) bad = first_not_finite<double>(array);
  if (bad >= 0) {
    return Error{Code::invalid, who + "sample " + std::to_string(bad / (count / array.shape[0])) +
                                    " holds a value that is not finite"};
  }
  return {};
}

}  // namespace

Task task_of(const ModelSignature& signature) noexcept {
  if (signature.outputs.empty()) return Task::classes;
  switch (signature.outputs.front().kind) {
    case PortKind::mask:
      return Task::outlines;
    case PortKind::label_probability:
      return Task::multi_label;
    case PortKind::number:
      return Task::regression;
    case PortKind::boxes:
      return Task::boxes;
    default:
      return Task::classes;
  }
}

Json to_json(const ModelSignature& signature) {
  const auto ports = [](const std::vector<Port>& list) {
    Json json = Json::array();
    for (const Port& port : list) json.push_back(port_json(port));
    return json;
  };
  const Preprocessing& how = signature.preprocessing;
  Json json{{"inputs", ports(signature.inputs)},
            {"outputs", ports(signature.outputs)},
            {"preprocessing",
             {{"kind", kind_name(how.kind)},
              {"height", how.height},
              {"width", how.width},
              {"channels", how.channels},
              {"scale", how.scale},
              {"mean", how.mean},
              {"std", how.std},
              {"flip_average", how.flip_average}}}};
  if (how.channels_last) json["preprocessing"]["channels_last"] = true;
  if (how.depth != 0) json["preprocessing"]["depth"] = how.depth;
  if (!how.window.empty()) json["preprocessing"]["window"] = how.window;
  if (!how.spacing_mm.empty()) json["preprocessing"]["spacing_mm"] = how.spacing_mm;
  return json;
}

Result<ModelSignature> parse_signature(const Json& json) {
  ACESO_TRY(JsonReader reader, JsonReader::object(json, "signature"));
  const Json& inputs = reader.array("inputs");
  const Json& outputs = reader.array("outputs");
  const Json& preprocessing = reader.any("preprocessing");
  ACESO_TRY_OK(reader.finish());
  ModelSignature signature;
  ACESO_TRY(signature.inputs, parse_ports(inputs, "signature.inputs"));
  ACESO_TRY(signature.outputs, parse_ports(outputs, "signature.outputs"));
  ACESO_TRY(signature.preprocessing, parse_preprocessing(preprocessing));
  if (signature.inputs.empty() || signature.outputs.empty())
    return Error{Code::invalid, "signature: needs at least one input and one output"};
  return signature;
}

Status check_inputs(const ModelSignature& signature, const NamedArrays& batch) {
  if (batch.size() > signature.inputs.size()) {
    return Error{Code::invalid,
                 "an input that the model does not have; it has " + std::to_string(signature.inputs.size())};
  }
  std::int64_t samples = -1;
  for (const Port& port : signature.inputs) {
    const auto found = batch.find(port.name);
    if (found == batch.end()) return Error{Code::invalid, "input \"" + port.name + "\": missing"};
    ACESO_TRY_OK(check_port(port, found->second));
    if (samples >= 0 && found->second.shape[0] != samples)
      return Error{Code::invalid, "input \"" + port.name + "\": another number of samples than the first input"};
    samples = found->second.shape[0];
  }
  return {};
}

}  // namespace aceso::learn
