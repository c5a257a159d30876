#include <dlfcn.h>

#include <algorithm>

#include "aceso/learn/engine.hpp"

namespace aceso::learn {

Result<std::unique_ptr<Engine>> load_engine(std::string_view name, const std::filesystem::path& folder) {
  const bool good = !name.empty() && name.size() <= 64 && std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
  });
  if (!good) return Error{Code::invalid, "an engine's name has lower-case letters, digits and '_' only"};
  const std::string file = "libaceso_" + std::string{name} + ".so";
  const std::filesystem::path path = folder / file;
  std::error_code ignored;
  if (!std::filesystem::exists(path, ignored))
    return Error{Code::not_found, "engine module " + file + " is not installed"};
  // Never closed: engines leave threads and thread-local state behind.
  void* module = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (module == nullptr) {
    const char* why = dlerror();  // NOLINT(concurrency-mt-unsafe): glibc keeps it per thread
    return Error{Code::unavailable,
                 "engine module " + file + " cannot be loaded: " + (why == nullptr ? "unknown reason" : why)};
  }
  using Create = Engine* (*)(std::uint32_t);
  const auto create = reinterpret_cast<Create>(dlsym(module, "aceso_engine_create"));
  if (create == nullptr) return Error{Code::unsupported, "engine module " + file + " has no entry aceso_engine_create"};
  std::unique_ptr<Engine> engine{create(kEngineAbi)};
  if (!engine)
    return Error{Code::unsupported,
                 "engine module " + file + " does not speak interface version " + std::to_string(kEngineAbi)};
  return engine;
}

Result<std::unique_ptr<GradientSession>> Engine::gradients(const Network&, const Weights&,
                                                           const std::map<std::string, Shape>&) {
  return Error{Code::unsupported, "this engine gives no gradients: use the engine torch"};
}

}  // namespace aceso::learn
