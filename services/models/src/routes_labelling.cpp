// /api/v1/labelling: people label the samples of a dataset, blinded, and what they agree on becomes a version of it
#include <any>
#include <charconv>
#include <nlohmann/json.hpp>

#include "routes.hpp"

namespace aceso::models {
namespace {

constexpr const char* kProjects = "/api/v1/labelling/projects";
constexpr const char* kProject = "/api/v1/labelling/projects/{id}";
constexpr std::size_t kMaxAnswer = std::size_t{2} << 20;  // outlines as runs, 1 MiB when stored
constexpr const char* kAnswerSchema =
    R"({"type":"object","properties":{"class":{"type":"string"},"objects":{"type":"array","maxItems":200,"items":{"type":"object","required":["class"],"properties":{"class":{"type":"string"},"box":{"type":"array","items":{"type":"number"},"minItems":4,"maxItems":4},"runs":{"type":"array","items":{"type":"integer"}}}}},"cannot_tell":{"enum":["quality","not_shown","other"]},"comment":{"type":"string","maxLength":500},"duration_ms":{"type":"integer","minimum":0}},"additionalProperties":false})";

// Who may read datasets sees every project, others those in which they have a part.
bool sees_all(const net::Request& request) {
  const auto* principal = std::any_cast<contracts::Principal>(&request.principal);
  return principal != nullptr && principal->has("datasets:read");
}

Result<std::size_t> place_param(const net::Request& request) {
  const std::string_view text = request.param("place");
  std::size_t place = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), place);
  if (error != std::errc{} || end != text.data() + text.size()) return Error{Code::not_found, "there is no such case"};
  return place;
}

// The same for readers and the adjudicator: an overview, a case, its values, an answer.
void add_work(Routes& routes, const std::string& part, bool adjudicating, const std::string& who) {
  using net::Method;
  const std::string base = std::string{kProject} + "/" + part;
  Labelling* labelling = routes.impl.labelling.get();
  Models::Impl* parts = &routes.impl;
  routes.add(Method::get, base,
             {.summary = "Progress of " + who + ", and where to go on", .tag = "labelling", .scope = "feedback:write"},
             [labelling, adjudicating](net::Request& request, const Actor& actor) -> Result<net::Response> {
               ACESO_TRY(const Json json, adjudicating ? labelling->adjudication(actor, request.param("id"))
                                                       : labelling->reading(actor, request.param("id")));
               return net::Response::json(json);
             });
  routes.add(Method::get, base + "/{place:int}",
             {.summary = "A case as " + who + " may see it", .tag = "labelling", .scope = "feedback:write"},
             [labelling, adjudicating](net::Request& request, const Actor& actor) -> Result<net::Response> {
               ACESO_TRY(const std::size_t place, place_param(request));
               ACESO_TRY(const Json json, adjudicating ? labelling->adjudication_case(actor, request.param("id"), place)
                                                       : labelling->reading_case(actor, request.param("id"), place));
               return net::Response::json(json);
             });
  routes.add(Method::get, base + "/{place:int}/pixels.npy",
             {.summary = "The values of one slice of a case, at their full depth",
              .tag = "labelling",
              .scope = "feedback:write",
              .response_type = "application/x-npy",
              .query = {{"slice", "of a volume, from 0 on"}}},
             [labelling, adjudicating](net::Request& request, const Actor& actor) -> Result<net::Response> {
               ACESO_TRY(const std::size_t place, place_param(request));
               ACESO_TRY(const std::int64_t slice, request.query_integer("slice", 0, 0, 1'000'000));
               ACESO_TRY(const std::vector<std::byte> npy,
                         labelling->pixels(actor, request.param("id"), adjudicating, place, slice));
               return npy_response(npy);
             });
  routes.add(Method::put, base + "/{place:int}",
             {.summary = "The answer of " + who + " to a case; a changed one is a new revision",
              .tag = "labelling",
              .scope = "feedback:write",
              .request_type = "application/json",
              .request_schema = kAnswerSchema,
              .max_body = kMaxAnswer},
             [labelling, parts, adjudicating](net::Request& request, const Actor& actor) -> Result<net::Response> {
               ACESO_TRY(const std::size_t place, place_param(request));
               ACESO_TRY(const Json body, request.json(kMaxAnswer));
               if (adjudicating) ACESO_TRY_OK(parts->recover_labelling(request.param("id")));
               ACESO_TRY(const Json json, adjudicating ? labelling->adjudicate(actor, request.param("id"), place, body)
                                                       : labelling->answer(actor, request.param("id"), place, body));
               return net::Response::json(json);
             });
}

