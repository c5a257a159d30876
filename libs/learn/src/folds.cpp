#include "folds.hpp"

#include <algorithm>
#include <map>
#include <unordered_map>

#include "shuffle.hpp"

namespace aceso::learn {

std::vector<int> assign_folds(const std::vector<Member>& members, std::size_t n, int folds, std::uint64_t seed) {
  struct Group {
    std::vector<const Member*> members;
    std::map<int, std::size_t> labels;
    int label = 0;
  };
  std::map<std::size_t, Group> by_id;
  for (const Member& member : members) {
    Group& group = by_id[member.group];
    group.members.push_back(&member);
    ++group.labels[member.label];
  }
  std::vector<Group*> groups;
  for (auto& [id, group] : by_id) {
    group.label = std::max_element(group.labels.begin(), group.labels.end(), [](const auto& a, const auto& b) {
                    return a.second < b.second;
                  })->first;
    groups.push_back(&group);
  }
  std::vector<Group*> order;
  for (const std::size_t i : shuffled(groups.size(), seed, 0)) order.push_back(groups[i]);
  std::stable_sort(order.begin(), order.end(),
                   [](const Group* a, const Group* b) { return a->members.size() > b->members.size(); });
  std::vector<int> out(n, -1);
  std::vector<std::map<int, std::size_t>> counts(static_cast<std::size_t>(folds));
  std::vector<std::size_t> totals(static_cast<std::size_t>(folds), 0);
  for (const Group* group : order) {
    std::size_t best = 0;
    for (std::size_t f = 1; f < counts.size(); ++f) {
      const auto a = std::pair{counts[f][group->label], totals[f]};
      if (a < std::pair{counts[best][group->label], totals[best]}) best = f;
    }
    for (const auto& [label, count] : group->labels) counts[best][label] += count;
    totals[best] += group->members.size();
    for (const Member* member : group->members) out[member->index] = static_cast<int>(best);
  }
  return out;
}

UnionFind groups_of(const Manifest& manifest) {
  UnionFind sets{manifest.samples.size()};
  std::unordered_map<std::string_view, std::size_t> first;
  for (std::size_t i = 0; i < manifest.samples.size(); ++i) {
    const Sample& sample = manifest.samples[i];
    if (sample.group.empty()) continue;
    const auto [at, added] = first.try_emplace(sample.group, i);
    if (!added) sets.join(at->second, i);
  }
  return sets;
}

}  // namespace aceso::learn
