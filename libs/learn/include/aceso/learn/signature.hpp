// What a model takes and gives: one description for images, signals, tables and sequences, so that they share registry,
// evaluation and serving.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "aceso/base/json.hpp"
#include "aceso/base/result.hpp"
#include "aceso/learn/array.hpp"
#include "aceso/learn/network.hpp"

namespace aceso::learn {

enum class PortKind : std::uint8_t {
  image,
  signal,
  table,
  probability,
  logit,
  embedding,
  other,
  volume,  // [channels, depth, height, width]
  mask,    // [labels, spatial...]: probability of each label at each point; with several labels the first is background
  label_probability,  // of each label on its own: any number of them hold
  number,             // a value in the port's unit
  boxes,  // [labels + 2 * axes, cells...]: the score of each label in each cell, then sizes and places (boxes.hpp)
};

struct Port {
  std::string name;  // "image"
  DType dtype = DType::f32;
  Shape shape;  // without the batch dimension; -1: any
  PortKind kind = PortKind::other;
  std::string meaning;              // "probability of pneumonia"
  std::vector<std::string> labels;  // channel, column or class names
  std::string unit;                 // "", "mV", "Hz"
};

// How raw input becomes the first port's array, the same in training and in serving.
struct Preprocessing {
  PortKind kind = PortKind::image;  // image: [height, width] or [height, width, channels]; volume: the same behind
                                    // depth; signal: [time] or [channels, time]; table: [columns]
  std::int64_t height = 0,
               width = 0;      // 0: as it comes; else resized (linear, half-pixel centres, antialiased when shrinking)
  std::int64_t depth = 0;      // of volumes, likewise
  std::int64_t channels = 0;   // 1: grey (ITU-R BT.601 luma), 3: RGB (grey repeated), 0: as it comes
  double scale = 1.0 / 255.0;  // x * scale, then (x - mean[c]) / std[c]
  std::vector<double> mean;
  std::vector<double> std;
  bool channels_last = false;  // the array is N,H,W,C, as TensorFlow's networks take it, else N,C,H,W
  bool flip_average = false;   // the answer is the mean over the image and its mirror image (with_flip_average)
  Shape window = {};  // spatial size of the network's input where it is slid over the sample (sliding_window.hpp);
                      // empty: the sample is the input
  std::vector<double> spacing_mm = {};  // of each spatial axis of the sample: volumes with another spacing are brought
                                        // to it before anything else (to_spacing); empty: as they come
};

struct ModelSignature {
  std::vector<Port> inputs;
  std::vector<Port> outputs;
  Preprocessing preprocessing;
};

// By the first output: outlines, boxes, several labels, a number, else classes.
Task task_of(const ModelSignature& signature) noexcept;

Json to_json(const ModelSignature& signature);
Result<ModelSignature> parse_signature(const Json& json);
// Checks names, types, shapes and finite values against the signature. invalid names the port and sample.
Status check_inputs(const ModelSignature& signature, const NamedArrays& batch);

}  // namespace aceso::learn
