// Answers averaged over an image and its mirror image.
#pragma once

#include <memory>

#include "aceso/learn/engine.hpp"
#include "aceso/learn/signature.hpp"

namespace aceso::learn {

// The session itself, or where the signature's preprocessing says flip_average, one that runs each batch twice, the
// second time with left and right of the first input exchanged, and gives the mean of the outputs. Thread-safe as the
// session is.
std::unique_ptr<InferenceSession> with_flip_average(std::unique_ptr<InferenceSession> session,
                                                    const ModelSignature& signature);

}  // namespace aceso::learn
