#include "dataset_writer.hpp"

#include <fcntl.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <nlohmann/json.hpp>

#include "aceso/base/file.hpp"
#include "manifest_json.hpp"

namespace aceso::learn {
namespace {

namespace fs = std::filesystem;
constexpr std::size_t kFlushAt = std::size_t{4} << 20;
constexpr std::size_t kGatherBelow = std::size_t{64} << 10;

Error write_failure(int error) {
  if (error == ENOSPC || error == EDQUOT || error == EFBIG)
    return {Code::exhausted, "the disk is full: the dataset was not written"};
  return {Code::internal, std::string{"the dataset cannot be written: "} + std::generic_category().message(error)};
}

}  // namespace

Result<std::unique_ptr<PendingFolder>> PendingFolder::create(const fs::path& target) {
  std::error_code failure;
  if (fs::exists(target, failure))
    return Error{Code::exists, "dataset \"" + target.filename().string() + "\" is there already"};
  if (target.has_parent_path()) fs::create_directories(target.parent_path(), failure);
  std::string name = (target.parent_path() / ("." + target.filename().string() + ".XXXXXX")).string();
  if (mkdtemp(name.data()) == nullptr) return write_failure(errno);
  return std::unique_ptr<PendingFolder>{new PendingFolder{name, target}};
}

PendingFolder::~PendingFolder() {
  std::error_code ignored;
  if (!path_.empty()) fs::remove_all(path_, ignored);
}

Status PendingFolder::commit() {
  ACESO_TRY_OK(sync_directory(path_));
  fs::permissions(path_, fs::perms{0755});
  if (renameat2(AT_FDCWD, path_.c_str(), AT_FDCWD, target_.c_str(), RENAME_NOREPLACE) != 0) {
    if (errno == EEXIST || errno == ENOTEMPTY)
      return Error{Code::exists, "dataset \"" + target_.filename().string() + "\" is there already"};
    return write_failure(errno);
  }
  path_.clear();
  return sync_directory(target_.has_parent_path() ? target_.parent_path() : fs::path{"."});
}

Result<std::unique_ptr<PackWriter>> PackWriter::create(const fs::path& path) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
  if (fd < 0) return write_failure(errno);
  std::unique_ptr<PackWriter> writer{new PackWriter{fd}};
  std::vector<std::byte> head(kPackHeader);
  std::memcpy(head.data(), kPackMagic.data(), kPackMagic.size());
  ACESO_TRY_OK(writer->append(head));
  return writer;
}

PackWriter::~PackWriter() {
  ::close(fd_);
}

// Large arrays go to the file as they are, with what was gathered before them; small ones are gathered.
Status PackWriter::append(std::span<const std::byte> bytes) {
  if (bytes.size() >= kGatherBelow) {
    ACESO_TRY_OK(write(buffer_, bytes));
    buffer_.clear();
  } else {
    buffer_.insert(buffer_.end(), bytes.begin(), bytes.end());
  }
  size_ += bytes.size();
  const std::uint64_t padding = (kPackAlignment - size_ % kPackAlignment) % kPackAlignment;
  buffer_.resize(buffer_.size() + padding);
  size_ += padding;
  return buffer_.size() < kFlushAt ? Status{} : flush();
}

Status PackWriter::finish() {
  ACESO_TRY_OK(flush());
  if (fsync(fd_) != 0) return write_failure(errno);
  return {};
}

Status PackWriter::flush() {
  ACESO_TRY_OK(write(buffer_, {}));
  buffer_.clear();
  return {};
}

Status PackWriter::write(std::span<const std::byte> first, std::span<const std::byte> second) {
  while (!first.empty() || !second.empty()) {
    const auto part = [](std::span<const std::byte> bytes) {  // iovec has no const form; the bytes are only read
      return iovec{const_cast<std::byte*>(bytes.data()),      // NOLINT(cppcoreguidelines-pro-type-const-cast)
                   bytes.size()};
    };
    const std::array<iovec, 2> parts{part(first), part(second)};
    const ssize_t put = ::writev(fd_, parts.data(), static_cast<int>(parts.size()));
    if (put < 0 && errno == EINTR) continue;
    if (put < 0) return write_failure(errno);
    const auto done = static_cast<std::size_t>(put), of_first = std::min(done, first.size());
    first = first.subspan(of_first);
    second = second.subspan(done - of_first);
  }
  return {};
}

Status write_manifest(const fs::path& folder, Manifest& manifest) {
  manifest.sha256 = dataset_hash(manifest);
  const std::string text = to_json(manifest).dump(1, ' ', false, Json::error_handler_t::replace);
  if (text.size() > kMaxManifestBytes) return Error{Code::too_large, "the dataset has too many samples to describe"};
  return write_file_atomic(folder / "manifest.json", text);
}

Status share_pack(const fs::path& from, const fs::path& to) {
  std::error_code failure;
  fs::create_hard_link(from / "pack.bin", to / "pack.bin", failure);
  if (!failure) return {};
  fs::copy_file(from / "pack.bin", to / "pack.bin", failure);
  return failure ? Status{write_failure(failure.value())} : Status{};
}

}  // namespace aceso::learn
