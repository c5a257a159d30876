// Who is told what: webhooks.targets of aceso.yaml.
#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "aceso/base/result.hpp"
#include "aceso/crypto/hash.hpp"
#include "web_address.hpp"

namespace aceso::archive {

inline constexpr std::string_view kStudyStored = "study.stored";
inline constexpr std::string_view kSeriesComplete = "series.complete";
inline constexpr std::string_view kAnalysisEnded = "analysis.ended";

struct Hook {
  std::string name;
  WebAddress address;
  std::shared_ptr<crypto::TlsContext> tls;  // shared with connections; null: plain
  crypto::Bytes secret;
  std::set<std::string, std::less<>> events;
};

// `json`: [{"url", "secret_file", "name", "events", "ca_file"}]; a target without a name is called after its host, one
// without events hears of all. Errors: invalid ("target 2: ..."), what reading the files gives.
Result<std::vector<Hook>> parse_hooks(std::string_view json);

}  // namespace aceso::archive
