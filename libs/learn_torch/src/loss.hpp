// Losses from logits, with class weights and the checks of the targets.
#pragma once

#include <ATen/core/Tensor.h>

#include "aceso/learn/engine.hpp"

namespace aceso::learn_torch {

// The options that do not go together with the network's logits: [N, outputs, ...] of shape `logits`.
Status check_loss(const learn::TrainingOptions& options, const learn::Shape& logits);
// Targets fit N logits: int64 [N] or float shares [N, classes] where classes exclude each other (cross-entropy, focal
// loss of several logits), else float [N] or the logits' shape.
Status check_targets(learn::Loss loss, const learn::Shape& logits, std::int64_t n, const learn::Array& targets);
// Mean over the batch, in float32; with class weights sum(weight * loss) / sum(weight). With one logit the two weights
// belong to targets below and above 0.5. Label smoothing as PyTorch's cross-entropy has it; binary targets t become
// (1 - s) t + s / 2.
at::Tensor loss_of(const learn::TrainingOptions& options, const at::Tensor& logits, const learn::Array& targets);

}  // namespace aceso::learn_torch
