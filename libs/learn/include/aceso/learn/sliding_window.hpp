// Inference over an image or volume larger than the network's input: windows that overlap, blended by weight
// (monai.inferers.sliding_window_inference, Isensee et al., Nature Methods 18:203, 2021, for the Gaussian).
#pragma once

#include <functional>
#include <span>
#include <stop_token>

#include "aceso/base/progress.hpp"
#include "aceso/learn/array.hpp"

namespace aceso::learn {

struct SlidingWindow {
  Shape window;              // spatial size of the network's input
  double overlap = 0.25;     // share of a window that the next one covers again, [0, 1)
  bool gaussian = true;      // windows count less towards their edges, sigma = 0.125 of the size; else all alike
  std::int64_t batch = 1;    // windows given to the network at once
  double padding_value = 0;  // around an image smaller than the window
};

// Gives [n, outputs, window...] for [n, channels, window...], n at most `batch`. Float32.
using WindowPredictor = std::function<Result<Array>(const Array& windows)>;
// Receives finished rows of the first spatial dimension, in order: [outputs, rows, rest...], from row `first`.
using RowSink = std::function<Status(std::int64_t first, const Array& rows)>;

// `image` is [channels, spatial...] float32 with 2 or 3 spatial dimensions. Memory beyond the image is bounded by the
// rows of the first dimension that windows still touch: outputs * window[0] * the other dimensions. Errors: invalid
// (shapes, overlap, what the predictor gave), cancelled, those of predictor and sink.
Status slide(const SlidingWindow& how, const Array& image, const WindowPredictor& predict, const RowSink& sink,
             ProgressSink& progress, const std::stop_token& stop);
// The whole at once: [outputs, spatial...].
Result<Array> slide(const SlidingWindow& how, const Array& image, const WindowPredictor& predict,
                    ProgressSink& progress, const std::stop_token& stop);

}  // namespace aceso::learn
