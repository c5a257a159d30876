// Shares of requests for a version beside the live one: canary and shadow.
#include <charconv>
#include <memory>
#include <nlohmann/json.hpp>

#include "aceso/crypto/hash.hpp"
#include "aceso/learn/outlines.hpp"
#include "aceso/learn/trainer.hpp"
#include "predictions.hpp"
#include "registry.hpp"

namespace aceso::models {
namespace {

const Actor kShadowActor{.id = "system", .name = "system", .source_address = "local", .request_id = {}};
constexpr Urgency kBehind{.lane = Lane::bulk};
constexpr std::string_view kShareColumns = "SELECT name, version, mode, percent, since, by_name FROM model_share ";

Share share_from_row(const store::Row& row) {
  return {.version = static_cast<int>(row.integer(1)),
          .canary = row.text(2) == "canary",
          .percent = row.number(3),
          .since = row.integer(4),
          .by = row.text(5)};
}

// A canary answers in the place of the live version: with the same kind of answer, of the same classes, to the same
// kind of input.
bool answers_alike(const learn::Bundle& a, const learn::Bundle& b) {
  return learn::task_of(a.signature) == learn::task_of(b.signature) && a.card.classes == b.card.classes &&
         learn::draws_outlines(a.signature) == learn::draws_outlines(b.signature) &&
         a.signature.preprocessing.kind == b.signature.preprocessing.kind;
}

Status check_share(const ModelVersion& v, std::string_view mode, double percent) {
  if (mode != "canary" && mode != "shadow" && mode != "none")
    return Error{Code::invalid, "mode: canary, shadow or none"};
  if (mode == "none") return {};
  if (!(percent > 0 && percent <= 100)) return Error{Code::invalid, "percent: more than 0, at most 100"};
  if (v.stage == "live" || out_of_use(v.stage))
    return Error{Code::precondition, "a version that is " + v.stage + " gets no share of the requests"};
  if (mode == "canary" && !v.evaluated)
    return Error{Code::precondition, "a version without an evaluation on test data cannot answer as a canary"};
  return {};
}

}  // namespace

Json to_json(const Share& share) {
  return Json{{"mode", share.canary ? "canary" : "shadow"},
              {"percent", share.percent},
              {"since", time_text(share.since)},
              {"by", share.by}};
}

bool falls_to_share(std::string_view name, std::string_view input_sha256, double percent) {
  const std::string digest =
      crypto::to_hex(crypto::sha256(crypto::as_bytes(std::string{name} + "\n" + std::string{input_sha256})));
  std::uint32_t drawn = 0;
  std::from_chars(digest.data(), digest.data() + 8, drawn, 16);
  return static_cast<double>(drawn) / 4294967296.0 * 100 < percent;
}

Result<std::optional<Share>> Registry::share_of(std::string_view name) const {
  ACESO_TRY(const auto rows,
            context_.catalogue->query(std::string{kShareColumns} + "WHERE name = ?1", {std::string{name}}));
  if (rows.empty()) return std::optional<Share>{};
  return std::optional{share_from_row(rows.front())};
}

Result<std::map<std::string, Share>> Registry::all_shares() const {
  ACESO_TRY(const auto rows, context_.catalogue->query(kShareColumns));
  std::map<std::string, Share> out;
  for (const store::Row& row : rows) out.emplace(row.text(0), share_from_row(row));
  return out;
}

Result<Json> Registry::set_share(const Actor& actor, std::string_view name, int version, std::string_view mode,
                                 double percent) {
  if (version <= 0) return Error{Code::invalid, "version: a number from 1 on"};
  ACESO_TRY(const ModelVersion seen, find(name, version));
  ACESO_TRY_OK(check_share(seen, mode, percent));
  if (mode != "none") {
    ACESO_TRY(const ModelVersion live, find(name, 0));
    ACESO_TRY(const auto usual, info(live.bundle));
    ACESO_TRY(const auto other, info(seen.bundle));
    if (mode == "canary" && !answers_alike(*usual, *other)) {
      return Error{Code::precondition,
                   "a canary needs the task, the classes and the kind of input of the live version; a shadow does not"};
    }
  }
  ACESO_TRY_OK(context_.catalogue->write([&](store::Transaction& tx) -> Status {
    ACESO_TRY(const auto stages, tx.query("SELECT stage FROM model_version WHERE name = ?1 AND version = ?2",
                                          {seen.name, std::int64_t{version}}));
    if (stages.empty() || stages.front().text(0) != seen.stage)
      return Error{Code::conflict, "the version's stage was changed meanwhile: try again"};
    ACESO_TRY(const auto before, tx.query(std::string{kShareColumns} + "WHERE name = ?1", {seen.name}));
    if (mode == "none" && (before.empty() || before.front().integer(1) != version)) return {};
    ACESO_TRY([[maybe_unused]] const auto gone, tx.execute("DELETE FROM model_share WHERE name = ?1", {seen.name}));
    if (mode != "none") {
      ACESO_TRY(
          [[maybe_unused]] const auto n,
          tx.execute("INSERT INTO model_share (name, version, mode, percent, since, by_name) VALUES (?1, ?2, ?3, "
                     "?4, ?5, ?6)",
                     {seen.name, std::int64_t{version}, std::string{mode}, percent, context_.now_us(), actor.name}));
    }
    Json detail{{"mode", mode}};
    if (mode != "none") detail["percent"] = percent;
    if (!before.empty()) {
      detail["before"] = Json{{"version", before.front().integer(1)},
                              {"mode", before.front().text(2)},
                              {"percent", before.front().number(3)}};
    }
    return context_.record(actor, "U", "model.share", "model", seen.name + "/" + std::to_string(version), dump(detail));
  }));
  ACESO_TRY(const std::optional<Share> now, share_of(seen.name));
  Json out = to_json(seen);
  out["share"] = now && now->version == version ? to_json(*now) : Json(nullptr);
  return out;
}

Result<PredictionService::Chosen> PredictionService::choose(const contracts::ModelRef& ref,
                                                            std::string_view input_sha256) const {
  ACESO_TRY(ModelVersion version, usable(ref));
  Chosen out{.version = std::move(version)};
  if (ref.version > 0) return out;
  ACESO_TRY(const std::optional<Share> share, registry_.share_of(out.version.name));
  if (!share || !falls_to_share(out.version.name, input_sha256, share->percent)) return out;
  Result<ModelVersion> other = registry_.find(out.version.name, share->version);
  if (!other || out_of_use(other->stage) || other->version == out.version.version) return out;
  if (share->canary) {
    const auto usual = registry_.info(out.version.bundle);
    const auto beside = registry_.info(other->bundle);
    if (!usual || !beside || !answers_alike(**usual, **beside)) return out;  // another version went live since
    out.version = *std::move(other);
  } else {
    out.shadow = *std::move(other);
  }
  return out;
}

void PredictionService::shadow_given(const ModelVersion& version, const Given& given, const learn::InputFacts& stated) {
  // Shared with the task, which may run after the request has ended.
  const auto bytes = std::make_shared<const std::vector<std::byte>>(given.bytes.begin(), given.bytes.end());
  const std::size_t size = bytes->size() + given.sample.data.size();
  shadows_.add(size, [this, version, given, stated, bytes] {
    Given own = given;
    own.bytes = *bytes;
    own.urgency = kBehind;
    const auto answer = predict_given(kShadowActor, version, std::move(own), false, stated, kShadowSource);
    if (!answer)
      context_.log.warn("shadow.failed", {{"model", version.name}, {"code", to_string(answer.error().code())}});
  });
}

Result<StoredPrediction> PredictionService::answer_given(const Actor& actor, const Chosen& chosen, Given given,
                                                         bool blinded, const learn::InputFacts& stated,
                                                         std::string_view source) {
  const std::optional<Given> again = chosen.shadow ? std::optional{given} : std::nullopt;
  ACESO_TRY(StoredPrediction answer, predict_given(actor, chosen.version, std::move(given), blinded, stated, source));
  if (again) shadow_given(*chosen.shadow, *again, stated);
  return answer;
}

void PredictionService::shadow_batch(const ModelVersion& version, learn::NamedArrays batch) {
  std::size_t size = 0;
  for (const auto& [name, array] : batch) size += array.data.size();
  shadows_.add(size, [this, version, batch = std::move(batch)] {
    const auto answer = predict_batch(kShadowActor, version, batch, kShadowSource, kBehind);
    if (!answer) {
      context_.log.warn("shadow.failed", {{"model", version.name}, {"code", to_string(answer.error().code())}});
    }
  });
}

}  // namespace aceso::models
