// Logistic regression, the baseline every model is shown beside.
#include "architectures.hpp"
#include "builder.hpp"

namespace aceso::learn {

Result<Network> make_logistic(const ArchitectureOptions& options) {
  ACESO_TRY_OK(check_options("logistic", options, 1, 4));
  Builder b{"logistic", Init::keras};
  b.input(options.input);
  if (options.input.size() > 1) b.apply("flatten", Op::flatten);
  b.dense("dense", options.outputs);
  return b.finish(options);
}

}  // namespace aceso::learn
