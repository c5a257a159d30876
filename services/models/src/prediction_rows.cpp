#include "prediction_rows.hpp"

#include <nlohmann/json.hpp>

namespace aceso::models {

Result<StoredPrediction> prediction_from_row(const store::Row& row) {
  StoredPrediction p;
  p.id = row.text(0);
  p.created = row.integer(1);
  p.model.name = row.text(2);
  p.model.version = static_cast<int>(row.integer(3));
  p.model.bundle = row.text(4);
  p.model.stage = row.text(5);
  p.intended_use = row.text(6);
  p.engine = row.text(7);
  p.input_sha256 = row.text(8);
  p.tensor_sha256 = row.text(9);
  p.input_type = row.text(10);
  ACESO_TRY(const Json outputs, parse_own(row.text(11)));
  for (const Json& output : outputs)
    p.outputs.emplace_back(output.value("label", std::string{}), output.value("probability", 0.0));
  p.probability = row.number(12);
  p.threshold = row.number(13);
  p.finding = row.text(14);
  ACESO_TRY(p.uncertainty, parse_own(row.text(15)));
  ACESO_TRY(const Json warnings, parse_own(row.text(16)));
  for (const Json& warning : warnings) p.warnings.push_back(warning.get<std::string>());
  p.blinded = row.integer(17) != 0;
  p.source = row.text(18);
  p.agent = row.text(19);
  p.agent_name = row.text(20);
  ACESO_TRY(p.details, parse_own(row.text(21)));
  return p;
}

Status insert_prediction(store::Transaction& tx, const StoredPrediction& p) {
  Json outputs = Json::array();
  for (const auto& [label, probability] : p.outputs)
    outputs.push_back(Json{{"label", label}, {"probability", probability}});
  ACESO_TRY(
      [[maybe_unused]] const auto n,
      tx.execute(
          "INSERT INTO prediction (id, created, model, version, bundle, stage, intended_use, engine, input_sha256, "
          "tensor_sha256, input_type, outputs, probability, threshold, finding, uncertainty, warnings, blinded, "
          "source, agent, agent_name, details) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, "
          "?15, ?16, "
          "?17, ?18, ?19, ?20, ?21, ?22)",
          {p.id,
           p.created,
           p.model.name,
           std::int64_t{p.model.version},
           p.model.bundle,
           p.model.stage,
           p.intended_use,
           p.engine,
           p.input_sha256,
           p.tensor_sha256,
           p.input_type,
           dump(outputs),
           p.probability,
           p.threshold,
           p.finding,
           dump(p.uncertainty),
           dump(Json(p.warnings)),
           std::int64_t{p.blinded ? 1 : 0},
           p.source,
           p.agent,
           p.agent_name,
           dump(p.details)}));
  return {};
}

Status insert_view(store::Transaction& tx, std::string_view prediction, std::string_view reader, std::int64_t time) {
  ACESO_TRY([[maybe_unused]] const auto n, tx.execute("INSERT INTO prediction_view (prediction, reader, first_seen) "
                                                      "VALUES (?1, ?2, ?3) ON CONFLICT (prediction, reader) DO NOTHING",
                                                      {std::string{prediction}, std::string{reader}, time}));
  return {};
}

}  // namespace aceso::models
