// What a positive finding brings with it: where the model looked, notes that point it out, its place on the worklist,
// and what people say of it.
#include <gtest/gtest.h>

#include <algorithm>

#include "aceso/archive/analyses.hpp"
#include "aceso/dicom/pixel.hpp"
#include "analyses_fixture.hpp"
#include "routing_rules.hpp"
#include "validators.hpp"

namespace aceso::archive {
namespace {

using namespace testing;
namespace tags = dicom::tags;

constexpr const char* kLocationClass = "1.2.840.10008.5.1.4.1.1.11.1";
constexpr const char* kKeyClass = "1.2.840.10008.5.1.4.1.1.88.59";
constexpr const char* kAllOutputs = R"([{"name": "chest", "match": {"modality": "DX"}, "model": "pneumonia"}])";

class MadeUpExplainer final : public contracts::Explainer {
 public:
  std::string failed = {};
  std::optional<Error> error = {};
  std::atomic<int> asked{0};
  Result<contracts::InfluenceMap> explain_prediction(std::string_view prediction, std::stop_token) override {
    ++asked;
    EXPECT_EQ(prediction, "0190-prediction");
    if (error) return *error;
    contracts::InfluenceMap map{
        .method = "gradcam", .label = "pneumonia", .warning = "A map of influence, not of disease.", .failed = failed};
    if (!failed.empty()) return map;
    imaging::Image overlay{.width = 64, .height = 64, .channels = 3, .pixels = std::vector<std::byte>(64 * 64 * 3)};
    for (std::size_t i = 0; i < overlay.pixels.size(); i += 3) overlay.pixels[i] = std::byte{200};  // red
    map.overlay = std::move(overlay);
    map.region = std::array<double, 4>{10, 20, 30, 60};
    return map;
  }
};

class FindingsNode : public AnalysisNode {
 public:
  explicit FindingsNode(std::string rules = kAllOutputs) : AnalysisNode{std::move(rules)} { explainer = &maps; }
  ~FindingsNode() { close(); }  // before what the analyses use goes
  MadeUpExplainer maps;

