// Predictions and verdicts: made, stored with everything needed to repeat them, shown or hidden, judged.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "aceso/contracts/predictor.hpp"
#include "aceso/store/blobs.hpp"
#include "context.hpp"
#include "images.hpp"
#include "registry.hpp"
#include "serving.hpp"
#include "shadow.hpp"
#include "watch.hpp"

namespace aceso::models {

// One input with the answer to it, as it is stored.
struct StoredPrediction {
  std::string id;
  std::int64_t created = 0;
  ModelVersion model;
  std::string intended_use, engine;
  std::string input_sha256;                             // of the bytes as they came
  std::string tensor_sha256;                            // of what the model saw: type, shape, values
  std::string input_type;                               // media type
  std::vector<std::pair<std::string, double>> outputs;  // class, probability
  double probability = 0, threshold = 0;
  std::string finding;  // the class that the model decides for
  Json uncertainty;
  std::vector<std::string> warnings;
  bool blinded = false;
  std::string source;  // api, kserve, internal, shadow
  std::string agent, agent_name;
  Json details;  // of outlines: store_outlines(); of boxes: describe_boxes(); of several labels {kind: "labels",
                 // labels: [{label, probability, threshold, positive, uncertainty}]}; of a number {kind: "number",
                 // name, value, unit}; else null
  std::optional<contracts::Outlines> outlines = {};  // of the answer as it is made; not in the catalogue
  Observation observed = {};                         // likewise: it goes to a table of its own
};

inline constexpr const char* kNoBox = "none";                        // the finding of an answer without a box
inline constexpr std::size_t kShadowBytes = std::size_t{256} << 20;  // inputs that may wait for shadows
// Where answers of shadows are stored: they are found by nobody who asks for predictions.
inline constexpr std::string_view kShadowSource = "shadow";

// Thread-safe.
class PredictionService {
 public:
  PredictionService(const Context& context, Registry& registry, Serving& serving, store::BlobStore& blobs, Watch& watch)
      : context_{context}, registry_{registry}, serving_{serving}, blobs_{blobs}, watch_{watch} {}

  Result<Json> predict_bytes(const Actor& actor, const contracts::ModelRef& ref, std::span<const std::byte> bytes,
                             std::string_view content_type, bool blinded, const learn::InputFacts& facts,
                             std::vector<double> voxel_spacing_mm, const Urgency& urgency);

  // Outside of the bundle's limits, or for an input that is nothing like the training data, the stored answer is "not
  // applicable" with the reasons and no number; such an answer hides from nobody and takes no verdict.

  // The same without what is shown of it. `source`: api, internal.
  Result<StoredPrediction> predict_one(const Actor& actor, const contracts::ModelRef& ref,
                                       std::span<const std::byte> bytes, std::string_view content_type, bool blinded,
                                       const learn::InputFacts& facts, std::string_view source,
                                       std::vector<double> voxel_spacing_mm, const Urgency& urgency);

  // An array with what is known of its grid, as other services give it; stored as NPY.
  Result<StoredPrediction> predict_array(const Actor& actor, const contracts::ModelRef& ref,
                                         const contracts::VolumeInput& input, const learn::InputFacts& stated,
                                         const Urgency& urgency);

  // Model-ready arrays, checked against the signature; one stored prediction a sample. Refused while a blinded read of
  // one of the samples waits for this actor's verdict; precondition when one is nothing like the training data.
  struct BatchAnswer {
    ModelVersion model;
    std::shared_ptr<ServedModel> served;  // shared with the serving cache
    learn::Array output;                  // [samples, outputs]
    std::vector<std::string> ids;
    std::vector<Json> about = {};  // {uncertainty, warnings} of each sample
  };
  // Which version answers and which is asked behind it. A version that was retired since still answers, so that a
  // promotion fails no request.
  struct Chosen {
    ModelVersion version;
    std::optional<ModelVersion> shadow = {};
  };
  // As usable(); where no version is named, by the share that falls to another one (Registry::set_share).
  Result<Chosen> choose(const contracts::ModelRef& ref, std::string_view input_sha256) const;
  Result<BatchAnswer> predict_batch(const Actor& actor, const ModelVersion& version, const learn::NamedArrays& batch,
                                    std::string_view source, const Urgency& urgency);
  // Asks a shadow the same behind the answer; `batch` as that version takes it. What fails is logged.
  void shadow_batch(const ModelVersion& version, learn::NamedArrays batch);

