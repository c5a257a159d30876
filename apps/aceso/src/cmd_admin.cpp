// aceso user, token, audit, config: who may do what, what happened, and how this node is set.
#include <unistd.h>

#include <cstdio>
#include <iostream>
#include <memory>

#include "aceso/base/file.hpp"
#include "commands.hpp"
#include "context.hpp"
#include "settings.hpp"

namespace aceso::app {

Result<std::string> read_password(const char* prompt) {
  if (::isatty(STDIN_FILENO) != 0) {
    const char* typed = ::getpass(prompt);  // NOLINT(concurrency-mt-unsafe): one thread reads
    if (typed == nullptr) return Error{Code::invalid, "no password was typed"};
    return std::string{typed};
  }
  std::string line;
  if (!std::getline(std::cin, line) || line.empty())
    return Error{Code::invalid, "give the password as one line on standard input"};
  return line;
}

namespace {

std::string join(const Json& list) {
  std::string out;
  for (const auto& item : list) out += (out.empty() ? "" : ", ") + item.get<std::string>();
  return out;
}

Result<std::string> user_id(Api& api, const std::string& name) {
  ACESO_TRY(const Json users, api.get("/api/v1/users"));
  for (const auto& user : users.at("items")) {
    if (user.value("name", "") == name) return user.value("id", "");
  }
  return Error{Code::not_found, "no user named " + name};
}

void add_user_list(CLI::App* group, Context& context) {
  on_run(group->add_subcommand("list", "List users"), context, [&context]() -> Status {
    ACESO_TRY(Api * api, context.api());
    ACESO_TRY(const Json users, api->get("/api/v1/users"));
    if (context.json) {
      context.print_json(users);
      return {};
    }
    std::vector<std::vector<std::string>> rows;
    for (const auto& user : users.at("items"))
      rows.push_back({user.value("name", ""), join(user.value("roles", Json::array())),
                      user.value("disabled", false) ? "disabled" : "active"});
    context.print(rows.empty() ? "no users yet: aceso user add NAME --role admin"
                               : format_table({"NAME", "ROLES", "STATE"}, rows));
    return {};
  });
}

}  // namespace

void add_user(CLI::App& app, Context& context) {
  auto* group = app.add_subcommand("user", "Add, list, change and disable users");
  group->require_subcommand(1);
  group->footer(
      "Passwords are read from the terminal or from standard input.\n\nExamples:\n  aceso user add ada --role admin\n  "
      "echo \"$PASSWORD\" | aceso user add bob --role clinician --role scientist");
  add_user_list(group, context);
  struct Arguments {
    std::string name;
    std::vector<std::string> roles;
  };
  const auto a = std::make_shared<Arguments>();
  auto* add = group->add_subcommand("add", "Add a user");
  add->add_option("NAME", a->name, "Login name")->required();
  add->add_option("--role", a->roles, "admin, clinician, scientist or auditor; may be given several times")
      ->required()
      ->check(CLI::IsMember({"admin", "clinician", "scientist", "auditor"}));
  on_run(add, context, [&context, a]() -> Status {
    ACESO_TRY(const std::string password, read_password("Password for the new user: "));
    ACESO_TRY(Api * api, context.api());
    ACESO_TRY(const Json user, api->call(net::Method::post, "/api/v1/users",
                                         Json{{"name", a->name}, {"password", password}, {"roles", a->roles}}));
    if (context.json)
      context.print_json(user);
    else
      context.print("added " + a->name);
    return {};
  });
  const auto change = [&](const char* command, const char* help, std::function<Result<Json>()> patch,
                          const char* done) {
    auto* sub = group->add_subcommand(command, help);
    sub->add_option("NAME", a->name, "Login name")->required();
    on_run(sub, context, [&context, a, patch = std::move(patch), done]() -> Status {
      ACESO_TRY(const Json body, patch());
      ACESO_TRY(Api * api, context.api());
      ACESO_TRY(const std::string id, user_id(*api, a->name));
      ACESO_TRY(const Json user, api->call(net::Method::patch, "/api/v1/users/" + url_encode(id), body));
      if (context.json)
        context.print_json(user);
      else
        context.print(a->name + " " + done);
      return {};
    });
  };
  change(
      "disable", "Disable a user and end the sessions", []() -> Result<Json> { return Json{{"disabled", true}}; },
      "is disabled");
  change("enable", "Enable a user again", []() -> Result<Json> { return Json{{"disabled", false}}; }, "is enabled");
  change(
      "password", "Set a new password",
      []() -> Result<Json> {
        ACESO_TRY(const std::string password, read_password("New password: "));
        return Json{{"password", password}};
      },
      "has a new password");
}

void add_audit(CLI::App& app, Context& context) {
  auto* group = app.add_subcommand("audit", "Search and verify the audit trail");
  group->require_subcommand(1);
  group->footer("Examples:\n  aceso audit list --event model.promote\n  aceso audit verify");
  auto* list = group->add_subcommand("list", "List records, newest first");
  struct Arguments {
    std::string event, agent, text;
    int limit = 50;
  };
  const auto a = std::make_shared<Arguments>();
  list->add_option("--event", a->event, "Only this event, for example user.login");
  list->add_option("--agent", a->agent, "Only this user");
  list->add_option("--search", a->text, "Only records with this text");
  list->add_option("--limit", a->limit, "At most so many")->check(CLI::Range(1, 500))->capture_default_str();
  on_run(list, context, [&context, a]() -> Status {
    ACESO_TRY(Api * api, context.api());
    ACESO_TRY(const Json page, api->get("/api/v1/audit?limit=" + std::to_string(a->limit) +
                                        (a->event.empty() ? "" : "&event=" + url_encode(a->event)) +
                                        (a->agent.empty() ? "" : "&agent=" + url_encode(a->agent)) +
                                        (a->text.empty() ? "" : "&q=" + url_encode(a->text))));
    if (context.json) {
      context.print_json(page);
      return {};
    }
    std::vector<std::vector<std::string>> rows;
    for (const auto& r : page.at("items"))
      rows.push_back({r.value("sequence", Json(0)).dump(), r.value("time", "").substr(0, 19), r.value("event", ""),
                      r.value("outcome", ""), r.value("agent_name", ""), r.value("entity_type", ""),
                      r.value("entity_id", "").substr(0, 36)});
    context.print(rows.empty() ? "no records"
                               : format_table({"#", "TIME (UTC)", "EVENT", "OUTCOME", "WHO", "WHAT", "ID"}, rows));
    return {};
  });
  on_run(group->add_subcommand("verify", "Check the hash chain and its signed checkpoints"), context,
         [&context]() -> Status {
           ACESO_TRY(Api * api, context.api());
           ACESO_TRY(const Json state, api->get("/api/v1/audit/verify"));
           if (context.json) context.print_json(state);
           if (!state.value("ok", false))
             return Error{Code::data_loss, "the audit trail was altered: the first bad record is " +
                                               state.value("first_bad", Json("unknown")).dump()};
           if (!context.json)
             context.print("the audit trail is intact: " + state.value("checked", Json(0)).dump() + " records");
           return {};
         });
}

void add_config(CLI::App& app, Context& context) {
  auto* group = app.add_subcommand("config", "Show, check and explain the configuration");
  group->require_subcommand(1);
  group->footer(
      "Examples:\n  aceso config reference > /var/lib/aceso/aceso.yaml\n  ACESO_NET_PORT=9000 aceso config show");
  on_run(group->add_subcommand("reference", "Print an aceso.yaml with every key, its default and what it does"),
         context, [&context]() -> Status {
           context.print(make_schema().reference_yaml());
           return {};
         });
  on_run(group->add_subcommand("check", "Check aceso.yaml and the environment"), context, [&context]() -> Status {
    ACESO_TRY(const Config config, load_settings(context.home, context.config_file));
    (void)config;
    if (context.json)
      context.print_json(Json{{"ok", true}});
    else
      context.print("the configuration is valid");
    return {};
  });
  on_run(group->add_subcommand("show", "Print every value and where it comes from"), context, [&context]() -> Status {
    ACESO_TRY(const Config config, load_settings(context.home, context.config_file));
    std::vector<std::vector<std::string>> rows;
    Json all = Json::object();
    const ConfigSchema schema = make_schema();
    for (const auto& key : schema.keys()) {
      std::string value;
      switch (key.type) {
        case ConfigType::boolean:
          value = config.boolean(key.name) ? "true" : "false";
          break;
        case ConfigType::integer:
          value = std::to_string(config.integer(key.name));
          break;
        case ConfigType::number:
          value = Json(config.number(key.name)).dump();
          break;
        case ConfigType::duration:
          value = std::to_string(config.duration_ms(key.name)) + "ms";
          break;
        case ConfigType::size:
          value = std::to_string(config.size_bytes(key.name));
          break;
        case ConfigType::list:
          for (const auto& item : config.list(key.name)) value += (value.empty() ? "" : ",") + item;
          break;
        case ConfigType::document:
          value = config.document(key.name);
          break;
        case ConfigType::secret:
          value = config.secret(key.name) ? "(set)" : "(not set)";
          break;
        case ConfigType::text:
          value = config.text(key.name);
          break;
      }
      rows.push_back({key.name, value, config.origin(key.name)});
      all[key.name] = {{"value", value}, {"origin", config.origin(key.name)}};
    }
    if (context.json)
      context.print_json(all);
    else
      context.print(format_table({"KEY", "VALUE", "FROM"}, rows));
    return {};
  });
}

}  // namespace aceso::app
