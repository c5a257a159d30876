#include <dlfcn.h>

#include "upper_layer.hpp"

namespace aceso::dimse {

Result<std::shared_ptr<UpperLayer>> load_upper_layer(const std::filesystem::path& folder) {
  const std::filesystem::path path = folder / "libaceso_dimse_dcmtk.so";
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored)) {
    return Error{Code::not_found, "the module libaceso_dimse_dcmtk.so is not installed"};
  }
  // Never closed: DCMTK's libraries keep thread-local and static state.
  void* module = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (module == nullptr) {
    const char* why = dlerror();  // NOLINT(concurrency-mt-unsafe): glibc keeps it per thread
    return Error{Code::unavailable, "the module libaceso_dimse_dcmtk.so cannot be loaded: " +
                                        std::string{why == nullptr ? "unknown reason" : why}};
  }
  using Create = UpperLayer* (*)(std::uint32_t);
  const auto create = reinterpret_cast<Create>(dlsym(module, "aceso_upper_layer_create"));
  UpperLayer* layer = create == nullptr ? nullptr : create(kUpperLayerAbi);
  if (layer == nullptr) return Error{Code::unsupported, "libaceso_dimse_dcmtk.so is of another version"};
  return std::shared_ptr<UpperLayer>{layer};  // shared by the server, its associations and clients
}

}  // namespace aceso::dimse
