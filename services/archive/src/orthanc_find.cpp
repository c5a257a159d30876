// Looking for resources by attributes (/tools/find) and by one identifier (/tools/lookup). Text compares without case,
// as Orthanc does it; '*' and '?' are wildcards, '\' separates values, '-' makes a range of dates and times.
#include <algorithm>
#include <mutex>
#include <nlohmann/json.hpp>
#include <set>

#include "aceso/dicom/dictionary.hpp"
#include "aceso/dicom/tags.hpp"
#include "list_fields.hpp"
#include "matcher.hpp"
#include "orthanc_impl.hpp"

namespace aceso::archive {
namespace {

namespace tags = dicom::tags;
using dicom::Tag;
using dicom::Vr;

constexpr std::size_t kMaxConditions = 100;
constexpr std::size_t kMaxCondition = 4096;

class Condition {
 public:
  Condition(Tag tag, const std::string& value, bool with_case) : tag_{tag}, with_case_{with_case} {
    const auto* known = dicom::find_attribute(tag);
    const Vr vr = known != nullptr ? known->vr : Vr::lo;
    if (const auto dash = value.find('-');
        (vr == Vr::da || vr == Vr::tm || vr == Vr::dt) && dash != std::string::npos) {
      range_ = {value.substr(0, dash), value.substr(dash + 1)};
      return;
    }
    for (std::size_t start = 0;;) {
      const auto end = std::min(value.find('\\', start), value.size());
      alternatives_.push_back(folded(value.substr(start, end - start)));
      if (end == value.size()) break;
      start = end + 1;
    }
  }
  Tag tag() const noexcept { return tag_; }

  bool fits(std::string_view value) const {
    if (range_) {
      const auto day = value.substr(0, std::max(range_->first.size(), range_->second.size()));
      return (range_->first.empty() || value >= range_->first) && (range_->second.empty() || day <= range_->second);
    }
    const auto text = folded(std::string{value});
    return std::ranges::any_of(alternatives_, [&](const std::string& one) { return wildcard_match(one, text); });
  }

