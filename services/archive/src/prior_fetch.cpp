#include "prior_fetch.hpp"

#include <algorithm>
#include <array>
#include <iterator>
#include <tuple>
#include <utility>

#include "aceso/dicom/uid.hpp"
#include "aceso/dicom/write.hpp"
#include "analyses_impl.hpp"
#include "ingest.hpp"
#include "patterns.hpp"

namespace aceso::archive {
namespace {

using contracts::ObjectQuery;

constexpr std::uint32_t kSopClassTag = 0x00080016, kSopInstanceTag = 0x00080018, kStudyDateTag = 0x00080020,
                        kModalitiesTag = 0x00080061, kDescriptionTag = 0x00081030, kNameTag = 0x00100010,
                        kPatientTag = 0x00100020, kIssuerTag = 0x00100021, kBirthDateTag = 0x00100030,
                        kBodyPartTag = 0x00180015, kStudyTag = 0x0020000D, kSeriesTag = 0x0020000E;
constexpr std::size_t kMaxMatches = 10'000;     // studies under one ID at one source
constexpr std::size_t kMaxInstances = 100'000;  // of one study
constexpr std::size_t kListed = 64;             // UIDs of one request
constexpr std::size_t kMaxShown = 20;           // studies of others that are named
constexpr std::size_t kMaxWords = 256;          // bytes of a description

contracts::QueryKey key_of(std::uint32_t tag, const std::string& value = {}) {
  return {tag, Phi<std::string>{value}};
}

std::string text_in(const contracts::ObjectRow& row, std::uint32_t tag) {
  const auto found = std::ranges::find(row, tag, &contracts::ObjectAttribute::tag);
  if (found == row.end()) return {};
  auto text = found->value.reveal(Reveal::to_algorithm);
  if (text.size() > kMaxWords) text.resize(kMaxWords);
  return text;
}

std::string uid_in(const contracts::ObjectRow& row, std::uint32_t tag) {
  auto text = text_in(row, tag);
  return dicom::is_tolerable_uid(text) ? text : std::string{};
}

// Objects of one study into the archive, unless they name another person than the appointment: nothing of such a one is
// kept, whatever the source's index said.
class CheckedSink final : public contracts::ObjectSink {
 public:
  CheckedSink(Archive::Impl& archive, const PatientClaim& patient, PriorStudy& study)
      : archive_{archive}, patient_{patient}, study_{study} {}

  Result<std::unique_ptr<contracts::ObjectWriter>> begin_file(const contracts::ObjectPeer&) override {
    return Error{Code::unsupported, "only data sets come by association"};
  }
  Result<std::unique_ptr<contracts::ObjectWriter>> begin_data_set(
      const contracts::ObjectPeer& peer, const contracts::AnnouncedObject& announced) override {
    if (!study_.is_prior()) return Error{Code::denied, "the study is another person's"};
    ACESO_TRY(const auto head, dicom::part10_head({.sop_class = announced.sop_class_uid,
                                                   .sop_instance = announced.sop_instance_uid,
                                                   .transfer_syntax = announced.transfer_syntax_uid,
                                                   .source_ae = peer.calling_ae}));
    auto writer = archive_.writer(peer, peer.calling_ae, [this](const Entry& entry) { return check(entry); });
    ACESO_TRY_OK(static_cast<Ingest&>(*writer).announce(announced, head));
    return writer;
  }

 private:
  Status check(const Entry& entry) {
    if (entry.study_uid != study_.study_uid) return Error{Code::denied, "the object is of another study"};
    const auto compared = compare_patients(patient_, claim_of(entry.patient));
    if (!compared.same_id) study_.disagreeing.emplace_back("patient_id");
    for (const auto field : compared.disagreeing) study_.disagreeing.emplace_back(field);
    if (study_.is_prior()) return {};
    return Error{Code::denied, "the object is another person's"};
  }

