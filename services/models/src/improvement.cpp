#include "improvement.hpp"

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "aceso/learn/applicability.hpp"
#include "aceso/learn/outlines.hpp"
#include "object_reader.hpp"

namespace aceso::models {
namespace {

constexpr std::string_view kOrigin = "feedback";
constexpr double kValidationShare = 0.15;  // of the new cases that are not held out
// Non-inferiority of AUROC: margins of 0.05 are usual in studies of readers (Chen, Petrick and Sahiner, Stat Med 2012).
constexpr double kMargin = 0.05;
constexpr std::size_t kLeastOfAClass = 10;

// The n-th group of eight digits of a hash as a number from 0 to 1: the same for the same case, whoever asks.
double share_of_hash(const std::string& sha256, std::size_t n) {
  std::uint64_t value = 0;
  for (const char c : sha256.substr(n * 8, 8)) {
    value = value * 16 + static_cast<std::uint64_t>(c >= 'a' ? c - 'a' + 10 : c - '0');
  }
  return static_cast<double>(value) / 4294967296.0;
}

learn::Split split_of(const std::string& sha256, double hold_out) {
  if (share_of_hash(sha256, 0) < hold_out) return learn::Split::test;
  return share_of_hash(sha256, 1) < kValidationShare ? learn::Split::validation : learn::Split::train;
}

std::string number_text(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.3f", value);
  return text;
}

// Pictures of inputs whose labels became known, one at a time.
class LabelledInputs final : public learn::SampleSource {
 public:
  LabelledInputs(const Feedback& feedback, const Feedback::Collected& collected, double hold_out)
      : feedback_{feedback}, collected_{collected} {
    classes = collected.classes;
    items.reserve(collected.samples.size());
    for (const auto& one : collected.samples) {
      const auto at = std::find(classes.begin(), classes.end(), one.label);
      items.push_back({.id = one.input,
                       .label = static_cast<int>(at - classes.begin()),
                       .group = {},
                       .split = split_of(one.input, hold_out)});
    }
  }
  Result<learn::SourceSample> load(std::size_t index) override {
    ACESO_TRY(learn::Array array, feedback_.picture_of(collected_.samples[index]));
    return learn::SourceSample{.array = std::move(array)};
  }