 private:
  std::string folded(std::string text) const { return with_case_ ? text : lower_ascii(text); }
  Tag tag_;
  bool with_case_;
  std::optional<std::pair<std::string, std::string>> range_;
  std::vector<std::string> alternatives_;
};

std::optional<QueryLevel> parse_level(const std::string& text) {
  const auto name = lower_ascii(text);
  for (const auto level : {QueryLevel::patient, QueryLevel::study, QueryLevel::series, QueryLevel::image}) {
    if (name == lower_ascii(orthanc_type(level)) || name == orthanc_folder(level)) return level;
  }
  if (name == "image" || name == "images") return QueryLevel::image;
  return std::nullopt;
}

struct FindRequest {
  QueryLevel level = QueryLevel::study;
  std::vector<Condition> conditions = {};
  bool expand = false;
  std::size_t since = 0;
  std::size_t limit = 0;  // 0: none
};

Result<std::size_t> count_of(const Json& body, const char* name) {
  const auto found = body.find(name);
  if (found == body.end()) return std::size_t{0};
  if (!found->is_number_unsigned()) return Error{Code::invalid, std::string{name} + ": a number that is not negative"};
  return found->get<std::size_t>();
}

Result<bool> flag_of(const Json& body, const char* name) {
  const auto found = body.find(name);
  if (found == body.end()) return false;
  if (!found->is_boolean()) return Error{Code::invalid, std::string{name} + ": true or false"};
  return found->get<bool>();
}

Result<FindRequest> parse_find(const Json& body) {
  if (!body.is_object() || !body.contains("Level") || !body.at("Level").is_string())
    return Error{Code::invalid, "Level: Patient, Study, Series or Instance"};
  const auto level = parse_level(body.at("Level").get<std::string>());
  if (!level) return Error{Code::invalid, "Level: Patient, Study, Series or Instance"};
  if (!body.contains("Query") || !body.at("Query").is_object())
    return Error{Code::invalid, "Query: an object of attributes and values"};
  const auto& query = body.at("Query");
  if (query.size() > kMaxConditions) return Error{Code::invalid, "Query: too many attributes"};
  FindRequest out{.level = *level};
  ACESO_TRY(out.expand, flag_of(body, "Expand"));
  ACESO_TRY(out.since, count_of(body, "Since"));
  ACESO_TRY(out.limit, count_of(body, "Limit"));
  ACESO_TRY(const bool with_case, flag_of(body, "CaseSensitive"));
  for (const auto& [name, value] : query.items()) {
    const auto tag = parse_orthanc_tag(name);
    if (!tag) return Error{Code::invalid, "Query: an attribute is not known"};
    if (!value.is_string() || value.get_ref<const std::string&>().size() > kMaxCondition)
      return Error{Code::invalid, "Query: a value is no text"};
    if (value.get_ref<const std::string&>().empty()) continue;  // asks for nothing
    out.conditions.emplace_back(*tag, value.get<std::string>(), with_case);
  }
  return out;
}

// What the index can decide of a resource; the rest needs the object.
bool is_indexed(Tag tag, QueryLevel wanted) noexcept {
  const auto level = level_of(tag);
  return tag == tags::kModalitiesInStudy || (level && *level <= wanted);
}

// Under the study's lock. `series` and `image` from their levels on.
bool fits_index(const Condition& condition, const Study& study, const Series* series, const Instance* image) {
  const Tag tag = condition.tag();
  if (tag == tags::kModalitiesInStudy) {
    return std::ranges::any_of(
        study.series, [&](const auto& one) { return condition.fits(one.second.attributes.value(tags::kModality)); });
  }
  const Attributes* from = &study.patient;
  const auto level = level_of(tag);
  if (level == QueryLevel::study) from = &study.attributes;
  if (level == QueryLevel::series) from = &series->attributes;
  if (level == QueryLevel::image) from = &image->image;
  const auto value = from->find(tag);
  return value && condition.fits(*value);
}

bool fits_object(const std::vector<Condition>& conditions, const ObjectStore& store, const Instance& image) {
  if (conditions.empty()) return true;
  const auto head = read_head(store, image);
  return head && std::ranges::all_of(conditions, [&](const Condition& condition) {
           const auto* element = head->dataset.find(condition.tag());
           if (element == nullptr) return false;
           const auto text = orthanc_text(*element, head->dataset.charset());
           return text && condition.fits(*text);
         });
}

// Resources of one study that the index does not exclude, each with an object of it.
std::vector<std::pair<OrthancId, InstancePtr>> matching(const Study& study, QueryLevel level,
                                                        const std::vector<Condition>& conditions) {
  std::vector<std::pair<OrthancId, InstancePtr>> out;
  const auto fits = [&](const Series* series, const Instance* image) {
    return std::ranges::all_of(conditions, [&](const Condition& one) { return fits_index(one, study, series, image); });
  };
  const std::shared_lock lock{study.mutex};
  if (study.gone || study.series.empty()) return out;
  const std::string patient{study.patient.value(tags::kPatientID)};
  if (level == QueryLevel::patient || level == QueryLevel::study) {
    if (fits(nullptr, nullptr))
      out.emplace_back(level == QueryLevel::patient ? orthanc_id(patient) : orthanc_id(patient, study.uid),
                       study.series.begin()->second.instances.front());
    return out;
  }
  for (const auto& [uid, series] : study.series) {
    if (level == QueryLevel::series) {
      if (fits(&series, nullptr)) out.emplace_back(orthanc_id(patient, study.uid, uid), series.instances.front());
      continue;
    }
    for (const auto& one : series.instances) {
      if (fits(&series, one.get())) out.emplace_back(orthanc_id(patient, *one), one);
    }
  }
  return out;
}

}  // namespace

Result<OrthancInterface::Impl::Found> OrthancInterface::Impl::find(const contracts::ObjectPeer& peer,
                                                                   const Json& query) {
  ACESO_TRY_OK(require(peer, kRead));
  ACESO_TRY(const auto wanted, parse_find(query));
  ACESO_TRY_OK(archive.access.record(peer, {.action = "E",
                                            .event = "archive.query",
                                            .entity_type = "query",
                                            .entity = "orthanc\n" + dump_json(query),
                                            .detail = Json{{"level", contracts::to_string(wanted.level)}}.dump()}));
  Found out{.level = wanted.level, .expand = wanted.expand, .ids = {}};
  std::vector<Condition> by_index;
  std::vector<Condition> by_object;
  for (const auto& one : wanted.conditions) {
    (is_indexed(one.tag(), wanted.level) ? by_index : by_object).push_back(one);
  }
  std::size_t skipped = 0;
  std::set<OrthancId> patients;
  index().each_study([&](const StudyPtr& study) {
    for (const auto& [id, image] : matching(*study, wanted.level, by_index)) {
      if (!fits_object(by_object, *archive.store, *image)) continue;
      if (wanted.level == QueryLevel::patient && !patients.insert(id).second) continue;
      if (skipped++ < wanted.since) continue;
      out.ids.push_back(id);
      if (wanted.limit > 0 && out.ids.size() >= wanted.limit) return false;
    }
    return true;
  });
  return out;
}

Result<Json> OrthancInterface::Impl::lookup(const contracts::ObjectPeer& peer, std::string_view value) {
  ACESO_TRY_OK(require(peer, kRead));
  ACESO_TRY_OK(archive.access.record(peer, {.action = "E",
                                            .event = "archive.query",
                                            .entity_type = "query",
                                            .entity = "orthanc lookup\n" + std::string{value},
                                            .detail = {}}));
  Json out = Json::array();
  const auto add = [&](QueryLevel level, const OrthancId& id) {
    out.push_back(
        {{"ID", to_string(id)}, {"Path", orthanc_path(level, id)}, {"Type", std::string{orthanc_type(level)}}});
  };
  if (value.empty()) return out;
  if (const auto id = orthanc_id(value); ids.patient(id)) add(QueryLevel::patient, id);
  if (const auto study = index().study(value)) add(QueryLevel::study, orthanc_id(patient_id_of(*study), study->uid));
  index().each_study([&](const StudyPtr& study) {
    const std::shared_lock lock{study->mutex};
    if (study->series.contains(value))
      add(QueryLevel::series, orthanc_id(study->patient.value(tags::kPatientID), study->uid, value));
    return true;
  });
  if (const auto one = index().find(value)) add(QueryLevel::image, orthanc_id(patient_of(one->key->study_uid), *one));
  return out;
}

}  // namespace aceso::archive
