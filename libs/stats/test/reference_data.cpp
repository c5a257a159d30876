#include "reference_data.hpp"

#include <array>

namespace aceso::stats {
namespace {

struct Patient {
  double albumin;
  double total_protein;
  int score;
  int benefit;
};
constexpr std::array<Patient, 43> kPatients{{
    {3.0, 5.8, 10, 0}, {3.2, 6.3, 5, 1}, {3.9, 6.8, 3, 1}, {2.8, 4.8, 6, 0}, {3.2, 5.8, 3, 1}, {0.9, 4.0, 5, 0},
    {2.5, 5.7, 8, 0},  {1.6, 5.6, 5, 1}, {3.8, 5.7, 5, 1}, {3.7, 6.7, 6, 1}, {3.2, 5.4, 4, 1}, {3.8, 6.6, 6, 1},
    {4.1, 6.6, 5, 1},  {3.6, 5.7, 5, 1}, {4.3, 7.0, 4, 1}, {3.6, 6.7, 4, 0}, {2.3, 4.4, 6, 1}, {4.2, 7.6, 4, 0},
    {4.0, 6.6, 6, 0},  {3.5, 5.8, 6, 1}, {3.8, 6.8, 7, 1}, {3.0, 4.7, 8, 0}, {4.5, 7.4, 5, 1}, {3.7, 7.4, 5, 1},
    {3.1, 6.6, 6, 1},  {4.1, 8.2, 6, 1}, {4.3, 7.0, 5, 1}, {4.3, 6.5, 4, 1}, {3.2, 5.1, 5, 1}, {2.6, 4.7, 6, 1},
    {3.3, 6.8, 6, 0},  {1.7, 4.0, 7, 0}, {3.7, 6.1, 5, 1}, {3.3, 6.3, 7, 1}, {4.2, 7.7, 6, 1}, {3.5, 6.2, 5, 1},
    {2.9, 5.7, 9, 0},  {2.1, 4.8, 7, 1}, {2.8, 6.2, 8, 0}, {4.0, 7.0, 7, 1}, {3.3, 5.7, 6, 1}, {3.7, 6.9, 5, 1},
    {3.6, 6.6, 5, 1},
}};

}  // namespace

OvarianCancer ovarian_cancer() {
  OvarianCancer data;
  for (const Patient& p : kPatients) {
    data.albumin.push_back(p.albumin);
    data.total_protein.push_back(p.total_protein);
    data.kg.push_back(10 - p.score);
    data.benefit.push_back(p.benefit);
  }
  return data;
}

Samples made_up_samples() {
  Samples samples;
  for (int i = 0; i < 200; ++i) {
    const int first = i * 7919 % 101;
    samples.a.push_back(first / 100.0);
    samples.b.push_back((first + 3 * (i * 613 % 89)) / 400.0);
    samples.labels.push_back(first + i * 104729 % 67 > 84 ? 1 : 0);
  }
  return samples;
}

}  // namespace aceso::stats
