// aceso archive analyses, analyse: what models made of archived studies, and why not.
#include <array>
#include <cstdio>
#include <memory>

#include "archive_commands.hpp"

namespace aceso::app {
namespace {

std::string fixed(const Json& value) {
  if (!value.is_number()) return "none";
  std::array<char, 48> text{};
  (void)std::snprintf(text.data(), text.size(), "%.3f", value.get<double>());
  return text.data();
}

std::string text_of(const Json& object, const char* key) {
  const auto found = object.find(key);
  if (found == object.end() || found->is_null()) return {};
  return found->is_string() ? found->get<std::string>() : found->dump();
}

// A prediction is never shown without model, version, intended use and uncertainty.
std::string block(const Json& one, bool with_study) {
  const Json& model = one.at("model");
  std::string head = text_of(one, "state");
  if (head == "not_applicable") head = "not applicable";
  std::string name = model.is_object() ? text_of(model, "name") : std::string{};
  if (model.is_object() && !text_of(model, "version").empty()) name += " version " + text_of(model, "version");
  if (!name.empty()) head += "  " + name;
  if (const auto reason = text_of(one, "reason"); !reason.empty()) head += "  (" + reason + ")";
  std::string out = head + "\n";
  const auto line = [&](const char* label, const std::string& value) {
    if (!value.empty()) out += std::string{"  "} + label + value + "\n";
  };
  if (with_study) line("study         ", text_of(one, "study"));
  line("series        ", text_of(one, "series"));
  line("rule          ", text_of(one, "rule"));
  if (text_of(one, "state") != "analysed") return out;
  line("finding       ", text_of(one, "finding") + ", probability of " + text_of(one, "class") + " " +
                             fixed(one.at("probability")) + ", threshold " + fixed(one.at("threshold")));
  line("uncertainty   ", text_of(one, "uncertainty"));
  line("intended use  ", text_of(model, "intended_use"));
  for (const auto& warning : one.at("warnings")) line("warning       ", warning.get<std::string>());
  line("", text_of(one, "notice"));
  return out;
}

void print_study(const Context& context, const Json& view) {
  std::string state = text_of(view, "state");
  if (state == "not_applicable") state = "not applicable";
  context.print("study " + text_of(view, "study") + ": " + state);
  if (view.at("analyses").empty()) context.print(text_of(view, "reason"));
  for (const auto& one : view.at("analyses")) context.print("\n" + block(one, false));
}

struct ListArguments {
  std::string study, state;
  std::size_t limit = 50;
};

Status list(Context& context, const ListArguments& a) {
  ACESO_TRY(Api * api, context.api());
  if (!a.study.empty()) {
    if (!a.state.empty()) return Error{Code::invalid, "--state is for the list of all: leave out STUDY"};
    ACESO_TRY(const Json view, api->get("/api/v1/archive/studies/" + url_encode(a.study) + "/analyses"));
    if (context.json)
      context.print_json(view);
    else
      print_study(context, view);
    return {};
  }
  ACESO_TRY(const Json page, api->get("/api/v1/archive/analyses?limit=" + std::to_string(a.limit) +
                                      (a.state.empty() ? std::string{} : "&state=" + url_encode(a.state))));
  if (context.json) {
    context.print_json(page);
    return {};
  }
  for (const auto& one : page.at("items")) context.print(block(one, true));
  if (page.at("items").empty()) context.print(a.state.empty() ? "nothing was analysed yet" : "there are none");
  if (!page.at("next").is_null()) context.print("there are more: --limit, or --state");
  return {};
}

Status analyse(Context& context, const std::string& study) {
  ACESO_TRY(Api * api, context.api());
  ACESO_TRY(const Json view,
            api->call(net::Method::post, "/api/v1/archive/studies/" + url_encode(study) + "/analyses", Json::object()));
  if (context.json)
    context.print_json(view);
  else
    print_study(context, view);
  return {};
}

}  // namespace

void add_archive_analyses(CLI::App& group, Context& context) {
  auto* shown = group.add_subcommand("analyses", "Show what models made of studies, and why not");
  auto a = std::make_shared<ListArguments>();
  shown->add_option("STUDY", a->study, "Study Instance UID; without it the newest analyses of all");
  shown->add_option("--state", a->state, "waiting, running, analysed, failed or not_applicable")
      ->check(CLI::IsMember({"waiting", "running", "analysed", "failed", "not_applicable"}));
  shown->add_option("--limit", a->limit, "Analyses at most")->check(CLI::Range(1, 200))->capture_default_str();
  shown->footer(
      "Rules are set up in aceso.yaml (routing.rules; aceso config reference).\n\nExamples:\n  aceso archive "
      "analyses --state failed\n  aceso archive analyses 1.2.840.113619.2.1");
  on_run(shown, context, [&context, a] { return list(context, *a); });

  auto* sent = group.add_subcommand("analyse", "Send a study through the routing rules, again if it was before");
  auto study = std::make_shared<std::string>();
  sent->add_option("STUDY", *study, "Study Instance UID (aceso archive query lists them)")->required();
  sent->footer(
      "Models work while the node runs. The same image and model give the same objects: nothing is stored "
      "twice.");
  on_run(sent, context, [&context, study] { return analyse(context, *study); });
}

}  // namespace aceso::app
