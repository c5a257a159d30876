#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <nlohmann/json.hpp>
#include <tuple>

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
  ASSERT_EQ(request->outputs.size(), 1U);
  EXPECT_EQ(request->outputs[0].name, "output");
  EXPECT_FALSE(request->wants_binary("output"));
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

// What stands behind the JSON of a request: the bytes of numbers, little-endian.
template <class T>
std::string raw_numbers(std::initializer_list<T> values) {
  std::string out;
  for (const T v : values) out.append(reinterpret_cast<const char*>(&v), sizeof v);
  return out;
}

TEST(KServeBinary, takes_the_bytes_of_each_input_in_turn) {
  const std::string json =
      R"({"parameters":{"binary_data_output":true},"inputs":[
      {"name":"a","datatype":"FP32","shape":[1,2],"parameters":{"binary_data_size":8}},
      {"name":"b","datatype":"UINT8","shape":[2],"data":[7,8]},
      {"name":"c","datatype":"INT64","shape":[1],"parameters":{"binary_data_size":8}},
      {"name":"d","datatype":"BOOL","shape":[3],"parameters":{"binary_data_size":3}},
      {"name":"e","datatype":"FP64","shape":[1],"parameters":{"binary_data_size":8}},
      {"name":"f","datatype":"UINT16","shape":[1],"parameters":{"binary_data_size":2}},
      {"name":"g","datatype":"INT16","shape":[1],"parameters":{"binary_data_size":2}},
      {"name":"h","datatype":"INT32","shape":[1],"parameters":{"binary_data_size":4}},
      {"name":"i","datatype":"INT8","shape":[1],"parameters":{"binary_data_size":1}}],
      "outputs":[{"name":"x"},{"name":"y","parameters":{"binary_data":false}}]})";
  const std::string body = json + raw_numbers<float>({0.5F, -2}) + raw_numbers<std::int64_t>({-5}) +
                           std::string("\1\0\1", 3) + raw_numbers<double>({1e300}) +
                           raw_numbers<std::uint16_t>({65535}) + raw_numbers<std::int16_t>({-300}) +
                           raw_numbers<std::int32_t>({1 << 30}) + "\xff";
  const auto request = parse_kserve_request(body, std::to_string(json.size()));
  ASSERT_TRUE(request) << request.error().message();
  EXPECT_FLOAT_EQ(request->inputs.at("a").f32()[1], -2.0F);
  EXPECT_EQ(request->inputs.at("b").as<std::uint8_t>()[1], 8);
  EXPECT_EQ(request->inputs.at("c").as<std::int64_t>()[0], -5);
  EXPECT_EQ(request->inputs.at("d").as<std::uint8_t>()[1], 0);
  EXPECT_DOUBLE_EQ(request->inputs.at("e").as<double>()[0], 1e300);
  EXPECT_EQ(request->inputs.at("f").as<std::uint16_t>()[0], 65535);
  EXPECT_EQ(request->inputs.at("g").as<std::int16_t>()[0], -300);
  EXPECT_EQ(request->inputs.at("h").as<std::int32_t>()[0], 1 << 30);
  EXPECT_EQ(request->inputs.at("i").as<std::int8_t>()[0], -1);
  EXPECT_TRUE(request->wants_binary("x")) << "as all outputs";
  EXPECT_FALSE(request->wants_binary("y")) << "its own word counts";
}

TEST(KServeBinary, refuses_lengths_that_lie_and_says_which) {
  const auto json = [](const std::string& fields) { return R"({"inputs":[{"name":"a","shape":[2],)" + fields + "}]}"; };
  const std::string good = json(R"("datatype":"FP32","parameters":{"binary_data_size":8})");
  const std::string two = raw_numbers<float>({1, 2});
  ASSERT_TRUE(parse_kserve_request(good + two, std::to_string(good.size())));
  const auto refused = [](const std::string& header, const std::string& text, std::string_view word) {
    const auto request = parse_kserve_request(text, header);
    ASSERT_FALSE(request) << text;
    EXPECT_NE(request.error().message().find(word), std::string::npos) << request.error().message();
  };
  const std::string size = std::to_string(good.size());
  refused(size, good + two.substr(1), "more bytes than were sent");
  refused(size, good, "more bytes than were sent");
  refused(size, good + two + "!", "1 bytes are no input's");
  refused(std::to_string(good.size() + 9), good + two, "more bytes than were sent");
  refused(std::to_string(good.size() - 1), good + two, "");
  refused("", good, "without the header");
  refused("0", good + two, "without JSON");
  refused("-1", good + two, "Inference-Header-Content-Length");
  refused("18446744073709551617", good + two, "Inference-Header-Content-Length");
  refused(size + " ", good + two, "Inference-Header-Content-Length");
  for (const auto& [fields, bytes_behind, word] :
       std::initializer_list<std::tuple<std::string, std::string, std::string>>{
           {R"("datatype":"FP32","parameters":{"binary_data_size":4})", two, "8 bytes"},
           {R"("datatype":"FP32","parameters":{"binary_data_size":18446744073709551615})", two, "8 bytes"},
           {R"("datatype":"FP32","parameters":{"binary_data_size":-8})", two, "a number of bytes"},
           {R"("datatype":"FP32","parameters":{"binary_data_size":8.0})", two, "a number of bytes"},
           {R"("datatype":"FP32","parameters":{"binary_data_size":8},"data":[1,2])", two, "given twice"},
           {R"("datatype":"FP32","parameters":[8])", two, "an object"},
           {R"("datatype":"FP32","parameters":{"shared_memory_region":"x"})", "", "shared memory"},
           {R"("datatype":"FP16","parameters":{"binary_data_size":4})", "1234", "datatype"},
           {R"("datatype":"BOOL","parameters":{"binary_data_size":2})", "\1\2", "0 or 1"},
           {R"("datatype":"FP32","parameters":{"binary_data_size":8})",
            raw_numbers<float>({1, std::numeric_limits<float>::quiet_NaN()}), "not finite"},
           {R"("datatype":"FP64","parameters":{"binary_data_size":16})",
            raw_numbers<double>({1, std::numeric_limits<double>::infinity()}), "not finite"}})
    refused(std::to_string(json(fields).size()), json(fields) + bytes_behind, word);
  const std::string sequence =
      R"({"parameters":{"sequence_id":4},"inputs":[{"name":"a","datatype":"FP32","shape":[1],"data":[1]}]})";
  refused("", sequence, "sequence_id");
}

TEST(KServeBinary, an_answer_comes_as_json_or_as_bytes) {
  const learn::Array output = learn::Array::from({2, 1}, std::vector<float>{0.25F, 1});
  const KServeAnswer text = kserve_answer(Json{{"model_name", "m"}}, output, Json::object(), false);
  EXPECT_FALSE(text.header_length);
  EXPECT_EQ(text.body,
            R"({"model_name":"m","outputs":[{"name":"output","datatype":"FP32","shape":[2,1],"data":[0.25,1.0]}]})");
  const KServeAnswer binary = kserve_answer(Json{{"model_name", "m"}}, output, Json{{"unit", "mm"}}, true);
  ASSERT_TRUE(binary.header_length);
  const Json head = Json::parse(binary.body.substr(0, *binary.header_length));
  EXPECT_EQ(head["outputs"][0]["parameters"], (Json{{"unit", "mm"}, {"binary_data_size", 8}}));
  EXPECT_FALSE(head["outputs"][0].contains("data"));
  EXPECT_EQ(binary.body.substr(*binary.header_length), raw_numbers<float>({0.25F, 1}));
}

}  // namespace
}  // namespace aceso::models
