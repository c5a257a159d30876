#pragma once

#include "aceso/learn/trainer.hpp"

namespace aceso::learn {

// From the training split alone: bytes and 16-bit values to 0..1; other images, signals and tables standardised by
// channel or column. invalid when images differ in size and the configuration gives none.
Result<Preprocessing> choose_preprocessing(const Dataset& dataset, const TrainConfig& config);

}  // namespace aceso::learn
