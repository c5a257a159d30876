// Cutting a network in two.
#include <algorithm>

#include "aceso/learn/explain.hpp"

namespace aceso::learn {
namespace {

bool has_places(const Shape& shape) {
  std::int64_t places = 1;
  for (std::size_t d = 2; d < shape.size(); ++d) places *= shape[d];
  return shape.size() >= 3 && places > 3;
}

// What may stand at the cut: everything but inputs and pools, whose maps are coarser than those before them.
bool may_be_cut(Op op) {
  return op == Op::conv || op == Op::relu || op == Op::batch_norm || op == Op::add;
}

}  // namespace

Result<CutNetwork> cut_at_last_map(const Network& network, const std::map<std::string, Shape>& inputs) {
  ACESO_TRY(const Shapes shapes, infer_shapes(network, inputs));
  const auto& layers = network.layers;
  for (std::size_t i = layers.size(); i-- > 0;) {
    if (!may_be_cut(layers[i].op) || !has_places(shapes.outputs.at(layers[i].name))) continue;
    std::vector<std::string> before;
    for (std::size_t k = 0; k < i; ++k) before.push_back(layers[k].name);
    const bool bypassed =
        std::any_of(layers.begin() + static_cast<std::ptrdiff_t>(i) + 1, layers.end(), [&](const auto& later) {
          return std::any_of(later.inputs.begin(), later.inputs.end(), [&](const std::string& name) {
            return std::find(before.begin(), before.end(), name) != before.end();
          });
        });
    if (bypassed) continue;
    CutNetwork cut;
    cut.layer = layers[i].name;
    cut.shape = shapes.outputs.at(cut.layer);
    cut.head = network;
    cut.head.layers.resize(i + 1);
    cut.head.logits = cut.head.output = cut.layer;
    cut.tail = network;
    cut.tail.layers.assign(layers.begin() + static_cast<std::ptrdiff_t>(i) + 1, layers.end());
    Layer entry;
    entry.name = cut.layer;
    entry.op = Op::input;
    cut.tail.layers.insert(cut.tail.layers.begin(), entry);
    return cut;
  }
  return Error{Code::unsupported, "no layer of this network still has a place: Grad-CAM has nothing to show"};
}

}  // namespace aceso::learn
