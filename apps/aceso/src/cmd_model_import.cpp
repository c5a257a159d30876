// aceso model import: a network from elsewhere.
#include <filesystem>
#include <memory>

#include "aceso/base/file.hpp"
#include "commands.hpp"
#include "context.hpp"

namespace aceso::app {

void add_model_import(CLI::App& group, Context& context) {
  struct Arguments {
    std::filesystem::path file, specification;
  };
  const auto a = std::make_shared<Arguments>();
  auto* command = group.add_subcommand("import", "Register an ONNX network from elsewhere");
  command->add_option("FILE", a->file, "ONNX file with its weights inside")->required();
  command->add_option("--signature", a->specification, "YAML: name, intended use, classes, input, output")->required();
  command->footer(
      "The file is checked, run once on a blank image and registered as a candidate.\n\nExample of a signature:\n"
      "  name: chest\n  intended_use: \"Research use only.\"\n  classes: [normal, pneumonia]\n  threshold: 0.5\n"
      "  input:\n    height: 224\n    width: 224\n    channels: 3\n    scale: 0.00392156862745098\n"
      "    mean: [0.485, 0.456, 0.406]\n    std: [0.229, 0.224, 0.225]\n  output:\n    activation: softmax\n\n"
      "Example:\n  aceso model import resnet.onnx --signature chest.yaml");
  on_run(command, context, [&context, a]() -> Status {
    std::error_code ec;
    ACESO_TRY(const std::string yaml, read_text_file(a->specification, std::uint64_t{1} << 20));
    ACESO_TRY(Api * api, context.api());
    ACESO_TRY(const Json model, api->call(net::Method::post, "/api/v1/local/models/onnx",
                                          Json{{"path", std::filesystem::absolute(a->file, ec).string()},
                                               {"specification", yaml},
                                               {"specification_name", a->specification.filename().string()}}));
    if (context.json)
      context.print_json(model);
    else
      context.print("registered " + model.value("name", "") + " version " + model.value("version", Json(0)).dump() +
                    " as " + model.value("stage", "candidate") + ", not evaluated yet\ntry it:   aceso predict " +
                    model.value("name", "") + " image.png");
    return {};
  });
}

}  // namespace aceso::app
