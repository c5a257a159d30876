// The built-in architectures, one file each; register_builtin_architectures names them.
#pragma once

#include "aceso/learn/network.hpp"

namespace aceso::learn {

Result<Network> make_article_cnn(const ArchitectureOptions& options);
Result<Network> make_resnet18(const ArchitectureOptions& options);
Result<Network> make_resnet34(const ArchitectureOptions& options);
Result<Network> make_resnet50(const ArchitectureOptions& options);
Result<Network> make_densenet121(const ArchitectureOptions& options);
Result<Network> make_default_unet(const ArchitectureOptions& options);
Result<Network> make_signal_cnn(const ArchitectureOptions& options);
Result<Network> make_mlp(const ArchitectureOptions& options);
Result<Network> make_logistic(const ArchitectureOptions& options);
Result<Network> make_centernet(const ArchitectureOptions& options);

}  // namespace aceso::learn
