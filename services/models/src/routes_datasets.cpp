// /api/v1/datasets
#include <charconv>
#include <nlohmann/json.hpp>
#include <sstream>

#include "multipart.hpp"
#include "routes.hpp"
#include "spool.hpp"

namespace aceso::models {
namespace {

namespace fs = std::filesystem;

Result<double> fraction(const std::string& name, const std::string& text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || !(value >= 0 && value < 1))
    return Error{Code::invalid, name + ": a number from 0 to 1 is expected"};
  return value;
}

// Options of an import, from the query or from fields of a form.
Status set_option(learn::ImportOptions& o, const std::string& name, const std::string& value) {
  if (name == "name") {
    o.name = value;
  } else if (name == "licence") {
    o.licence = value.substr(0, 500);
  } else if (name == "label_source") {
    o.label_source = value.substr(0, 500);
  } else if (name == "classes") {
    std::istringstream in{value};
    o.classes.clear();
    for (std::string item; std::getline(in, item, ',');) o.classes.push_back(item);
  } else if (name == "task") {
    ACESO_TRY(o.task, learn::parse_dataset_task(value));
  } else if (name == "unit") {
    o.unit = value.substr(0, 40);
  } else if (name == "conflicts") {
    ACESO_TRY(o.conflicts, learn::parse_conflicts(value));
  } else if (name == "conflict_reason") {
    o.conflict_reason = value.substr(0, 500);
  } else if (name == "validation_fraction") {
    ACESO_TRY(o.validation_fraction, fraction(name, value));
  } else if (name == "test_fraction") {
    ACESO_TRY(o.test_fraction, fraction(name, value));
  } else if (name == "seed") {
    std::uint64_t seed = 0;
    const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), seed);
    if (error != std::errc{} || end != value.data() + value.size())
      return Error{Code::invalid, "seed: a whole number is expected"};
    o.seed = seed;
  } else {
    return Error{Code::invalid, "unknown parameter " + name.substr(0, 64)};
  }
  return {};
}

class Upload {
 public:
  Upload(Models::Impl& impl, net::Request& request)
      : impl_{impl}, request_{request}, file_{impl.context.folder / "spool" / (impl.context.new_id() + ".npz")} {}

  // Reads options and bytes; the file is there exactly when it succeeds.
  Status receive() {
    for (const auto& [name, value] : request_.query) ACESO_TRY_OK(set_option(options, name, value));
    const std::string type = media_type(request_.headers.get("Content-Type"));
    if (type == "multipart/form-data") return receive_form();
    if (type != "application/zip" && type != "application/octet-stream" && type != "application/x-npz")
      return Error{Code::unsupported,
                   "content type: application/zip, application/octet-stream or multipart/form-data is expected"};
    ACESO_TRY_OK(check());
    return spool([&](std::span<std::byte> out) { return request_.body->read(out); });
  }
  const fs::path& file() const noexcept { return file_; }
  learn::ImportOptions options;

 private:
  Status check() const {
    ACESO_TRY_OK(check_import_options(options));
    if (impl_.datasets.taken(options.name, ""))
      return Error{Code::exists, "there is a dataset " + options.name + " already"};
    return {};
  }
  Status spool(const std::function<Result<std::size_t>(std::span<std::byte>)>& read) {
    ACESO_TRY_OK(spool_to_file(file_, impl_.context.options.max_upload_bytes, read));
    std::error_code ec;
    if (fs::file_size(file_, ec) > 0) return {};
    fs::remove(file_, ec);
    return Error{Code::invalid, "the upload is empty"};
  }
  Status receive_form() {
    ACESO_TRY(MultipartReader form, MultipartReader::open(request_.headers.get("Content-Type"), *request_.body));
    bool got = false;
    std::error_code ec;
    for (;;) {
      Result<std::optional<MultipartReader::Part>> part = form.next();
      Status step = part ? Status{} : Status{std::move(part).error()};
      if (step && !*part) break;
      if (step && (*part)->file) {
        step = got ? Status{Error{Code::invalid, "multipart: more than one file"}}
                   : spool([&](std::span<std::byte> out) { return form.read(out); });
        got = got || step.ok();
      } else if (step) {
        Result<std::string> value = form.read_all(8192);
        step = value ? set_option(options, (*part)->name, *value) : Status{std::move(value).error()};
      }
      if (!step) {
        if (got) fs::remove(file_, ec);
        return step;
      }
    }
    Status good = !got ? Status{Error{Code::invalid, "multipart: no file"}} : check();
    if (!good && got) fs::remove(file_, ec);
    return good;
  }

  Models::Impl& impl_;
  net::Request& request_;
  fs::path file_;
};

