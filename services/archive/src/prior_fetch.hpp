// One patient's priors, looked for at the sources of a rule and brought here.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <stop_token>
#include <string>
#include <vector>

#include "aceso/archive/priors.hpp"
#include "impl.hpp"
#include "prior_rules.hpp"
#include "prior_table.hpp"
#include "same_patient.hpp"

namespace aceso::archive {

struct PriorsFound {
  std::vector<PriorStudy> studies = {};  // as PriorFetch::studies
  std::size_t not_theirs = 0;
  std::optional<Error> trouble = {};  // the first: of a source, or of a study
};

// One thread.
class PriorFetcher {
 public:
  struct What {
    PatientClaim patient = {};
    std::string study_uid = {};  // the appointment's own: no prior
    std::string date = {};       // YYYYMMDD, of the appointment
  };
  // All outlive it.
  PriorFetcher(Archive::Impl& archive, PriorSource& source, const PriorRule& rule, What what, std::stop_token stop)
      : archive_{archive}, source_{source}, rule_{rule}, what_{std::move(what)}, stop_{std::move(stop)} {}

  // `note` is told of how it stands after each study.
  PriorsFound run(const std::function<void(const PriorsFound&)>& note);

 private:
  struct RemoteSeries {
    std::set<std::string> instances, classes;
  };
  using RemoteStudy = std::map<std::string, RemoteSeries>;

  Status find(const std::string& source, std::vector<PriorStudy>& out);
  void judge(const contracts::ObjectRow& row, PriorStudy& study) const;
  bool is_relevant(const PriorStudy& study) const;
  Result<bool> has_body_part(const PriorStudy& study);
  std::vector<PriorStudy> choose(std::vector<PriorStudy> found);
  Status fetch(PriorStudy& study);
  Result<RemoteStudy> remote(const PriorStudy& study);
  std::size_t here(const RemoteStudy& there) const;
  Status fetch_series(PriorStudy& study, const std::string& uid, const RemoteSeries& series);
  Status fetch_list(PriorStudy& study, const std::string& uid, const RemoteSeries& series);
  Status bring(PriorStudy& study, const contracts::ObjectQuery& keys, const RemoteSeries& series);
  Status try_one(PriorStudy& study, const std::string& uid, const RemoteSeries& series);
  void trouble(const Error& why);

  Archive::Impl& archive_;
  PriorSource& source_;
  const PriorRule& rule_;
  What what_;
  std::stop_token stop_;
  PriorsFound found_;
};

}  // namespace aceso::archive
