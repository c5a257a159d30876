// QIDO-RS queries (PS3.18 8.3.4, 10.6): what the query string asks for.
#pragma once

#include <span>
#include <string>
#include <utility>
#include <vector>

#include "query.hpp"

namespace aceso::archive {

inline constexpr std::size_t kMaxResults = 10'000;  // of one answer

struct QidoRequest {
  Search search;
  bool include_all = false;
  std::vector<std::vector<dicom::Tag>> include;  // attributes asked for beside the level's own, the keys among them
  std::vector<std::string> ignored;              // names of parameters that mean nothing here
};

// Attributes by keyword, "ggggeeee" or a path of them separated by dots. Errors: invalid (limit, offset or
// fuzzymatching). At most 200 keys.
Result<QidoRequest> parse_qido(std::span<const std::pair<std::string, std::string>> query, QueryLevel level);

// One answer as a data set: the level's own attributes (PS3.18 table 10.6.3-3 to 5), what was asked for.
dicom::Dataset answer_of(const Index& index, const Match& match, const QidoRequest& wanted, bool with_study,
                         bool with_series);

}  // namespace aceso::archive
