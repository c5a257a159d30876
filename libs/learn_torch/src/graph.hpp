// The layer list as LibTorch operations. Images and signals run as 4-D tensors in the channels-last layout (a signal
// has height 1): on CPUs the first, thin layers are two to four times faster that way, and GPUs multiply so, too.
#pragma once

#include <ATen/core/Tensor.h>

#include <map>
#include <string>
#include <vector>

#include "aceso/learn/network.hpp"
#include "tensors.hpp"

namespace aceso::learn_torch {

struct Pass {
  bool training = false;                                      // batch statistics and dropout
  std::uint64_t dropout = 0;                                  // seed of this step's masks
  const std::map<std::string, at::Tensor>* leaves = nullptr;  // inputs in place of the batch's, to be derived by
};

class Graph {
 public:
  // The parts must fit: see check(). `rate_factors` as in TrainingOptions. Parameters live on the device; run() takes
  // its inputs there.
  Graph(const learn::Network& network, Checked checked, const learn::Weights& weights, at::Device device,
        const std::map<std::string, double>& rate_factors = {});

  // `until`: network.logits or network.output. The tensor's dimensions are those of Checked::outputs.
  at::Tensor run(const learn::NamedArrays& batch, const std::string& until, const Pass& pass) const;

  struct Parameter {
    std::string name;
    at::Tensor tensor;    // as the operations want it
    learn::Shape shape;   // as the network names it
    bool trained = true;  // false: running statistics, and what is frozen
    double rate = 1;      // factor of the learning rate
  };
  const std::vector<Parameter>& parameters() const noexcept { return parameters_; }
  const Checked& checked() const noexcept { return checked_; }
  at::Device device() const noexcept { return device_; }
  void set_weights(const learn::Weights& weights);  // checked by the caller
  learn::Weights weights() const;

 private:
  struct Step {
    learn::Layer layer;
    std::vector<std::size_t> inputs;    // indices of steps
    std::vector<std::size_t> releases;  // values no later step reads
    std::size_t fused = 0;       // a pooling that computes its convolution and ReLU as well: the convolution; 0: none
    std::size_t part_of = 0;     // convolution and ReLU: the pooling that computes them; 0: none
    bool passes_planes = false;  // a flattening whose one reader takes planes
    bool in_place = false;       // relu over a value that nothing else reads
    bool frozen = false;         // batch normalisation by its running statistics, in training too
    at::Tensor weight, bias, mean, var;
  };
  at::Tensor evaluate(const Step& step, std::size_t index, const std::vector<at::Tensor>& values,
                      const learn::NamedArrays& batch, const Pass& pass, bool last) const;
  at::Tensor add_parameter(const std::string& name, const learn::Weights& weights, bool trained, double rate,
                           const learn::Shape& planes);
  learn::Shape planes_into(const Step& dense) const;
  void plan();
  void fuse(const std::vector<std::size_t>& readers);

  Checked checked_;
  at::Device device_;
  std::vector<Step> steps_;
  std::map<std::string, std::size_t> index_;
  std::vector<Parameter> parameters_;
  std::string logits_, output_;
};

}  // namespace aceso::learn_torch
