// Ranks from 1; tied values share the mean of their ranks.
#pragma once

#include <span>
#include <vector>

namespace aceso::stats::detail {

std::vector<double> midranks(std::span<const double> values);  // no NaN

}  // namespace aceso::stats::detail
