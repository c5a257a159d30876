// Two hidden layers of 64 and 32 with ReLU and dropout, for tables.
#include "architectures.hpp"
#include "builder.hpp"

namespace aceso::learn {

Result<Network> make_mlp(const ArchitectureOptions& options) {
  ACESO_TRY_OK(check_options("mlp", options, 1, 4));
  Builder b{"mlp", Init::torchvision};
  b.input(options.input);
  if (options.input.size() > 1) b.apply("flatten", Op::flatten);
  b.dense("dense1", 64);
  b.apply("relu1", Op::relu);
  b.dropout("dropout1", 0.2);
  b.dense("dense2", 32);
  b.apply("relu2", Op::relu);
  b.dense("dense3", options.outputs);
  return b.finish(options);
}

}  // namespace aceso::learn
