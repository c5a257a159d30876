#include "train_task.hpp"

#include "aceso/stats/descriptive.hpp"
#include "box_targets.hpp"
#include "targets.hpp"

#include <algorithm>
#include <cmath>

namespace aceso::learn {
namespace {

const Sample& sample_of(const Dataset& dataset, std::size_t index) {
  return dataset.manifest().samples[index];
}

// As in split_of(), for the plan.
Status check_fold(const Dataset& dataset, const TrainConfig& config) {
  if (config.fold < 0) return {};
  if (split_of(dataset, config, Split::validation).empty()) {
    return Error{Code::invalid, "fold: the data set has no fold " + std::to_string(config.fold) +
                                    "; aceso dataset split NAME --folds makes a version with folds"};
  }
  return {};
}

Result<TrainPlan> plan_classes(const Dataset& dataset, const TrainConfig& config) {
  if (config.patch > 0) return Error{Code::invalid, "patch: goes with outlines only; image_size resizes"};
  if (!config.outline_labels.empty()) return Error{Code::invalid, "outline_labels: goes with outlines only"};
  TrainPlan plan;
  const std::vector<std::string>& names = dataset.manifest().classes;
  plan.classes = names;
  plan.outputs = static_cast<std::int64_t>(names.size() == 2 ? 1 : names.size());
  plan.train = split_of(dataset, config, Split::train);
  plan.validation = split_of(dataset, config, Split::validation);
  std::vector<std::size_t> seen(names.size(), 0);
  for (const auto* part : {&plan.train, &plan.validation}) {
    for (const std::size_t i : *part) {
      const int label = sample_of(dataset, i).label;
      if (label < 0) return Error{Code::invalid, "sample \"" + sample_of(dataset, i).id + "\" has no label"};
      if (part == &plan.train) ++seen[static_cast<std::size_t>(label)];
    }
  }
  if (std::count_if(seen.begin(), seen.end(), [](std::size_t n) { return n > 0; }) < 2)
    return Error{Code::invalid, "the training split has fewer than two classes"};
  return plan;
}

// Of the samples with masks, the largest label that their masks hold.
Result<std::uint8_t> largest_label(const Dataset& dataset, const std::vector<std::size_t>& samples) {
  std::uint8_t largest = 0;
  for (const std::size_t i : samples) {
    const std::optional<Array> mask = dataset.mask(i);
    const auto values = mask->as<std::uint8_t>();
    if (!values.empty()) largest = std::max(largest, *std::max_element(values.begin(), values.end()));
  }
  if (largest == 0) return Error{Code::invalid, "the masks of the training split are all empty"};
  return largest;
}

Result<TrainPlan> plan_outlines(const Dataset& dataset, const TrainConfig& config) {
  constexpr std::size_t kMaxLabels = 64;
  const Manifest& manifest = dataset.manifest();
  if (manifest.kind != "image" && manifest.kind != "volume") {
    return Error{Code::invalid,
                 "task: outlines are drawn in images and volumes, not in samples of kind " + manifest.kind};
  }
  TrainPlan plan;
  plan.task = Task::outlines;
  std::size_t without = 0;
  for (const auto& [split, part] :
       {std::pair{Split::train, &plan.train}, std::pair{Split::validation, &plan.validation}}) {
    for (const std::size_t i : split_of(dataset, config, split)) {
      if (sample_of(dataset, i).mask) {
        part->push_back(i);
      } else {
        ++without;
      }
    }
  }
  if (plan.train.empty()) {
    return Error{Code::invalid,
                 "the training split has no masks: outlines need them (architecture unet, or task: outlines)"};
  }
  if (without > 0) {
    plan.warnings.push_back(std::to_string(without) +
                            " samples for training and validation have no mask and take no part");
  }
  ACESO_TRY(const std::uint8_t largest, largest_label(dataset, plan.train));
  const std::vector<std::string>& names = config.outline_labels;
  const std::size_t labels = std::max<std::size_t>(largest, names.size());
  if (labels > kMaxLabels) {
    return Error{Code::invalid, "the masks hold labels up to " + std::to_string(largest) + ", at most " +
                                    std::to_string(kMaxLabels) + " can be learnt"};
  }
  if (!names.empty() && names.size() < largest) {
    return Error{Code::invalid, "outline_labels: " + std::to_string(names.size()) + " names, and the masks hold " +
                                    std::to_string(largest) + " labels"};
  }
  plan.classes.emplace_back("background");
  for (std::size_t k = 1; k <= labels; ++k)
    plan.classes.push_back(!names.empty() ? names[k - 1] : labels == 1 ? "outline" : "outline " + std::to_string(k));
  plan.outputs = labels == 1 ? 1 : static_cast<std::int64_t>(labels + 1);
  return plan;
}

// Samples of which something is known, and a warning about the others.
void take_labelled(const Dataset& dataset, const TrainConfig& config, TrainPlan& plan) {
  const Task task = dataset.manifest().task;
  std::size_t without = 0;
  for (const auto& [split, part] :
       {std::pair{Split::train, &plan.train}, std::pair{Split::validation, &plan.validation}}) {
    for (const std::size_t i : split_of(dataset, config, split)) {
      if (labelled(task, sample_of(dataset, i))) {
        part->push_back(i);
      } else {
        ++without;
      }
    }
  }
  if (without > 0) {
    plan.warnings.push_back(std::to_string(without) +
                            " samples for training and validation have no label and take no part");
  }
}

Result<TrainPlan> plan_multi_label(const Dataset& dataset, const TrainConfig& config) {
  const Manifest& manifest = dataset.manifest();
  TrainPlan plan;
  plan.task = Task::multi_label;
  plan.classes = manifest.classes;
  plan.outputs = static_cast<std::int64_t>(manifest.classes.size());
  take_labelled(dataset, config, plan);
  if (plan.train.empty()) return Error{Code::invalid, "the training split has no sample with labels"};
  const auto counts = count_labels(manifest.samples, plan.train, manifest.classes.size());
  std::size_t missing = 0;
  for (std::size_t k = 0; k < counts.size(); ++k) {
    missing += counts[k].missing;
    if (counts[k].positive == 0 || counts[k].negative == 0) {
      return Error{Code::invalid, "label \"" + manifest.classes[k] + "\" " +
                                      (counts[k].positive == 0 ? "holds in no" : "is never known not to hold in a") +
                                      " training sample: leave it out of the import, or split anew"};
    }
  }
  if (missing > 0 && config.augment.mixup > 0) {
    return Error{Code::invalid, "augment.mixup: " + std::to_string(missing) +
                                    " labels of training samples are not known, and what is not known cannot be mixed"};
  }
  return plan;
}

Result<TrainPlan> plan_regression(const Dataset& dataset, const TrainConfig& config) {
  const Manifest& manifest = dataset.manifest();
  if (config.options.label_smoothing > 0) return Error{Code::unsupported, "label_smoothing: does not go with numbers"};
  TrainPlan plan;
  plan.task = Task::regression;
  plan.classes = manifest.classes;
  plan.unit = manifest.unit;
  take_labelled(dataset, config, plan);
  stats::RunningMoments moments;
  for (const std::size_t i : plan.train) moments.add(sample_of(dataset, i).targets.front());
  if (!(moments.sd() > 0)) return Error{Code::invalid, "the training split has fewer than two different numbers"};
  plan.mean = moments.mean();
  plan.sd = moments.sd();
  return plan;
}

// The names of what training boxes are boxes of, in the data set's order.
Result<std::vector<std::string>> labels_of_boxes(const Dataset& dataset, const std::vector<std::size_t>& training) {
  const Manifest& manifest = dataset.manifest();
  std::vector<bool> seen(manifest.classes.size(), false);
  const Sample* unnamed = nullptr;
  bool named = false;
  for (const std::size_t i : training) {
    for (const Box& box : sample_of(dataset, i).boxes) {
      if (box.label < 0) {
        unnamed = &sample_of(dataset, i);
      } else {
        named = seen[static_cast<std::size_t>(box.label)] = true;
      }
    }
  }
  if (unnamed == nullptr && !named)
    return Error{Code::invalid, "the training split has no boxes: task boxes needs them (architecture centernet)"};
  if (unnamed != nullptr && named)
    return Error{Code::invalid, "sample \"" + unnamed->id + "\" has a box without a class, and others have one"};
  std::vector<std::string> labels;
  if (unnamed != nullptr) labels.emplace_back(kFinding);
  for (std::size_t k = 0; k < seen.size(); ++k) {
    if (seen[k]) labels.push_back(manifest.classes[k]);
  }
  return labels;
}

Result<TrainPlan> plan_boxes(const Dataset& dataset, const TrainConfig& config) {
  const Manifest& manifest = dataset.manifest();
  if (manifest.kind != "image" && manifest.kind != "volume")
    return Error{Code::invalid, "task: boxes are found in images and volumes, not in samples of kind " + manifest.kind};
  if (config.patch > 0) return Error{Code::invalid, "patch: goes with outlines only; image_size resizes"};
  if (!config.outline_labels.empty()) return Error{Code::invalid, "outline_labels: goes with outlines only"};
  if (config.flip_average) return Error{Code::unsupported, "flip_average: does not go with boxes"};
  if (config.augment.mixup > 0) return Error{Code::unsupported, "augment.mixup: does not go with boxes"};
  TrainPlan plan;
  plan.task = Task::boxes;
  const std::vector<std::size_t> training = split_of(dataset, config, Split::train);
  ACESO_TRY(plan.classes, labels_of_boxes(dataset, training));
  plan.outputs = static_cast<std::int64_t>(plan.classes.size());
  std::size_t without = 0;
  const std::vector<int> label = label_of_classes(manifest, plan.classes);
  for (const auto& [split, part] :
       {std::pair{Split::train, &plan.train}, std::pair{Split::validation, &plan.validation}}) {
    BoxSamples samples = box_samples(dataset, split_of(dataset, config, split), plan.classes);
    without += samples.without;
    *part = std::move(samples.indices);
    for (const std::size_t i : *part) {
      ACESO_TRY([[maybe_unused]] const auto checked, labelled_boxes(manifest, sample_of(dataset, i), label));
    }
  }
  if (without > 0) {
    plan.warnings.push_back(std::to_string(without) +
                            " samples for training and validation have no box though their class has them, or were "
                            "not looked at: they take no part");
  }
  return plan;
}

// The loss of several labels or of numbers, and the labels' weights.
Status label_options(const TrainPlan& plan, const Dataset& dataset, const TrainConfig& config,
                     TrainingOptions& options) {
  const bool automatic = config.automatic_loss && options.loss == Loss::binary_cross_entropy;
  if (plan.task == Task::regression) {
    if (!automatic && options.loss != Loss::mean_squared_error)
      return Error{Code::unsupported, "loss: numbers are learnt with mean_squared_error"};
    if (config.balance_classes || !options.class_weights.empty())
      return Error{Code::unsupported, "class_weights: do not go with numbers"};
    options.loss = Loss::mean_squared_error;
    return {};
  }
  if (options.loss != Loss::binary_cross_entropy)
    return Error{Code::unsupported, "loss: several labels are learnt with binary_cross_entropy"};
  const std::vector<double> given = std::move(options.class_weights);
  options.class_weights.clear();
  if (!given.empty() && given.size() != plan.classes.size()) {
    return Error{Code::invalid, "class_weights: " + std::to_string(given.size()) + " weights for " +
                                    std::to_string(plan.classes.size()) + " labels"};
  }
  if (!config.balance_classes && given.empty()) return {};
  const auto counts = count_labels(dataset.manifest().samples, plan.train, plan.classes.size());
  for (std::size_t k = 0; k < plan.classes.size(); ++k) {
    const auto positive = static_cast<double>(counts[k].positive), negative = static_cast<double>(counts[k].negative);
    options.class_weights.push_back(config.balance_classes ? (positive + negative) / (2 * negative) : 1);
    options.class_weights.push_back(config.balance_classes ? (positive + negative) / (2 * positive) : given[k]);
  }
  return {};
}

}  // namespace

std::vector<std::size_t> split_of(const Dataset& dataset, const TrainConfig& config, Split split) {
  if (config.fold < 0) return dataset.indices(split);
  std::vector<std::size_t> found;
  const auto& samples = dataset.manifest().samples;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    const bool held = samples[i].fold == config.fold;
    if (samples[i].fold >= 0 && held == (split == Split::validation)) found.push_back(i);
  }
  return found;
}

