#include "aceso/learn/foreign_model.hpp"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>

#include "aceso/base/text.hpp"
#include "aceso/crypto/hash.hpp"

namespace aceso::learn {
namespace {

constexpr std::size_t kMaxYaml = 1 << 20;
constexpr std::size_t kMaxField = 4000;
constexpr std::size_t kMaxClasses = 10'000;

// Reads a YAML map by a table of keys; the first thing wrong is kept, with its line.
class SpecReader {
 public:
  using Readers = std::map<std::string, std::function<std::string(const YAML::Node&)>, std::less<>>;

  explicit SpecReader(std::string file) : file_{std::move(file)} {}

  Status read(const YAML::Node& map, const std::string& path, const Readers& readers) const {
    if (!map.IsMap()) return error(map, path, "must be a list of keys and values");
    std::vector<std::string> seen, known;
    for (const auto& [key, reader] : readers) known.push_back(key);
    for (const auto& item : map) {
      const std::string key = item.first.IsScalar() ? item.first.Scalar() : std::string{};
      const std::string full = path + escape_controls(key, 60);
      const auto found = readers.find(key);
      if (found == readers.end()) {
        const std::string_view near = nearest(key, known);
        return error(item.first, full,
                     "unknown key" + (near.empty() ? std::string{} : ", did you mean " + std::string{near} + "?"));
      }
      if (std::find(seen.begin(), seen.end(), key) != seen.end()) return error(item.first, full, "there twice");
      seen.push_back(key);
      if (const std::string why = found->second(item.second); !why.empty()) return error(item.second, full, why);
    }
    return {};
  }

  Error error(const YAML::Node& node, const std::string& key, const std::string& why) const {
    return {Code::invalid, file_ + ":" + std::to_string(node.Mark().line + 1) + ": " + key + ": " + why};
  }

