// The serving engines: our own loops, and a module that is loaded when a model first needs it.
#include <mutex>

#include "aceso/learn_loops/engine.hpp"
#include "aceso/models/models.hpp"
#include "serving.hpp"

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
  Result<learn::Engine*> serving_for(const learn::Bundle& bundle, const std::string& embedding) override {
    if (!by_loops(bundle, embedding)) return serving();
    const std::scoped_lock lock{mutex_};
    if (!loops_) loops_ = learn_loops::make_engine();
    return loops_.get();
  }
  std::string name_for(const learn::Bundle& bundle, const std::string& embedding) const override {
    return by_loops(bundle, embedding) ? "loops" : name_;
  }
  std::string loaded() const override {
    const std::scoped_lock lock{mutex_};
    std::string names;
    for (const learn::Engine* engine : {loops_.get(), engine_.get()}) {
      if (engine != nullptr)
        names.append(names.empty() ? "" : ", ").append(engine->name()).append(" ").append(engine->version());
    }
    return names;
  }

 private:
  static bool by_loops(const learn::Bundle& bundle, const std::string& embedding) {
    return bundle.onnx.empty() && learn_loops::takes(bundle.network, input_shapes(bundle.signature), embedding).ok();
  }

  std::string name_;
  std::filesystem::path folder_;
  mutable std::mutex mutex_;  // guards what follows
  std::unique_ptr<learn::Engine> loops_, engine_;
};

}  // namespace

std::unique_ptr<EngineProvider> make_module_engines(std::string name, std::filesystem::path folder) {
  return std::make_unique<ModuleEngines>(std::move(name), std::move(folder));
}

}  // namespace aceso::models