Result<TrainPlan> plan_training(const Dataset& dataset, const TrainConfig& config) {
  ACESO_TRY_OK(check_fold(dataset, config));
  const bool draws =
      config.task == TrainTask::outlines || (config.task == TrainTask::automatic && config.architecture == "unet");
  if (draws) return plan_outlines(dataset, config);
  if (learns_boxes(config)) return plan_boxes(dataset, config);
  const Task task = dataset.manifest().task;
  const bool fits = config.task == TrainTask::automatic ||
                    (config.task == TrainTask::classes && task == Task::classes) ||
                    (config.task == TrainTask::multi_label && task == Task::multi_label) ||
                    (config.task == TrainTask::regression && task == Task::regression);
  if (!fits) {
    return Error{Code::invalid, "task: the data set is labelled for " + std::string{to_string(task)} +
                                    "; import it with another task"};
  }
  if (task == Task::classes) return plan_classes(dataset, config);
  if (config.patch > 0) return Error{Code::invalid, "patch: goes with outlines only; image_size resizes"};
  if (!config.outline_labels.empty()) return Error{Code::invalid, "outline_labels: goes with outlines only"};
  return task == Task::multi_label ? plan_multi_label(dataset, config) : plan_regression(dataset, config);
}

bool learns_boxes(const TrainConfig& config) noexcept {
  return config.task == TrainTask::boxes || (config.task == TrainTask::automatic && config.architecture == "centernet");
}

