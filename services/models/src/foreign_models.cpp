// Networks from elsewhere into the registry, and ours as ONNX for other programs.
#include "aceso/base/file.hpp"
#include "aceso/learn/foreign_model.hpp"
#include "impl.hpp"

namespace aceso::models {
namespace {

namespace fs = std::filesystem;
constexpr std::uint64_t kMaxOnnx = std::uint64_t{2} << 30;

// The page that stands in the place of an evaluation.
std::string notice(const learn::Bundle& bundle) {
  std::string name;
  for (const char c : bundle.card.name) name += c == '<' || c == '>' || c == '&' ? '_' : c;
  return "<!doctype html><meta charset=\"utf-8\"><title>" + name + "</title><h1>" + name +
         "</h1><p>This network was imported as ONNX. It has not been evaluated here.</p>";
}

}  // namespace

Result<Json> Models::import_onnx(const Actor& actor, const fs::path& file, std::string_view specification,
                                 std::string_view specification_name) {
  ACESO_TRY(const learn::ForeignSpec spec, learn::parse_foreign_spec(specification, specification_name));
  ACESO_TRY(const auto onnx, read_file(file, kMaxOnnx));
  ACESO_TRY(learn::Engine * engine, impl_->engines.serving());
  ACESO_TRY(learn::Bundle bundle, learn::make_foreign_bundle(*engine, onnx, spec));
  bundle.card.created = time_text(impl_->context.now_us());
  bundle.card.created_by = actor.name;
  const std::string page = notice(bundle), name = bundle.card.name;
  ACESO_TRY(const ModelVersion v, impl_->registry.add(actor, name, std::move(bundle), page, ""));
  return to_json(v);
}

Status Models::export_onnx(const Actor& actor, std::string_view name, int version, const fs::path& target) const {
  ACESO_TRY(const ModelVersion v, impl_->registry.find(name, version));
  ACESO_TRY(const learn::Bundle bundle, impl_->registry.read(v.bundle));
  std::error_code ec;
  if (fs::exists(fs::symlink_status(target, ec))) return Error{Code::exists, target.string() + " is there already"};
  std::vector<std::byte> onnx = bundle.onnx;
  if (onnx.empty()) {
    ACESO_TRY(onnx, learn::to_onnx(bundle.network, bundle.weights, input_shapes(bundle.signature)));
  }
  ACESO_TRY_OK(write_file_atomic(target, onnx));
  return impl_->context.record(actor, "R", "model.export", "model", v.name + "/" + std::to_string(v.version),
                               dump(Json{{"bundle", v.bundle}, {"format", "onnx"}}));
}

}  // namespace aceso::models
