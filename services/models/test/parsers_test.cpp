#include <gtest/gtest.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "context.hpp"
#include "kserve.hpp"
#include "multipart.hpp"
#include "object_reader.hpp"
#include "worker_protocol.hpp"

namespace aceso::models {
namespace {

// A body that gives `step` bytes at a time.
class TextBody final : public net::BodyReader {
 public:
  TextBody(std::string text, std::size_t step) : text_{std::move(text)}, step_{step} {}
  Result<std::size_t> read(std::span<std::byte> out) override {
    const std::size_t n = std::min({out.size(), step_, text_.size() - at_});
    std::copy_n(reinterpret_cast<const std::byte*>(text_.data()) + at_, n, out.data());
    at_ += n;
    return n;
  }

 private:
  std::string text_;
  std::size_t step_, at_ = 0;
};

std::span<const std::byte> bytes(std::string_view text) {
  return std::as_bytes(std::span{text.data(), text.size()});
}

TEST(Names, only_what_is_safe_as_a_folder_and_in_a_url) {
  for (const char* good : {"pneumonia", "A1", "a.b-c_d", "0"}) EXPECT_TRUE(check_name("name", good)) << good;
  for (const char* bad : {"", ".", "..", ".hidden", "-x", "a/b", "a\\b", "a b", "a%2e", "ä", "a\n"})
    EXPECT_FALSE(check_name("name", bad)) << bad;
  EXPECT_TRUE(check_name("name", std::string(64, 'a')));
  EXPECT_FALSE(check_name("name", std::string(65, 'a')));
  EXPECT_FALSE(check_name("name", std::string("a\0b", 3)));
}

TEST(ObjectReader, refuses_unknown_fields_wrong_types_and_ranges) {
  const Json json = Json::parse(R"({"n":5,"t":"x","extra":1})");
  auto reader = ObjectReader::of(json, "request");
  ASSERT_TRUE(reader);
  EXPECT_EQ(*reader->integer_or("n", 0, 1, 10), 5);
  EXPECT_FALSE(reader->integer_or("n", 0, 1, 4));
  EXPECT_FALSE(reader->integer_or("t", 0, 1, 4));
  EXPECT_EQ(*reader->text("t", 10), "x");
  const Status done = reader->done();
  ASSERT_FALSE(done);
  EXPECT_NE(done.error().message().find("extra"), std::string::npos);
  EXPECT_FALSE(ObjectReader::of(Json::array(), "request"));
}

TEST(WorkerProtocol, lines_come_whole_however_the_bytes_are_cut) {
  const std::string text = "one\n\ntwo\nthree\n";
  for (std::size_t step = 1; step < text.size(); ++step) {
    LineSplitter splitter;
    std::vector<std::string> lines;
    for (std::size_t at = 0; at < text.size(); at += step)
      ASSERT_TRUE(splitter.feed(bytes(std::string_view{text}.substr(at, step)),
                                [&](std::string_view line) { lines.emplace_back(line); }));
    EXPECT_EQ(lines, (std::vector<std::string>{"one", "", "two", "three"}));
  }
}

TEST(WorkerProtocol, a_line_without_end_is_refused_at_the_bound) {
  LineSplitter splitter;
  const std::string piece(1000, 'x');
  std::size_t fed = 0;
  Status status;
  while (status && fed < 10 * kMaxWorkerLine) {
    status = splitter.feed(bytes(piece), [](std::string_view) { FAIL(); });
    fed += piece.size();
  }
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().code(), Code::too_large);
  EXPECT_LE(fed, kMaxWorkerLine + piece.size());
}

TEST(WorkerProtocol, every_message_survives_the_way_there_and_back) {
  const auto progress = parse_worker_line(to_line(
      ProgressUpdate{.phase = "train", .done = 3, .total = 10, .values = {{"loss", "0.5"}}, .seconds_left = 4.5}));
  ASSERT_TRUE(progress);
  EXPECT_EQ(progress->type, WorkerMessage::Type::progress);
  EXPECT_EQ(progress->progress.done, 3U);
  EXPECT_EQ(progress->progress.values, (std::vector<std::pair<std::string, std::string>>{{"loss", "0.5"}}));
  EXPECT_EQ(parse_worker_line(R"({"type":"progress","values":{"loss":"0.5"}})")->progress.values,
            progress->progress.values);
  const auto epoch = parse_worker_line(to_line(
      learn::EpochRecord{.epoch = 2, .train_loss = 0.25, .validation_loss = std::nan(""), .validation_auc = 0.75}));
  ASSERT_TRUE(epoch);
  EXPECT_EQ(epoch->epoch.epoch, 2);
  EXPECT_DOUBLE_EQ(epoch->epoch.validation_auc, 0.75);
  EXPECT_TRUE(std::isnan(epoch->epoch.validation_loss));
  const auto error = parse_worker_line(to_line(Error{Code::exhausted, "out of\nmemory"}, "out_of_memory"));
  ASSERT_TRUE(error);
  EXPECT_EQ(error->code, Code::exhausted);
  EXPECT_EQ(error->text, "out of memory");
  EXPECT_EQ(error->reason, "out_of_memory");
}

TEST(WorkerProtocol, refuses_what_is_not_a_message) {
  for (const char* line : {"", "x", "[]", "{}", R"({"type":"x"})", R"({"type":"progress","done":-1})",
                           R"({"type":"progress","done":1e300})", R"({"type":"error"})",
                           R"({"type":"error","code":"odd","message":"m"})", R"({"type":"epoch","epoch":"1"})",
                           R"({"type":"progress","values":[["a"]]})", R"({"type":"log","level":"loud"})"})
    EXPECT_FALSE(parse_worker_line(line)) << line;
}

TEST(Multipart, reads_fields_and_files_however_the_bytes_are_cut) {
  const std::string body =
      "preamble\r\n--B\r\nContent-Disposition: form-data; "
      "name=\"model\"\r\n\r\npneumonia\r\n--B\r\nContent-Disposition: form-data; name=\"image\"; filename=\"a "
      "\\\"b\\\".png\"\r\nContent-Type: Image/PNG\r\n\r\n\r\n-\r\n--C\r\n\r\n"
      "--B\r\ncontent-disposition: form-data; name=empty\r\n\r\n\r\n--B--\r\nepilogue";
  for (std::size_t step = 1; step < 40; ++step) {
    TextBody source{body, step};
    auto form = MultipartReader::open("multipart/form-data; boundary=B", source);
    ASSERT_TRUE(form);
    auto part = form->next();
    ASSERT_TRUE(part && *part);
    EXPECT_EQ((*part)->name, "model");
    EXPECT_FALSE((*part)->file);
    EXPECT_EQ(*form->read_all(100), "pneumonia");
    part = form->next();
    ASSERT_TRUE(part && *part) << step;
    EXPECT_EQ((*part)->name, "image");
    EXPECT_EQ((*part)->content_type, "image/png");
    EXPECT_TRUE((*part)->file);
    EXPECT_EQ(*form->read_all(100), "\r\n-\r\n--C\r\n") << step;
    part = form->next();
    ASSERT_TRUE(part && *part);
    EXPECT_EQ((*part)->name, "empty");
    EXPECT_EQ(*form->read_all(100), "");
    part = form->next();
    ASSERT_TRUE(part);
    EXPECT_FALSE(*part);
  }
}

TEST(Multipart, refuses_what_is_malformed) {
  const auto all = [](const std::string& type, const std::string& body) -> Status {
    TextBody source{body, 7};
    ACESO_TRY(auto form, MultipartReader::open(type, source));
    for (;;) {
      ACESO_TRY(const auto part, form.next());
      if (!part) return {};
      ACESO_TRY(const auto text, form.read_all(1000));
    }
  };
  const std::string type = "multipart/form-data; boundary=B",
                    head = "--B\r\nContent-Disposition: form-data; name=a\r\n\r\n";
  EXPECT_TRUE(all(type, head + "x\r\n--B--"));
  EXPECT_FALSE(all(type, head + "x\r\n--B"));  // cut
  EXPECT_FALSE(all(type, head + "x"));
  EXPECT_FALSE(all(type, ""));
  EXPECT_FALSE(all(type, head + "x\r\n--Bad--"));
  EXPECT_FALSE(all(type, "--B\r\nno colon\r\n\r\nx\r\n--B--"));
  EXPECT_FALSE(all(type, "--B\r\nContent-Type: text/plain\r\n\r\nx\r\n--B--"));  // no name
  EXPECT_FALSE(all(type, "--B\r\n" + std::string(5000, 'h') + ": x\r\n\r\n\r\n--B--"));
  EXPECT_FALSE(all("multipart/form-data", head));
  EXPECT_FALSE(all("multipart/form-data; boundary=" + std::string(71, 'b'), head));
  EXPECT_FALSE(all("text/plain", head));
  std::string many;
  for (int i = 0; i < 20; ++i) many += head + "x\r\n";
  EXPECT_EQ(all(type, many + "--B--").error().code(), Code::too_large);
  EXPECT_EQ(all(type, head + std::string(2000, 'x') + "\r\n--B--").error().code(), Code::too_large);
}

TEST(KServe, reads_flat_and_nested_data_of_every_type) {
  const auto request = parse_kserve_request(
      R"({"id":"7","inputs":[{"name":"a","datatype":"FP32","shape":[1,2],"data":[[0.5,2]]},{"name":"b","datatype":"UINT8","shape":[2],"data":[0,255]},
    {"name":"c","datatype":"INT64","shape":[1],"data":[-5]},{"name":"d","datatype":"BOOL","shape":[2],"data":[true,false]}],"outputs":[{"name":"output"}]})");
  ASSERT_TRUE(request) << request.error().message();
  EXPECT_EQ(request->id, "7");
  EXPECT_FLOAT_EQ(request->inputs.at("a").f32()[1], 2.0F);
  EXPECT_EQ(request->inputs.at("b").as<std::uint8_t>()[1], 255);
  EXPECT_EQ(request->inputs.at("c").as<std::int64_t>()[0], -5);
  EXPECT_EQ(request->inputs.at("d").as<std::uint8_t>()[0], 1);
  EXPECT_EQ(request->outputs, std::vector<std::string>{"output"});
}

