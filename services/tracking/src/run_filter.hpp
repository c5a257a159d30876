// MLflow's search expressions, as SQL over the tables of this service: "metrics.auc > 0.9 AND params.depth = '3'".
// https://mlflow.org/docs/latest/search-runs.html
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "aceso/base/result.hpp"
#include "aceso/store/catalogue.hpp"

namespace aceso::tracking {

struct SqlPart {
  std::string sql;  // placeholders ?N, N from `first` on
  store::SqlArgs args;
};

// Of runs in a table `r`. "" matches all: sql is "1 = 1". Errors: invalid with the position in bytes; unsupported for
// data sets and logged models.
Result<SqlPart> run_filter_sql(std::string_view filter, std::size_t first);
// Of experiments in a table `e`: attributes name, creation_time, last_update_time, experiment_id, and tags.
Result<SqlPart> experiment_filter_sql(std::string_view filter, std::size_t first);

// "metrics.auc DESC", "attributes.start_time", "params.`depth` ASC": what stands behind ORDER BY, with the newest first
// at the end. At most 16 terms.
Result<SqlPart> run_order_sql(const std::vector<std::string>& order_by, std::size_t first);

}  // namespace aceso::tracking