void add_management(Routes& routes) {
  using net::Method;
  Models::Impl* parts = &routes.impl;
  routes.add(Method::get, kProjects,
             {.summary = "Labelling projects: all for who may read datasets, else those with a part in them",
              .tag = "labelling",
              .scope = "predictions:read"},
             [parts](net::Request& request, const Actor& actor) -> Result<net::Response> {
               ACESO_TRY(const Json json, parts->labelling->list(actor, sees_all(request)));
               return net::Response::json(json);
             });
  routes.add(
      Method::post, kProjects,
      {.summary = "Make a labelling project",
       .tag = "labelling",
       .scope = "datasets:write",
       .request_type = "application/json",
       .request_schema =
           R"({"type":"object","required":["name","dataset","readers","adjudicator"],"properties":{"name":{"type":"string"},"dataset":{"type":"string"},"task":{"enum":["classes","boxes","outlines"]},"classes":{"type":"array","items":{"type":"string"}},"ordered":{"type":"boolean"},"instructions":{"type":"string","maxLength":4000},"readers":{"type":"array","minItems":2,"maxItems":10,"items":{"type":"string"}},"adjudicator":{"type":"string"},"select":{"type":"object","properties":{"by":{"enum":["all","unlabelled","random"]},"count":{"type":"integer"}}},"seed":{"type":"integer"}},"additionalProperties":false})"},
      [parts](net::Request& request, const Actor& actor) -> Result<net::Response> {
        ACESO_TRY(const Json body, request.json());
        ACESO_TRY(const Json json, parts->labelling->create(actor, body));
        return net::Response::json(json, 201);
      });
  routes.add(Method::get, kProject,
             {.summary = "A labelling project and how far it is", .tag = "labelling", .scope = "predictions:read"},
             [parts](net::Request& request, const Actor& actor) -> Result<net::Response> {
               ACESO_TRY(const Json json, parts->labelling->show(actor, sees_all(request), request.param("id")));
               return net::Response::json(json);
             });
  routes.add(Method::del, kProject,
             {.summary = "Delete a labelling project with all answers", .tag = "labelling", .scope = "datasets:write"},
             [parts](net::Request& request, const Actor& actor) -> Result<net::Response> {
               ACESO_TRY_OK(parts->check_no_labelling_job(request.param("id")));
               ACESO_TRY_OK(parts->labelling->remove(actor, request.param("id")));
               return net::Response::no_content();
             });
  routes.add(
      Method::post, std::string{kProject} + "/end-reading",
      {.summary = "End the reading before everybody handed in; unread cases stay without a label",
       .tag = "labelling",
       .scope = "datasets:write",
       .request_type = "application/json",
       .request_schema =
           R"({"type":"object","required":["reason"],"properties":{"reason":{"type":"string","maxLength":500}},"additionalProperties":false})"},
      [parts](net::Request& request, const Actor& actor) -> Result<net::Response> {
        ACESO_TRY(const Json body, request.json());
        ACESO_TRY(const Json json, parts->labelling->end_reading(actor, request.param("id"), body));
        return net::Response::json(json);
      });
  routes.add(
      Method::post, std::string{kProject} + "/finish",
      {.summary = "Make a version of the dataset with these labels: a job",
       .tag = "labelling",
       .scope = "datasets:write",
       .request_type = "application/json",
       .request_schema =
           R"({"type":"object","properties":{"as":{"type":"string"},"leave_undecided":{"type":"boolean"},"keep_others":{"type":"boolean"},"validation":{"type":"number"},"test":{"type":"number"}},"additionalProperties":false})"},
      [parts](net::Request& request, const Actor& actor) -> Result<net::Response> {
        ACESO_TRY(const Json body, request.json());
        ACESO_TRY(const Json json, parts->finish_labelling(actor, request.param("id"), body));
        return accepted(json);
      });
}

}  // namespace

void Routes::labelling() {
  using net::Method;
  Models::Impl* parts = &impl;
  add_management(*this);
  add_work(*this, "reading", false, "a reader");
  add_work(*this, "adjudication", true, "the adjudicator");
  add(Method::post, std::string{kProject} + "/submit",
      {.summary = "A reader hands in: from then on the answers are fixed",
       .tag = "labelling",
       .scope = "feedback:write"},
      [parts](net::Request& request, const Actor& actor) -> Result<net::Response> {
        ACESO_TRY(const Json json, parts->labelling->submit(actor, request.param("id")));
        return net::Response::json(json);
      });
  add(Method::get, std::string{kProject} + "/agreement",
      {.summary = "How far the readers agree: Cohen's kappa with its interval, tables, classes",
       .tag = "labelling",
       .scope = "predictions:read"},
      [parts](net::Request& request, const Actor& actor) -> Result<net::Response> {
        ACESO_TRY(const Json json, parts->labelling->agreement(actor, sees_all(request), request.param("id")));
        return net::Response::json(json);
      });
  add(Method::get, std::string{kProject} + "/labels.json",
      {.summary = "Every case with all answers", .tag = "labelling", .scope = "datasets:read", .audit_read = true},
      [parts](net::Request& request, const Actor& actor) -> Result<net::Response> {
        ACESO_TRY(const Json json, parts->labelling->labels(actor, request.param("id")));
        return net::Response::json(json);
      });
  add(Method::get, std::string{kProject} + "/labels.csv",
      {.summary = "The same as a table that an import reads",
       .tag = "labelling",
       .scope = "datasets:read",
       .response_type = "text/csv",
       .audit_read = true},
      [parts](net::Request& request, const Actor& actor) -> Result<net::Response> {
        ACESO_TRY(std::string csv, parts->labelling->labels_csv(actor, request.param("id")));
        net::Response response = net::Response::text(std::move(csv), "text/csv; charset=utf-8");
        response.headers.set("Cache-Control", "private, no-store");
        response.headers.set("X-Content-Type-Options", "nosniff");
        return response;
      });
}

}  // namespace aceso::models