  Archive::Impl& archive_;
  const PatientClaim& patient_;
  PriorStudy& study_;
};

}  // namespace

void PriorFetcher::trouble(const Error& why) {
  if (!found_.trouble) found_.trouble = why;
}

void PriorFetcher::judge(const contracts::ObjectRow& row, PriorStudy& study) const {
  const PatientClaim told{text_in(row, kPatientTag), text_in(row, kIssuerTag), text_in(row, kNameTag),
                          text_in(row, kBirthDateTag)};
  const auto compared = compare_patients(what_.patient, told);
  study.disagreeing.assign(compared.disagreeing.begin(), compared.disagreeing.end());
  study.unconfirmed = compared.disagreeing.empty() && !compared.confirmed;
}

// Every study under the patient's ID; of other IDs that a source matches too (without case, say) nothing is looked at.
Status PriorFetcher::find(const std::string& source, std::vector<PriorStudy>& out) {
  const ObjectQuery query{
      .level = contracts::QueryLevel::study,
      .keys = {key_of(kStudyDateTag), key_of(kModalitiesTag), key_of(kDescriptionTag), key_of(kNameTag),
               key_of(kPatientTag, what_.patient.id), key_of(kIssuerTag), key_of(kBirthDateTag), key_of(kStudyTag)}};
  std::size_t matches = 0;
  ACESO_TRY_OK(source_.find(
      source, query,
      [&](const contracts::ObjectRow& row) {
        if (++matches > kMaxMatches) return false;
        PatientClaim told;
        told.id = text_in(row, kPatientTag);
        PriorStudy study{.study_uid = uid_in(row, kStudyTag),
                         .source = source,
                         .date = text_in(row, kStudyDateTag),
                         .modalities = text_in(row, kModalitiesTag),
                         .description = text_in(row, kDescriptionTag)};
        if (study.study_uid.empty() || study.study_uid == what_.study_uid) return true;
        if (!compare_patients(what_.patient, told).same_id) return true;
        if (std::ranges::find(out, study.study_uid, &PriorStudy::study_uid) != out.end()) return true;
        judge(row, study);
        out.push_back(std::move(study));
        return !stop_.stop_requested();
      },
      stop_));
  if (matches > kMaxMatches)
    return Error{Code::precondition, source + " knows more than 10,000 studies of this patient ID: it names nobody"};
  return {};
}

// By age, modality and description; a study that does not say is not left out for it.
bool PriorFetcher::is_relevant(const PriorStudy& study) const {
  if (study.date.size() == 8 && study.date > what_.date) return false;
  if (rule_.max_years > 0 && study.date.size() == 8) {
    const int year = std::max(1000, std::stoi(what_.date.substr(0, 4)) - rule_.max_years);
    if (study.date < std::to_string(year) + what_.date.substr(4)) return false;
  }
  if (!study.modalities.empty()) {
    bool one = false;
    for (std::size_t start = 0; start <= study.modalities.size();) {
      const auto end = std::min(study.modalities.find('\\', start), study.modalities.size());
      one = one || any_matches(rule_.prior_modalities, {std::string_view{study.modalities}.substr(start, end - start)});
      start = end + 1;
    }
    if (!one) return false;
  }
  return study.description.empty() || any_matches(rule_.prior_descriptions, {study.description});
}

Result<bool> PriorFetcher::has_body_part(const PriorStudy& study) {
  if (rule_.prior_body_parts.empty()) return true;
  bool told = false;
  bool matched = false;
  const ObjectQuery query{.level = contracts::QueryLevel::series,
                          .keys = {key_of(kStudyTag, study.study_uid), key_of(kSeriesTag), key_of(kBodyPartTag)}};
  ACESO_TRY_OK(source_.find(
      study.source, query,
      [&](const contracts::ObjectRow& row) {
        const auto part = text_in(row, kBodyPartTag);
        told = told || !part.empty();
        matched = matched || (!part.empty() && any_matches(rule_.prior_body_parts, {part}));
        return true;
      },
      stop_));
  return matched || !told;
}

// The newest relevant ones, then those under the ID that are not the patient's.
std::vector<PriorStudy> PriorFetcher::choose(std::vector<PriorStudy> all) {
  std::ranges::sort(all, [](const PriorStudy& a, const PriorStudy& b) {
    return std::tie(a.date, a.study_uid) > std::tie(b.date, b.study_uid);
  });
  std::vector<PriorStudy> out;
  for (auto& study : all) {
    if (out.size() >= rule_.max_studies) break;
    if (!study.is_prior() || !is_relevant(study)) continue;
    const auto wanted = has_body_part(study);
    if (!wanted) trouble(wanted.error());
    if (!wanted || !*wanted) continue;
    out.push_back(study);
  }
  for (auto& study : all) {
    if (study.is_prior()) continue;
    if (found_.not_theirs++ < kMaxShown) out.push_back(std::move(study));
  }
  return out;
}

Result<PriorFetcher::RemoteStudy> PriorFetcher::remote(const PriorStudy& study) {
  RemoteStudy out;
  const ObjectQuery all_series{.level = contracts::QueryLevel::series,
                               .keys = {key_of(kStudyTag, study.study_uid), key_of(kSeriesTag)}};
  ACESO_TRY_OK(source_.find(
      study.source, all_series,
      [&](const contracts::ObjectRow& row) {
        if (auto uid = uid_in(row, kSeriesTag); !uid.empty()) out[std::move(uid)];
        return true;
      },
      stop_));
  std::size_t count = 0;
  for (auto& [uid, series] : out) {
    const ObjectQuery images{.level = contracts::QueryLevel::image,
                             .keys = {key_of(kSopClassTag), key_of(kSopInstanceTag), key_of(kStudyTag, study.study_uid),
                                      key_of(kSeriesTag, uid)}};
    ACESO_TRY_OK(source_.find(
        study.source, images,
        [&](const contracts::ObjectRow& row) {
          if (auto instance = uid_in(row, kSopInstanceTag); !instance.empty())
            series.instances.insert(std::move(instance));
          if (auto sop_class = uid_in(row, kSopClassTag); !sop_class.empty())
            series.classes.insert(std::move(sop_class));
          return ++count <= kMaxInstances;
        },
        stop_));
    if (count > kMaxInstances) return Error{Code::precondition, "the study has more than 100,000 objects"};
  }
  return out;
}

std::size_t PriorFetcher::here(const RemoteStudy& there) const {
  std::size_t count = 0;
  for (const auto& [uid, series] : there) {
    count += static_cast<std::size_t>(std::ranges::count_if(
        series.instances, [&](const std::string& one) { return archive_.store->index().find(one) != nullptr; }));
  }
  return count;
}

Status PriorFetcher::bring(PriorStudy& study, const ObjectQuery& keys, const RemoteSeries& series) {
  if (rule_.move) return source_.move(study.source, keys, stop_);
  auto as = node_peer();
  as.calling_ae = study.source;
  CheckedSink sink{archive_, what_.patient, study};
  const std::vector<std::string> classes{series.classes.begin(), series.classes.end()};
  return source_.get(study.source, keys, classes, sink, as, stop_);
}

// Objects that are moved here are stored before they can be looked at: one comes first.
Status PriorFetcher::try_one(PriorStudy& study, const std::string& uid, const RemoteSeries& series) {
  const auto& index = archive_.store->index();
  const auto first =
      std::ranges::find_if(series.instances, [&](const auto& one) { return index.find(one) == nullptr; });
  if (first == series.instances.end()) return {};
  ACESO_TRY_OK(
      bring(study,
            {.level = contracts::QueryLevel::image,
             .keys = {key_of(kSopInstanceTag, *first), key_of(kStudyTag, study.study_uid), key_of(kSeriesTag, uid)}},
            series));
  const auto came = index.find(*first);
  if (!came) {
    return Error{Code::unavailable,
                 study.source + " said that it sent an object, and none came: does it know this node's address?"};
  }
  ACESO_TRY(const Entry entry, archive_.store->log().entry(came->record));
  const auto compared = compare_patients(what_.patient, claim_of(entry.patient));
  if (!compared.same_id) study.disagreeing.emplace_back("patient_id");
  for (const auto field : compared.disagreeing) study.disagreeing.emplace_back(field);
  return {};
}

// What is missing of a series that is here in part, by name.
Status PriorFetcher::fetch_list(PriorStudy& study, const std::string& uid, const RemoteSeries& series) {
  std::vector<std::string> missing;
  std::ranges::copy_if(series.instances, std::back_inserter(missing),
                       [&](const std::string& one) { return archive_.store->index().find(one) == nullptr; });
  for (std::size_t at = 0; at < missing.size() && study.is_prior(); at += kListed) {
    std::string list;
    for (std::size_t i = at; i < std::min(at + kListed, missing.size()); ++i) {
      if (i > at) list += '\\';
      list += missing[i];
    }
    ACESO_TRY_OK(
        bring(study,
              {.level = contracts::QueryLevel::image,
               .keys = {key_of(kSopInstanceTag, list), key_of(kStudyTag, study.study_uid), key_of(kSeriesTag, uid)}},
              series));
  }
  return {};
}

Status PriorFetcher::fetch_series(PriorStudy& study, const std::string& uid, const RemoteSeries& series) {
  const auto count = [&] { return here({{uid, series}}); };
  const auto before = count();
  if (before == series.instances.size()) return {};
  if (before > 0) ACESO_TRY_OK(fetch_list(study, uid, series));
  // None is here, or the source does not take lists.
  if (!study.is_prior() || count() == series.instances.size()) return {};
  return bring(
      study,
      {.level = contracts::QueryLevel::series, .keys = {key_of(kStudyTag, study.study_uid), key_of(kSeriesTag, uid)}},
      series);
}

Status PriorFetcher::fetch(PriorStudy& study) {
  ACESO_TRY(const RemoteStudy there, remote(study));
  study.objects = 0;
  for (const auto& [uid, series] : there) study.objects += series.instances.size();
  Status done;
  bool tried = !rule_.move;
  for (const auto& [uid, series] : there) {
    if (!study.is_prior() || stop_.stop_requested()) break;
    Status one;
    if (!std::exchange(tried, true)) one = try_one(study, uid, series);
    if (one.ok() && study.is_prior()) one = fetch_series(study, uid, series);
    if (!one.ok() && done.ok()) done = one;  // the other series are tried, and the counts will tell
  }
  study.here = here(there);
  if (!study.is_prior()) return {};
  if (study.here == study.objects && study.objects > 0) return {};
  if (!done.ok()) return done;
  if (stop_.stop_requested()) return Error{Code::cancelled, "stopped"};
  if (study.objects == 0) return Error{Code::unavailable, study.source + " names no object of the study"};
  return Error{Code::unavailable, study.source + " did not give every object"};
}

PriorsFound PriorFetcher::run(const std::function<void(const PriorsFound&)>& note) {
  std::vector<PriorStudy> all;
  for (const auto& source : rule_.sources) {
    if (stop_.stop_requested()) break;
    if (auto asked = find(source, all); !asked.ok()) trouble(asked.error());
  }
  found_.studies = choose(std::move(all));
  note(found_);
  for (auto& study : found_.studies) {
    if (!study.is_prior()) continue;
    if (stop_.stop_requested()) break;
    if (auto done = fetch(study); !done.ok()) {
      study.reason = done.error().message();
      trouble(done.error());
    }
    if (!study.is_prior()) ++found_.not_theirs;
    note(found_);
  }
  if (stop_.stop_requested()) trouble(Error{Code::cancelled, "stopped"});
  return std::move(found_);
}

}  // namespace aceso::archive
