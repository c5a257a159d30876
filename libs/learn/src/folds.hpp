// Folds of a cross-validation: stratified by label, groups whole, fixed by the seed.
#pragma once

#include <cstdint>
#include <vector>

#include "aceso/learn/dataset.hpp"
#include "union_find.hpp"

namespace aceso::learn {

struct Member {
  std::size_t index = 0;  // where its fold goes
  std::size_t group = 0;
  int label = 0;
};

// The fold of each of 0..n-1, -1 for those that are no member. Groups are dealt out from the largest to the smallest to
// the fold that has the fewest samples of the group's most frequent label; equal ones in an order drawn from the seed.
std::vector<int> assign_folds(const std::vector<Member>& members, std::size_t n, int folds, std::uint64_t seed);

// Samples of one group (patient or block) joined.
UnionFind groups_of(const Manifest& manifest);

}  // namespace aceso::learn
