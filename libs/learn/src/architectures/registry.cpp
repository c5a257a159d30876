#include <cassert>

#include "architectures.hpp"

namespace aceso::learn {

void ArchitectureRegistry::add(std::string name, std::string summary, ArchitectureFactory factory) {
  [[maybe_unused]] const bool added =
      factories_.try_emplace(std::move(name), std::move(summary), std::move(factory)).second;
  assert(added);
}

Result<Network> ArchitectureRegistry::make(std::string_view name, const ArchitectureOptions& options) const {
  const auto found = factories_.find(name);
  if (found == factories_.end()) {
    std::string known;
    for (const auto& [key, value] : factories_) known += (known.empty() ? "" : ", ") + key;
    return Error{Code::not_found, "no such architecture; there is " + known};
  }
  return found->second.second(options);
}

std::vector<std::pair<std::string, std::string>> ArchitectureRegistry::list() const {
  std::vector<std::pair<std::string, std::string>> names;
  for (const auto& [name, entry] : factories_) names.emplace_back(name, entry.first);
  return names;
}

void register_builtin_architectures(ArchitectureRegistry& registry) {
  registry.add("article_cnn", "images: two 3x3 convolutions (32, 64) with pooling, dense 128", make_article_cnn);
  registry.add("resnet18", "images and volumes: ResNet-18; a 3x3 stem without pooling below 64 pixels", make_resnet18);
  registry.add("resnet34", "images and volumes: ResNet-34; a 3x3 stem without pooling below 64 pixels", make_resnet34);
  registry.add("resnet50", "images and volumes: ResNet-50; a 3x3 stem without pooling below 64 pixels", make_resnet50);
  registry.add("densenet121", "images and volumes: DenseNet-121; a 3x3 stem without pooling below 64 pixels",
               make_densenet121);
  registry.add("unet", "outlines in images and volumes: residual U-Net in MONAI's layout", make_default_unet);
  registry.add("signal_cnn", "1-D signals: three convolutions of width 7, averaged over time", make_signal_cnn);
  registry.add("mlp", "tables: hidden layers of 64 and 32", make_mlp);
  registry.add("centernet", "boxes in images and volumes: centres as points on a map, with their sizes",
               make_centernet);
  registry.add("logistic", "anything: logistic regression, the baseline", make_logistic);
}

}  // namespace aceso::learn
