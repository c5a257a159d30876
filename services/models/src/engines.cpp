// The serving engine, loaded on the first prediction.
#include <mutex>

#include "aceso/models/models.hpp"

namespace aceso::models {
namespace {

class ModuleEngines final : public EngineProvider {
 public:
  ModuleEngines(std::string name, std::filesystem::path folder) : name_{std::move(name)}, folder_{std::move(folder)} {}

  Result<learn::Engine*> serving() override {
    const std::scoped_lock lock{mutex_};
    if (!engine_) {
      ACESO_TRY(engine_,
                learn::load_engine(
                    "learn_" + name_,
                    folder_));  // tried again on the next call when it fails: the module may be installed by then
    }
    return engine_.get();
  }
  std::string loaded() const override {
    const std::scoped_lock lock{mutex_};
    return engine_ ? engine_->name() + " " + engine_->version() : std::string{};
  }

 private:
  std::string name_;
  std::filesystem::path folder_;
  mutable std::mutex mutex_;  // guards engine_
  std::unique_ptr<learn::Engine> engine_;
};

}  // namespace

std::unique_ptr<EngineProvider> make_module_engines(std::string name, std::filesystem::path folder) {
  return std::make_unique<ModuleEngines>(std::move(name), std::move(folder));
}

}  // namespace aceso::models
