#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <nlohmann/json.hpp>
#include <vector>

#include "aceso/base/text.hpp"
#include "aceso/learn/trainer.hpp"

namespace aceso::learn {
namespace {

// Sets one field from a JSON value; the answer says what the value must be, "" when it is right.
using Setter = std::string (*)(TrainConfig&, const Json&);

struct Field {
  std::string_view name;
  Setter set;
};

template <class T>
std::string whole(T& out, const Json& value, std::int64_t low, std::int64_t high) {
  if (!value.is_number_integer() ||
      (value.is_number_unsigned() && value.get<std::uint64_t>() > std::uint64_t{INT64_MAX}))
    return "must be a whole number";
  const auto number = value.get<std::int64_t>();
  if (number < low || number > high) return "must be " + std::to_string(low) + " to " + std::to_string(high);
  out = static_cast<T>(number);
  return {};
}
std::string real(double& out, const Json& value, double low, double high, const char* range) {
  if (!value.is_number() || !(value.get<double>() >= low && value.get<double>() <= high))
    return std::string{"must be a number "} + range;
  out = value.get<double>();
  return {};
}
template <class T, std::size_t N>
std::string choice(T& out, const Json& value, const std::array<std::pair<std::string_view, T>, N>& choices) {
  std::string names;
  for (const auto& [name, known] : choices) {
    if (value.is_string() && value.get_ref<const std::string&>() == name) {
      out = known;
      return {};
    }
    names += (names.empty() ? "" : ", ") + std::string{name};
  }
  return "must be one of " + names;
}

constexpr std::array<std::pair<std::string_view, Loss>, 3> kLosses{
    {{"binary_cross_entropy", Loss::binary_cross_entropy},
     {"cross_entropy", Loss::cross_entropy},
     {"mean_squared_error", Loss::mean_squared_error}}};
constexpr std::array<std::pair<std::string_view, Optimiser>, 3> kOptimisers{
    {{"sgd", Optimiser::sgd}, {"adam", Optimiser::adam}, {"adamw", Optimiser::adamw}}};

std::string set_weights(TrainConfig& config, const Json& value) {
  if (!value.is_array() || value.size() > 10'000) return "must be a list of positive numbers, one a class";
  std::vector<double> weights;
  for (const Json& item : value) {
    if (!item.is_number() || !(item.get<double>() > 0 && item.get<double>() < 1e6))
      return "must be a list of positive numbers, one a class";
    weights.push_back(item.get<double>());
  }
  config.options.class_weights = std::move(weights);
  return {};
}

std::string set_architecture(TrainConfig& config, const Json& value) {
  if (!value.is_string() || value.get_ref<const std::string&>().empty() ||
      value.get_ref<const std::string&>().size() > 100)
    return "must be an architecture's name";
  config.architecture = value.get<std::string>();
  return {};
}
std::string set_flip(TrainConfig& config, const Json& value) {
  if (!value.is_boolean()) return "must be true or false";
  config.flip = value.get<bool>();
  return {};
}

template <std::size_t N>
struct Key {
  char text[N]{};
  constexpr Key(const char (&from)[N]) { std::copy_n(from, N, text); }  // NOLINT(google-explicit-constructor)
};
template <Key key>
std::string set_start(TrainConfig& config, const Json& value) {
  return set_start_option(config.start, key.text, value);
}

constexpr std::array<Field, 22> kFields{{
    {"init", set_start<"init">},
    {"freeze", set_start<"freeze">},
    {"groups", set_start<"groups">},
    {"stem", set_start<"stem">},
    {"architecture", set_architecture},
    {"epochs", [](TrainConfig& c, const Json& v) { return whole(c.epochs, v, 1, 100'000); }},
    {"batch", [](TrainConfig& c, const Json& v) { return whole(c.batch, v, 1, 65'536); }},
    {"seed", [](TrainConfig& c, const Json& v) { return whole(c.seed, v, 0, INT64_MAX); }},
    {"image_size", [](TrainConfig& c, const Json& v) { return whole(c.image_size, v, 0, 4096); }},
    {"channels", [](TrainConfig& c, const Json& v) { return whole(c.channels, v, 0, 3); }},
    {"flip", set_flip},
    {"patience", [](TrainConfig& c, const Json& v) { return whole(c.patience, v, 0, 100'000); }},
    {"loss", [](TrainConfig& c, const Json& v) { return choice(c.options.loss, v, kLosses); }},
    {"optimiser", [](TrainConfig& c, const Json& v) { return choice(c.options.optimiser, v, kOptimisers); }},
    {"learning_rate",
     [](TrainConfig& c, const Json& v) {
       return real(c.options.learning_rate, v, 1e-12, 100, "above 0, at most 100");
     }},
    {"beta1", [](TrainConfig& c, const Json& v) { return real(c.options.beta1, v, 0, 0.999999, "from 0 to below 1"); }},
    {"beta2",
     [](TrainConfig& c, const Json& v) { return real(c.options.beta2, v, 0, 0.9999999, "from 0 to below 1"); }},
    {"epsilon",
     [](TrainConfig& c, const Json& v) { return real(c.options.epsilon, v, 1e-16, 1, "above 0, at most 1"); }},
    {"momentum",
     [](TrainConfig& c, const Json& v) { return real(c.options.momentum, v, 0, 0.999999, "from 0 to below 1"); }},
    {"weight_decay",
     [](TrainConfig& c, const Json& v) { return real(c.options.weight_decay, v, 0, 10, "from 0 to 10"); }},
    {"class_weights", set_weights},
    {"threads", [](TrainConfig& c, const Json& v) { return whole(c.options.threads, v, 0, 1024); }},
}};

const Field* find_field(std::string_view name) {
  for (const Field& field : kFields) {
    if (field.name == name) return &field;
  }
  return nullptr;
}

std::string unknown_key(const std::string& name) {
  std::vector<std::string> names;
  for (const Field& field : kFields) names.emplace_back(field.name);
  const std::string_view near = nearest(name, names);
  return escape_controls(name, 60) + ": unknown key" +
         (near.empty() ? "" : ", did you mean " + std::string{near} + "?");
}

Json scalar(const YAML::Node& node) {
  const std::string text = node.Scalar();
  if (node.Tag() == "!") return text;  // quoted
  if (text == "true") return true;
  if (text == "false") return false;
  if (const Json number = Json::parse(text, nullptr, false); number.is_number()) return number;
  return text;
}

Json value_of(const YAML::Node& node) {
  if (node.IsScalar()) return scalar(node);
  Json list = nullptr;
  if (node.IsSequence()) {
    list = Json::array();
    for (const auto& item : node) {
      if (item.IsMap()) {
        Json map = Json::object();
        for (const auto& entry : item)
          map[entry.first.IsScalar() ? entry.first.Scalar() : std::string{}] =
              entry.second.IsScalar() ? scalar(entry.second) : Json(nullptr);
        list.push_back(std::move(map));
      } else {
        list.push_back(item.IsScalar() ? scalar(item) : Json(nullptr));
      }
    }
  }
  return list;
}

template <class T, std::size_t N>
std::string_view name_of(T value, const std::array<std::pair<std::string_view, T>, N>& names) {
  for (const auto& [name, known] : names) {
    if (known == value) return name;
  }
  return {};
}

Status check_whole(const TrainConfig& config) {
  if (config.channels == 2) return Error{Code::invalid, "channels: must be 0, 1 or 3"};
  return {};
}

}  // namespace

Result<TrainConfig> parse_train_config(std::string_view yaml, std::string_view file_name) {
  constexpr std::size_t kMaxText = 1 << 20;
  const std::string file{file_name};
  if (yaml.size() > kMaxText) return Error{Code::too_large, file + ": longer than 1 MiB"};
  TrainConfig config;
  try {
    const YAML::Node root = YAML::Load(std::string{yaml});
    if (root.IsNull()) return config;
    if (!root.IsMap()) return Error{Code::invalid, file + ":1: must be a list of keys and values"};
    std::vector<std::string> seen;
    for (const auto& item : root) {
      const std::string where = file + ":" + std::to_string(item.first.Mark().line + 1) + ": ";
      const std::string name = item.first.IsScalar() ? item.first.Scalar() : std::string{};
      const Field* field = find_field(name);
      if (field == nullptr) return Error{Code::invalid, where + unknown_key(name)};
      if (std::find(seen.begin(), seen.end(), name) != seen.end())
        return Error{Code::invalid, where + name + ": there twice"};
      seen.push_back(name);
      if (const std::string why = field->set(config, value_of(item.second)); !why.empty())
        return Error{Code::invalid, where + name + ": " + why};
    }
  } catch (const YAML::Exception& e) {
    return Error{Code::invalid, file + ":" + std::to_string(e.mark.line + 1) + ": not YAML"};
  }
  if (const Status status = check_whole(config); !status)
    return Error{Code::invalid, file + ": " + status.error().message()};
  return config;
}

Json to_json(const TrainConfig& config) {
  const TrainingOptions& o = config.options;
  Json json{{"architecture", config.architecture},
            {"epochs", config.epochs},
            {"batch", config.batch},
            {"seed", config.seed},
            {"image_size", config.image_size},
            {"channels", config.channels},
            {"flip", config.flip},
            {"patience", config.patience},
            {"loss", name_of(o.loss, kLosses)},
            {"optimiser", name_of(o.optimiser, kOptimisers)},
            {"learning_rate", o.learning_rate},
            {"beta1", o.beta1},
            {"beta2", o.beta2},
            {"epsilon", o.epsilon},
            {"momentum", o.momentum},
            {"weight_decay", o.weight_decay},
            {"class_weights", o.class_weights},
            {"threads", o.threads}};
  write_start_options(config.start, json);
  return json;
}

Result<TrainConfig> parse_train_config_json(const Json& json) {
  if (!json.is_object()) return Error{Code::invalid, "config: must be an object"};
  TrainConfig config;
  for (const auto& item : json.items()) {
    const Field* field = find_field(item.key());
    if (field == nullptr) return Error{Code::invalid, "config: " + unknown_key(item.key())};
    if (const std::string why = field->set(config, item.value()); !why.empty())
      return Error{Code::invalid, "config." + item.key() + ": " + why};
  }
  ACESO_TRY_OK(check_whole(config));
  return config;
}

}  // namespace aceso::learn
