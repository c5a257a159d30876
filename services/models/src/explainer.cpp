#include "aceso/models/explainer.hpp"

#include <nlohmann/json.hpp>

#include "aceso/imaging/image.hpp"

namespace aceso::models {
namespace {

constexpr std::chrono::milliseconds kPoll{100};

class JobExplainer final : public contracts::Explainer {
 public:
  JobExplainer(Models& models, const Clock& clock, std::chrono::milliseconds wait)
      : models_{models}, clock_{clock}, wait_{wait} {}

  Result<contracts::InfluenceMap> explain_prediction(std::string_view prediction_id, std::stop_token stop) override {
    const Actor node{.id = "system", .name = "system"};
    ACESO_TRY(const Json accepted, models_.explain(node, prediction_id, Json::object()));
    const std::string job = accepted.value("job", Json::object()).value("id", std::string{});
    ACESO_TRY(const Json ended, outcome(node, job, stop));
    return map_of(node, job, ended.value("output", Json::object()));
  }

 private:
  Result<Json> outcome(const Actor& node, const std::string& job, const std::stop_token& stop) const {
    const auto end = clock_.steady_now() + wait_;
    for (;;) {
      ACESO_TRY(Json now, models_.explanation(job));
      const auto state = now.value("state", std::string{});
      if (state == "succeeded") return now;
      if (state == "failed" || state == "cancelled")
        return Error{Code::internal, "the explanation " + state + ": " + now.value("error", std::string{})};
      if (stop.stop_requested() || clock_.steady_now() >= end) {
        (void)models_.cancel_job(node, job);  // it may have ended meanwhile
        if (stop.stop_requested()) return Error{Code::cancelled, "stopped"};
        return Error{Code::timeout, "other jobs kept the node busy; analyse the study again for a map"};
      }
      clock_.sleep_until(std::min(clock_.steady_now() + kPoll, end), stop);
    }
  }

  Result<contracts::InfluenceMap> map_of(const Actor& node, const std::string& job, const Json& output) const {
    contracts::InfluenceMap map{.method = output.value("method", std::string{}),
                                .label = output.value("label", std::string{}),
                                .warning = output.value("warning", std::string{})};
    for (const Json& check : output.value("checks", Json::array())) {
      if (!check.value("passed", false)) map.failed += (map.failed.empty() ? "" : ", ") + check.value("name", "");
    }
    if (!output.value("passed", false)) {
      if (map.failed.empty()) map.failed = "unknown";
      return map;
    }
    ACESO_TRY(const std::vector<std::byte> png, models_.explanation_png(node, job));
    ACESO_TRY(map.overlay, imaging::decode_png(png));
    const Json region = output.value("region", Json(nullptr));
    if (region.is_array() && region.size() == 4) map.region = region.get<std::array<double, 4>>();
    return map;
  }

  Models& models_;
  const Clock& clock_;
  const std::chrono::milliseconds wait_;
};

class ModelVerdicts final : public contracts::VerdictSink {
 public:
  explicit ModelVerdicts(Models& models) : models_{models} {}

  Result<std::string> put_verdict(const contracts::Principal& reader, std::string_view source_address,
                                  std::string_view prediction_id, std::string_view finding,
                                  const contracts::VerdictWords& words) override {
    const Actor actor{.id = reader.id, .name = reader.name, .source_address = std::string{source_address}};
    Json body{{"agree", words.agrees}, {"comment", words.comment}};
    if (!words.agrees && !words.label.empty()) body["label"] = words.label;
    ACESO_TRY(const Json kept, models_.put_verdict(actor, prediction_id, finding, body));
    const Json label = kept.value("label", Json(nullptr));
    return label.is_string() ? label.get<std::string>() : std::string{};
  }

 private:
  Models& models_;
};

class ModelBlindedReads final : public contracts::BlindedReads {
 public:
  explicit ModelBlindedReads(const Models& models) : models_{models} {}
  Result<bool> waits(const contracts::Principal& reader, std::span<const std::string> prediction_ids) const override {
    return models_.waits_blinded(reader.id, prediction_ids);
  }

 private:
  const Models& models_;
};

}  // namespace

std::unique_ptr<contracts::BlindedReads> make_blinded_reads(const Models& models) {
  return std::make_unique<ModelBlindedReads>(models);
}

std::unique_ptr<contracts::VerdictSink> make_verdict_sink(Models& models) {
  return std::make_unique<ModelVerdicts>(models);
}

std::unique_ptr<contracts::Explainer> make_explainer(Models& models, const Clock& clock,
                                                     std::chrono::milliseconds wait) {
  return std::make_unique<JobExplainer>(models, clock, wait);
}

}  // namespace aceso::models
