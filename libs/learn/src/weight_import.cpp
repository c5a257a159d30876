#include "aceso/learn/weight_import.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>
#include <optional>

#include "aceso/base/file.hpp"
#include "aceso/base/text.hpp"
#include "aceso/learn/torch_file.hpp"

namespace aceso::learn {
namespace {

constexpr std::uint64_t kMaxFile = std::uint64_t{16} << 30;
constexpr std::array<std::string_view, 8> kPrefixes{"",         "module.",   "_orig_mod.", "model.",
                                                    "network.", "backbone.", "encoder.",   "net."};

bool replace_all(std::string& text, std::string_view from, std::string_view to) {
  bool any = false;
  for (std::size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
    any = true;
  }
  return any;
}

// MONAI's DenseNet, and torchvision's before its modules were renamed ("denselayer1.norm.1" is now "norm1").
std::string modern(std::string name) {
  if (name.find("denselayer") != std::string::npos) {
    replace_all(name, ".layers.", ".");
    for (const char* part : {"norm", "relu", "conv"}) {
      for (const char* number : {"1", "2"})
        replace_all(name, std::string{"."} + part + "." + number + ".", std::string{"."} + part + number + ".");
    }
  }
  if (name.starts_with("class_layers.out.")) name.replace(0, 16, "classifier");
  return name;
}

// The file's tensors under the names that the network may know.
std::map<std::string, const Array*> under_names(const Weights& foreign, std::string_view prefix) {
  std::map<std::string, const Array*> named;
  for (const auto& [name, array] : foreign) {
    if (name.ends_with("num_batches_tracked")) continue;
    const std::string_view rest =
        name.starts_with(prefix) ? std::string_view{name}.substr(prefix.size()) : std::string_view{name};
    named.emplace(modern(std::string{rest}), &array);
  }
  return named;
}

std::string join(const std::string& a, const std::string& b) {
  return a.empty() ? b : a + ", " + b;
}

std::optional<Array> to_float(const Array& from) {
  if (from.dtype == DType::f32) return from;
  if (from.dtype != DType::f64) return std::nullopt;
  Array to = Array::zeros(DType::f32, from.shape);
  const auto values = from.as<double>();
  std::transform(values.begin(), values.end(), to.f32().begin(), [](double v) { return static_cast<float>(v); });
  return to;
}

// [O, from, k...] to [O, to, k...] for 3 to 1 (summed) and 1 to 3 (divided).
Array change_channels(const Array& from, std::int64_t to) {
  Shape shape = from.shape;
  const auto old = static_cast<std::size_t>(shape[1]), wanted = static_cast<std::size_t>(to);
  shape[1] = to;
  Array out = Array::zeros(DType::f32, shape);
  const std::size_t outputs = static_cast<std::size_t>(shape[0]);
  const std::size_t area = from.f32().size() / (outputs * old);
  for (std::size_t o = 0; o < outputs; ++o) {
    for (std::size_t c = 0; c < std::max(old, wanted); ++c) {
      const std::size_t source = (o * old + std::min(c, old - 1)) * area;
      const std::size_t target = (o * wanted + std::min(c, wanted - 1)) * area;
      const float share = wanted > old ? 1.0F / static_cast<float>(wanted) : 1.0F;
      for (std::size_t i = 0; i < area; ++i) out.f32()[target + i] += from.f32()[source + i] * share;
    }
  }
  return out;
}

// [O, I, h, w] to [O, I, depth, h, w].
Array inflate(const Array& from, std::int64_t depth) {
  Array out = Array::zeros(DType::f32, {from.shape[0], from.shape[1], depth, from.shape[2], from.shape[3]});
  const auto area = static_cast<std::size_t>(from.shape[2] * from.shape[3]), slices = static_cast<std::size_t>(depth);
  const float share = 1.0F / static_cast<float>(depth);
  for (std::size_t i = 0; i < out.f32().size(); ++i) {
    const std::size_t filter = i / (area * slices);
    out.f32()[i] = from.f32()[filter * area + i % area] * share;
  }
  return out;
}

class Importer {
 public:
  Importer(const Network& network, const Shapes& shapes) : network_{network}, shapes_{shapes} {
    for (const Layer& layer : network.layers) owner_.emplace(layer.name, &layer);
  }

