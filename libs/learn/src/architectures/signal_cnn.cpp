// A small network for 1-D signals: three convolutions of width 7 with batch normalisation and pooling, averaged over
// time.
#include "architectures.hpp"
#include "builder.hpp"

namespace aceso::learn {

Result<Network> make_signal_cnn(const ArchitectureOptions& options) {
  ACESO_TRY_OK(check_options("signal_cnn", options, 2, 2));
  Builder b{"signal_cnn", Init::torchvision};
  b.input(options.input);
  std::int64_t width = 32;
  for (int stage = 1; stage <= 3; ++stage, width *= 2) {
    const std::string number = std::to_string(stage);
    b.conv("conv" + number, width, 7, 1, 3, false);
    b.apply("bn" + number, Op::batch_norm);
    b.apply("relu" + number, Op::relu);
    b.max_pool("pool" + number, 2, 2, 0);
  }
  b.apply("mean", Op::global_avg_pool);
  b.dense("fc", options.outputs);
  return b.finish(options);
}

}  // namespace aceso::learn
