// Samples whose figures were computed elsewhere.
#pragma once

#include <vector>

namespace aceso::stats {

// 49 patients with ovarian cancer and bowel obstruction, the 43 with all three tests: E. R. DeLong, D. M. DeLong and
// D. L. Clarke-Pearson, Biometrics 44:837-845, 1988, as listed in the SAS/STAT User's Guide, "Comparing Receiver
// Operating Characteristic Curves". kg is 10 - score.
struct OvarianCancer {
  std::vector<double> albumin;
  std::vector<double> total_protein;
  std::vector<double> kg;
  std::vector<int> benefit;
};
OvarianCancer ovarian_cancer();

// 200 made-up samples with ties: i -> a = (7919 i mod 101) / 100, b = ((7919 i mod 101) + 3 (613 i mod 89)) / 400,
// label = (7919 i mod 101) + (104729 i mod 67) > 84. The same formulas in NumPy gave the figures quoted in the tests.
struct Samples {
  std::vector<double> a;
  std::vector<double> b;
  std::vector<int> labels;
};
Samples made_up_samples();

}  // namespace aceso::stats
