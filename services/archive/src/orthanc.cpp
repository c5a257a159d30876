#include "aceso/archive/orthanc.hpp"

#include <utility>

#include "orthanc_impl.hpp"

namespace aceso::archive {
namespace {

constexpr std::chrono::seconds kSettleEvery{1};

}  // namespace

OrthancInterface::OrthancInterface(std::unique_ptr<Impl> impl) : impl_{std::move(impl)} {}
OrthancInterface::~OrthancInterface() {
  stop();
}

Result<std::unique_ptr<OrthancInterface>> OrthancInterface::create(const std::filesystem::path& folder,
                                                                   OrthancDeps deps, const OrthancOptions& options) {
  auto impl = std::make_unique<Impl>(std::move(deps), options);
  if (options.enabled) {
    ACESO_TRY(impl->changes,
              OrthancChanges::open(folder, impl->deps.clock, impl->deps.logger, impl->index(), options.stable));
    impl->deps.archive.listen({.stored =
                                   [i = impl.get()](const contracts::StoredObject& object) {
                                     i->ids.stored(object.study_uid, object.sop_instance_uid);
                                     i->changes->stored(object.sop_instance_uid);
                                   },
                               .removed =
                                   [i = impl.get()](std::string_view study_uid) {
                                     i->ids.removed(study_uid);
                                     i->changes->removed(study_uid);
                                   }},
                              "orthanc");
  }
  return std::unique_ptr<OrthancInterface>{new OrthancInterface{std::move(impl)}};  // NOLINT(modernize-make-unique)
}

Status OrthancInterface::start() {
  if (!impl_->options.enabled || std::exchange(impl_->started, true)) return {};
  impl_->thread = std::jthread{[i = impl_.get()](const std::stop_token& stop) {
    while (i->deps.clock.sleep_until(i->deps.clock.steady_now() + kSettleEvery, stop)) {
      if (const auto done = i->changes->settle(); !done)
        i->deps.logger.warn("orthanc.changes_not_kept", {{"code", to_string(done.error().code())}});
    }
  }};
  return {};
}

void OrthancInterface::stop() {
  if (!impl_ || !impl_->options.enabled) return;
  impl_->deps.archive.listen({}, "orthanc");
  if (!std::exchange(impl_->started, false)) return;
  impl_->thread.request_stop();
  impl_->thread.join();
  if (const auto done = impl_->changes->settle(); !done)
    impl_->deps.logger.warn("orthanc.changes_not_kept", {{"code", to_string(done.error().code())}});
}

void OrthancInterface::register_routes(net::Router& router) {
  if (!impl_->options.enabled) return;
  register_orthanc_resources(router, *impl_);
  register_orthanc_tools(router, *impl_);
}

void declare_orthanc_config(ConfigSchema& schema) {
  schema
      .add({.name = "orthanc.enabled",
            .type = ConfigType::boolean,
            .default_value = "true",
            .help = "Answer at /orthanc what scripts ask of Orthanc's REST interface."})
      .add({.name = "orthanc.stable",
            .type = ConfigType::duration,
            .default_value = "60s",
            .help = "There a study is stable when nothing came for so long.",
            .min = 100,
            .max = 86'400'000});
}

OrthancOptions orthanc_options_from(const Config& config) {
  return {.enabled = config.boolean("orthanc.enabled"),
          .stable = std::chrono::milliseconds{config.duration_ms("orthanc.stable")}};
}

}  // namespace aceso::archive