 private:
  std::string file_;
};

auto text(std::string& out) {
  return [&out](const YAML::Node& node) -> std::string {
    if (!node.IsScalar() || node.Scalar().size() > kMaxField) return "must be a text of at most 4000 bytes";
    out = node.Scalar();
    return {};
  };
}
auto number(double& out, double low, double high) {
  return [&out, low, high](const YAML::Node& node) -> std::string {
    double value = 0;
    if (!YAML::convert<double>::decode(node, value) || !(value >= low && value <= high))
      return "must be a number in range";
    out = value;
    return {};
  };
}
auto whole(std::int64_t& out, std::int64_t low, std::int64_t high) {
  return [&out, low, high](const YAML::Node& node) -> std::string {
    std::int64_t value = 0;
    if (!YAML::convert<std::int64_t>::decode(node, value) || value < low || value > high)
      return "must be a whole number from " + std::to_string(low) + " to " + std::to_string(high);
    out = value;
    return {};
  };
}
auto numbers(std::vector<double>& out, double above) {
  return [&out, above](const YAML::Node& node) -> std::string {
    std::vector<double> values;
    if (!node.IsSequence() || node.size() > 3) return "must be a list of one or three numbers";
    for (const auto& item : node) {
      double value = 0;
      if (!YAML::convert<double>::decode(item, value) || !std::isfinite(value) || value <= above)
        return "must be a list of one or three numbers";
      values.push_back(value);
    }
    out = std::move(values);
    return {};
  };
}
auto texts(std::vector<std::string>& out) {
  return [&out](const YAML::Node& node) -> std::string {
    if (!node.IsSequence() || node.size() < 2 || node.size() > kMaxClasses)
      return "must be a list of two or more names";
    for (const auto& item : node) {
      if (!item.IsScalar() || item.Scalar().empty() || item.Scalar().size() > 200) return "must be a list of names";
      out.push_back(item.Scalar());
    }
    return {};
  };
}

Status read_spec(const YAML::Node& root, const SpecReader& reader, ForeignSpec& spec) {
  std::string layout = "NCHW", activation = "none";
  Status inner;
  Preprocessing& how = spec.preprocessing;
  constexpr double kFar = 1e12;
  const SpecReader::Readers input{
      {"name", text(spec.input)},
      {"layout", text(layout)},
      {"height", whole(how.height, 1, 16384)},
      {"width", whole(how.width, 1, 16384)},
      {"channels", whole(how.channels, 1, 3)},
      {"scale", number(how.scale, 1e-12, kFar)},
      {"mean", numbers(how.mean, -kFar)},
      {"std", numbers(how.std, 0)},
  };
  const SpecReader::Readers output{{"name", text(spec.output)}, {"activation", text(activation)}};
  const auto nested = [&](const char* path, const SpecReader::Readers& readers) {
    return [&inner, &reader, &readers, path](const YAML::Node& node) -> std::string {
      inner = reader.read(node, path, readers);
      return inner ? std::string{} : std::string{"wrong"};
    };
  };
  ModelCard& card = spec.card;
  const Status outer = reader.read(root, "",
                                   {{"name", text(card.name)},
                                    {"intended_use", text(card.intended_use)},
                                    {"limitations", text(card.limitations)},
                                    {"data", text(card.data)},
                                    {"source", text(spec.source)},
                                    {"classes", texts(card.classes)},
                                    {"threshold", number(card.threshold, 0, 1)},
                                    {"input", nested("input.", input)},
                                    {"output", nested("output.", output)}});
  if (!inner) return inner;
  ACESO_TRY_OK(outer);
  if (layout != "NCHW" && layout != "NHWC")
    return reader.error(root["input"]["layout"], "input.layout", "must be NCHW or NHWC");
  how.channels_last = layout == "NHWC";
  if (activation != "none" && activation != "sigmoid" && activation != "softmax")
    return reader.error(root["output"]["activation"], "output.activation", "must be none, sigmoid or softmax");
  spec.logits = activation != "none";
  if (card.name.empty() || card.intended_use.empty() || card.classes.empty())
    return reader.error(root, "name, intended_use, classes", "all three are needed");
  if (how.height == 0 || how.width == 0 || how.channels == 0 || how.channels == 2)
    return reader.error(root, "input", "height, width and channels (1 or 3) are needed");
  for (const auto* values : {&how.mean, &how.std}) {
    if (!values->empty() && values->size() != 1 && values->size() != static_cast<std::size_t>(how.channels))
      return reader.error(root, "input", "mean and std need one number, or one a channel");
  }
  const bool two = card.classes.size() == 2;
  if (activation == "sigmoid" && !two)
    return reader.error(root, "output.activation", "sigmoid goes with two classes, the second being the finding");
  return {};
}

Result<OnnxPort> choose(const std::vector<OnnxPort>& ports, const std::string& wanted, const std::string& what) {
  std::string names;
  for (const OnnxPort& port : ports) {
    if (port.name == wanted) return port;
    names += (names.empty() ? "" : ", ") + escape_controls(port.name, 100);
  }
  if (wanted.empty() && ports.size() == 1) return ports.front();
  return Error{Code::invalid, what + ".name: the model has " + (names.empty() ? "none" : names)};
}

// The sizes that the file leaves open or gives as the specification has them.
Status check_shape(const OnnxPort& port, const Shape& sample) {
  bool fits = port.shape.size() == sample.size() + 1;
  for (std::size_t d = 0; fits && d < sample.size(); ++d)
    fits = port.shape[d + 1] == -1 || port.shape[d + 1] == sample[d];
  if (fits) return {};
  return Error{Code::invalid, "the model's input " + escape_controls(port.name, 100) + " is " + to_string(port.shape) +
                                  ", the specification says [N] + " + to_string(sample) +
                                  " (layout, height, width, channels)"};
}

// Sigmoid of one number a row, softmax over several.
void to_probabilities(Array& output) {
  const auto width = static_cast<std::size_t>(output.shape.back());
  for (std::size_t at = 0; at < output.f32().size(); at += width) {
    const auto row = output.f32().subspan(at, width);
    if (width == 1) {
      row[0] = 1.0F / (1.0F + std::exp(-row[0]));
      continue;
    }
    const float most = *std::max_element(row.begin(), row.end());
    float sum = 0;
    for (float& x : row) sum += x = std::exp(x - most);
    for (float& x : row) x /= sum;
  }
}

class ForeignSession final : public InferenceSession {
 public:
  ForeignSession(std::unique_ptr<InferenceSession> inner, Port output)
      : inner_{std::move(inner)}, output_{std::move(output)} {}

  Result<NamedArrays> run(const NamedArrays& batch) override {
    ACESO_TRY(NamedArrays results, inner_->run(batch));
    const auto found = results.find(output_.name);
    if (found == results.end()) return Error{Code::internal, "the model does not give the output that it should"};
    Array array = std::move(found->second);
    const bool fits = array.dtype == DType::f32 && array.shape.size() == 2 && array.shape[1] == output_.shape.at(0);
    if (!fits)
      return Error{Code::internal,
                   "the model gave " + to_string(array.shape) + ", not [N] + " + to_string(output_.shape)};
    if (output_.kind == PortKind::logit) to_probabilities(array);
    NamedArrays named;
    named.emplace("output", std::move(array));
    return named;
  }

