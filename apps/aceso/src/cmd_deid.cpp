// aceso deid: DICOM files without identities (PS3.15 Annex E).
#include <algorithm>
#include <filesystem>
#include <map>
#include <memory>
#include <set>

#include "aceso/base/file.hpp"
#include "aceso/crypto/crypto.hpp"
#include "aceso/privacy/deidentify.hpp"
#include "context.hpp"
#include "deid_key.hpp"
#include "home.hpp"

namespace aceso::app {
namespace {

constexpr std::uint64_t kMaxFile = std::uint64_t{4} << 30;

struct DeidArguments {
  std::filesystem::path in, out, manifest, key_file, rules;
  std::string detect_text;
  std::vector<std::string> options;
  bool accept_pixels = false;
  bool keep_documents = false;
};

Result<crypto::SecretKey> load_key(const Context& context, const DeidArguments& a) {
  if (!a.key_file.empty()) return read_deid_key(a.key_file);
  ACESO_TRY(const Home home, prepare_home(context.home));
  return load_deid_key(home);
}

Result<privacy::DeidOptions> make_options(const DeidArguments& a) {
  privacy::DeidOptions options;
  for (const std::string& name : a.options) {
    if (auto status = privacy::set_option(options, name); !status)
      return Error{status.error()}.add_context("--options " + name);
  }
  if (options.retain_full_dates && options.retain_modified_dates)
    return Error{Code::invalid, "--options: retain-full-dates and retain-modified-dates exclude each other"};
  options.accept_pixels = a.accept_pixels;
  options.keep_documents = a.keep_documents;
  if (!a.rules.empty()) {
    ACESO_TRY(const std::string text, read_text_file(a.rules, 1 << 20));
    ACESO_TRY(options.pixel_rules, privacy::parse_pixel_rules(text));
    options.clean_pixel_data = true;
  }
  if (!a.detect_text.empty()) {
    if (a.detect_text != "suspicious" && a.detect_text != "all")
      return Error{Code::invalid, "--detect-text is suspicious or all"};
    options.detect_text = a.detect_text == "all" ? privacy::TextDetection::all : privacy::TextDetection::suspicious;
    options.clean_pixel_data = true;
  }
  return options;
}

Result<std::vector<std::filesystem::path>> files_of(const std::filesystem::path& in) {
  std::error_code ec;
  if (!std::filesystem::exists(in, ec)) return Error{Code::not_found, "no such file or folder: " + in.string()};
  if (!std::filesystem::is_directory(in, ec)) return std::vector{in};
  std::vector<std::filesystem::path> files;
  for (auto at = std::filesystem::recursive_directory_iterator{in, ec}; !ec && at != std::filesystem::end(at);
       at.increment(ec)) {
    if (at->is_regular_file(ec)) files.push_back(at->path());
  }
  if (ec) return Error{Code::denied, "the folder cannot be read: " + in.string()};
  std::ranges::sort(files);
  return files;
}

// New names only: names of files hold names of people.
std::filesystem::path target(const DeidArguments& a, bool one_file, const privacy::Deidentified& object) {
  std::error_code ec;
  if (one_file && !std::filesystem::is_directory(a.out, ec) && a.out.has_filename()) return a.out;
  return a.out / (object.study.empty() ? "no-study" : object.study) / (object.sop_instance + ".dcm");
}

struct Outcome {
  std::size_t written = 0;
  std::vector<std::pair<std::string, std::string>> refused;  // path as the user gave it, why
  std::map<std::string, std::size_t> warnings;
  std::set<std::filesystem::path> targets;
  std::string manifest;
};

Status process(const std::filesystem::path& file, const privacy::Deidentifier& deid, const DeidArguments& a,
               bool one_file, const privacy::DeidControl& control, Outcome& outcome) {
  ACESO_TRY(const auto bytes, read_file(file, kMaxFile));
  ACESO_TRY(const privacy::Deidentified object, deid.run(bytes, control));
  const auto to = target(a, one_file, object);
  std::error_code ec;
  if (std::filesystem::equivalent(to, file, ec)) return Error{Code::invalid, "the output would replace the input"};
  // Copies of an object that differ have one name: the first stays, and nobody overlooks the others.
  if (!outcome.targets.insert(to).second)
    return Error{Code::exists, "another file has the same SOP instance UID, and was written"};
  if (to.has_parent_path()) std::filesystem::create_directories(to.parent_path(), ec);
  ACESO_TRY_OK(write_file_atomic(to, object.bytes, {0644, false}));
  ++outcome.written;
  for (const std::string& warning : object.warnings) ++outcome.warnings[warning];
  if (!a.manifest.empty()) outcome.manifest += privacy::manifest_json(object) + "\n";
  return {};
}

void report(const Context& context, const DeidArguments& a, const Outcome& outcome) {
  if (context.json) {
    Json refused = Json::array();
    for (const auto& [file, why] : outcome.refused) refused.push_back({{"file", file}, {"reason", why}});
    Json warnings = Json::object();
    for (const auto& [text, count] : outcome.warnings) warnings[text] = count;
    context.print_json({{"written", outcome.written}, {"refused", refused}, {"warnings", warnings}});
    return;
  }
  context.print("de-identified " + std::to_string(outcome.written) + " objects into " + a.out.string());
  for (const auto& [text, count] : outcome.warnings) context.print("warning: " + std::to_string(count) + " x " + text);
  if (outcome.refused.empty()) return;
  std::vector<std::vector<std::string>> rows;
  rows.reserve(outcome.refused.size());
  for (const auto& [file, why] : outcome.refused) rows.push_back({file, why});
  context.print("\nrefused " + std::to_string(rows.size()) + ", nothing was written for them:\n" +
                format_table({"FILE", "WHY"}, rows));
}

Status run_deid(Context& context, const DeidArguments& a) {
  ACESO_TRY(privacy::DeidOptions options, make_options(a));
  ACESO_TRY(const auto files, files_of(a.in));
  ACESO_TRY(const crypto::SecretKey key, load_key(context, a));
  const privacy::Deidentifier deid{std::move(options), key};
  std::error_code ec;
  const bool one_file = !std::filesystem::is_directory(a.in, ec);
  const auto progress = context.progress();
  Outcome outcome;
  const privacy::DeidControl control{context.interrupted(), [&](std::size_t frame, std::size_t frames) {
                                       if (frames > 1) progress->update({"text", frame + 1, frames, {}, -1});
                                     }};
  for (std::size_t i = 0; i < files.size(); ++i) {
    if (context.interrupted().stop_requested())
      return Error{Code::cancelled, "interrupted: what was written is complete"};
    if (auto status = process(files[i], deid, a, one_file, control, outcome); !status) {
      const Code code = status.error().code();
      if (code == Code::exhausted) return std::move(status).error();
      if (code == Code::cancelled) return Error{Code::cancelled, "interrupted: what was written is complete"};
      outcome.refused.emplace_back(files[i].string(), status.error().message());
    }
    progress->update({"deid", i + 1, files.size(), {}, -1});
  }
  progress->finish("");
  if (!a.manifest.empty()) ACESO_TRY_OK(write_file_atomic(a.manifest, outcome.manifest));
  report(context, a, outcome);
  if (outcome.written == 0) return Error{Code::invalid, "nothing was de-identified"};
  if (!outcome.refused.empty()) context.exit_status = kFailed;
  return {};
}

}  // namespace

void add_deid(CLI::App& app, Context& context) {
  auto* command = app.add_subcommand("deid", "Remove identities from DICOM files (PS3.15 Annex E)");
  auto a = std::make_shared<DeidArguments>();
  std::string names;
  for (const std::string& name : privacy::option_names()) names += (names.empty() ? "" : ", ") + name;
  command->add_option("IN", a->in, "A file, or a folder with all it holds")->required();
  command->add_option("OUT", a->out, "A folder, files named by their new UIDs; for one file also a file")->required();
  command->add_option("--options", a->options, "Options of the profile, separated by commas: " + names)->delimiter(',');
  command->add_option("--manifest", a->manifest,
                      "Write what was done to each attribute, one line of JSON an object, no values");
  command->add_option("--rules", a->rules,
                      "JSON file of device rules that blank burned-in text (implies clean-pixel-data)");
  command->add_option("--detect-text", a->detect_text,
                      "Find burned-in text and make it black: suspicious (in pictures that may hold some) or all "
                      "(implies clean-pixel-data)");
  command->add_option("--key", a->key_file, "File of 32 bytes (default: keys/deid.key of the home, made on first use)");
  command->add_flag("--accept-pixels", a->accept_pixels,
                    "Pass pictures that may hold burned-in text, after somebody has looked at them");
  command->add_flag("--keep-documents", a->keep_documents, "Pass encapsulated documents as they are");
  command->footer(
      "UIDs, pseudonyms and shifted dates are consistent for one key, and only its holder can repeat them.\nSecondary "
      "captures, ultrasound, video and photographs are refused unless --rules cleans them, ultrasound declares its "
      "regions (clean-pixel-data), --detect-text searches them or --accept-pixels is given. A picture in which text is "
      "still found after cleaning is refused. The detector misses handwriting, letters below 5 pixels, single letters "
      "and text that hardly differs from what is behind it.\n\nExit codes: 0 all "
      "done, 1 some were refused, 2 nothing done or bad options, 3 no such file.\n\nExamples:\n  aceso deid study/ "
      "out/\n  "
      "aceso deid study/ out/ --options clean-descriptors,retain-modified-dates --manifest done.jsonl\n  aceso deid "
      "us.dcm "
      "clean.dcm --options clean-pixel-data\n  aceso deid caps/ out/ --rules rules.json --json\n  aceso deid caps/ "
      "out/ "
      "--detect-text suspicious --manifest done.jsonl");
  on_run(command, context, [&context, a] { return run_deid(context, *a); });
}

}  // namespace aceso::app
