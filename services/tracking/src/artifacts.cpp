#include "artifacts.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>
#include <vector>

namespace aceso::tracking {
namespace {

namespace fs = std::filesystem;
constexpr std::size_t kMaxPath = 1024, kMaxPart = 200, kMaxDepth = 16, kMaxListed = 10'000;

Error failed(int why) {
  return Error{why == ENOSPC || why == EDQUOT ? Code::exhausted : Code::internal,
               std::string{"cannot keep the artifact: "} + std::strerror(why)};
}

bool good_part(std::string_view part) {
  if (part.empty() || part.size() > kMaxPart || part == "." || part == "..") return false;
  return std::none_of(part.begin(), part.end(),
                      [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F || c == '\\'; });
}

class File {
 public:
  explicit File(int fd) : fd_{fd} {}
  ~File() {
    if (fd_ >= 0) ::close(fd_);
  }
  File(const File&) = delete;
  File& operator=(const File&) = delete;
  int get() const { return fd_; }

 private:
  int fd_;
};

Status receive(int fd, std::uint64_t limit, net::BodyReader& body) {
  std::vector<std::byte> piece(std::size_t{256} << 10);
  std::uint64_t total = 0;
  for (;;) {
    ACESO_TRY(const std::size_t n, body.read(piece));
    if (n == 0) return ::fsync(fd) == 0 ? Status{} : Status{failed(errno)};
    total += n;
    if (total > limit) return Error{Code::too_large, "the artifact is larger than " + std::to_string(limit) + " bytes"};
    for (std::size_t at = 0; at < n;) {
      const ssize_t wrote = ::write(fd, piece.data() + at, n - at);
      if (wrote < 0 && errno == EINTR) continue;
      if (wrote < 0) return failed(errno);
      at += static_cast<std::size_t>(wrote);
    }
  }
}

std::size_t count_files(const fs::path& folder, std::size_t enough) {
  std::size_t count = 0;
  std::error_code ec;
  for (auto at = fs::recursive_directory_iterator{folder, ec};
       !ec && at != fs::recursive_directory_iterator{} && count < enough; at.increment(ec))
    count += at->is_regular_file(ec) ? 1U : 0U;
  return count;
}

}  // namespace

Result<ArtifactPath> parse_artifact_path(std::string_view path) {
  const Error wrong{Code::invalid,
                    "path: EXPERIMENT/RUN/artifacts and a path without empty parts, . or .. is expected"};
  if (path.size() > kMaxPath) return Error{Code::invalid, "path: longer than 1024 bytes"};
  std::vector<std::string_view> parts;
  for (std::string_view rest = path; !rest.empty();) {
    const std::size_t slash = rest.find('/');
    parts.push_back(rest.substr(0, slash));
    if (!good_part(parts.back())) return wrong;
    if (parts.size() > kMaxDepth + 3) return Error{Code::invalid, "path: deeper than 16 folders"};
    rest.remove_prefix(slash == std::string_view::npos ? rest.size() : slash + 1);
  }
  if (parts.size() < 3 || parts[2] != "artifacts") return wrong;
  const auto all = [](std::string_view text, std::string_view of) {
    return text.find_first_not_of(of) == std::string_view::npos;
  };
  if (parts[0].size() > 18 || !all(parts[0], "0123456789") || parts[1].size() != 32 ||
      !all(parts[1], "0123456789abcdef"))
    return wrong;
  ArtifactPath out{std::string{parts[0]}, std::string{parts[1]}, {}};
  for (std::size_t i = 3; i < parts.size(); ++i) out.below /= fs::path{std::string{parts[i]}};
  return out;
}

fs::path Artifacts::place(const ArtifactPath& path) const {
  return folder_ / path.experiment / path.run / "artifacts" / path.below;
}

Status Artifacts::put(const ArtifactPath& path, const std::string& spool_name, net::BodyReader& body) const {
  if (path.below.empty()) return Error{Code::invalid, "path: a file's name is expected"};
  std::error_code ec;
  const fs::path target = place(path), spool = folder_ / "spool" / spool_name;
  fs::create_directories(spool.parent_path(), ec);
  if (count_files(folder_ / path.experiment / path.run, options_.max_files) >= options_.max_files &&
      !fs::exists(target, ec))
    return Error{Code::exhausted, "the run has too many artifacts"};
  Status kept = [&]() -> Status {
    const File file{::open(spool.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600)};
    if (file.get() < 0) return failed(errno);
    return receive(file.get(), options_.max_artifact_bytes, body);
  }();
  if (kept) {
    fs::create_directories(target.parent_path(), ec);
    if (ec || fs::is_directory(target, ec)) {
      kept = Error{Code::invalid, "path: there is a file or folder of this name already"};
    } else {
      fs::rename(spool, target, ec);
      if (ec) kept = Error{Code::internal, "cannot keep the artifact: " + ec.message()};
    }
  }
  if (!kept) fs::remove(spool, ec);
  return kept;
}

Result<fs::path> Artifacts::find(const ArtifactPath& path) const {
  const fs::path file = place(path);
  std::error_code ec;
  if (path.below.empty() || !fs::is_regular_file(fs::symlink_status(file, ec)))
    return Error{Code::not_found, "there is no such artifact"};
  return file;
}

Result<Json> Artifacts::list(const ArtifactPath& path) const {
  const fs::path folder = place(path);
  std::error_code ec;
  std::vector<std::pair<std::string, Json>> entries;
  for (const auto& entry : fs::directory_iterator{folder, ec}) {
    if (entries.size() == kMaxListed) break;
    std::string name = entry.path().filename().string();
    const bool folder_too = entry.is_directory(ec);
    Json one{{"path", name}, {"is_dir", folder_too}};
    if (!folder_too) one["file_size"] = entry.file_size(ec);
    entries.emplace_back(std::move(name), std::move(one));
  }
  std::sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  Json files = Json::array();
  for (auto& [name, one] : entries) files.push_back(std::move(one));
  return Json{{"files", std::move(files)}};
}

Status Artifacts::remove(const ArtifactPath& path) const {
  const fs::path target = place(path);
  std::error_code ec;
  if (!fs::exists(target, ec)) return Error{Code::not_found, "there is no such artifact"};
  fs::remove_all(target, ec);
  return ec ? Status{Error{Code::internal, "cannot remove the artifact: " + ec.message()}} : Status{};
}

void Artifacts::forget_spool() const {
  std::error_code ec;
  fs::remove_all(folder_ / "spool", ec);
}

}  // namespace aceso::tracking
