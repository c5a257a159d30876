// The engine with the loops of a chosen instruction set: for tests.
#pragma once

#include <memory>

#include "aceso/learn_loops/engine.hpp"
#include "aceso/learn_loops/kernels.hpp"

namespace aceso::learn_loops {

std::unique_ptr<learn::Engine> make_engine(const Kernels& kernels);

}  // namespace aceso::learn_loops