  Result<Json> list(const Actor& reader, std::string_view model, std::string_view cursor, std::size_t limit);
  Result<Json> show(const Actor& reader, std::string_view id);
  // Of a volume one slice, by default the one with the largest outline, else the middle one.
  Result<std::vector<std::byte>> png(std::string_view id, std::optional<std::int64_t> slice) const;
  // Of an answer that is an outline. precondition while it is hidden from the reader; not_found without an outline.
  Result<std::vector<std::byte>> outline_png(const Actor& reader, std::string_view id, std::int64_t slice) const;
  // NPY, uint8: the mask, or the probabilities [labels, spatial...] in steps of 1/255.
  Result<std::vector<std::byte>> outline_npy(const Actor& reader, std::string_view id, bool probabilities) const;
  // What a stored prediction was made on, again as the model saw it. precondition while it is hidden from the reader,
  // or when the model gave no answer; unsupported for ready-made tensors and for anything but pictures.
  struct Input {
    StoredPrediction prediction;
    learn::Array sample;  // [height, width] or [height, width, channels]
    learn::Array tensor;  // [1, C, H, W]
  };
  Result<Input> input_of(const Actor& reader, std::string_view id) const;

  // Appends a revision unless the reader's last one says the same.
  Result<Json> put_verdict(const Actor& reader, std::string_view id, std::string_view finding, const Json& verdict);
  Result<Json> verdicts(const Actor& reader, std::string_view id) const;

  // A stored prediction that this reader may see. precondition while a blinded read of its input waits for their
  // verdict.
  Result<StoredPrediction> open_to(const Actor& reader, std::string_view id) const;

  // Whether a blinded read of this reader waits for a verdict on the input of one of these predictions.
  Result<bool> waits_blinded(std::string_view reader_id, std::span<const std::string> prediction_ids) const;

  Result<ModelVersion> usable(const contracts::ModelRef& ref) const;  // precondition: retired, or no live version
  Result<std::shared_ptr<ServedModel>> served(const ModelVersion& version) { return serving_.model(version); }

 private:
  // Blinded reads of one reader that wait for the verdict: inputs whose predictions are hidden from that reader.
  struct Pending {
    std::set<std::string, std::less<>> inputs, tensors;
    bool holds(std::string_view input, std::string_view tensor) const {
      return inputs.contains(input) || tensors.contains(tensor);
    }
  };
  Result<Pending> pending_of(std::string_view reader) const;
  Result<bool> hidden(const StoredPrediction& p, const Pending& pending) const;
  Result<StoredPrediction> find(std::string_view id) const;
  StoredPrediction describe(const Actor& actor, const ModelVersion& version, const ServedModel& served,
                            std::span<const float> outputs, const learn::Familiarity& familiarity,
                            std::span<const float> beside) const;
  static void describe_labels(const ServedModel& served, std::span<const float> outputs, std::span<const float> members,
                              StoredPrediction& p);
  static void describe_number(const ServedModel& served, double value, std::span<const float> members,
                              StoredPrediction& p);
  struct Given {  // one input as it came, and as an array
    std::span<const std::byte> bytes;
    InputType type = InputType::npy;
    learn::Array sample;
    std::vector<double> spacing_mm;
    Urgency urgency;
  };
  // The shadow's answer to the same input, stored as "shadow"; failures are logged.
  void shadow_given(const ModelVersion& version, const Given& given, const learn::InputFacts& stated);
  Result<StoredPrediction> answer_given(const Actor& actor, const Chosen& chosen, Given given, bool blinded,
                                        const learn::InputFacts& stated, std::string_view source);
  Result<StoredPrediction> predict_given(const Actor& actor, const ModelVersion& version, Given given, bool blinded,
                                         const learn::InputFacts& stated, std::string_view source);
  Result<StoredPrediction> draw(const Actor& actor, const ModelVersion& version, ServedModel& served,
                                const Given& given, const learn::Familiarity& familiarity);
  Result<StoredPrediction> find_boxes(const Actor& actor, const ModelVersion& version, ServedModel& served,
                                      const Given& given, const learn::Familiarity& familiarity);
  InputLimits input_limits(InputType type) const;
  Result<Json> outlines_of(const Actor& reader, std::string_view id) const;  // its details
  StoredPrediction refuse(const Actor& actor, const ModelVersion& version, const ServedModel& served,
                          std::vector<std::string> reasons, const learn::Familiarity* familiarity) const;
  Status store(const Actor& actor, std::vector<StoredPrediction>& predictions);
  Status mark_seen(std::string_view reader, const std::vector<std::string>& ids);
  Result<Json> view(const Actor& reader, const StoredPrediction& p, bool hide) const;
  Result<Json> last_verdict(std::string_view id, std::string_view reader) const;

  const Context& context_;
  Registry& registry_;
  Serving& serving_;
  store::BlobStore& blobs_;
  Watch& watch_;
  ShadowWork shadows_{kShadowBytes};  // last: its thread uses the rest
};

// SHA-256 over all arrays and their names.
std::string hash_arrays(const learn::NamedArrays& arrays);

// As other services get it.
contracts::PictureAnswer picture_answer(StoredPrediction p);

// SHA-256 over type, shape and values.
std::string hash_array(const learn::Array& array);

}  // namespace aceso::models
