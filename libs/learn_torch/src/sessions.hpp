// The two kinds of session over a Graph.
#pragma once

#include <memory>

#include "aceso/learn/engine.hpp"
#include "graph.hpp"

namespace aceso::learn_torch {

Result<std::unique_ptr<learn::TrainingSession>> make_training(const learn::Network& network,
                                                              const learn::Weights& weights,
                                                              const std::map<std::string, learn::Shape>& inputs,
                                                              const learn::TrainingOptions& options, at::Device device);
Result<std::unique_ptr<learn::InferenceSession>> make_inference(const learn::Network& network,
                                                                const learn::Weights& weights,
                                                                const std::map<std::string, learn::Shape>& inputs,
                                                                const std::string& embedding, at::Device device);
Result<std::unique_ptr<learn::GradientSession>> make_gradients(const learn::Network& network,
                                                               const learn::Weights& weights,
                                                               const std::map<std::string, learn::Shape>& inputs,
                                                               at::Device device);

}  // namespace aceso::learn_torch