  Result<ImportedWeights> run(Weights start, const Weights& foreign) {
    const std::string_view prefix = best_prefix(foreign);
    result_.report.stripped = prefix;
    auto named = under_names(foreign, prefix);
    const std::string head = head_layer();
    for (const auto& [name, wanted] : shapes_.parameters) {
      const auto found = named.find(name);
      if (found == named.end()) {
        result_.report.missing.push_back(name);
        continue;
      }
      std::string how;
      std::optional<Array> fitted = fit(name, wanted, *found->second, how);
      if (!fitted) {
        if (name.starts_with(head + ".")) {
          result_.report.head.push_back(name);
        } else {
          result_.report.misshapen.push_back({name, wanted, found->second->shape});
        }
      } else {
        for (const float x : fitted->f32()) {
          if (!std::isfinite(x))
            return Error{Code::invalid, "the weight \"" + name + "\" has values that are not finite"};
        }
        (how.empty() ? result_.report.taken : result_.report.adapted).push_back(how.empty() ? name : name + ": " + how);
        start.insert_or_assign(name, std::move(*fitted));
      }
      named.erase(found);
    }
    for (const auto& [name, array] : named) result_.report.unexpected.push_back(name);
    if (result_.report.taken.empty() && result_.report.adapted.empty())
      return Error{Code::invalid, "none of the file's " + std::to_string(foreign.size()) + " tensors fits " +
                                      network_.architecture + ": is it another architecture?"};
    result_.weights = std::move(start);
    return std::move(result_);
  }

 private:
  // The prefix that most of the network's names are found behind; none of them all: "".
  std::string_view best_prefix(const Weights& foreign) const {
    std::string_view best;
    std::size_t most = 0;
    for (const std::string_view prefix : kPrefixes) {
      const auto named = under_names(foreign, prefix);
      const auto known = static_cast<std::size_t>(std::count_if(
          named.begin(), named.end(), [&](const auto& item) { return shapes_.parameters.contains(item.first); }));
      if (known > most) {
        most = known;
        best = prefix;
      }
    }
    return best;
  }

  // The last layer with weights before the logits: its outputs are the classes.
  std::string head_layer() const {
    std::string name = network_.logits;
    while (!name.empty()) {
      const Layer& layer = *owner_.at(name);
      if (layer.op == Op::dense || layer.op == Op::conv || layer.op == Op::conv_transpose) return name;
      name = layer.inputs.empty() ? std::string{} : layer.inputs[0];
    }
    return name;
  }

  bool reads_input(const std::string& parameter) const {
    const auto layer = owner_.find(parameter.substr(0, parameter.rfind('.')));
    return layer != owner_.end() && !layer->second->inputs.empty() &&
           owner_.at(layer->second->inputs[0])->op == Op::input;
  }

  // The tensor in the wanted shape, and what was done to it ("": nothing); nothing when no known way leads there.
  std::optional<Array> fit(const std::string& name, const Shape& wanted, const Array& found, std::string& how) const {
    std::optional<Array> array = to_float(found);
    if (!array) return std::nullopt;
    if (found.dtype == DType::f64) how = "float64 as float32";
    if (array->shape == wanted) return array;
    const bool deeper = array->shape.size() == 4 && wanted.size() == 5;
    if (array->shape.size() >= 3 && array->shape[1] != wanted[1] && reads_input(name) &&
        ((array->shape[1] == 3 && wanted[1] == 1) || (array->shape[1] == 1 && wanted[1] == 3))) {
      how = join(how, wanted[1] == 1 ? "3 input channels summed into 1" : "1 input channel divided among 3");
      array = change_channels(*array, wanted[1]);
    }
    if (deeper) {
      how = join(how, "2-D repeated over a depth of " + std::to_string(wanted[2]));
      array = inflate(*array, wanted[2]);
    }
    if (array->shape != wanted) return std::nullopt;
    return array;
  }

