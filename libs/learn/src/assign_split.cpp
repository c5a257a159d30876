#include <algorithm>
#include <cmath>
#include <map>

#include "aceso/base/random.hpp"
#include "sources.hpp"

namespace aceso::learn {
namespace {

struct Group {
  std::vector<std::size_t> members;
  std::map<int, std::size_t> labels;
  int majority() const {
    return std::max_element(labels.begin(), labels.end(),
                            [](const auto& a, const auto& b) { return a.second < b.second; })
        ->first;
  }
};

}  // namespace

void assign_split(std::vector<Sample>& samples, Split from, Split to, double fraction, std::uint64_t seed,
                  std::span<const int> strata) {
  // Equal samples stay together as a group does, or one would be learnt and examined.
  std::map<std::string, Group> groups;
  std::map<std::string, std::string> group_of_hash;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    const Sample& sample = samples[i];
    if (sample.split != from) continue;
    std::string key = sample.group.empty() ? "#" + sample.sha256 : "g" + sample.group;
    key = group_of_hash.try_emplace(sample.sha256, key).first->second;
    groups[key].members.push_back(i);
    ++groups[key].labels[strata.empty() ? sample.label : strata[i]];
  }
  std::map<int, std::vector<const Group*>> by_label;
  std::map<int, std::size_t> total;
  for (const auto& [key, group] : groups) {
    by_label[group.majority()].push_back(&group);
    total[group.majority()] += group.members.size();
  }
  const Philox philox{seed};
  for (auto& [label, list] : by_label) {
    const std::uint64_t stream = std::uint64_t{0x53504C4954} + static_cast<std::uint64_t>(label + 1);  // "SPLIT"
    for (std::size_t i = list.size(); i > 1; --i) {
      const auto j = static_cast<std::size_t>(philox.uniform01(stream, i) * static_cast<double>(i));
      std::swap(list[i - 1], list[std::min(j, i - 1)]);
    }
    const double wanted = fraction * static_cast<double>(total[label]);
    double taken = 0;
    for (const Group* group : list) {
      const auto size = static_cast<double>(group->members.size());
      if (taken + size / 2 > wanted) continue;
      taken += size;
      for (const std::size_t i : group->members) samples[i].split = to;
    }
  }
}

}  // namespace aceso::learn
