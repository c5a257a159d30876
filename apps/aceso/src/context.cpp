#include "context.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdio>

#include "home.hpp"
#include "services.hpp"

namespace aceso::app {
namespace {

std::size_t columns(std::string_view utf8) {
  std::size_t n = 0;
  for (const char c : utf8) n += (static_cast<unsigned char>(c) & 0xC0U) != 0x80U ? 1 : 0;
  return n;
}

ProgressUpdate progress_of(const Json& job) {
  ProgressUpdate update;
  const auto it = job.find("progress");
  if (it == job.end() || !it->is_object()) return update;
  update.phase = it->value("phase", "");
  update.done = it->value("done", std::uint64_t{0});
  update.total = it->value("total", std::uint64_t{0});
  update.seconds_left = it->value("seconds_left", -1.0);
  if (const auto values = it->find("values"); values != it->end()) {
    if (values->is_object()) {
      for (const auto& [key, value] : values->items())
        update.values.emplace_back(key, value.is_string() ? value.get<std::string>() : value.dump());
    } else if (values->is_array()) {
      for (const auto& pair : *values) {
        if (pair.is_array() && pair.size() == 2 && pair[0].is_string() && pair[1].is_string())
          update.values.emplace_back(pair[0], pair[1]);
      }
    }
  }
  return update;
}

}  // namespace

Context::Context() = default;
Context::~Context() = default;

Result<Api*> Context::api() {
  if (api_) return api_.get();
  ACESO_TRY(const Home place, prepare_home(home));
  if (node_is_running(place)) {
    ACESO_TRY(auto client, net::Client::connect_unix(place.socket()));
    api_ = make_socket_api(std::move(client));
    return api_.get();
  }
  ACESO_TRY(services_,
            Services::open(place, {.config_file = config_file, .program = program, .log_to_stderr = verbose}, clock));
  ACESO_TRY_OK(services_->start());
  api_ = make_in_process_api(services_->handler());
  return api_.get();
}

std::unique_ptr<ProgressSink> Context::progress() const {
  if (quiet || json) return make_null_progress();
  return make_terminal_progress(STDERR_FILENO, clock);
}

Result<Json> Context::follow(const Json& accepted) {
  ACESO_TRY(Api * node, api());
  const Json job = accepted.contains("job") ? accepted.at("job") : accepted;
  const std::string id = job.is_object() ? job.value("id", "") : job.get<std::string>();
  const auto bar = progress();
  bool asked_to_cancel = false;
  for (;;) {
    ACESO_TRY(const Json now, node->get("/api/v1/jobs/" + url_encode(id)));
    const std::string state = now.value("state", "");
    if (const auto update = progress_of(now); !update.phase.empty()) bar->update(update);
    if (state == "succeeded") {
      bar->finish("");
      return now.contains("output") ? now.at("output") : Json(nullptr);
    }
    if (state == "failed" || state == "cancelled") {
      bar->finish("");
      if (state == "cancelled") return Error{Code::cancelled, "cancelled"};
      const std::string why = now.value("error", "the job failed");
      return Error{why.starts_with("invalid") ? Code::invalid : Code::internal, why};
    }
    if (stop_.stop_requested() && !asked_to_cancel) {
      asked_to_cancel = true;
      ACESO_TRY(const Json ignored,
                node->call(net::Method::post, "/api/v1/jobs/" + url_encode(id) + "/cancel", Json::object()));
      (void)ignored;
    }
    clock.sleep_until(clock.steady_now() + std::chrono::milliseconds{150},
                      asked_to_cancel ? std::stop_token{} : stop_.get_token());
  }
}

void Context::print(std::string_view text) const {
  std::fwrite(text.data(), 1, text.size(), stdout);
  if (text.empty() || text.back() != '\n') std::fputc('\n', stdout);
}
void Context::print_json(const Json& value) const {
  print(value.dump(2, ' ', false, Json::error_handler_t::replace));
}

void Context::fail(const Error& error) {
  exit_status = exit_code(error.code());
  if (json) {
    print_json(Json{{"error", {{"code", std::string{to_string(error.code())}}, {"message", error.message()}}}});
  } else {
    std::fprintf(stderr, "aceso: %s\n", error.message().c_str());
  }
}

std::string format_table(const std::vector<std::string>& header, const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths(header.size());
  for (std::size_t i = 0; i < header.size(); ++i) widths[i] = columns(header[i]);
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < std::min(row.size(), widths.size()); ++i)
      widths[i] = std::max(widths[i], columns(row[i]));
  }
  std::string out;
  const auto line = [&](const std::vector<std::string>& cells) {
    for (std::size_t i = 0; i < widths.size(); ++i) {
      const std::string cell = i < cells.size() ? cells[i] : std::string{};
      out += cell;
      if (i + 1 < widths.size()) out.append(widths[i] - columns(cell) + 2, ' ');
    }
    out += '\n';
  };
  line(header);
  for (const auto& row : rows) line(row);
  return out;
}

void on_run(CLI::App* command, Context& context, std::function<Status()> work) {
  command->callback([&context, work = std::move(work)] {
    if (auto status = work(); !status) context.fail(status.error());
  });
}

}  // namespace aceso::app
