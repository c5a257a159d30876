// Later truth: what became known of a case after its prediction, beside the verdicts of readers and never in their
// place (ADR 0157).
#pragma once

#include <array>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "context.hpp"
#include "predictions.hpp"
#include "registry.hpp"

namespace aceso::models {

inline constexpr std::string_view kVerdictSource = "verdict";
// What a label can come from: pathology, follow-up imaging, a consensus of readers, a discharge code.
inline constexpr std::array<std::string_view, 4> kTruthKinds{"pathology", "follow_up", "consensus", "discharge"};

// Sources of labels, the preferred one first: kinds of truth and "verdict", each at most once. null: ["verdict"].
// Errors: invalid.
Result<std::vector<std::string>> parse_label_sources(const Json* list);
// "pathology, else discharge codes, else verdicts of readers".
std::string label_sources_text(const std::vector<std::string>& sources);

// What is known of one input of a model, whichever prediction it was said of. By source: the label, or nothing when
// those who said something disagree.
struct KnownInput {
  std::string input_sha256, type, source;
  std::map<std::string, std::optional<std::string>, std::less<>> labels;
};
struct KnownInputs {
  std::vector<KnownInput> inputs;  // by hash
  std::size_t unlabelled = 0;      // verdicts and truths that name no class
};

// Thread-safe.
class Truths {
 public:
  Truths(const Context& context, Registry& registry, PredictionService& predictions)
      : context_{context}, registry_{registry}, predictions_{predictions} {}

  // A new revision of the truth of one kind, or its withdrawal: {label?, scheme?, code?, meaning?, date, origin,
  // comment?} or {withdraw: true, comment}. A code alone gets its class from the model's codes. The same said twice is
  // one revision. Audited. Errors: precondition (a blinded read of this input waits for the verdict of whoever asks),
  // unsupported (models of outlines, several labels, numbers), invalid, not_found.
  Result<Json> put(const Actor& author, std::string_view prediction, std::string_view kind, const Json& body);
  // {items: all revisions, agreement: by kind, who of the readers said the same}. precondition as put().
  Result<Json> of_prediction(const Actor& reader, std::string_view prediction) const;

  // Which class of a model a code stands for: {codes: [{scheme, code, label}]} takes the place of all there were. A
  // code that ends with '*' stands for all that begin with it; the longest one decides. Audited.
  Result<Json> set_codes(const Actor& author, std::string_view model, const Json& body);
  Result<Json> codes(std::string_view model) const;

  // Of all inputs of a model, by kind: how many have this truth, how often readers' agreed verdicts and the model's
  // answers were the same, with Wilson intervals, and the predictions where they were not (up to 50).
  Result<Json> agreement(std::string_view model) const;

  Result<KnownInputs> known(std::string_view model) const;

 private:
  Result<std::vector<std::string>> classes_of(std::string_view bundle) const;
  Result<std::string> mapped(std::string_view model, std::string_view scheme, std::string_view code) const;

  const Context& context_;
  Registry& registry_;
  PredictionService& predictions_;
};

}  // namespace aceso::models