 private:
  const Feedback& feedback_;
  const Feedback::Collected& collected_;
};

struct NewLabels {
  std::size_t fresh = 0, changed = 0;
};

// Of one model: several may learn from one data set.
std::string origin_of(const std::string& model) {
  return std::string{kOrigin} + "/" + model;
}

NewLabels compare_labels(const Feedback::Collected& collected, const learn::Dataset& dataset,
                         const std::string& model) {
  std::map<std::string, int> there;
  const std::string prefix = origin_of(model) + "/";
  for (const learn::Sample& sample : dataset.manifest().samples) {
    if (sample.id.starts_with(prefix)) there.emplace(sample.id.substr(prefix.size()), sample.label);
  }
  NewLabels out;
  for (const auto& one : collected.samples) {
    const auto found = there.find(one.input);
    if (found == there.end()) {
      ++out.fresh;
    } else if (found->second < 0 || collected.classes[static_cast<std::size_t>(found->second)] != one.label) {
      ++out.changed;
    }
  }
  return out;
}

std::vector<std::size_t> held_out_additions(const learn::Dataset& dataset, const std::string& model) {
  std::vector<std::size_t> out;
  const auto& samples = dataset.manifest().samples;
  for (std::size_t i = 0; i < samples.size(); ++i) {
    if (samples[i].split == learn::Split::test && samples[i].id.starts_with(origin_of(model) + "/")) out.push_back(i);
  }
  return out;
}

// Cases of the rarest class of a split.
std::size_t fewest_of_a_class(const learn::Dataset& dataset, learn::Split split) {
  std::vector<std::size_t> counts(dataset.manifest().classes.size(), 0);
  for (const std::size_t i : dataset.indices(split)) {
    if (const int label = dataset.manifest().samples[i].label; label >= 0) ++counts[static_cast<std::size_t>(label)];
  }
  return counts.empty() ? 0 : *std::min_element(counts.begin(), counts.end());
}

}  // namespace

Json no_worse(const Json& comparison, double margin, std::size_t fewest) {
  const Json auroc = comparison.is_object() ? comparison.value("auroc", Json()) : Json();
  if (!auroc.is_object() || !auroc.contains("difference") || !auroc["difference"].is_object())
    return Json{{"passed", false}, {"text", "no AUROC: these cases are of one class, or there are too few"}};
  const Json& difference = auroc["difference"];
  if (fewest < kLeastOfAClass) {
    return Json{{"passed", false},
                {"text", "too few cases: " + std::to_string(fewest) + " of the rarest class, " +
                             std::to_string(kLeastOfAClass) + " are needed"}};
  }
  const double value = difference.value("value", 0.0);
  double low = difference.value("low", -1.0);
  double high = difference.value("high", 1.0);
  if (high - low < 1e-9) {
    low = value - 3.0 / static_cast<double>(fewest);
    high = value + 3.0 / static_cast<double>(fewest);
  }
  const bool passed = low >= -margin;
  const std::string changed =
      "AUROC changed by " + number_text(value) + " (95 % " + number_text(low) + " to " + number_text(high) + ")";
  const std::string text =
      low > 0    ? "better: " + changed
      : passed   ? "no worse than by " + number_text(margin) + ": " + changed
      : high < 0 ? "worse: " + changed
                 : "too few cases to show that it is no worse than by " + number_text(margin) + ": " + changed;
  return Json{{"passed", passed}, {"text", text}, {"difference", Json{{"value", value}, {"low", low}, {"high", high}}}};
}

Status Improvement::say(store::JobContext& job, const std::string& text) const {
  return job.event(Json{{"type", "log"}, {"level", "info"}, {"message", text}});
}

Result<Json> Improvement::state(std::string_view model, const std::vector<std::string>& sources,
                                std::size_t min_labels) const {
  ACESO_TRY_OK(check_name("model", model));
  const std::string name{model};
  ACESO_TRY(const ModelVersion live, p_.registry.find(name, 0));
  ACESO_TRY(const auto info, p_.registry.info(live.bundle));
  if (info->network.layers.empty())
    return Error{Code::unsupported, "model " + name + " came as ONNX: it is served here, not trained"};
  ACESO_TRY(const Feedback::Collected collected, p_.feedback.collect(name, sources));
  std::map<std::string, std::size_t> by_class;
  for (const auto& c : collected.classes) by_class[c] = 0;
  for (const auto& one : collected.samples) ++by_class[one.label];
  std::vector<std::string> missing;
  const std::string dataset =
      info->training.is_object() ? info->training.value("dataset", std::string{}) : std::string{};
  NewLabels labels;
  if (const auto opened = dataset.empty() ? Result<std::shared_ptr<const learn::Dataset>>{Error{Code::not_found, ""}}
                                          : p_.datasets.open(dataset);
      opened && (*opened)->manifest().sha256 == info->training.value("dataset_sha256", std::string{})) {
    labels = compare_labels(collected, **opened, name);
    if (collected.classes != (*opened)->manifest().classes) {
      missing.emplace_back("the newest version of " + name +
                           " has other classes, or in another order, than the data set of the live one");
    }
  } else {
    missing.emplace_back("the dataset that version " + std::to_string(live.version) +
                         " was trained on is not here any more, or has changed: train a version on one that is");
  }
  if (labels.fresh + labels.changed < min_labels) {
    missing.push_back(std::to_string(labels.fresh + labels.changed) + " new labels, " + std::to_string(min_labels) +
                      " are asked for: answers that wait for a verdict are on the model's review queue");
  }
  return Json{{"model", name},
              {"live", live.version},
              {"dataset", dataset},
              {"labels", Json{{"known", collected.samples.size()},
                              {"new", labels.fresh},
                              {"changed", labels.changed},
                              {"disagreed", collected.disagreed},
                              {"unlabelled", collected.unlabelled},
                              {"by_class", by_class},
                              {"by_source", collected.by_source}}},
              {"min_labels", min_labels},
              {"ready", missing.empty()},
              {"missing", std::move(missing)}};
}

Result<Json> Improvement::prepare(std::string_view model, const Json& request) const {
  ACESO_TRY(ObjectReader reader, ObjectReader::of(request, "improvement"));
  ACESO_TRY(const auto sources, parse_label_sources(reader.child("truth")));
  ACESO_TRY(const std::string start, reader.text_or("start", 16, "weights"));
  ACESO_TRY(const double hold_out, reader.number_or("hold_out", 0.3, 0.05, 0.9));
  ACESO_TRY(const double margin, reader.number_or("margin", kMargin, 0, 0.5));
  ACESO_TRY(const std::int64_t min_labels, reader.integer_or("min_labels", 20, 1, 1'000'000));
  ACESO_TRY(const std::string promote, reader.text_or("promote", 16, "none"));
  ACESO_TRY(const std::string accepted, reader.text_or("accept_leakage", 500, {}));
  const Json* changes = reader.child("config");
  ACESO_TRY_OK(reader.done());
  if (start != "weights" && start != "scratch") return Error{Code::invalid, "start: weights or scratch"};
  if (promote != "none" && promote != "shadow" && promote != "live")
    return Error{Code::invalid, "promote: none, shadow or live"};
  if (changes != nullptr && !changes->is_object() && !changes->is_null())
    return Error{Code::invalid, "config: an object is expected"};
  if (changes != nullptr && changes->is_object() && changes->contains("init"))
    return Error{Code::invalid, "config: init: say start: weights or scratch"};
  ACESO_TRY(const Json state, this->state(model, sources, static_cast<std::size_t>(min_labels)));
  if (!state["ready"].get<bool>()) {
    std::string why;
    for (const Json& one : state["missing"]) why += (why.empty() ? "" : "; ") + one.get<std::string>();
    return Error{Code::precondition, "there is nothing to improve from: " + why};
  }
  const int live = state["live"].get<int>();
  ACESO_TRY(const ModelVersion version, p_.registry.find(model, live));
  ACESO_TRY(const auto info, p_.registry.info(version.bundle));
  Json config = info->training.value("config", Json::object());
  config.erase("init");
  if (start == "weights") config["init"] = version.name + "@" + std::to_string(live);
  if (changes != nullptr && changes->is_object()) config.update(*changes);
  if (config.contains("search") || config.value("folds", 0) > 0 || config.value("seeds", 1) > 1) {
    return Error{Code::unsupported, "version " + std::to_string(live) +
                                        " came from a search, folds or repeated runs, or these are asked for: give "
                                        "such a training by hand (aceso train)"};
  }
  const std::string dataset = state["dataset"].get<std::string>();
  ACESO_TRY(const std::string as, p_.datasets.next_version(dataset));
  const std::string own = std::string{model}.substr(0, 60) + "-own";
  std::string own_as = own;
  if (p_.datasets.taken(own, "")) {
    ACESO_TRY(own_as, p_.datasets.next_version(own));
  }
  Json limits(nullptr);
  if (const auto applicability = learn::parse_applicability(info->applicability))
    limits = learn::to_json(applicability->limits);
  Json training{{"name", version.name},
                {"dataset", dataset},  // checked with it; the longer version takes its place
                {"config", std::move(config)},
                {"intended_use", info->card.intended_use},
                {"limitations", info->card.limitations},
                {"accept_leakage", accepted}};
  if (!limits.is_null()) training["limits"] = std::move(limits);
  ACESO_TRY([[maybe_unused]] const Json checked, p_.training.prepare(training));
  return Json{{"model", version.name},
              {"live", live},
              {"bundle", version.bundle},
              {"dataset", dataset},
              {"as", as},
              {"own_as", own_as},
              {"truth", sources},
              {"hold_out", hold_out},
              {"min_labels", min_labels},
              {"margin", margin},
              {"start", start},
              {"promote", promote},
              {"training", std::move(training)}};
}

// The longer dataset and that of the own cases held out; nothing when no label was new.
Result<std::optional<Json>> Improvement::extend(store::JobContext& job, const Json& input, const Actor& actor) {
  const std::string model = input.value("model", std::string{});
  const std::string base = input.value("dataset", std::string{});
  const std::string as = input.value("as", std::string{});
  const std::string own_as = input.value("own_as", std::string{});
  const Json truth = input.value("truth", Json(nullptr));
  ACESO_TRY(const auto sources, parse_label_sources(&truth));
  ACESO_TRY(const Feedback::Collected collected, p_.feedback.collect(model, sources));
  LabelledInputs additions{p_.feedback, collected, input.value("hold_out", 0.3)};
  JobProgress progress{job, context_.clock};
  const learn::Extension how{.name = as,
                             .label_source = label_sources_text(sources) + " on predictions of " + model,
                             .origin = origin_of(model),
                             .least = input.value("min_labels", std::size_t{1})};
  ACESO_TRY(const std::optional<learn::Extended> made,
            p_.datasets.extend(actor, base, additions, how, job.job().id, progress, job.stop()));
  if (!made) return std::optional<Json>{};
  ACESO_TRY(const auto longer, p_.datasets.open(as));
  const std::vector<std::size_t> own = held_out_additions(*longer, model);
  Json out{{"added", made->added},
           {"relabelled", made->relabelled},
           {"known", made->known},
           {"contradict", made->contradict},
           {"twins", made->twins},
           {"unusable", made->unusable.size()},
           {"disagreed", collected.disagreed},
           {"own", own.size()}};
  if (!own.empty()) {
    ACESO_TRY_OK(p_.datasets.select(
        actor, as, own, own_as, "the cases of " + as + " that came from answers here and were held out", job.job().id));
  }
  ACESO_TRY_OK(say(job, "dataset " + as + ": " + std::to_string(made->added) + " cases more, " +
                            std::to_string(own.size()) + " own cases held out"));
  return std::optional{std::move(out)};
}

Result<Json> Improvement::train(store::JobContext& job, const Json& input, const Actor& actor) {
  Json request = input.value("training", Json::object());
  request["dataset"] = input.value("as", std::string{});
  ACESO_TRY(Json prepared, p_.training.prepare(request));
  ACESO_TRY_OK(p_.training.resolve_start(actor, prepared));
  prepared["requested_by"] = requested_by(actor);
  return p_.training.run(job, std::move(prepared));
}

Result<Json> Improvement::judge_on(store::JobContext& job, const Json& input, int version, const std::string& dataset,
                                   const char* what, Judgement& judgement) const {
  const std::string model = input.value("model", std::string{});
  const int live = input.value("live", 0);
  const double margin = input.value("margin", kMargin);
  Json check{{"on", what}, {"dataset", dataset}, {"passed", false}};
  const auto failed = [&](const std::string& why) {
    check["text"] = why;
    judgement.passed = false;
    judgement.checks.push_back(check);
    return Json(nullptr);
  };
  const Json compared_input{{"a", Json{{"model", model}, {"version", version}}},
                            {"b", Json{{"model", model}, {"version", live}}},
                            {"dataset", dataset},
                            {"split", "test"},
                            {"requested_by", requested_by(actor_of(input, job.job()))}};
  Result<Json> done = p_.evaluation.compare_within(job, compared_input);
  if (!done) {
    if (done.error().code() == Code::cancelled) return done.error();
    return failed("the two versions cannot be compared: " + done.error().message());
  }
  const Json& comparison = (*done)["comparison"];
  check["samples"] = comparison["samples"];
  ACESO_TRY(const auto judged_on, p_.datasets.open(dataset));
  check.update(no_worse(comparison, margin, fewest_of_a_class(*judged_on, learn::Split::test)));
  judgement.passed = judgement.passed && check["passed"] == true;
  if (comparison["auroc"].is_object()) {
    check["figures"] = Json{{"new", comparison["a"]["metrics"].value("auroc", Json())},
                            {"live", comparison["b"]["metrics"].value("auroc", Json())}};
  }
  judgement.checks.push_back(check);
  return done;
}

Result<Improvement::Judgement> Improvement::judge(store::JobContext& job, const Json& input, int version) const {
  Judgement out;
  const std::string model = input.value("model", std::string{});
  const std::string own = input.value("own_as", std::string{});
  ACESO_TRY([[maybe_unused]] const Json all,
            judge_on(job, input, version, input.value("as", std::string{}), "all cases held out", out));
  if (!p_.datasets.open(own)) {
    out.passed = false;
    out.checks.push_back(Json{{"on", "own cases held out"},
                              {"dataset", own},
                              {"samples", 0},
                              {"passed", false},
                              {"text", "none of the new cases is held out yet: more labels are needed"}});
    return out;
  }
  ACESO_TRY(const Json compared, judge_on(job, input, version, own, "own cases held out", out));
  if (compared.is_object()) out.report_sha256 = compared.value("report_sha256", std::string{});
  ACESO_TRY(const auto gate, p_.approvals.parsed_gate(model));
  if (!gate) return out;
  const Json evaluated_input{{"model", model},
                             {"version", version},
                             {"dataset", own},
                             {"split", "test"},
                             {"requested_by", requested_by(actor_of(input, job.job()))}};
  ACESO_TRY(const Json evaluated, p_.evaluation.evaluate_within(job, evaluated_input));
  const std::vector<std::string> why = failures(*gate, evaluated["evaluation"]);
  std::string text = why.empty() ? "the gate of " + model + " is reached on own cases" : "";
  for (const std::string& one : why) text += (text.empty() ? "" : "; ") + one;
  out.passed = out.passed && why.empty();
  out.checks.push_back(
      Json{{"on", "gate, on own cases held out"}, {"dataset", own}, {"passed", why.empty()}, {"text", text}});
  return out;
}

Result<Json> Improvement::run(store::JobContext& job) {
  ACESO_TRY(const Json input, parse_own(job.job().input_json));
  const Actor actor = actor_of(input, job.job());
  const std::string model = input.value("model", std::string{});
  ACESO_TRY(const std::optional<Json> extended, extend(job, input, actor));
  if (!extended) {
    return Error{Code::precondition,
                 "too few labels are new: those of these answers are in dataset " +
                     input.value("dataset", std::string{}) +
                     " already, are of pictures that it has, or of inputs that are no 8-bit pictures"};
  }
  ACESO_TRY(const Json trained, train(job, input, actor));
  const int version = trained.value("version", 0);
  ACESO_TRY_OK(say(job, "version " + std::to_string(version) + " of " + model + " is registered"));
  ACESO_TRY(const Judgement judged, judge(job, input, version));
  for (const Json& check : judged.checks) {
    ACESO_TRY_OK(say(job, std::string{check["passed"] == true ? "passed" : "not passed"} + ", " +
                              check.value("on", std::string{}) + ": " + check.value("text", std::string{})));
  }
  Json out{{"model", model},
           {"live", input.value("live", 0)},
           {"version", version},
           {"dataset", input["as"]},
           {"own_dataset", (*extended)["own"] == 0 ? Json(nullptr) : input["own_as"]},
           {"data", *extended},
           {"checks", judged.checks},
           {"passed", judged.passed},
           {"stage", "candidate"},
           {"waits_for", nullptr}};
  if (!judged.report_sha256.empty()) out["report_sha256"] = judged.report_sha256;
  const std::string promote = input.value("promote", std::string{"none"});
  const auto live_now = p_.registry.find(model, 0);
  if (promote != "none" && judged.passed && (!live_now || live_now->version != input.value("live", 0))) {
    out["waits_for"] = "another version went live while this one was trained: compare it with that one first";
  } else if (promote != "none" && judged.passed) {
    const Result<Json> promoted = p_.promote(actor, model, version, promote);
    if (promoted) {
      out["stage"] = promote;
    } else if (promoted.error().code() == Code::precondition) {
      out["waits_for"] = promoted.error().message();
    } else {
      return promoted.error();
    }
  }
  ACESO_TRY_OK(context_.record(
      actor, "E", "model.improve", "model", model + "/" + std::to_string(version),
      dump(Json{
          {"live", out["live"]}, {"dataset", out["dataset"]}, {"passed", judged.passed}, {"stage", out["stage"]}})));
  return out;
}

}  // namespace aceso::models