Status start_boxes(const Network& network, Weights& weights) {
  constexpr float kFew = -2.197225F;  // a score of 0.1
  const auto probability =
      std::find_if(network.layers.begin(), network.layers.end(), [](const Layer& l) { return l.op == Op::sigmoid; });
  const auto bias = probability == network.layers.end() || probability->inputs.empty()
                        ? weights.end()
                        : weights.find(probability->inputs.front() + ".bias");
  if (bias == weights.end()) return Error{Code::invalid, "architecture: boxes need maps with a bias"};
  for (float& value : bias->second.f32()) value = kFew;
  return {};
}

Status to_unit(const TrainPlan& plan, const Network& network, Weights& weights, bool back) {
  const auto weight = weights.find(network.logits + ".weight"), bias = weights.find(network.logits + ".bias");
  const auto layer = std::find_if(network.layers.begin(), network.layers.end(),
                                  [&](const Layer& l) { return l.name == network.logits; });
  if (layer == network.layers.end() || layer->op != Op::dense || weight == weights.end() || bias == weights.end())
    return Error{Code::invalid, "architecture: numbers need a dense last layer with a bias"};
  const auto scale = [](Array& array, double factor, double offset) {
    for (float& value : array.f32()) value = static_cast<float>(static_cast<double>(value) * factor + offset);
  };
  scale(weight->second, back ? 1 / plan.sd : plan.sd, 0);
  scale(bias->second, back ? 1 / plan.sd : plan.sd, back ? -plan.mean / plan.sd : plan.mean);
  return {};
}

