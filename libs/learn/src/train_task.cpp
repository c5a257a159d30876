#include "train_task.hpp"

#include <algorithm>

namespace aceso::learn {
namespace {

const Sample& sample_of(const Dataset& dataset, std::size_t index) {
  return dataset.manifest().samples[index];
}

Result<TrainPlan> plan_classes(const Dataset& dataset, const TrainConfig& config) {
  if (config.patch > 0) return Error{Code::invalid, "patch: goes with outlines only; image_size resizes"};
  if (!config.outline_labels.empty()) return Error{Code::invalid, "outline_labels: goes with outlines only"};
  TrainPlan plan;
  const std::vector<std::string>& names = dataset.manifest().classes;
  plan.classes = names;
  plan.outputs = static_cast<std::int64_t>(names.size() == 2 ? 1 : names.size());
  plan.train = dataset.indices(Split::train);
  plan.validation = dataset.indices(Split::validation);
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
  if (manifest.kind != "image" && manifest.kind != "volume")
    return Error{Code::invalid,
                 "task: outlines are drawn in images and volumes, not in samples of kind " + manifest.kind};
  TrainPlan plan;
  plan.task = Task::outlines;
  std::size_t without = 0;
  for (const auto& [split, part] :
       {std::pair{Split::train, &plan.train}, std::pair{Split::validation, &plan.validation}}) {
    for (const std::size_t i : dataset.indices(split)) {
      if (sample_of(dataset, i).mask) {
        part->push_back(i);
      } else {
        ++without;
      }
    }
  }
  if (plan.train.empty())
    return Error{Code::invalid,
                 "the training split has no masks: outlines need them (architecture unet, or task: outlines)"};
  if (without > 0)
    plan.warnings.push_back(std::to_string(without) +
                            " samples for training and validation have no mask and take no part");
  ACESO_TRY(const std::uint8_t largest, largest_label(dataset, plan.train));
  const std::vector<std::string>& names = config.outline_labels;
  const std::size_t labels = std::max<std::size_t>(largest, names.size());
  if (labels > kMaxLabels)
    return Error{Code::invalid, "the masks hold labels up to " + std::to_string(largest) + ", at most " +
                                    std::to_string(kMaxLabels) + " can be learnt"};
  if (!names.empty() && names.size() < largest)
    return Error{Code::invalid, "outline_labels: " + std::to_string(names.size()) + " names, and the masks hold " +
                                    std::to_string(largest) + " labels"};
  plan.classes.emplace_back("background");
  for (std::size_t k = 1; k <= labels; ++k)
    plan.classes.push_back(!names.empty() ? names[k - 1] : labels == 1 ? "outline" : "outline " + std::to_string(k));
  plan.outputs = labels == 1 ? 1 : static_cast<std::int64_t>(labels + 1);
  return plan;
}

}  // namespace

Result<TrainPlan> plan_training(const Dataset& dataset, const TrainConfig& config) {
  const bool draws =
      config.task == TrainTask::outlines || (config.task == TrainTask::automatic && config.architecture == "unet");
  return draws ? plan_outlines(dataset, config) : plan_classes(dataset, config);
}

Result<TrainingOptions> training_options(const TrainPlan& plan, const Dataset& dataset, const TrainConfig& config) {
  TrainingOptions options = config.options;
  options.seed = config.seed;
  const bool automatic = config.automatic_loss && options.loss == Loss::binary_cross_entropy;
  const bool crosses = options.loss == Loss::binary_cross_entropy || options.loss == Loss::cross_entropy;
  const bool dice = options.loss == Loss::dice || options.loss == Loss::dice_cross_entropy;
  if (plan.task == Task::outlines) {
    if (!crosses && !dice)
      return Error{Code::unsupported,
                   "loss: outlines are learnt with dice_cross_entropy, dice, binary_cross_entropy or cross_entropy"};
    if (config.balance_classes || !options.class_weights.empty())
      return Error{Code::unsupported, "class_weights: do not go with outlines"};
    if (options.label_smoothing > 0) return Error{Code::unsupported, "label_smoothing: does not go with outlines"};
    if (automatic) options.loss = Loss::dice_cross_entropy;
    if (!automatic && crosses) options.loss = plan.outputs == 1 ? Loss::binary_cross_entropy : Loss::cross_entropy;
    options.exclusive = plan.outputs > 1;
    return options;
  }
  if (dice) return Error{Code::unsupported, "loss: dice needs masks, and this run learns classes"};
  const std::size_t classes = plan.classes.size();
  if (crosses) options.loss = classes == 2 ? Loss::binary_cross_entropy : Loss::cross_entropy;
  if (config.balance_classes) {
    std::vector<double> seen(classes, 0);
    for (const std::size_t i : plan.train) ++seen[static_cast<std::size_t>(sample_of(dataset, i).label)];
    for (std::size_t c = 0; c < classes; ++c) {
      if (seen[c] == 0)
        return Error{Code::invalid, "class_weights: class \"" + plan.classes[c] +
                                        "\" has no training sample, so classes cannot be balanced"};
      options.class_weights.push_back(static_cast<double>(plan.train.size()) /
                                      (static_cast<double>(classes) * seen[c]));
    }
  }
  if (!options.class_weights.empty() && options.class_weights.size() != classes)
    return Error{Code::invalid, "class_weights: " + std::to_string(options.class_weights.size()) + " weights for " +
                                    std::to_string(classes) + " classes"};
  return options;
}

Port output_port(const TrainPlan& plan, const Shape& sample) {
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
