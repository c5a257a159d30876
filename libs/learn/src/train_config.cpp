#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <vector>

#include "aceso/base/text.hpp"
#include "aceso/learn/trainer.hpp"
#include "train_keys.hpp"

namespace aceso::learn {
namespace {

// One key: sets its field from a JSON value (the answer says what the value must be, "" when it is right) and gives it.
struct Field {
  std::string_view name;
  std::string (*set)(TrainConfig&, const Json&);
  Json (*get)(TrainConfig&);  // null: write_start_options() gives it
};

template <class T>
std::string set_whole(T& out, const Json& value, std::int64_t low, std::int64_t high) {
  if (!value.is_number_integer() ||
      (value.is_number_unsigned() && value.get<std::uint64_t>() > std::uint64_t{INT64_MAX}))
    return "must be a whole number";
  const auto number = value.get<std::int64_t>();
  if (number < low || number > high) return "must be " + std::to_string(low) + " to " + std::to_string(high);
  out = static_cast<T>(number);
  return {};
}

std::string set_real(double& out, const Json& value, double low, double high) {
  if (!value.is_number() || !(value.get<double>() >= low && value.get<double>() <= high)) {
    std::array<char, 80> text{};
    std::snprintf(text.data(), text.size(), "must be a number from %g to %g", low,
                  high);  // NOLINT(cert-err33-c): it fits
    return text.data();
  }
  out = value.get<double>();
  return {};
}

template <class T, std::size_t N>
std::string set_choice(T& out, const Json& value, const std::array<std::pair<std::string_view, T>, N>& choices) {
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

template <class T, std::size_t N>
std::string_view name_of(T value, const std::array<std::pair<std::string_view, T>, N>& names) {
  for (const auto& [name, known] : names) {
    if (known == value) return name;
  }
  return {};
}

// `Ref` gives the field of a configuration.
template <auto Ref, std::int64_t Low, std::int64_t High>
constexpr Field whole(std::string_view name) {
  return {name, [](TrainConfig& c, const Json& v) { return set_whole(Ref(c), v, Low, High); },
          [](TrainConfig& c) { return Json(Ref(c)); }};
}
template <auto Ref, double Low, double High>
constexpr Field real(std::string_view name) {
  return {name, [](TrainConfig& c, const Json& v) { return set_real(Ref(c), v, Low, High); },
          [](TrainConfig& c) { return Json(Ref(c)); }};
}
template <auto Ref>
constexpr Field boolean(std::string_view name) {
  return {name,
          [](TrainConfig& c, const Json& v) -> std::string {
            if (!v.is_boolean()) return "must be true or false";
            Ref(c) = v.get<bool>();
            return {};
          },
          [](TrainConfig& c) { return Json(Ref(c)); }};
}
template <auto Ref, const auto& Names>
constexpr Field choice(std::string_view name) {
  return {name, [](TrainConfig& c, const Json& v) { return set_choice(Ref(c), v, Names); },
          [](TrainConfig& c) { return Json(name_of(Ref(c), Names)); }};
}

template <class T, std::size_t N>
using Names = std::array<std::pair<std::string_view, T>, N>;
constexpr Names<Loss, 7> kLosses{{{"binary_cross_entropy", Loss::binary_cross_entropy},
                                  {"cross_entropy", Loss::cross_entropy},
                                  {"mean_squared_error", Loss::mean_squared_error},
                                  {"focal", Loss::focal},
                                  {"dice", Loss::dice},
                                  {"dice_cross_entropy", Loss::dice_cross_entropy},
                                  {"centernet", Loss::centernet}}};
constexpr Names<TrainTask, 6> kTasks{{{"auto", TrainTask::automatic},
                                      {"classes", TrainTask::classes},
                                      {"outlines", TrainTask::outlines},
                                      {"multi_label", TrainTask::multi_label},
                                      {"regression", TrainTask::regression},
                                      {"boxes", TrainTask::boxes}}};
constexpr Names<Optimiser, 3> kOptimisers{
    {{"sgd", Optimiser::sgd}, {"adam", Optimiser::adam}, {"adamw", Optimiser::adamw}}};
constexpr Names<Precision, 3> kPrecisions{
    {{"fp32", Precision::fp32}, {"bf16", Precision::bf16}, {"auto", Precision::automatic}}};
constexpr Names<Device, 3> kDevices{{{"auto", Device::automatic}, {"cpu", Device::cpu}, {"cuda", Device::cuda}}};
constexpr Names<Schedule, 4> kSchedules{{{"constant", Schedule::constant},
                                         {"step", Schedule::step},
                                         {"cosine", Schedule::cosine},
                                         {"one_cycle", Schedule::one_cycle}}};
constexpr Names<Edge, 3> kEdges{{{"nearest", Edge::nearest}, {"zero", Edge::zero}, {"reflect", Edge::reflect}}};

std::string set_loss(TrainConfig& config, const Json& value) {
  config.automatic_loss = value.is_string() && value.get_ref<const std::string&>() == "auto";
  if (!config.automatic_loss) {
    const std::string why = set_choice(config.options.loss, value, kLosses);
    return why.empty() ? why : why + ", auto";
  }
  config.options.loss = Loss::binary_cross_entropy;
  return {};
}

Json get_loss(TrainConfig& config) {
  return config.automatic_loss && config.options.loss == Loss::binary_cross_entropy
             ? Json("auto")
             : Json(name_of(config.options.loss, kLosses));
}

std::string set_outline_labels(TrainConfig& config, const Json& value) {
  constexpr const char* kWhat = "must be a list of 1 to 64 different names";
  if (!value.is_array() || value.size() > 64) return kWhat;
  std::vector<std::string> names;
  for (const Json& item : value) {
    if (!item.is_string()) return kWhat;
    const std::string name = item.get<std::string>();
    if (name.empty() || name.size() > 64 || name == "background" ||
        std::find(names.begin(), names.end(), name) != names.end())
      return kWhat;
    names.push_back(name);
  }
  config.outline_labels = std::move(names);
  return {};
}

std::string set_weights(TrainConfig& config, const Json& value) {
  constexpr const char* kWhat = "must be \"balanced\" or a list of positive numbers, one a class or label";
  config.balance_classes = value.is_string() && value.get_ref<const std::string&>() == "balanced";
  config.options.class_weights.clear();
  if (config.balance_classes) return {};
  if (!value.is_array() || value.size() > 10'000) return kWhat;
  std::vector<double> weights;
  for (const Json& item : value) {
    if (!item.is_number() || !(item.get<double>() > 0 && item.get<double>() < 1e6)) return kWhat;
    weights.push_back(item.get<double>());
  }
  config.options.class_weights = std::move(weights);
  return {};
}

Json get_weights(TrainConfig& config) {
  return config.balance_classes ? Json("balanced") : Json(config.options.class_weights);
}

std::string set_architecture(TrainConfig& config, const Json& value) {
  if (!value.is_string() || value.get_ref<const std::string&>().empty() ||
      value.get_ref<const std::string&>().size() > 100)
    return "must be an architecture's name";
  config.architecture = value.get<std::string>();
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

using C = TrainConfig;
constexpr std::array kFields{
    Field{"init", set_start<"init">, nullptr},
    Field{"freeze", set_start<"freeze">, nullptr},
    Field{"groups", set_start<"groups">, nullptr},
    Field{"stem", set_start<"stem">, nullptr},
    Field{"architecture", set_architecture, [](C& c) { return Json(c.architecture); }},
    whole<[](C& c) -> int& { return c.epochs; }, 1, 100'000>("epochs"),
    whole<[](C& c) -> int& { return c.batch; }, 1, 65'536>("batch"),
    whole<[](C& c) -> int& { return c.accumulate; }, 1, 4096>("accumulate"),
    whole<[](C& c) -> int& { return c.folds; }, 0, 20>("folds"),
    whole<[](C& c) -> int& { return c.seeds; }, 1, 20>("seeds"),
    boolean<[](C& c) -> bool& { return c.ensemble; }>("ensemble"),
    whole<[](C& c) -> int& { return c.fold; }, -1, 99>("fold"),
    whole<[](C& c) -> std::uint64_t& { return c.seed; }, 0, INT64_MAX>("seed"),
    whole<[](C& c) -> std::int64_t& { return c.image_size; }, 0, 4096>("image_size"),
    whole<[](C& c) -> std::int64_t& { return c.channels; }, 0, 3>("channels"),
    boolean<[](C& c) -> bool& { return c.flip; }>("flip"),
    boolean<[](C& c) -> bool& { return c.flip_average; }>("flip_average"),
    whole<[](C& c) -> int& { return c.patience; }, 0, 100'000>("patience"),
    whole<[](C& c) -> int& { return c.loaders; }, 1, 64>("loaders"),
    Field{"loss", set_loss, get_loss},
    choice<[](C& c) -> TrainTask& { return c.task; }, kTasks>("task"),
    Field{"outline_labels", set_outline_labels, [](C& c) { return Json(c.outline_labels); }},
    whole<[](C& c) -> std::int64_t& { return c.patch; }, 0, 1024>("patch"),
    real<[](C& c) -> double& { return c.spacing_mm; }, 0.0, 100.0>("spacing_mm"),
    real<[](C& c) -> double& { return c.options.label_smoothing; }, 0.0, 0.999>("label_smoothing"),
    real<[](C& c) -> double& { return c.options.focal_gamma; }, 0.0, 100.0>("focal_gamma"),
    choice<[](C& c) -> Optimiser& { return c.options.optimiser; }, kOptimisers>("optimiser"),
    real<[](C& c) -> double& { return c.options.learning_rate; }, 1e-12, 100.0>("learning_rate"),
    real<[](C& c) -> double& { return c.options.beta1; }, 0.0, 0.999999>("beta1"),
    real<[](C& c) -> double& { return c.options.beta2; }, 0.0, 0.9999999>("beta2"),
    real<[](C& c) -> double& { return c.options.epsilon; }, 1e-16, 1.0>("epsilon"),
    real<[](C& c) -> double& { return c.options.momentum; }, 0.0, 0.999999>("momentum"),
    boolean<[](C& c) -> bool& { return c.options.nesterov; }>("nesterov"),
    real<[](C& c) -> double& { return c.options.weight_decay; }, 0.0, 10.0>("weight_decay"),
    real<[](C& c) -> double& { return c.options.clip_norm; }, 0.0, 1e9>("clip_norm"),
    real<[](C& c) -> double& { return c.options.average_decay; }, 0.0, 0.999999>("average_decay"),
    choice<[](C& c) -> Schedule& { return c.schedule.schedule; }, kSchedules>("schedule"),
    real<[](C& c) -> double& { return c.schedule.warmup_epochs; }, 0.0, 1e5>("warmup_epochs"),
    whole<[](C& c) -> int& { return c.schedule.step_epochs; }, 1, 100'000>("step_epochs"),
    real<[](C& c) -> double& { return c.schedule.step_factor; }, 1e-6, 1.0>("step_factor"),
    real<[](C& c) -> double& { return c.schedule.final_fraction; }, 0.0, 1.0>("final_fraction"),
    choice<[](C& c) -> Precision& { return c.options.precision; }, kPrecisions>("precision"),
    choice<[](C& c) -> Device& { return c.options.device; }, kDevices>("device"),
    Field{"class_weights", set_weights, get_weights},
    whole<[](C& c) -> int& { return c.options.threads; }, 0, 1024>("threads"),
};

constexpr std::array kAugmentFields{
    real<[](C& c) -> double& { return c.augment.flip_left_right; }, 0.0, 1.0>("flip_left_right"),
    real<[](C& c) -> double& { return c.augment.flip_up_down; }, 0.0, 1.0>("flip_up_down"),
    real<[](C& c) -> double& { return c.augment.flip_front_back; }, 0.0, 1.0>("flip_front_back"),
    real<[](C& c) -> double& { return c.augment.rotate; }, 0.0, 180.0>("rotate"),
    real<[](C& c) -> double& { return c.augment.scale; }, 0.0, 3.0>("scale"),
    real<[](C& c) -> double& { return c.augment.shift; }, 0.0, 1.0>("shift"),
    real<[](C& c) -> double& { return c.augment.crop; }, 0.0, 0.9>("crop"),
    real<[](C& c) -> double& { return c.augment.elastic; }, 0.0, 0.3>("elastic"),
    whole<[](C& c) -> int& { return c.augment.elastic_points; }, 4, 32>("elastic_points"),
    choice<[](C& c) -> Edge& { return c.augment.edge; }, kEdges>("edge"),
    real<[](C& c) -> double& { return c.augment.blur; }, 0.0, 10.0>("blur"),
    real<[](C& c) -> double& { return c.augment.contrast; }, 0.0, 1.0>("contrast"),
    real<[](C& c) -> double& { return c.augment.brightness; }, 0.0, 10.0>("brightness"),
    real<[](C& c) -> double& { return c.augment.gamma; }, 0.0, 3.0>("gamma"),
    real<[](C& c) -> double& { return c.augment.noise; }, 0.0, 10.0>("noise"),
    real<[](C& c) -> double& { return c.augment.cutout; }, 0.0, 1.0>("cutout"),
    real<[](C& c) -> double& { return c.augment.mixup; }, 0.0, 10.0>("mixup"),
};
constexpr std::string_view kAugment = "augment";
constexpr std::string_view kSearch = "search";

std::span<const Field> fields_of(bool augment) {
  return augment ? std::span<const Field>{kAugmentFields} : std::span<const Field>{kFields};
}

const Field* find_field(std::span<const Field> fields, std::string_view name) {
  const auto found = std::find_if(fields.begin(), fields.end(), [&](const Field& f) { return f.name == name; });
  return found == fields.end() ? nullptr : &*found;
}

std::string unknown_key(std::span<const Field> fields, const std::string& name) {
  std::vector<std::string> names;
  for (const Field& field : fields) names.emplace_back(field.name);
  if (fields.data() == kFields.data()) {
    names.emplace_back(kAugment);
    names.emplace_back(kSearch);
  }
  const std::string_view near = nearest(name, names);
  return escape_controls(name, 60) + ": unknown key" +
         (near.empty() ? "" : ", did you mean " + std::string{near} + "?");
}

Json scalar(const YAML::Node& node) {
  const std::string& text = node.Scalar();
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
        for (const auto& entry : item) {
          map[entry.first.IsScalar() ? entry.first.Scalar() : std::string{}] =
              entry.second.IsScalar() ? scalar(entry.second) : Json(nullptr);
        }
        list.push_back(std::move(map));
      } else {
        list.push_back(item.IsScalar() ? scalar(item) : Json(nullptr));
      }
    }
  }
  return list;
}

// Any YAML as JSON, within bounds: aliases make much of little.
Result<Json> any_value(const YAML::Node& node, int depth, int& left) {
  if (depth > 6 || --left < 0) return Error{Code::invalid, "too deep or too long"};
  if (node.IsScalar()) return scalar(node);
  if (node.IsSequence()) {
    Json list = Json::array();
    for (const auto& item : node) {
      ACESO_TRY(Json value, any_value(item, depth + 1, left));
      list.push_back(std::move(value));
    }
    return list;
  }
  if (!node.IsMap()) return Json(nullptr);
  Json map = Json::object();
  for (const auto& item : node) {
    if (!item.first.IsScalar()) return Error{Code::invalid, "a key that is no text"};
    const std::string key = item.first.Scalar();
    if (map.contains(key)) return Error{Code::invalid, escape_controls(key, 60) + ": there twice"};
    auto value = any_value(item.second, depth + 1, left);
    if (!value) {
      const std::string sep = value.error().message().find(": ") == std::string::npos ? ": " : ".";
      return Error{Code::invalid, escape_controls(key, 60).append(sep).append(value.error().message())};
    }
    map[key] = *std::move(value);
  }
  return map;
}

Status read_search(const Json& json, const std::string& where, TrainConfig& config) {
  auto search = parse_search(json);
  if (!search) {
    const std::string& why = search.error().message();
    return Error{Code::invalid, where + std::string{kSearch} + (why.starts_with("must") ? ": " : ".") + why};
  }
  config.search = *std::move(search);
  return {};
}

Status read_map(const YAML::Node& map, const std::string& file, bool augment, TrainConfig& config) {
  const std::span<const Field> fields = fields_of(augment);
  const std::string prefix = augment ? std::string{kAugment} + "." : std::string{};
  std::vector<std::string> seen;
  for (const auto& item : map) {
    const std::string where =
        std::string{file}.append(":").append(std::to_string(item.first.Mark().line + 1)).append(": ").append(prefix);
    const std::string name = item.first.IsScalar() ? item.first.Scalar() : std::string{};
    if (std::find(seen.begin(), seen.end(), name) != seen.end())
      return Error{Code::invalid, std::string{where}.append(name).append(": there twice")};
    seen.push_back(name);
    if (!augment && name == kAugment) {
      if (!item.second.IsMap())
        return Error{Code::invalid, std::string{where}.append(name).append(": must be a list of keys and values")};
      ACESO_TRY_OK(read_map(item.second, file, true, config));
      continue;
    }
    if (!augment && name == kSearch) {
      int left = 5000;
      auto json = any_value(item.second, 0, left);
      if (!json)
        return Error{Code::invalid, std::string{where}.append(name).append(": ").append(json.error().message())};
      ACESO_TRY_OK(read_search(*json, where, config));
      continue;
    }
    const Field* field = find_field(fields, name);
    if (field == nullptr) return Error{Code::invalid, where + unknown_key(fields, name)};
    if (const std::string why = field->set(config, value_of(item.second)); !why.empty())
      return Error{Code::invalid, std::string{where}.append(name).append(": ").append(why)};
  }
  return {};
}

Status read_object(const Json& json, const std::string& where, bool augment, TrainConfig& config) {
  const std::span<const Field> fields = fields_of(augment);
  if (!json.is_object()) return Error{Code::invalid, where + ": must be an object"};
  for (const auto& item : json.items()) {
    if (!augment && item.key() == kAugment) {
      ACESO_TRY_OK(read_object(item.value(), where + "." + item.key(), true, config));
      continue;
    }
    if (!augment && item.key() == kSearch) {
      ACESO_TRY_OK(read_search(item.value(), where + ".", config));
      continue;
    }
    const Field* field = find_field(fields, item.key());
    if (field == nullptr) return Error{Code::invalid, where + ": " + unknown_key(fields, item.key())};
    if (const std::string why = field->set(config, item.value()); !why.empty())
      return Error{Code::invalid, std::string{where}.append(".").append(item.key()).append(": ").append(why)};
  }
  return {};
}

// Each trial must make sense before the first is trained.
Status check_search(const TrainConfig& config) {
  const SearchConfig& search = *config.search;
  const auto wrong = [](const std::string& why) { return Error{Code::invalid, "search" + why}; };
  if (config.folds > 0 || config.seeds > 1 || config.ensemble)
    return wrong(": goes with single runs; leave folds, seeds and ensemble out");
  const int epochs = search.max_epochs > 0 ? search.max_epochs : config.epochs;
  if (search.method == SearchMethod::halving && search.min_epochs >= epochs)
    return wrong(".min_epochs: must be below max_epochs (" + std::to_string(epochs) + ") for trials to be stopped");
  auto trials = draw_trials(search);
  if (!trials) return wrong("." + trials.error().message());
  for (const TrialPlan& trial : *trials) {
    const auto one = trial_config(config, trial);
    if (one) continue;
    std::string values;
    for (const auto& [key, value] : trial.values) {
      values += values.empty() ? "" : ", ";
      values.append(key).append(" ").append(value);
    }
    return wrong(": trial " + std::to_string(trial.number) + " (" + values + "): " + one.error().message());
  }
  return {};
}

Status check_whole(const TrainConfig& config) {
  if (config.spacing_mm > 0 && config.patch == 0)
    return Error{Code::invalid, "spacing_mm: goes with patch, for outlines of volumes"};
  if (config.patch > 0 && config.image_size > 0)
    return Error{Code::invalid, "patch: leave image_size out, the network sees windows of the images as they are"};
  if (config.folds == 1) return Error{Code::invalid, "folds: 2 to 20, or 0 for none"};
  if (config.folds > 0 && config.fold >= 0) return Error{Code::invalid, "fold: goes with one run, not with folds"};
  if (config.ensemble && config.folds == 0 && config.seeds == 1)
    return Error{Code::invalid, "ensemble: goes with folds, or with seeds above 1"};
  if (config.channels == 2) return Error{Code::invalid, "channels: must be 0, 1 or 3"};
  if (config.options.nesterov && (config.options.optimiser != Optimiser::sgd || config.options.momentum <= 0))
    return Error{Code::invalid, "nesterov: goes with optimiser sgd and a momentum above 0"};
  if (config.schedule.warmup_epochs > 0 && config.schedule.schedule == Schedule::one_cycle)
    return Error{Code::invalid, "warmup_epochs: schedule one_cycle has its own warm-up"};
  if (config.schedule.warmup_epochs > 0 && config.schedule.warmup_epochs >= config.epochs)
    return Error{Code::invalid, "warmup_epochs: must be below epochs"};
  return config.search ? check_search(config) : Status{};
}

}  // namespace

std::string set_train_key(TrainConfig& config, const std::string& key, const Json& value) {
  const bool augment = key.starts_with(std::string{kAugment} + ".");
  const std::span<const Field> fields = fields_of(augment);
  const std::string name = augment ? key.substr(kAugment.size() + 1) : key;
  const Field* field = find_field(fields, name);
  return field == nullptr ? unknown_key(fields, name) : field->set(config, value);
}

Status check_train_config(const TrainConfig& config) {
  return check_whole(config);
}

Result<TrainConfig> parse_train_config(std::string_view yaml, std::string_view file_name) {
  constexpr std::size_t kMaxText = 1 << 20;
  const std::string file{file_name};
  if (yaml.size() > kMaxText) return Error{Code::too_large, file + ": longer than 1 MiB"};
  TrainConfig config;
  try {
    const YAML::Node root = YAML::Load(std::string{yaml});
    if (root.IsNull()) return config;
    if (!root.IsMap()) return Error{Code::invalid, file + ":1: must be a list of keys and values"};
    ACESO_TRY_OK(read_map(root, file, false, config));
  } catch (const YAML::Exception& e) {
    return Error{Code::invalid, file + ":" + std::to_string(e.mark.line + 1) + ": not YAML"};
  }
  if (const Status status = check_whole(config); !status)
    return Error{Code::invalid, file + ": " + status.error().message()};
  return config;
}

Json to_json(const TrainConfig& given) {
  TrainConfig config = given;
  Json json = Json::object();
  for (const Field& field : kFields) {
    if (field.get != nullptr) json[std::string{field.name}] = field.get(config);
  }
  Json& augment = json[std::string{kAugment}] = Json::object();
  for (const Field& field : kAugmentFields) augment[std::string{field.name}] = field.get(config);
  write_start_options(config.start, json);
  if (config.search) json[std::string{kSearch}] = to_json(*config.search);
  return json;
}

std::string to_yaml(const TrainConfig& config) {
  const auto word = [](const std::string& text) {
    return !text.empty() && text != "true" && text != "false" && text != "null" &&
           std::all_of(text.begin(), text.end(), [](char c) { return (c >= 'a' && c <= 'z') || c == '_'; });
  };
  const auto text = [&](const Json& value) {
    return value.is_string() && word(value.get<std::string>()) ? value.get<std::string>() : dump_json(value);
  };
  const Json json = to_json(config), usual = to_json(TrainConfig{});
  std::string yaml, augment;
  for (const auto& [key, value] : json.items()) {
    if (key == kAugment || (usual.contains(key) && usual[key] == value)) continue;
    yaml.append(key).append(": ").append(text(value)).append("\n");
  }
  for (const auto& [key, value] : json[std::string{kAugment}].items()) {
    if (usual[std::string{kAugment}][key] == value) continue;
    augment.append("  ").append(key).append(": ").append(text(value)).append("\n");
  }
  if (!augment.empty()) yaml.append(kAugment).append(":\n").append(augment);
  return yaml;
}

Result<TrainConfig> parse_train_config_json(const Json& json) {
  TrainConfig config;
  ACESO_TRY_OK(read_object(json, "config", false, config));
  if (const Status status = check_whole(config); !status)
    return Error{Code::invalid, "config: " + status.error().message()};
  return config;
}

}  // namespace aceso::learn