 private:
  std::unique_ptr<InferenceSession> inner_;
  Port output_;
};

}  // namespace

Result<std::unique_ptr<InferenceSession>> load_bundle(Engine& engine, const Bundle& bundle,
                                                      const InferenceOptions& options) {
  if (!bundle.onnx.empty()) {
    if (bundle.signature.outputs.size() != 1 || bundle.signature.outputs[0].shape.size() != 1)
      return Error{Code::unsupported, "a model from elsewhere needs one output of numbers"};
    ACESO_TRY(auto session, engine.load_onnx(bundle.onnx, options));
    return std::unique_ptr<InferenceSession>{
        std::make_unique<ForeignSession>(std::move(session), bundle.signature.outputs[0])};
  }
  std::map<std::string, Shape> inputs;
  for (const Port& port : bundle.signature.inputs) {
    Shape shape{-1};
    shape.insert(shape.end(), port.shape.begin(), port.shape.end());
    inputs.emplace(port.name, std::move(shape));
  }
  return engine.load(bundle.network, bundle.weights, inputs, options);
}

Result<ForeignSpec> parse_foreign_spec(std::string_view yaml, std::string_view file_name) {
  const std::string file{file_name};
  if (yaml.size() > kMaxYaml) return Error{Code::too_large, file + ": longer than 1 MiB"};
  ForeignSpec spec;
  spec.card.threshold = 0.5;
  try {
    const YAML::Node root = YAML::Load(std::string{yaml});
    ACESO_TRY_OK(read_spec(root, SpecReader{file}, spec));
  } catch (const YAML::Exception& e) {
    return Error{Code::invalid, file + ":" + std::to_string(e.mark.line + 1) + ": not YAML"};
  }
  return spec;
}

Result<Bundle> make_foreign_bundle(Engine& engine, std::span<const std::byte> onnx, const ForeignSpec& spec) {
  ACESO_TRY(const OnnxSummary summary, check_onnx(onnx));
  ACESO_TRY(const OnnxPort input, choose(summary.inputs, spec.input, "input"));
  if (summary.inputs.size() != 1)
    return Error{Code::unsupported,
                 "the model takes " + std::to_string(summary.inputs.size()) + " inputs: one is supported"};
  ACESO_TRY(const OnnxPort output, choose(summary.outputs, spec.output, "output"));
  const Preprocessing& how = spec.preprocessing;
  const Shape sample =
      how.channels_last ? Shape{how.height, how.width, how.channels} : Shape{how.channels, how.height, how.width};
  ACESO_TRY_OK(check_shape(input, sample));
  ACESO_TRY(const auto session, engine.load_onnx(onnx, {.threads = 1, .allow_bf16 = false}));
  Shape one = sample;
  one.insert(one.begin(), 1);
  NamedArrays batch;
  batch.emplace(input.name, Array::zeros(DType::f32, one));
  ACESO_TRY(const NamedArrays results, session->run(batch));
  const std::string result_name = summary.outputs.size() == 1 ? "output" : output.name;
  const auto found = results.find(result_name);
  if (found == results.end()) return Error{Code::internal, "the engine does not give the output that was named"};
  const Shape& shape = found->second.shape;
  if (found->second.dtype != DType::f32 || shape.size() != 2 || shape[0] != 1)
    return Error{Code::unsupported, "the model's output is " + std::string{to_string(found->second.dtype)} + " " +
                                        to_string(shape) + " for one image: float32 [1, classes] is supported"};
  const auto classes = static_cast<std::int64_t>(spec.card.classes.size());
  if (shape[1] != classes && !(shape[1] == 1 && classes == 2))
    return Error{Code::invalid, "the model gives " + std::to_string(shape[1]) + " numbers for an image, but " +
                                    std::to_string(classes) + " classes are named"};
  Bundle bundle;
  bundle.card = spec.card;
  bundle.signature.preprocessing = how;
  bundle.signature.inputs = {{input.name, DType::f32, sample, PortKind::image, "image as preprocessed", {}, ""}};
  const std::vector<std::string> labels =
      shape[1] == 1 ? std::vector<std::string>{spec.card.classes[1]} : spec.card.classes;
  bundle.signature.outputs = {{result_name,
                               DType::f32,
                               {shape[1]},
                               spec.logits ? PortKind::logit : PortKind::probability,
                               shape[1] == 1 ? "probability of " + labels[0] : "probability of each class",
                               labels,
                               ""}};
  bundle.onnx.assign(onnx.begin(), onnx.end());
  bundle.training =
      Json{{"imported", "onnx"},     {"producer", escape_controls(summary.producer, 100)}, {"opset", summary.opset},
           {"nodes", summary.nodes}, {"sha256", crypto::to_hex(crypto::sha256(onnx))},     {"source", spec.source}};
  return bundle;
}

}  // namespace aceso::learn