TEST(KServe, refuses_lies_about_shape_type_and_range) {
  const auto input = [](const std::string& fields) { return R"({"inputs":[{"name":"a",)" + fields + "}]}"; };
  for (const std::string& body :
       {std::string{"{"}, std::string{"{}"}, std::string{R"({"inputs":[]})"},
        input(R"("datatype":"FP32","shape":[2],"data":[1])"), input(R"("datatype":"FP32","shape":[1],"data":[1,2])"),
        input(R"("datatype":"UINT8","shape":[1],"data":[256])"), input(R"("datatype":"UINT8","shape":[1],"data":[-1])"),
        input(R"("datatype":"UINT8","shape":[1],"data":[1.5])"),
        input(R"("datatype":"FP32","shape":[1],"data":[1e39])"),
        input(R"("datatype":"FP32","shape":[1],"data":[null])"), input(R"("datatype":"FP32","shape":[1],"data":["1"])"),
        input(R"("datatype":"BYTES","shape":[1],"data":["a"])"), input(R"("datatype":"FP32","shape":[0],"data":[])"),
        input(R"("datatype":"FP32","shape":[-1],"data":[])"),
        input(R"("datatype":"FP32","shape":[99999999,99999999],"data":[])"),
        input(R"("datatype":"FP32","shape":[],"data":[])"),
        input(R"("datatype":"FP32","shape":[1],"data":[1],"odd":1)"), input(R"("datatype":"FP32","shape":[1])")})
    EXPECT_FALSE(parse_kserve_request(body)) << body;
  EXPECT_FALSE(parse_kserve_request(
      R"({"inputs":[{"name":"a","datatype":"FP32","shape":[1],"data":[1]},{"name":"a","datatype":"FP32","shape":[1],"data":[1]}]})"));
}

}  // namespace
}  // namespace aceso::models
