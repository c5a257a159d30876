// An archive with a model at work on it: time stands until the test moves it, the model is made up.
#pragma once

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "aceso/archive/analyses.hpp"
#include "aceso/dicom/parse.hpp"
#include "fixture.hpp"

namespace aceso::archive::testing {

inline contracts::PictureAnswer made_up_answer(double probability = 0.875) {
  return {.prediction_id = "0190-prediction",
          .model_name = "pneumonia",
          .model_version = 3,
          .model_hash = std::string(64, 'a'),
          .stage = "live",
          .intended_use = "Research use only: chest images of adults.",
          .engine = "made up",
          .outputs = {{"pneumonia", probability}},
          .finding = probability >= 0.5 ? "pneumonia" : "normal",
          .class_name = "pneumonia",
          .probability = probability,
          .threshold = 0.5,
          .uncertainty = {.text = "Of 20 validation cases with a like score, 19 were pneumonia.",
                          .interval = contracts::Uncertainty::Interval{.observed = 0.95, .low = 0.76, .high = 0.99}}};
}

class MadeUpPredictor final : public contracts::Predictor {
 public:
  std::function<Result<contracts::PictureAnswer>()> answer = [] { return made_up_answer(); };
  learn::PortKind kind = learn::PortKind::image;
  // Set: the model reads volumes.
  std::function<Result<contracts::PictureAnswer>(const contracts::VolumeInput&)> answer_volume = {};

  Result<learn::ModelSignature> signature(const contracts::ModelRef& model) const override {
    if (model.name != "pneumonia") return Error{Code::not_found, "there is no model " + model.name};
    learn::ModelSignature signature;
    signature.preprocessing.kind = kind;
    if (answer_volume) {
      learn::Port port;
      port.name = "volume";
      port.shape = {1, -1, -1, -1};
      signature.inputs.push_back(std::move(port));
    }
    return signature;
  }
  Result<contracts::Prediction> predict(const contracts::ModelRef&, const learn::NamedArrays&) override {
    return Error{Code::unsupported, "pictures only"};
  }
  Result<contracts::PictureAnswer> predict_picture(const contracts::ModelRef&, const imaging::Image& picture,
                                                   const learn::InputFacts& stated) override {
    const std::lock_guard lock{mutex_};
    facts_ = stated;
    pictures_.push_back(picture);
    return answer();
  }
  Result<contracts::PictureAnswer> predict_volume(const contracts::ModelRef&, const contracts::VolumeInput& input,
                                                  const learn::InputFacts& stated) override {
    const std::lock_guard lock{mutex_};
    facts_ = stated;
    ++volumes_;
    return answer_volume(input);
  }
  int volumes() const {
    const std::lock_guard lock{mutex_};
    return volumes_;
  }
  std::vector<imaging::Image> pictures() const {
    const std::lock_guard lock{mutex_};
    return pictures_;
  }
  learn::InputFacts facts() const {
    const std::lock_guard lock{mutex_};
    return facts_;
  }

 private:
  mutable std::mutex mutex_;
  std::vector<imaging::Image> pictures_;
  int volumes_ = 0;
  learn::InputFacts facts_;
};

// Passes objects on to the archive until it is told to fail.
class FaultySink final : public contracts::ObjectSink {
 public:
  explicit FaultySink(contracts::ObjectSink& behind) : behind_{behind} {}
  int left = -1;  // objects that still pass; -1: all
  std::function<void()> before = [] {};
  Result<std::unique_ptr<contracts::ObjectWriter>> begin_file(const contracts::ObjectPeer& peer) override {
    before();
    if (left == 0) return Error{Code::unavailable, "the archive is not there"};
    if (left > 0) --left;
    return behind_.begin_file(peer);
  }
  Result<std::unique_ptr<contracts::ObjectWriter>> begin_data_set(
      const contracts::ObjectPeer& peer, const contracts::AnnouncedObject& announced) override {
    return behind_.begin_data_set(peer, announced);
  }

