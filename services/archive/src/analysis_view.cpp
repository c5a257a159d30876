// What is shown of analyses: never a prediction without model, version, intended use and uncertainty, never a series
// without a word.
#include <algorithm>
#include <array>
#include <chrono>
#include <nlohmann/json.hpp>
#include <set>

#include "aceso/dicom/tags.hpp"
#include "analyses_impl.hpp"
#include "analysis_result.hpp"

namespace aceso::archive {
namespace {

namespace tags = dicom::tags;

std::string time_text(std::int64_t us) {
  return format_utc(UtcTime{std::chrono::microseconds{us}});
}

// A study is what its series need most: attention, patience, a look.
constexpr std::array kOrder{AnalysisState::failed, AnalysisState::running, AnalysisState::waiting,
                            AnalysisState::analysed, AnalysisState::not_applicable};

void summarise(Json& view) {
  view["state"] = "not_applicable";
  view["reason"] = "the study holds nothing that a model reads";
  for (const AnalysisState state : kOrder) {
    for (const auto& one : view.at("analyses")) {
      if (one.at("state") != to_string(state)) continue;
      view["state"] = one.at("state");
      view["reason"] = one.at("reason");
      return;
    }
  }
}

}  // namespace

Json to_json(const Analysis& a) {
  Json out{{"id", a.id},
           {"study", a.study_uid},
           {"series", a.series_uid},
           {"instance", a.instance_uid.empty() ? Json(nullptr) : Json(a.instance_uid)},
           {"rule", a.rule.empty() ? Json(nullptr) : Json(a.rule)}};
  const auto at = a.model.find('@');
  Json model = nullptr;
  if (!a.model.empty())
    model = Json{{"name", a.model.substr(0, at)}, {"version", nullptr}, {"hash", nullptr}, {"intended_use", nullptr}};
  out["state"] = to_string(a.state);
  out["reason"] = a.reason;
  out["recalled"] = a.recalled;
  const bool shown = a.answer && a.state == AnalysisState::analysed;
  if (shown) {
    const auto& answer = *a.answer;
    model = Json{{"name", answer.model_name},
                 {"version", answer.model_version},
                 {"hash", answer.model_hash},
                 {"stage", answer.stage},
                 {"intended_use", answer.intended_use}};
    out["finding"] = answer.finding;
    out["class"] = answer.class_name;
    out["probability"] = answer.probability;
    const auto& interval = answer.uncertainty.interval;
    out["interval"] = interval ? Json::array({interval->low, interval->high}) : Json(nullptr);
    out["uncertainty"] = answer.uncertainty.text;
    out["threshold"] = answer.threshold ? Json(*answer.threshold) : Json(nullptr);
    out["warnings"] = answer.warnings;
    out["notice"] = std::string{kNotForDiagnosis};
    out["prediction"] = answer.prediction_id;
    out["positive"] = a.positive;
    out["urgency"] = a.positive ? Json(to_string(a.urgency)) : Json(nullptr);
    out["classes"] = Json::array();
    for (const auto& [name, value] : answer.outputs) out["classes"].push_back(name);
    out["map"] =
        a.map ? Json{{"instance", a.map->instance_uid}, {"series", a.map->series_uid},
                     {"method", a.map->method},         {"label", a.map->label},
                     {"warning", a.map->warning},       {"box", {a.map->left, a.map->top, a.map->width, a.map->height}}}
              : Json(nullptr);
    out["map_note"] = a.map_note;
    out["images"] = a.images == 0 ? Json(nullptr) : Json(a.images);
    out["regions"] = Json::array();
    if (answer.outlines) {
      for (const auto& r : answer.outlines->regions)
        out["regions"].push_back({{"label", r.label},
                                  {"points", r.points},
                                  {"size", r.size ? Json(*r.size) : Json(nullptr)},
                                  {"parts", r.parts},
                                  {"mean_probability", r.mean_probability}});
    }
    out["judgement"] = a.judgement ? Json{{"agree", a.judgement->agrees},
                                          {"finding", a.judgement->finding},
                                          {"comment", a.judgement->comment},
                                          {"by", a.judgement->person},
                                          {"report", a.judgement->report_uid},
                                          {"revision", a.judgement->revision},
                                          {"at", time_text(a.judgement->at_s * 1'000'000)}}
                                   : Json(nullptr);
  }
  out["model"] = std::move(model);
  out["result_instances"] = shown ? Json(a.results) : Json::array();
  out["updated"] = time_text(a.updated_us);
  return out;
}

Json Analyses::Impl::series_without(const Series& series) const {
  std::int64_t last = 0;
  for (const auto& instance : series.instances) last = std::max(last, instance->received_us);
  Analysis none{.study_uid = series.key->study_uid, .series_uid = series.key->series_uid, .updated_us = last};
  if (is_own(*series.instances.front())) {
    none.state = AnalysisState::not_applicable;
    none.reason = "a result of this node";
  } else if (rules.empty()) {
    none.state = AnalysisState::not_applicable;
    none.reason = "no routing rules are set up (routing.rules)";
  } else if (watch.open(series.key->series_uid)) {
    none.reason = "the series may still be arriving: it is complete when nothing came for " +
                  std::to_string(options.quiet.count() / 1000) + " s (routing.quiet)";
  } else if (last < since_us) {
    none.state = AnalysisState::not_applicable;
    none.reason = "stored before routing was set up; it can be sent by hand";
  } else {
    none.reason = "not looked at yet";
  }
  Json out = to_json(none);
  out["id"] = nullptr;
  out["own"] = is_own(*series.instances.front());
  return out;
}

Result<Json> Analyses::Impl::study_view(std::string_view study_uid) const {
  const auto study = archive.store->index().study(study_uid);
  if (!study) return Error{Code::not_found, "there is nothing here"};
  ACESO_TRY(auto rows, table->of_study(study_uid));
  for (Analysis& row : rows) ACESO_TRY_OK(as_it_stands(row));
  Json list = Json::array();
  std::set<std::string, std::less<>> said;
  for (const Analysis& row : rows) {
    said.insert(row.series_uid);
    list.push_back(to_json(row));
  }
  std::vector<Series> others;
  {
    const std::shared_lock lock{study->mutex};
    for (const auto& [uid, series] : study->series) {
      if (!said.contains(uid)) others.push_back(series);
    }
  }
  for (const Series& series : others) {
    if (!series.instances.empty()) list.push_back(series_without(series));
  }
  Json view{{"study", study_uid}, {"state", ""}, {"reason", ""}, {"analyses", std::move(list)}};
  summarise(view);
  return view;
}

Result<Json> Analyses::of_study(const contracts::ObjectPeer& peer, std::string_view study_uid) const {
  ACESO_TRY_OK(require(peer, kRead));
  ACESO_TRY(Json view, impl_->study_view(study_uid));
  ACESO_TRY_OK(impl_->archive.record_read(peer, study_uid));
  return view;
}

Result<Json> Analyses::analyse(const contracts::ObjectPeer& peer, std::string_view study_uid) {
  ACESO_TRY_OK(require(peer, kRead));
  ACESO_TRY_OK(require(peer, kWrite));
  const auto study = impl_->archive.store->index().study(study_uid);
  if (!study) return Error{Code::not_found, "there is nothing here"};
  ACESO_TRY_OK(impl_->archive.access.record(peer, {.action = "E",
                                                   .event = "archive.analyse.request",
                                                   .entity_type = "study",
                                                   .entity = study_uid,
                                                   .once_a_window = false}));
  std::vector<std::string> series;
  {
    const std::shared_lock lock{study->mutex};
    for (const auto& [uid, one] : study->series) series.push_back(uid);
  }
  for (const auto& uid : series) ACESO_TRY_OK(impl_->settle(std::string{study_uid}, uid, true));
  impl_->dispatch();
  return impl_->study_view(study_uid);
}

void Analyses::write_metrics(std::string& out) const {
  out += "# HELP aceso_archive_analyses_total Analyses that ended.\n# TYPE aceso_archive_analyses_total counter\n";
  const auto line = [&](AnalysisState state, std::uint64_t value) {
    out +=
        "aceso_archive_analyses_total{state=\"" + std::string{to_string(state)} + "\"} " + std::to_string(value) + "\n";
  };
  line(AnalysisState::analysed, impl_->analysed);
  line(AnalysisState::failed, impl_->failed);
  line(AnalysisState::not_applicable, impl_->not_applicable);
}

}  // namespace aceso::archive