  const Network& network_;
  const Shapes& shapes_;
  std::map<std::string, const Layer*> owner_;
  ImportedWeights result_;
};

}  // namespace

Result<Weights> read_weights(const std::filesystem::path& file) {
  auto bytes = read_file(file, kMaxFile);
  if (!bytes) return std::move(bytes).error();
  const auto named = [&](Error error) { return std::move(error.add_context(file.filename().string())); };
  const bool zip = bytes->size() > 1 && (*bytes)[0] == std::byte{'P'} && (*bytes)[1] == std::byte{'K'};
  const bool pickle = bytes->size() > 1 && (*bytes)[0] == std::byte{0x80} && (*bytes)[1] <= std::byte{5};
  const std::string extension = file.extension().string();
  if (zip || (pickle && extension != ".safetensors")) {
    auto read = parse_torch_file(*bytes, kMaxFile);
    if (!read) return named(std::move(read).error());
    return std::move(read->weights);
  }
  auto weights = parse_safetensors(*bytes);
  if (!weights) return named(std::move(weights).error());
  return weights;
}

Result<ImportedWeights> import_weights(const Network& network, const std::map<std::string, Shape>& inputs,
                                       Weights start, const Weights& foreign) {
  ACESO_TRY(const Shapes shapes, infer_shapes(network, inputs));
  return Importer{network, shapes}.run(std::move(start), foreign);
}

Json to_json(const WeightReport& report) {
  Json misshapen = Json::array();
  for (const auto& item : report.misshapen)
    misshapen.push_back(Json{{"name", item.name}, {"wanted", item.wanted}, {"found", item.found}});
  return Json{{"taken", report.taken},      {"adapted", report.adapted},       {"head", report.head},
              {"missing", report.missing},  {"unexpected", report.unexpected}, {"misshapen", std::move(misshapen)},
              {"stripped", report.stripped}};
}

std::string to_text(const WeightReport& report) {
  constexpr std::size_t kShown = 20;
  std::string text = std::to_string(report.taken.size()) + " weights taken";
  if (!report.stripped.empty()) text += ", names without \"" + report.stripped + "\"";
  const auto list = [&](std::string_view title, const std::vector<std::string>& names) {
    if (names.empty()) return;
    text += "\n" + std::to_string(names.size()) + " " + std::string{title} + ":";
    for (std::size_t i = 0; i < std::min(names.size(), kShown); ++i) text += "\n  " + escape_controls(names[i], 200);
    if (names.size() > kShown) text += "\n  and " + std::to_string(names.size() - kShown) + " more";
  };
  list("adapted", report.adapted);
  list("of the last layer start anew, because the classes differ", report.head);
  list("missing, start anew", report.missing);
  list("unexpected, not used", report.unexpected);
  std::vector<std::string> misshapen;
  for (const auto& item : report.misshapen)
    misshapen.push_back(item.name + ": " + to_string(item.wanted) + " is needed, the file has " +
                        to_string(item.found));
  list("of another shape, start anew", misshapen);
  return text;
}

bool matches_glob(std::string_view pattern, std::string_view name) noexcept {
  std::size_t p = 0, n = 0, star = std::string_view::npos, resume = 0;
  while (n < name.size()) {
    if (p < pattern.size() && (pattern[p] == '?' || (pattern[p] == name[n] && pattern[p] != '*'))) {
      ++p;
      ++n;
    } else if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      resume = n;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      n = ++resume;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

Result<std::map<std::string, double>> rate_factors(const Shapes& shapes, const std::vector<std::string>& freeze,
                                                   const std::vector<RateGroup>& groups) {
  std::map<std::string, double> factors;
  const auto apply = [&](const std::string& pattern, double factor, std::string_view key) -> Status {
    bool any = false;
    for (const auto& [name, shape] : shapes.parameters) {
      if (!matches_glob(pattern, name)) continue;
      factors[name] = factor;
      any = true;
    }
    if (!any)
      return Error{Code::invalid, std::string{key} + ": \"" + escape_controls(pattern, 100) + "\" matches no weight"};
    return {};
  };
  for (const RateGroup& group : groups) ACESO_TRY_OK(apply(group.match, group.factor, "groups"));
  for (const std::string& pattern : freeze) ACESO_TRY_OK(apply(pattern, 0, "freeze"));
  const bool trained = std::any_of(shapes.parameters.begin(), shapes.parameters.end(), [&](const auto& item) {
    if (item.first.find(".running_") != std::string::npos) return false;
    const auto found = factors.find(item.first);
    return found == factors.end() || found->second > 0;
  });
  if (!trained) return Error{Code::invalid, "freeze: nothing is left to train"};
  return factors;
}

}  // namespace aceso::learn
