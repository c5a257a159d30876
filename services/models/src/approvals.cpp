#include "approvals.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "aceso/crypto/hash.hpp"
#include "object_reader.hpp"

namespace aceso::models {
namespace {

constexpr std::string_view kFormat = "aceso-acceptance-1";
constexpr std::size_t kMaxText = 2000;
constexpr std::size_t kMaxFigures = 20;

std::string short_number(double value) {
  std::array<char, 32> text{};
  (void)std::snprintf(text.data(), text.size(), "%.4g", value);
  return text.data();
}

Result<GateFigure> parse_figure(const Json& json) {
  ACESO_TRY(ObjectReader reader, ObjectReader::of(json, "figures"));
  GateFigure out;
  ACESO_TRY(out.figure, reader.text("figure", 64));
  if (json.contains("at_least")) {
    ACESO_TRY(out.at_least, reader.number_or("at_least", 0, -1e9, 1e9));
  }
  if (json.contains("at_most")) {
    ACESO_TRY(out.at_most, reader.number_or("at_most", 0, -1e9, 1e9));
  }
  ACESO_TRY(out.bound, reader.boolean_or("bound", false));
  ACESO_TRY_OK(reader.done());
  if (out.at_least.has_value() == out.at_most.has_value())
    return Error{Code::invalid, "figures: " + out.figure + " needs one of at_least and at_most"};
  return out;
}

// The value or an end of the interval of a figure: evaluations hold numbers, which have no interval, or {value, low,
// high}.
std::optional<double> figure_at(const Json& evaluation, const std::string& figure, const char* which) {
  if (!evaluation.is_object() || !evaluation.contains("metrics") || !evaluation["metrics"].is_object())
    return std::nullopt;
  const Json& metrics = evaluation["metrics"];
  if (!metrics.contains(figure)) return std::nullopt;
  const Json& found = metrics[figure];
  if (found.is_number() && std::string_view{which} == "value") return found.get<double>();
  if (found.is_object() && found.contains(which) && found[which].is_number()) return found[which].get<double>();
  return std::nullopt;
}

std::string failure_of(const GateFigure& g, const Json& evaluation) {
  const char* which = !g.bound ? "value" : g.at_least ? "low" : "high";
  const std::optional<double> value = figure_at(evaluation, g.figure, which);
  const std::string what = g.figure + (g.bound ? " (end of its 95 % interval)" : "");
  if (!value) return "the evaluation has no figure " + what;
  if (g.at_least && *value < *g.at_least)
    return what + " is " + short_number(*value) + ", below the gate of " + short_number(*g.at_least);
  if (g.at_most && *value > *g.at_most)
    return what + " is " + short_number(*value) + ", above the gate of " + short_number(*g.at_most);
  return {};
}

Json to_json(const Gate& gate) {
  Json figures = Json::array();
  for (const GateFigure& g : gate.figures) {
    Json one{{"figure", g.figure}, {"bound", g.bound}};
    if (g.at_least) one["at_least"] = *g.at_least;
    if (g.at_most) one["at_most"] = *g.at_most;
    figures.push_back(std::move(one));
  }
  return Json{{"figures", std::move(figures)}, {"min_cases", gate.min_cases}, {"reason", gate.reason}};
}

std::string text_or(const Json& json, const char* key) {
  return json.is_object() && json.contains(key) && json[key].is_string() ? json[key].get<std::string>() : std::string{};
}

}  // namespace

Result<Gate> parse_gate(const Json& json) {
  ACESO_TRY(ObjectReader reader, ObjectReader::of(json, "gate"));
  Gate gate;
  if (const Json* figures = reader.child("figures"); figures != nullptr) {
    if (!figures->is_array() || figures->size() > kMaxFigures)
      return Error{Code::invalid, "figures: a list of at most " + std::to_string(kMaxFigures)};
    gate.figures.reserve(figures->size());
    for (const Json& one : *figures) {
      ACESO_TRY(GateFigure figure, parse_figure(one));
      gate.figures.push_back(std::move(figure));
    }
  }
  ACESO_TRY(const std::int64_t cases, reader.integer_or("min_cases", 0, 0, 1'000'000'000));
  gate.min_cases = static_cast<std::size_t>(cases);
  ACESO_TRY(gate.reason, reader.text("reason", kMaxText));
  ACESO_TRY_OK(reader.done());
  return gate;
}

std::vector<std::string> failures(const Gate& gate, const Json& evaluation) {
  std::vector<std::string> out;
  out.reserve(gate.figures.size() + 1);
  const std::size_t cases =
      evaluation.is_object() && evaluation.contains("samples") && evaluation["samples"].is_number_unsigned()
          ? evaluation["samples"].get<std::size_t>()
          : 0;
  if (cases < gate.min_cases) {
    out.push_back("it was evaluated on " + std::to_string(cases) + " cases, the gate asks for " +
                  std::to_string(gate.min_cases));
  }
  for (const GateFigure& figure : gate.figures) {
    if (std::string why = failure_of(figure, evaluation); !why.empty()) out.push_back(std::move(why));
  }
  return out;
}

Result<std::optional<Gate>> Approvals::parsed_gate(std::string_view model) const {
  ACESO_TRY(const auto rows,
            context_.catalogue->query("SELECT gate FROM model_gate WHERE name = ?1", {std::string{model}}));
  if (rows.empty()) return std::optional<Gate>{};
  ACESO_TRY(const Json json, parse_own(rows.front().text(0)));
  ACESO_TRY(Gate gate, parse_gate(json));
  return std::optional{std::move(gate)};
}

Result<Json> Approvals::gate(std::string_view model) const {
  ACESO_TRY_OK(check_name("model name", model));
  ACESO_TRY(const auto rows, context_.catalogue->query("SELECT gate, set_by_name, time FROM model_gate WHERE name = ?1",
                                                       {std::string{model}}));
  if (rows.empty()) return Json{{"gate", nullptr}};
  ACESO_TRY(Json gate, parse_own(rows.front().text(0)));
  gate["by"] = rows.front().text(1);
  gate["time"] = time_text(rows.front().integer(2));
  return Json{{"gate", std::move(gate)}};
}

Result<Json> Approvals::set_gate(const Actor& actor, std::string_view model, const Json& request) {
  ACESO_TRY_OK(check_name("model name", model));
  ACESO_TRY(const Gate gate, parse_gate(request));
  ACESO_TRY(const auto known,
            context_.catalogue->query("SELECT 1 FROM model_version WHERE name = ?1 LIMIT 1", {std::string{model}}));
  if (known.empty()) return Error{Code::not_found, "there is no model " + std::string{model}};
  const std::string text = dump(to_json(gate));
  ACESO_TRY_OK(context_.catalogue->write([&](store::Transaction& tx) -> Status {
    ACESO_TRY([[maybe_unused]] const auto gone,
              tx.execute("DELETE FROM model_gate WHERE name = ?1", {std::string{model}}));
    ACESO_TRY([[maybe_unused]] const auto n,
              tx.execute("INSERT INTO model_gate (name, gate, set_by, set_by_name, time) VALUES (?1, ?2, ?3, ?4, ?5)",
                         {std::string{model}, text, actor.id, actor.name, context_.now_us()}));
    return context_.record(actor, "U", "model.gate", "model", model, text);
  }));
  return this->gate(model);
}

Result<Json> Approvals::accept(const Actor& actor, const ModelVersion& version, const store::Job& evaluation,
                               const Json& request) {
  ACESO_TRY(ObjectReader reader, ObjectReader::of(request, "acceptance"));
  ACESO_TRY(const std::string statement, reader.text("statement", kMaxText));
  ACESO_TRY(const bool own_cases, reader.boolean_or("own_cases", false));
  ACESO_TRY(const bool unseen, reader.boolean_or("unseen", false));
  ACESO_TRY([[maybe_unused]] const std::string named, reader.text("evaluation", 64));
  ACESO_TRY_OK(reader.done());
  if (!own_cases) {
    return Error{Code::precondition,
                 "own_cases: a version goes live on an evaluation on this hospital's own cases; say so if it is one"};
  }
  const Result<Json> output = evaluation.output_json.empty() ? Result<Json>{Json()} : parse_own(evaluation.output_json);
  if (evaluation.kind != "evaluate" || evaluation.state != store::JobState::succeeded || !output ||
      !output->is_object())
    return Error{Code::not_found, "evaluation: there is no finished evaluation with this id"};
  if (output->value("model", std::string{}) != version.name || output->value("version", 0) != version.version)
    return Error{Code::precondition, "evaluation: it is of another version"};
  const Json& result = (*output)["evaluation"];
  const Json seen_json = result.contains("seen_in_training") ? result["seen_in_training"] : Json(nullptr);
  if (!seen_json.is_number_unsigned() && !unseen) {
    return Error{Code::precondition,
                 "evaluation: the data set that the version was trained on is not here, so nobody can compare; say "
                 "unseen if none of these cases was used to make it"};
  }
  if (const auto seen = seen_json.is_number_unsigned() ? seen_json.get<std::uint64_t>() : 0; seen > 0) {
    return Error{Code::precondition, "evaluation: " + std::to_string(seen) +
                                         " of its samples were seen in training: it says nothing of new patients"};
  }
  if (!result.contains("metrics") || !result["metrics"].is_object())
    return Error{Code::precondition, "evaluation: it has no figures"};
  const std::string id = context_.new_id();
  const Json document{{"format", kFormat},
                      {"id", id},
                      {"model", version.name},
                      {"version", version.version},
                      {"bundle", version.bundle},
                      {"evaluation", evaluation.id},
                      {"report_sha256", text_or(*output, "report_sha256")},
                      {"dataset", text_or(*output, "dataset")},
                      {"dataset_sha256", text_or(*output, "dataset_sha256")},
                      {"split", text_or(*output, "split")},
                      {"samples", result.value("samples", Json(nullptr))},
                      {"metrics", result["metrics"]},
                      {"own_cases", true},
                      {"seen_in_training", seen_json},
                      {"unseen_stated", unseen},
                      {"statement", statement},
                      {"signer", Json{{"id", actor.id}, {"name", actor.name}}},
                      {"time", time_text(context_.now_us())}};
  const std::string text = dump(document);
  const std::string signature = crypto::to_hex(key_.sign(crypto::as_bytes(text)));
  ACESO_TRY_OK(context_.catalogue->write([&](store::Transaction& tx) -> Status {
    ACESO_TRY([[maybe_unused]] const auto n,
              tx.execute("INSERT INTO model_acceptance (id, name, version, document, signature) VALUES (?1, ?2, ?3, "
                         "?4, ?5)",
                         {id, version.name, std::int64_t{version.version}, text, signature}));
    return context_.record(actor, "C", "model.accept", "model", version.name + "/" + std::to_string(version.version),
                           dump(Json{{"acceptance", id}, {"evaluation", evaluation.id}, {"bundle", version.bundle}}));
  }));
  Json out = document;
  out["signature"] = signature;
  out["valid"] = true;
  return out;
}

Result<Json> Approvals::acceptances(const ModelVersion& version) const {
  ACESO_TRY(const auto rows, context_.catalogue->query("SELECT document, signature FROM model_acceptance WHERE name = "
                                                       "?1 AND version = ?2 ORDER BY id DESC LIMIT 200",
                                                       {version.name, std::int64_t{version.version}}));
  Json items = Json::array();
  for (const store::Row& row : rows) {
    const std::string text = row.text(0);
    Result<Json> document = parse_own(text);
    if (!document || !document->is_object()) document = Json::object();
    const auto signature = crypto::from_hex(row.text(1));
    const bool valid = signature && crypto::verify(key_.public_key(), crypto::as_bytes(text), *signature) &&
                       text_or(*document, "format") == kFormat && text_or(*document, "bundle") == version.bundle &&
                       text_or(*document, "model") == version.name;
    (*document)["signature"] = row.text(1);
    (*document)["valid"] = valid;
    items.push_back(*std::move(document));
  }
  return Json{{"items", std::move(items)}};
}

Result<std::optional<Json>> Approvals::accepted(const ModelVersion& version) const {
  ACESO_TRY(const Json all, acceptances(version));
  for (const Json& one : all["items"]) {
    if (one["valid"] == true) return std::optional{one};
  }
  return std::optional<Json>{};
}

Result<std::vector<std::string>> Approvals::missing(const ModelVersion& version) const {
  std::vector<std::string> out;
  if (version.stage == "recalled") out.emplace_back("it was recalled");
  if (!version.evaluated) out.emplace_back("it has no evaluation on test data");
  ACESO_TRY(const auto acceptance, accepted(version));
  if (context_.options.live_needs_acceptance && !acceptance) {
    out.emplace_back(
        "no clinician has accepted an evaluation of it on this hospital's own cases (aceso evaluate, then aceso model "
        "accept, or the Approval tab of the model's page)");
  }
  ACESO_TRY(const auto gate, parsed_gate(version.name));
  if (!gate) return out;
  Json figures;  // of this hospital's own cases where there are some, else the bundle's own
  if (acceptance) {
    figures = *acceptance;
  } else {
    ACESO_TRY(const auto info, registry_.info(version.bundle));
    figures = info->evaluation;
  }
  const std::vector<std::string> failed = failures(*gate, figures);
  out.insert(out.end(), failed.begin(), failed.end());
  return out;
}

Result<Json> Approvals::readiness(const ModelVersion& version) const {
  ACESO_TRY(const std::vector<std::string> why, missing(version));
  ACESO_TRY(const auto acceptance, accepted(version));
  ACESO_TRY(Json out, gate(version.name));
  out["ready"] = why.empty();
  out["missing"] = why;
  out["needs_acceptance"] = context_.options.live_needs_acceptance;
  out["acceptance"] = acceptance ? *acceptance : Json(nullptr);
  return out;
}

Status Approvals::may_go_live(const ModelVersion& version) const {
  ACESO_TRY(const std::vector<std::string> why, missing(version));
  if (why.empty()) return {};
  std::string text = "version " + std::to_string(version.version) + " of model " + version.name + " cannot go live: ";
  for (std::size_t i = 0; i < why.size(); ++i) text.append(i == 0 ? "" : "; ").append(why[i]);
  return Error{Code::precondition, std::move(text)};
}

}  // namespace aceso::models