Result<Json> import_upload(Models::Impl& impl, net::Request& request, const Actor& actor) {
  Upload upload{impl, request};
  ACESO_TRY_OK(upload.receive());
  Result<Json> answer = impl.submit(actor, "dataset-import",
                                    Json{{"name", upload.options.name},
                                         {"source", upload.file().string()},
                                         {"spooled", true},
                                         {"options", to_json(upload.options)}});
  std::error_code ec;
  if (!answer) fs::remove(upload.file(), ec);
  return answer;
}

std::string query_text(const net::Request& request) {
  std::string out;
  for (const auto& [name, value] : request.query) out += name + "=" + value + "\n";
  return out;
}

Result<SampleQuery> sample_query(const net::Request& request) {
  SampleQuery q;
  ACESO_TRY(q.limit, limit_param(request, 100, 500));
  ACESO_TRY(const std::int64_t cursor, request.query_integer("cursor", 0, 0, std::int64_t{1} << 40));
  q.cursor = static_cast<std::size_t>(cursor);
  const auto split = request.query_value("split");
  if (split && !split->empty()) {
    ACESO_TRY(q.split, parse_split(*split));
  }
  const auto label = request.query_value("label");
  if (label && !label->empty()) {
    ACESO_TRY(const std::int64_t number, request.query_integer("label", -1, -1, 1'000'000));
    q.label = static_cast<int>(number);
  }
  return q;
}

}  // namespace

