// The article's network: Conv 32, MaxPool 2, Conv 64, MaxPool 2, Flatten, Dense 128, Dense; 3x3 windows without
// padding, ReLU, Keras's initialisation.
#include "architectures.hpp"
#include "builder.hpp"

namespace aceso::learn {

Result<Network> make_article_cnn(const ArchitectureOptions& options) {
  ACESO_TRY_OK(check_options("article_cnn", options, 3, 3));
  Builder b{"article_cnn", Init::keras};
  b.input(options.input);
  b.conv("conv1", 32, 3, 1, 0, true);
  b.apply("relu1", Op::relu);
  b.max_pool("pool1", 2, 2, 0);
  b.conv("conv2", 64, 3, 1, 0, true);
  b.apply("relu2", Op::relu);
  b.max_pool("pool2", 2, 2, 0);
  b.apply("flatten", Op::flatten);
  b.dense("dense1", 128);
  b.apply("relu3", Op::relu);
  b.dense("dense2", options.outputs);
  return b.finish(options);
}

}  // namespace aceso::learn