  Status analysed_one() {
    ACESO_TRY_OK(open());
    ACESO_TRY([[maybe_unused]] const auto stored, put(*archive, make_file(chest())));
    quiet();
    if (!becomes("analysed")) return Error{Code::internal, "not analysed"};
    return {};
  }
  std::vector<Bytes> files_of(std::string_view sop_class) {
    std::vector<Bytes> out;
    const Json now = view();
    for (const auto& analysis : now.at("analyses")) {
      for (const auto& uid : analysis.at("result_instances")) {
        auto file = get(*archive, uid.get<std::string>());
        EXPECT_OK(file);
        if (file && dicom::parse(*file)->sop_class() == sop_class) out.push_back(*std::move(file));
      }
    }
    return out;
  }
};

TEST(AnalysesFindings, a_positive_finding_brings_map_location_and_key_note) {
  FindingsNode node;
  ASSERT_OK(node.analysed_one());
  const Json one = node.view().at("analyses").at(0);
  EXPECT_EQ(one.at("positive"), true);
  EXPECT_EQ(one.at("urgency"), "medium");
  ASSERT_EQ(one.at("result_instances").size(), 5U) << one.dump(1);
  EXPECT_EQ(one.at("map").at("method"), "gradcam");
  EXPECT_EQ(one.at("map").at("warning"), "A map of influence, not of disease.");
  // The picture of the map lies where the analysis says, in colour.
  const auto file = *get(*node.archive, one.at("map").at("instance").get<std::string>());
  const auto picture = *dicom::parse(file);
  EXPECT_EQ(picture.dataset.text(tags::kPhotometricInterpretation), "RGB");
  const auto frame = *dicom::decode_frame(picture, file, 0);
  const auto box = one.at("map").at("box");
  const auto x = box.at(0).get<std::size_t>() + 5, y = box.at(1).get<std::size_t>() + 5;
  EXPECT_EQ(frame.data[(y * frame.columns + x) * 3], std::byte{200});
  EXPECT_EQ(frame.data[(y * frame.columns + x) * 3 + 1], std::byte{0});
  EXPECT_EQ(box.at(1).get<std::uint32_t>() + box.at(3).get<std::uint32_t>(), frame.rows);
  const auto comment = picture.dataset.text_or(tags::kImageComments);
  for (const char* said : {"not for primary diagnosis", "gradcam", "A map of influence", "Research use only", "0.875"})
    EXPECT_NE(comment.find(said), std::string::npos) << said << " in " << comment;
  // The ellipse is around the region, half a pixel on.
  const auto states = node.files_of(kLocationClass);
  ASSERT_EQ(states.size(), 1U);
  const auto state = *dicom::parse(states[0]);
  const auto graphic = state.dataset.items(tags::kGraphicAnnotationSequence)[0].items(tags::kGraphicObjectSequence)[0];
  EXPECT_EQ(graphic.text(tags::kGraphicType), "ELLIPSE");
  EXPECT_EQ(graphic.numbers(tags::kGraphicData), (std::vector<double>{20.5, 20.5, 20.5, 60.5, 10.5, 40.5, 30.5, 40.5}));
  const auto notes = node.files_of(kKeyClass);
  ASSERT_EQ(notes.size(), 1U);
  const auto note = *dicom::parse(notes[0]);
  const auto reference = note.dataset.items(tags::kContentSequence).back().items(tags::kReferencedSOPSequence)[0];
  EXPECT_EQ(reference.text(tags::kReferencedSOPInstanceUID), "1.2.3.1.1.1");
  EXPECT_EQ(reference.items(tags::kReferencedSOPSequence)[0].text(tags::kReferencedSOPInstanceUID),
            state.dataset.text(tags::kSOPInstanceUID));
  if (!dicom::testing::has_validator("dciodvfy")) GTEST_SKIP() << "skipped: package dicom3tools is not installed";
  for (const auto& uid : one.at("result_instances")) {
    const auto said = dicom::testing::said_by("dciodvfy", *get(*node.archive, uid.get<std::string>()));
    EXPECT_EQ(dicom::testing::error_lines(said), "") << said;
  }
}

TEST(AnalysesFindings, a_map_that_failed_its_checks_is_nowhere) {
  FindingsNode node;
  node.maps.failed = "weight randomisation";
  ASSERT_OK(node.analysed_one());
  const Json one = node.view().at("analyses").at(0);
  EXPECT_TRUE(one.at("map").is_null());
  EXPECT_EQ(one.at("map_note"), "the map of influence failed a check and is no explanation: weight randomisation");
  EXPECT_EQ(one.at("result_instances").size(), 3U) << "report, picture, key note";
  EXPECT_TRUE(node.files_of(kLocationClass).empty());
}

TEST(AnalysesFindings, an_answer_stands_even_when_nobody_can_explain_it) {
  FindingsNode node;
  node.maps.error = Error{Code::timeout, "other jobs kept the node busy"};
  ASSERT_OK(node.analysed_one());
  const Json one = node.view().at("analyses").at(0);
  EXPECT_EQ(one.at("state"), "analysed");
  EXPECT_EQ(one.at("map_note"), "no map of influence: other jobs kept the node busy");
}

TEST(AnalysesFindings, what_is_not_positive_is_not_pointed_out) {
  FindingsNode node;
  node.predictor.answer = [] { return made_up_answer(0.125); };
  ASSERT_OK(node.analysed_one());
  const Json one = node.view().at("analyses").at(0);
  EXPECT_EQ(one.at("positive"), false);
  EXPECT_EQ(one.at("result_instances").size(), 2U);
  EXPECT_EQ(node.maps.asked, 0);
}

TEST(AnalysesFindings, a_rule_says_what_is_positive_and_how_urgent) {
  const auto rules = parse_routing_rules(
      R"([{"model": "m", "positive": ["Mass", "nodule"], "urgency": "high", "output": ["sr", "key"]}])");
  ASSERT_OK(rules);
  const auto& rule = rules->front();
  EXPECT_TRUE(rule.key);
  EXPECT_FALSE(rule.map);
  EXPECT_EQ(rule.urgency, Urgency::high);
  auto answer = made_up_answer();
  answer.finding = "MASS";
  EXPECT_TRUE(is_positive(rule, answer));
  answer.finding = "pneumonia";
  EXPECT_FALSE(is_positive(rule, answer));
  const RoutingRule plain;
  EXPECT_TRUE(is_positive(plain, made_up_answer(0.9)));
  EXPECT_FALSE(is_positive(plain, made_up_answer(0.1)));
  auto many = made_up_answer();
  many.threshold.reset();
  EXPECT_FALSE(is_positive(plain, many)) << "of several classes the rule must name the positive ones";
  const auto why = [](std::string_view json) { return parse_routing_rules(json).error().message(); };
  EXPECT_EQ(why(R"([{"model": "m", "urgency": "soon"}])"), "rule 1: urgency is high, medium or low");
  EXPECT_EQ(why(R"([{"model": "m", "positive": 3}])"), "rule 1: positive is a text or a list of texts");
  EXPECT_EQ(why(R"([{"model": "m", "output": ["pdf"]}])"), "rule 1: output is a list of sr, sc, seg, map and key");
}

contracts::ObjectPeer reader() {
  auto peer = caller({"archive:read", "feedback:write"});
  peer.principal.name = "dr.lang";
  return peer;
}

TEST(AnalysesFindings, a_person_agrees_and_the_report_is_verified_and_follows_the_models) {
  FindingsNode node;
  ASSERT_OK(node.analysed_one());
  const Json one = node.view().at("analyses").at(0);
  const auto id = one.at("id").get<std::string>();
  const auto models_report = one.at("result_instances").at(0).get<std::string>();
  const auto judged = node.analyses->judge(reader(), id, {.agrees = true, .comment = "clear"});
  ASSERT_OK(judged);
  EXPECT_EQ(judged->at("judgement").at("by"), "dr.lang");
  EXPECT_EQ(judged->at("judgement").at("finding"), "pneumonia");
  const auto first = judged->at("judgement").at("report").get<std::string>();
  const auto file = *get(*node.archive, first);
  const auto report = *dicom::parse(file);
  EXPECT_EQ(report.dataset.text(tags::kVerificationFlag), "VERIFIED");
  EXPECT_EQ(report.dataset.items(tags::kVerifyingObserverSequence)[0].text(tags::kVerifyingObserverName), "dr.lang");
  const auto predecessor_of = [](const dicom::Dataset& d) {
    return d.items(tags::kPredecessorDocumentsSequence)[0]
        .items(tags::kReferencedSeriesSequence)[0]
        .items(tags::kReferencedSOPSequence)[0]
        .text_or(tags::kReferencedSOPInstanceUID);
  };
  EXPECT_EQ(predecessor_of(report.dataset), models_report);
  // Another word later takes the place of the first.
  node.clock.advance(std::chrono::minutes{5});
  const auto corrected = node.analyses->judge(reader(), id, {.agrees = false, .label = "atelectasis"});
  ASSERT_OK(corrected);
  EXPECT_EQ(corrected->at("judgement").at("revision"), 2);
  const auto second = *get(*node.archive, corrected->at("judgement").at("report").get<std::string>());
  EXPECT_EQ(predecessor_of(dicom::parse(second)->dataset), first);
  EXPECT_EQ(node.archive->totals().instances, 1U + 5U + 2U);
  if (!dicom::testing::has_validator("dciodvfy") || !dicom::testing::has_validator("dsrdump"))
    GTEST_SKIP() << "skipped: packages dicom3tools and dcmtk are not installed";
  for (const auto& bytes : {file, second})
    EXPECT_EQ(dicom::testing::error_lines(dicom::testing::said_by("dciodvfy", bytes)), "");
  const auto tree = dicom::testing::said_by("dsrdump +Pc", second);
  EXPECT_NE(tree.find("(121071,DCM,\"Finding\")=(atelectasis,99ACESO,\"atelectasis\")"), std::string::npos) << tree;
  EXPECT_NE(tree.find("=(CORRECTED,99ACESO,\"Corrected\")"), std::string::npos) << tree;
  EXPECT_EQ(tree.find("E: "), std::string::npos) << tree;
}

class MadeUpVerdicts final : public contracts::VerdictSink {
 public:
  Result<std::string> answer = std::string{"normal"};
  std::vector<std::string> said;
  Result<std::string> put_verdict(const contracts::Principal& who, std::string_view, std::string_view prediction,
                                  std::string_view finding, const contracts::VerdictWords& words) override {
    said.push_back(who.name + " " + std::string{prediction} + " " + std::string{finding} +
                   (words.agrees ? " yes" : " no"));
    return answer;
  }
};

TEST(AnalysesFindings, what_a_person_says_is_a_verdict_too_and_without_it_nothing_is_written) {
  FindingsNode node;
  MadeUpVerdicts verdicts;
  node.verdicts = &verdicts;
  ASSERT_OK(node.analysed_one());
  const auto id = node.view().at("analyses").at(0).at("id").get<std::string>();
  verdicts.answer = Error{Code::precondition, "a blinded reading is open"};
  EXPECT_CODE(node.analyses->judge(reader(), id, {.agrees = false}), Code::precondition);
  EXPECT_EQ(node.archive->totals().instances, 6U);
  verdicts.answer = std::string{"normal"};  // the only other class
  const auto judged = node.analyses->judge(reader(), id, {.agrees = false});
  ASSERT_OK(judged);
  EXPECT_EQ(judged->at("judgement").at("finding"), "normal");
  EXPECT_EQ(verdicts.said.back(), "dr.lang 0190-prediction pneumonia no");
  node.close();
  ASSERT_OK(node.open());
  EXPECT_EQ(node.view().at("analyses").at(0).at("judgement").at("finding"), "normal") << "kept";
}

TEST(AnalysesFindings, only_readers_with_rights_judge_and_only_answers) {
  FindingsNode node;
  ASSERT_OK(node.analysed_one());
  const auto id = node.view().at("analyses").at(0).at("id").get<std::string>();
  EXPECT_CODE(node.analyses->judge(caller(), id, {.agrees = true}), Code::denied);
  EXPECT_CODE(node.analyses->judge(caller({"feedback:write"}), id, {.agrees = true}), Code::denied);
  EXPECT_CODE(node.analyses->judge(reader(), "0190-nothing", {.agrees = true}), Code::not_found);
  EXPECT_CODE(node.analyses->judge(reader(), id, {.agrees = false, .label = "pneumonia"}), Code::invalid);
  EXPECT_CODE(node.analyses->judge(reader(), id, {.agrees = false}), Code::invalid) << "nobody says what it is";
}

// A request as the router gets it from a session.
Json asked(AnalysisNode& node, const std::string& path, const std::vector<std::pair<std::string, std::string>>& query) {
  net::Router router;
  node.analyses->register_routes(router);
  net::Request request;
  request.method = net::Method::get;
  request.path = path;
  request.query = query;
  request.principal = caller().principal;
  const auto response = net::route_request(router, request);
  EXPECT_OK(response);
  if (!response) return {};
  const auto* text = std::get_if<std::string>(&response->body);
  return text == nullptr ? Json() : *parse_json(*text);
}

// Five studies: one of each kind.
Status fill_worklist(FindingsNode& node, const std::function<void(const std::string&)>& before) {
  ACESO_TRY_OK(node.open());
  int number = 0;
  for (const std::string kind : {"negative", "low", "high", "failed", "other"}) {
    before(kind);
    const std::string study = "1.2.3." + std::to_string(10 + ++number);
    auto spec = chest(study + ".1", study + ".1.1");
    spec.study = study;
    auto data = make_data_set(spec);
    data.set_text(tags::kSeriesDescription, kind);
    ACESO_TRY(const auto file, dicom::write_part10(data, dicom::kExplicitLittle));
    ACESO_TRY([[maybe_unused]] const auto stored, put(*node.archive, file));
    node.quiet();
    if (!node.becomes([](const Json& now) { return now.at("state") != "waiting" && now.at("state") != "running"; },
                      study))
      return Error{Code::internal, "not settled"};
  }
  return {};
}

TEST(AnalysesFindings, the_worklist_goes_by_finding_and_urgency_and_page_by_page) {
  FindingsNode node{R"([{"match": {"description": "high"}, "model": "pneumonia", "urgency": "high"},
    {"match": {"description": ["low", "negative", "failed"]}, "model": "pneumonia", "urgency": "low"}])"};
  ASSERT_OK(fill_worklist(node, [&](const std::string& kind) {
    node.predictor.answer = [kind]() -> Result<contracts::PictureAnswer> {
      if (kind == "failed") return Error{Code::internal, "engine"};
      return made_up_answer(kind == "negative" ? 0.1 : 0.9);
    };
  }));
  const Json all = asked(node, "/api/v1/archive/worklist", {});
  std::vector<std::string> order;
  for (const auto& item : all.at("items")) order.push_back(item.at("rank").get<std::string>());
  EXPECT_EQ(order, (std::vector<std::string>{"positive", "positive", "failed", "negative", "not_applicable"}));
  EXPECT_EQ(all.at("items").at(0).at("analysis").at("urgency"), "high");
  EXPECT_EQ(all.at("items").at(1).at("analysis").at("urgency"), "low");
  EXPECT_EQ(all.at("items").at(0).at("patient").at("name"), "Doe^Jane");
  EXPECT_FALSE(all.at("items").at(0).at("analysis").at("uncertainty").get<std::string>().empty());
  std::vector<std::string> paged;
  std::string cursor;
  for (int pages = 0; pages < 10; ++pages) {
    const Json page = asked(node, "/api/v1/archive/worklist", {{"limit", "2"}, {"cursor", cursor}});
    for (const auto& item : page.at("items")) paged.push_back(item.at("rank").get<std::string>());
    if (page.at("next").is_null()) break;
    cursor = page.at("next").get<std::string>();
  }
  EXPECT_EQ(paged, order);
  // Judged by a person: behind all that waits for one.
  const auto id = all.at("items").at(0).at("analysis").at("id").get<std::string>();
  ASSERT_OK(node.analyses->judge(reader(), id, {.agrees = true}));
  EXPECT_EQ(asked(node, "/api/v1/archive/worklist", {}).at("items").back().at("rank"), "judged");
}

TEST(AnalysesFindings, a_list_of_studies_is_one_record_that_names_them_all) {
  FindingsNode node;
  ASSERT_OK(fill_worklist(node, [](const std::string&) {}));
  const auto before = node.audit.events().size();
  const Json states =
      asked(node, "/api/v1/archive/analyses/states", {{"study", "1.2.3.11"}, {"study", "1.2.3.12"}, {"study", "9.9"}});
  EXPECT_EQ(states.at("studies").size(), 2U);
  const auto events = node.audit.events();
  ASSERT_EQ(events.size(), before + 1);
  EXPECT_EQ(events.back().event, "archive.analyses.states");
  const auto detail = *parse_json(events.back().detail);
  EXPECT_EQ(detail.at("studies").size(), 2U);
  EXPECT_EQ(events.back().detail.find("1.2.3"), std::string::npos) << "by keyed hashes";
  const auto at = node.audit.events().size();
  (void)asked(node, "/api/v1/archive/analyses", {});
  (void)asked(node, "/api/v1/archive/worklist", {});
  EXPECT_EQ(node.audit.events().size(), at + 2);
}

}  // namespace
}  // namespace aceso::archive