Result<TrainingOptions> training_options(const TrainPlan& plan, const Dataset& dataset, const TrainConfig& config) {
  TrainingOptions options = config.options;
  options.seed = config.seed;
  const bool automatic = config.automatic_loss && options.loss == Loss::binary_cross_entropy;
  const bool crosses = options.loss == Loss::binary_cross_entropy || options.loss == Loss::cross_entropy;
  const bool dice = options.loss == Loss::dice || options.loss == Loss::dice_cross_entropy;
  if (plan.task == Task::outlines) {
    if (!crosses && !dice) {
      return Error{Code::unsupported,
                   "loss: outlines are learnt with dice_cross_entropy, dice, binary_cross_entropy or cross_entropy"};
    }
    if (config.balance_classes || !options.class_weights.empty())
      return Error{Code::unsupported, "class_weights: do not go with outlines"};
    if (options.label_smoothing > 0) return Error{Code::unsupported, "label_smoothing: does not go with outlines"};
    if (automatic) options.loss = Loss::dice_cross_entropy;
    if (!automatic && crosses) options.loss = plan.outputs == 1 ? Loss::binary_cross_entropy : Loss::cross_entropy;
    options.exclusive = plan.outputs > 1;
    return options;
  }
  if (dice) return Error{Code::unsupported, "loss: dice needs masks, and this run draws no outlines"};
  if (plan.task == Task::boxes) {
    if (!automatic && options.loss != Loss::centernet)
      return Error{Code::unsupported, "loss: boxes are learnt with centernet"};
    if (config.balance_classes || !options.class_weights.empty())
      return Error{Code::unsupported, "class_weights: do not go with boxes"};
    if (options.label_smoothing > 0) return Error{Code::unsupported, "label_smoothing: does not go with boxes"};
    options.loss = Loss::centernet;
    return options;
  }
  if (options.loss == Loss::centernet)
    return Error{Code::unsupported, "loss: centernet needs boxes, and this run learns none"};
  if (plan.task != Task::classes) {
    ACESO_TRY_OK(label_options(plan, dataset, config, options));
    return options;
  }
  const std::size_t classes = plan.classes.size();
  if (crosses) options.loss = classes == 2 ? Loss::binary_cross_entropy : Loss::cross_entropy;
  if (config.balance_classes) {
    std::vector<double> seen(classes, 0);
    for (const std::size_t i : plan.train) ++seen[static_cast<std::size_t>(sample_of(dataset, i).label)];
    for (std::size_t c = 0; c < classes; ++c) {
      if (seen[c] == 0) {
        return Error{Code::invalid, "class_weights: class \"" + plan.classes[c] +
                                        "\" has no training sample, so classes cannot be balanced"};
      }
      options.class_weights.push_back(static_cast<double>(plan.train.size()) /
                                      (static_cast<double>(classes) * seen[c]));
    }
  }
  if (!options.class_weights.empty() && options.class_weights.size() != classes) {
    return Error{Code::invalid, "class_weights: " + std::to_string(options.class_weights.size()) + " weights for " +
                                    std::to_string(classes) + " classes"};
  }
  return options;
}

