// Predictions as rows of the catalogue.
#pragma once

#include <string_view>

#include "predictions.hpp"

namespace aceso::models {

inline constexpr std::string_view kPredictionColumns =
    "SELECT id, created, model, version, bundle, stage, intended_use, engine, input_sha256, tensor_sha256, input_type, "
    "outputs, probability, threshold, finding, uncertainty, warnings, blinded, source, agent, agent_name, details "
    "FROM prediction ";
Result<StoredPrediction> prediction_from_row(const store::Row& row);
Status insert_prediction(store::Transaction& tx, const StoredPrediction& p);
Status insert_view(store::Transaction& tx, std::string_view prediction, std::string_view reader, std::int64_t time);

}  // namespace aceso::models
