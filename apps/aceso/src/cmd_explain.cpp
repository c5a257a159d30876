// aceso explain: where a model looked on one image, if that can be believed.
#include <filesystem>
#include <memory>

#include "aceso/base/file.hpp"
#include "commands.hpp"
#include "context.hpp"

namespace aceso::app {
namespace {

struct ExplainArguments {
  std::string model, method = "gradcam";
  std::filesystem::path image, output;
  int version = 0;
  std::vector<double> box;
  FactsArguments facts;
};

Status explain(Context& context, const ExplainArguments& a) {
  ACESO_TRY(Api * api, context.api());
  ACESO_TRY(const int version, choose_version(*api, a.model, a.version));
  ACESO_TRY(const Json prediction,
            api->upload("/api/v1/models/" + url_encode(a.model) + "/predictions?version=" + std::to_string(version),
                        a.image, content_type_of(a.image), a.facts.json()));
  Json request{{"method", a.method}};
  if (!a.box.empty()) request["box"] = a.box;
  ACESO_TRY(const Json accepted,
            api->call(net::Method::post,
                      "/api/v1/predictions/" + url_encode(prediction.value("id", "")) + "/explanations", request));
  ACESO_TRY(const Json explanation, context.follow(accepted));
  const bool passed = explanation.value("passed", false);
  if (passed && !a.output.empty()) {
    ACESO_TRY(const std::string png,
              api->text("/api/v1/explanations/" + accepted.at("job").value("id", "") + "/overlay.png"));
    ACESO_TRY_OK(write_file_atomic(a.output, png));
  }
  if (context.json) {
    context.print_json(Json{{"prediction", prediction}, {"explanation", explanation}});
  } else {
    std::string text = describe_prediction(prediction) + "\n" + a.method + " for " + explanation.value("label", "");
    for (const auto& check : explanation.value("checks", Json::array()))
      text += "\n    " + std::string{check.value("passed", false) ? "passed" : "FAILED"} + "  " +
              check.value("name", "") + ": " + check.value("text", "");
    text += passed ? "\n" + explanation.value("warning", "")
                   : "\nThe map failed a check: it is no explanation and is not shown.";
    if (passed && !a.output.empty()) text += "\nwrote " + a.output.string();
    context.print(text);
  }
  if (!passed) context.exit_status = exit_code(Code::precondition);
  return {};
}

}  // namespace

void add_explain(CLI::App& app, Context& context) {
  auto* command = app.add_subcommand("explain", "Where a model looked on an image, with checks of the map");
  const auto a = std::make_shared<ExplainArguments>();
  command->add_option("MODEL", a->model, "Model")->required();
  command->add_option("IMAGE", a->image, "PNG, JPEG or .npy file")->required();
  command->add_option("--method", a->method, "gradcam, integrated_gradients or occlusion")
      ->check(CLI::IsMember({"gradcam", "integrated_gradients", "occlusion"}))
      ->capture_default_str();
  command->add_option("--version", a->version, "Version (default: the live one, else the newest)");
  command
      ->add_option("--box", a->box, "x0 y0 x1 y1 in pixels: where the finding is known to be; the map must point there")
      ->expected(4);
  command->add_option("-o,--output", a->output, "Write the map over the image, a PNG; only when all checks passed");
  a->facts.add_to(*command);
  command->footer(
      "Checks: the map varies, repeats, survives a little noise, becomes another with random weights, adds up "
      "(integrated "
      "gradients) and points into the box (if given). A map that fails is not shown; the exit code is then not 0.\n\n"
      "Examples:\n  aceso explain chest a.png --output map.png\n  aceso explain chest a.png --method occlusion --box "
      "40 52 80 "
      "96 --json");
  on_run(command, context, [&context, a] { return explain(context, *a); });
}

}  // namespace aceso::app
