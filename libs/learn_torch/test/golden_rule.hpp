// Weights and inputs by counting, the C++ twin of golden/generate.py.
#pragma once

#include <cmath>
#include <cstdint>
#include <string>

#include "aceso/learn/network.hpp"

namespace aceso::learn_torch::test {

// In [0, 1), a multiple of 2^-24.
inline double counted(std::uint64_t stream, std::uint64_t i) {
  std::uint64_t h = i * 0x9E3779B97F4A7C15ULL + stream * 0xD1B54A32D192ED03ULL;
  h ^= h >> 32;
  h *= 0xD6E8FEB86659FD93ULL;
  h ^= h >> 32;
  return static_cast<double>(h >> 40) / 16777216.0;
}

inline learn::Array counted_input(const learn::Shape& shape, std::uint64_t stream = 1000) {
  learn::Array array = learn::Array::zeros(learn::DType::f32, shape);
  std::uint64_t i = 0;
  for (float& x : array.f32()) x = static_cast<float>(counted(stream, i++));
  return array;
}

inline learn::Weights counted_weights(const learn::Shapes& shapes) {
  learn::Weights weights;
  std::uint64_t stream = 0;
  for (const auto& [name, shape] : shapes.parameters) {
    ++stream;
    double middle = 0, half = 0.1;
    if (name.ends_with("running_var")) {
      middle = 1;
      half = 0.5;
    } else if (name.ends_with("weight") && shape.size() == 1) {
      middle = 1;
      half = 0.2;
    } else if (name.ends_with("weight")) {
      double fan_in = 1;
      for (std::size_t d = 1; d < shape.size(); ++d) fan_in *= static_cast<double>(shape[d]);
      half = std::sqrt(3.0 / fan_in);
    }
    learn::Array array = learn::Array::zeros(learn::DType::f32, shape);
    std::uint64_t i = 0;
    for (float& x : array.f32()) x = static_cast<float>(middle + half * (2 * counted(stream, i++) - 1));
    weights.emplace(name, std::move(array));
  }
  return weights;
}

}  // namespace aceso::learn_torch::test