Port output_port(const TrainPlan& plan, const Shape& sample) {
  if (plan.task == Task::multi_label) {
    return {
        "output",     DType::f32, {plan.outputs}, PortKind::label_probability, "probability of each label on its own",
        plan.classes, ""};
  }
  if (plan.task == Task::boxes) {
    return {"output",
            DType::f32,
            {},
            PortKind::boxes,
            "score of each label in each cell, then the box's size and its centre's place, both in cells",
            plan.classes,
            ""};
  }
  if (plan.task == Task::regression)
    return {"output", DType::f32, {1}, PortKind::number, plan.classes.front(), plan.classes, plan.unit};
  const bool one = plan.outputs == 1;
  const std::vector<std::string> labels = one ? std::vector<std::string>{plan.classes[1]} : plan.classes;
  if (plan.task == Task::outlines) {
    Shape shape = sample;
    shape.front() = plan.outputs;
    return {"output",
            DType::f32,
            std::move(shape),
            PortKind::mask,
            one ? "probability of " + plan.classes[1] + " at each point" : "probability of each label at each point",
            labels,
            ""};
  }
  return {"output",
          DType::f32,
          {plan.outputs},
          PortKind::probability,
          one ? "probability of " + plan.classes[1] : "probability of each class",
          labels,
          ""};
}

}  // namespace aceso::learn