void Routes::datasets() {
  using net::Method;
  add(Method::get, "/api/v1/datasets", {.summary = "All datasets", .tag = "datasets", .scope = "datasets:read"},
      [this_ = &models](net::Request&, const Actor&) -> Result<net::Response> {
        ACESO_TRY(const Json json, this_->datasets());
        return net::Response::json(json);
      });
  add(Method::post, "/api/v1/datasets",
      {.summary = "Import a dataset from an .npz archive: a job",
       .tag = "datasets",
       .scope = "datasets:write",
       .request_type = "application/octet-stream",
       .query = {{"name", "of the dataset"},
                 {"classes", "names, separated by commas"},
                 {"licence", ""},
                 {"label_source", ""},
                 {"validation_fraction", "taken from train when there is no such split"},
                 {"test_fraction", ""},
                 {"seed", ""},
                 {"conflicts", "one image under two labels: refuse, set-aside or keep"},
                 {"conflict_reason", "why they are kept"}},
       .max_body = static_cast<std::size_t>(impl.context.options.max_upload_bytes) + (std::size_t{64} << 10)},
      [this_ = &models, i = &impl](net::Request& request, const Actor& actor) -> Result<net::Response> {
        ACESO_TRY(const Json answer,
                  i->once(
                      actor, request.headers.get("Idempotency-Key"), "dataset-import\n" + query_text(request),
                      [&]() -> Result<std::pair<Json, std::string>> {
                        ACESO_TRY(Json made, import_upload(*i, request, actor));
                        std::string id = made["job"].value("id", std::string{});
                        return std::pair{std::move(made), std::move(id)};
                      },
                      [&](const std::string& id) -> Result<Json> {
                        ACESO_TRY(Json job, this_->job(id));
                        return Json{{"job", std::move(job)}};
                      }));
        return accepted(answer);
      });
  add(Method::get, "/api/v1/datasets/{name}",
      {.summary = "A dataset's summary", .tag = "datasets", .scope = "datasets:read"},
      [this_ = &models](net::Request& request, const Actor&) -> Result<net::Response> {
        ACESO_TRY(const Json json, this_->dataset(request.param("name")));
        return net::Response::json(json);
      });
  add(Method::get, "/api/v1/datasets/{name}/samples",
      {.summary = "Samples, by page",
       .tag = "datasets",
       .scope = "datasets:read",
       .query = {{"split", "train, validation, test"}, {"label", "class index"}, {"cursor", ""}, {"limit", "1 to 500"}},
       .audit_read = true},
      [this_ = &models, parts = &impl](net::Request& request, const Actor& actor) -> Result<net::Response> {
        ACESO_TRY(const SampleQuery query, sample_query(request));
        ACESO_TRY_OK(parts->labelling->check_not_blinded(actor, request.param("name")));
        ACESO_TRY(const Json json, this_->samples(request.param("name"), query));
        return net::Response::json(json);
      });
  add(Method::get, "/api/v1/datasets/{name}/samples/{index:int}/image.png",
      {.summary = "A sample as a picture", .tag = "datasets", .scope = "datasets:read", .response_type = "image/png"},
      [this_ = &models](net::Request& request, const Actor&) -> Result<net::Response> {
        const std::string_view text = request.param("index");
        std::size_t index = 0;
        const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), index);
        if (error != std::errc{} || end != text.data() + text.size())
          return Error{Code::not_found, "the dataset has no sample of that index"};
        ACESO_TRY(std::vector<std::byte> png, this_->sample_png(request.param("name"), index));
        return png_response(std::move(png));
      });
  add(Method::post, "/api/v1/datasets/{name}/verify",
      {.summary = "Read every sample and compare its hash", .tag = "datasets", .scope = "datasets:read"},
      [this_ = &models](net::Request& request, const Actor& actor) -> Result<net::Response> {
        ACESO_TRY(const Json json, this_->verify_dataset(actor, request.param("name")));
        return net::Response::json(json);
      });
  const std::string json = "application/json";
  add(Method::post, "/api/v1/datasets/{name}/check",
      {.summary = "Look for copies, leaks between splits, contradictory and odd samples: a job",
       .tag = "datasets",
       .scope = "datasets:read",
       .request_type = json,
       .request_schema =
           R"({"type":"object","properties":{"label_errors":{"type":"boolean"},"seed":{"type":"integer"}}})"},
      [this_ = &models](net::Request& request, const Actor& actor) -> Result<net::Response> {
        ACESO_TRY(const Json body, request.json());
        ACESO_TRY(const Json answer, this_->check_dataset(actor, request.param("name"), body));
        return accepted(answer);
      });
  add(Method::get, "/api/v1/datasets/{name}/check",
      {.summary = "The report of the last check", .tag = "datasets", .scope = "datasets:read", .audit_read = true},
      [this_ = &models, parts = &impl](net::Request& request, const Actor& actor) -> Result<net::Response> {
        ACESO_TRY_OK(parts->labelling->check_not_blinded(actor, request.param("name")));
        ACESO_TRY(const Json report, this_->dataset_check(request.param("name")));
        return net::Response::json(report);
      });
  add(Method::post, "/api/v1/datasets/{name}/split",
      {.summary = "Make a version with other splits: a job",
       .tag = "datasets",
       .scope = "datasets:write",
       .request_type = json,
       .request_schema =
           R"({"type":"object","properties":{"by":{"enum":["patient","block","stratified"]},"block":{"type":"integer"},"validation":{"type":"number"},"test":{"type":"number"},"folds":{"type":"integer"},"seed":{"type":"integer"},"twins":{"enum":["together","leave-out","ignore"]},"as":{"type":"string"}}})"},
      [this_ = &models](net::Request& request, const Actor& actor) -> Result<net::Response> {
        ACESO_TRY(const Json body, request.json());
        ACESO_TRY(const Json answer, this_->split_dataset(actor, request.param("name"), body));
        return accepted(answer);
      });
  add(Method::post, "/api/v1/synthetic-datasets",
      {.summary = "Make a dataset of chest-CT phantoms: a job",
       .tag = "datasets",
       .scope = "datasets:write",
       .request_type = json,
       .request_schema =
           R"({"type":"object","required":["name"],"properties":{"name":{"type":"string"},"task":{"enum":["shape","presence","findings","size"]},"volume":{"type":"boolean"},"hounsfield":{"type":"boolean"},"train":{"type":"integer"},"validation":{"type":"integer"},"test":{"type":"integer"},"size":{"type":"integer"},"diameter_mm":{"type":"number"},"contrast_hu":{"type":"number"},"noise_hu":{"type":"number"},"label_noise":{"type":"number"},"nodules":{"type":"integer"},"seed":{"type":"integer"}}})"},
      [this_ = &models](net::Request& request, const Actor& actor) -> Result<net::Response> {
        ACESO_TRY(const Json body, request.json());
        ACESO_TRY(const Json answer, this_->synthesise_dataset(actor, body));
        return accepted(answer);
      });
  add(Method::get, "/api/v1/datasets/{name}/sheet.png",
      {.summary = "Up to 256 samples in one picture",
       .tag = "datasets",
       .scope = "datasets:read",
       .response_type = "image/png",
       .query = {{"split", "train, validation, test"}, {"label", "class index"}, {"cursor", ""}, {"limit", "1 to 500"}},
       .audit_read = true},
      [this_ = &models, parts = &impl](net::Request& request, const Actor& actor) -> Result<net::Response> {
        ACESO_TRY(const SampleQuery query, sample_query(request));
        if (query.label) ACESO_TRY_OK(parts->labelling->check_not_blinded(actor, request.param("name")));
        ACESO_TRY(std::vector<std::byte> png, this_->contact_sheet(request.param("name"), query));
        return png_response(std::move(png));
      });
  add(Method::del, "/api/v1/datasets/{name}",
      {.summary = "Delete a dataset", .tag = "datasets", .scope = "datasets:write"},
      [this_ = &models](net::Request& request, const Actor& actor) -> Result<net::Response> {
        ACESO_TRY_OK(this_->delete_dataset(actor, request.param("name")));
        return net::Response::no_content();
      });
}

}  // namespace aceso::models
