// What of this machine a training uses: its starting weights (MODEL[@version] of the registry, or a file), and a user's
// own script.
#include <charconv>
#include <filesystem>

#include "aceso/base/file.hpp"
#include "aceso/crypto/hash.hpp"
#include "object_reader.hpp"
#include "script_run.hpp"
#include "training.hpp"

namespace aceso::models {
namespace {

namespace fs = std::filesystem;

struct ModelName {
  std::string name;
  int version = 0;
};

Result<ModelName> parse_model_name(const std::string& text) {
  ModelName out;
  const std::size_t at = text.find('@');
  out.name = text.substr(0, at);
  ACESO_TRY_OK(check_name("init", out.name));
  if (at == std::string::npos) return out;
  const char* const end = text.data() + text.size();
  const auto [rest, error] = std::from_chars(text.data() + at + 1, end, out.version);
  if (error != std::errc{} || rest != end || out.version < 1)
    return Error{Code::invalid, "init: a version is a number from 1 on, as in chest@2"};
  return out;
}

}  // namespace

Status check_operator(const Actor& actor) {
  if (actor.source_address == "local" || actor.source_address == "unix") return {};
  return Error{Code::denied, "script: only the operator at this machine may run programs on it"};
}

Status Training::resolve_script(const Actor& actor, Json& input) const {
  if (!input.contains("script")) return {};
  ACESO_TRY_OK(check_operator(actor));
  const Json asked = input["script"];
  ACESO_TRY(ObjectReader reader, ObjectReader::of(asked, "script"));
  ACESO_TRY(const std::string file, reader.text("file", 4096));
  ACESO_TRY(const std::string interpreter, reader.text_or("interpreter", 4096, {}));
  ACESO_TRY(const std::vector<std::string> arguments, reader.texts_or("arguments", 100, 4096));
  ACESO_TRY_OK(reader.done());
  std::error_code ec;
  for (const std::string& path : {file, interpreter}) {
    if (path.empty()) continue;
    if (!fs::path{path}.is_absolute()) return Error{Code::invalid, "script: absolute paths are expected"};
    if (!fs::is_regular_file(path, ec)) return Error{Code::not_found, "script: there is no file " + path};
  }
  constexpr std::uint64_t kMaxScript = std::uint64_t{16} << 20;
  ACESO_TRY(const auto text, read_file(file, kMaxScript));
  const Json script{{"name", fs::path{file}.filename().string()},
                    {"sha256", crypto::to_hex(crypto::sha256(text))},
                    {"arguments", arguments}};
  ACESO_TRY([[maybe_unused]] const Script checked, parse_script(script, file, interpreter));
  input["script"] = script;
  input["script_file"] = file;
  input["script_interpreter"] = interpreter;
  return {};
}

Status Training::resolve_start(const Actor& actor, Json& input) const {
  Json& config = input["config"];
  const std::string init = config.value("init", std::string{});
  if (init.empty()) return {};
  const fs::path path{init};
  if (path.is_absolute()) {
    if (actor.source_address != "local" && actor.source_address != "unix")
      return Error{Code::denied, "init: only the operator at this machine may name files; name a model instead"};
    std::error_code ec;
    if (!fs::is_regular_file(path, ec)) return Error{Code::not_found, "init: there is no file " + init};
    config["init"] = path.filename().string();  // records tell no folders of this machine
    input["init_file"] = init;                  // last: a new key may move `config`
    return {};
  }
  ACESO_TRY(const ModelName wanted, parse_model_name(init));
  ACESO_TRY(const ModelVersion version, registry_.find(wanted.name, wanted.version));
  ACESO_TRY(const auto info, registry_.info(version.bundle));
  if (info->network.layers.empty())
    return Error{Code::unsupported, "init: " + init + " came as ONNX; only networks trained here can be trained on"};
  config["init"] = version.name + "@" + std::to_string(version.version);
  input["init_file"] = fs::absolute(registry_.folder(version.bundle) / "model.safetensors").string();
  return {};
}

}  // namespace aceso::models