 private:
  contracts::ObjectSink& behind_;
};

inline ObjectSpec chest(std::string series = "1.2.3.1.1", std::string instance = "1.2.3.1.1.1") {
  ObjectSpec spec;
  spec.series = std::move(series);
  spec.instance = std::move(instance);
  spec.sop_class = "1.2.840.10008.5.1.4.1.1.1.1";  // Digital X-Ray, for presentation
  spec.modality = "DX";
  spec.rows = spec.columns = 64;
  return spec;
}

constexpr const char* kChestRule =
    R"([{"name": "chest", "match": {"modality": ["DX", "CR"]}, "model": "pneumonia", "output": ["sr", "sc"]}])";

// Without series that were not sent through the rules.
inline Json routed(const Json& view) {
  Json out = Json::array();
  for (const auto& one : view.at("analyses")) {
    if (!one.at("id").is_null()) out.push_back(one);
  }
  return out;
}

struct AnalysisNode {
  explicit AnalysisNode(std::string rules = kChestRule) { options.rules = std::move(rules); }
  ~AnalysisNode() { close(); }

  TempDir folder = *TempDir::create("aceso-analyses");
  ManualClock clock;
  SilentSink silent;
  Logger logger{clock, silent};
  SeededRandom random{7};
  contracts::testing::MemoryAuditSink audit;
  crypto::SecretKey key = crypto::SecretKey::generate(random);
  MadeUpPredictor predictor;
  contracts::Explainer* explainer = nullptr;
  contracts::RecallSource* recalls = nullptr;
  contracts::VerdictSink* verdicts = nullptr;
  RoutingOptions options;
  Analyses::Observer observer;
  int passing = -1;  // results that can be stored
  std::function<void()> before_result = [] {};
  std::unique_ptr<Archive> archive;
  std::unique_ptr<FaultySink> sink;
  std::unique_ptr<Analyses> analyses;
  std::mutex mutex;
  std::condition_variable condition;
  std::uint64_t changes = 0;

  Status open() {
    ACESO_TRY(archive, Archive::create(folder.path() / "archive",
                                       {.clock = clock, .logger = logger, .audit = audit, .audit_key = key}, {}));
    sink = std::make_unique<FaultySink>(*archive);
    sink->left = passing;
    sink->before = before_result;
    ACESO_TRY(analyses, Analyses::create(folder.path() / "analyses",
                                         {.clock = clock,
                                          .random = random,
                                          .logger = logger,
                                          .archive = *archive,
                                          .results = *sink,
                                          .predictor = predictor,
                                          .explainer = explainer,
                                          .recalls = recalls,
                                          .verdicts = verdicts,
                                          .key = key,
                                          .software = "test"},
                                         options));
    analyses->on_change([this](std::string_view) {
      const std::lock_guard lock{mutex};
      ++changes;
      condition.notify_all();
    });
    analyses->observe(observer);
    return analyses->start();
  }
  void close() {
    analyses.reset();
    sink.reset();
    archive.reset();
  }
  Json view(const std::string& study = "1.2.3.1") { return *analyses->of_study(caller(), study); }
  // Until the study is as `wanted` says; false when a minute went by.
  bool becomes(const std::function<bool(const Json&)>& wanted, const std::string& study = "1.2.3.1") {
    std::unique_lock lock{mutex};
    const auto end = std::chrono::steady_clock::now() + std::chrono::minutes{1};
    for (;;) {
      const auto seen = changes;
      lock.unlock();
      const Json now = view(study);
      if (wanted(now)) return true;
      lock.lock();
      if (!condition.wait_until(lock, end, [&] { return changes != seen; })) {
        ADD_FAILURE() << now.dump(1);
        return false;
      }
    }
  }
  bool becomes(const std::string& state, const std::string& study = "1.2.3.1") {
    return becomes([&](const Json& now) { return now.at("state") == state; }, study);
  }
  void quiet() { clock.advance(options.quiet); }
};

}  // namespace aceso::archive::testing
