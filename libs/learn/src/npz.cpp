// .npz: a ZIP archive (PKWARE APPNOTE 6.3) of .npy members, read from memory through libzip. Nothing is written to
// disk, so names are only keys.
#include <zip.h>

#include <algorithm>
#include <cstring>
#include <memory>

#include "npy_header.hpp"
#include "npz_file.hpp"

namespace aceso::learn {
namespace {

constexpr zip_int64_t kMaxMembers = 1024;
constexpr std::string_view kSuffix = ".npy";

struct DiscardZip {
  void operator()(zip_t* archive) const { zip_discard(archive); }
};
using ZipPtr = std::unique_ptr<zip_t, DiscardZip>;
struct CloseFile {
  void operator()(zip_file_t* file) const { zip_fclose(file); }
};
using FilePtr = std::unique_ptr<zip_file_t, CloseFile>;
struct FreeSource {
  void operator()(zip_source_t* source) const { zip_source_free(source); }
};
using SourcePtr = std::unique_ptr<zip_source_t, FreeSource>;

Error member_error(const std::string& name, std::string_view why, Code code = Code::invalid) {
  return {code, "member \"" + name + "\": " + std::string{why}};
}

bool good_key(std::string_view key) {
  const auto good = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '-' ||
           c == '.' || c == ' ';
  };
  return !key.empty() && key.size() <= 128 && key.find("..") == std::string_view::npos &&
         std::all_of(key.begin(), key.end(), good);
}

// Fewer bytes than asked for mean that the member ends, or is damaged, before it should.
bool read_exactly(zip_file_t* file, std::byte* to, std::uint64_t size) {
  while (size > 0) {
    const zip_int64_t got = zip_fread(file, to, std::min<std::uint64_t>(size, 1 << 24));
    if (got <= 0) return false;
    to += got;
    size -= static_cast<std::uint64_t>(got);
  }
  return true;
}

// All of a member's data, in pieces that stay in the cache between unpacking, checksum and copy. False as above.
bool read_all(zip_file_t* file, std::uint64_t size, std::vector<std::byte>& to) {
  constexpr std::uint64_t kPiece = 256 * 1024;
  std::vector<std::byte> piece(static_cast<std::size_t>(std::min(size, kPiece)));
  while (to.size() < size) {
    const auto some = static_cast<std::size_t>(std::min<std::uint64_t>(kPiece, size - to.size()));
    if (!read_exactly(file, piece.data(), some)) return false;
    to.insert(to.end(), piece.begin(), piece.begin() + static_cast<std::ptrdiff_t>(some));
  }
  return true;
}

// A member whose header was read: what follows are its data.
struct OpenMember {
  FilePtr file;
  NpyHeader header;
};

Result<OpenMember> open_member(zip_t* archive, zip_uint64_t index, const std::string& name, std::uint64_t size,
                               std::uint64_t limit) {
  FilePtr file{zip_fopen_index(archive, index, 0)};
  if (!file) return member_error(name, "cannot be read");
  std::vector<std::byte> head(kNpyPrefix);
  if (size < kNpyPrefix || !read_exactly(file.get(), head.data(), head.size()))
    return member_error(name, "not a .npy array");
  auto offset = npy_data_offset(head);
  if (!offset) return member_error(name, offset.error().message(), offset.error().code());
  if (*offset < kNpyPrefix || *offset > size) return member_error(name, "truncated .npy header");
  head.resize(*offset);
  if (!read_exactly(file.get(), head.data() + kNpyPrefix, head.size() - kNpyPrefix))
    return member_error(name, "truncated .npy header");
  auto header = parse_npy_header(head);
  if (!header) return member_error(name, header.error().message(), header.error().code());
  if (header->data_bytes > limit) {
    return member_error(name,
                        "declares " + std::to_string(header->data_bytes) + " bytes, more than the limit leaves (" +
                            std::to_string(limit) + ")",
                        Code::too_large);
  }
  if (size != *offset + header->data_bytes) {
    return member_error(name, "its shape needs " + std::to_string(header->data_bytes) +
                                  " bytes, the archive declares " + std::to_string(size - *offset));
  }
  return OpenMember{std::move(file), *std::move(header)};
}

Status check_end(zip_file_t* file, const std::string& name) {
  std::byte beyond{};
  if (zip_fread(file, &beyond, 1) != 0) return member_error(name, "more data than declared, or a wrong checksum");
  return {};
}

Result<Array> read_data(const OpenMember& member, const std::string& name) {
  std::vector<std::byte> data;
  data.reserve(static_cast<std::size_t>(member.header.data_bytes));
  if (!read_all(member.file.get(), member.header.data_bytes, data))
    return member_error(name, "damaged or truncated data");
  ACESO_TRY_OK(check_end(member.file.get(), name));
  return finish_npy(member.header, std::move(data));
}

class MemberRows final : public RowReader {
 public:
  MemberRows(std::shared_ptr<zip_t> archive, OpenMember member, std::string name)
      : archive_{std::move(archive)}, member_{std::move(member)}, name_{std::move(name)} {}
  Status next(std::span<std::byte> to) override {
    if (!read_exactly(member_.file.get(), to.data(), to.size()))
      return member_error(name_, "damaged or truncated data");
    if (member_.header.dtype == DType::boolean) {
      for (std::byte& value : to) value = value == std::byte{0} ? std::byte{0} : std::byte{1};
    }
    return {};
  }
  Status finish() override { return check_end(member_.file.get(), name_); }

 private:
  std::shared_ptr<zip_t> archive_;  // shared by the readers of one archive; it goes last
  OpenMember member_;
  std::string name_;
};

Result<std::string> member_key(const zip_stat_t& stat, zip_uint64_t index) {
  const std::string_view name = (stat.valid & ZIP_STAT_NAME) != 0 && stat.name != nullptr ? stat.name : "";
  const std::string_view key = name.substr(0, name.size() - std::min(name.size(), kSuffix.size()));
  if (!name.ends_with(kSuffix) || !good_key(key)) {
    return Error{Code::invalid, "member " + std::to_string(index) +
                                    " of the archive has a name that is no plain array name ending in .npy"};
  }
  return std::string{key};
}

// Before anything is allocated: what is stored has its own size; what is deflated may not take memory out of all
// proportion to the file that someone sent.
std::string_view fault_of_size(const zip_stat_t& stat, std::size_t archive_bytes) {
  constexpr zip_uint64_t kMostOfOne = 1032;  // deflate's own bound (zlib, technical notes)
  constexpr zip_uint64_t kSuspicious = 200;
  constexpr zip_uint64_t kHarmless = zip_uint64_t{256} << 20;
  if (stat.comp_size > archive_bytes || stat.size > stat.comp_size * kMostOfOne ||
      (stat.comp_method == ZIP_CM_STORE && stat.size != stat.comp_size))
    return "declares more bytes than its part of the archive can hold";
  if (stat.size > kHarmless && stat.size > stat.comp_size * kSuspicious)
    return "grows more than 200-fold to more than 256 MiB when it is unpacked";
  return {};
}

}  // namespace

Result<NamedArrays> parse_npz(std::span<const std::byte> bytes, std::uint64_t limit) {
  ACESO_TRY(OpenNpz open, open_npz(bytes, limit, [](std::string_view) { return false; }));
  return std::move(open.arrays);
}

Result<OpenNpz> open_npz(std::span<const std::byte> bytes, std::uint64_t limit,
                         const std::function<bool(std::string_view key)>& stream) {
  constexpr std::size_t kEndRecord = 22;  // the shortest archive; libzip takes no bytes at all for an empty one
  if (bytes.size() < kEndRecord) return Error{Code::invalid, "not a .npz archive, or truncated"};
  zip_error_t error;
  zip_error_init(&error);
  SourcePtr source{zip_source_buffer_create(bytes.data(), bytes.size(), 0, &error)};
  if (!source) return Error{Code::exhausted, "no memory to read the archive"};
  ZipPtr opened{zip_open_from_source(source.get(), ZIP_RDONLY, &error)};
  if (!opened) return Error{Code::invalid, "not a .npz archive, or truncated"};
  [[maybe_unused]] const zip_source_t* owned = source.release();  // by the archive now
  const std::shared_ptr<zip_t> archive{std::move(opened)};
  const zip_int64_t members = zip_get_num_entries(archive.get(), 0);
  if (members < 1) return Error{Code::invalid, "the archive holds no arrays"};
  if (members > kMaxMembers) return Error{Code::too_large, "the archive has more than 1024 members"};
  OpenNpz out;
  out.archive = archive;
  std::uint64_t left = limit;
  for (zip_uint64_t i = 0; i < static_cast<zip_uint64_t>(members); ++i) {
    zip_stat_t stat;
    if (zip_stat_index(archive.get(), i, 0, &stat) != 0) return Error{Code::invalid, "damaged archive directory"};
    ACESO_TRY(const std::string key, member_key(stat, i));
    if (out.arrays.contains(key)) return member_error(key, "is there twice");
    if ((stat.valid & ZIP_STAT_SIZE) == 0) return member_error(key, "has no size");
    if ((stat.valid & ZIP_STAT_ENCRYPTION_METHOD) != 0 && stat.encryption_method != ZIP_EM_NONE)
      return member_error(key, "is encrypted", Code::unsupported);
    if ((stat.valid & ZIP_STAT_COMP_METHOD) == 0 ||
        (stat.comp_method != ZIP_CM_STORE && stat.comp_method != ZIP_CM_DEFLATE)) {
      return member_error(key, "is compressed by other means than deflate", Code::unsupported);
    }
    if ((stat.valid & ZIP_STAT_COMP_SIZE) == 0) return member_error(key, "has no compressed size");
    if (const auto fault = fault_of_size(stat, bytes.size()); !fault.empty()) return member_error(key, fault);
    if (stat.size > left + kNpyMaxHeader)
      return member_error(key, "declares more bytes than the limit of " + std::to_string(limit), Code::too_large);
    ACESO_TRY(OpenMember member, open_member(archive.get(), i, key, stat.size, left));
    left -= member.header.data_bytes;
    if (stream(key) && !(member.header.fortran && member.header.shape.size() > 1) && !member.header.shape.empty()) {
      out.arrays.emplace(key, Array{member.header.dtype, member.header.shape, {}});
      out.rows.emplace(key, std::make_unique<MemberRows>(archive, std::move(member), key));
      continue;
    }
    ACESO_TRY(Array array, read_data(member, key));
    out.arrays.emplace(key, std::move(array));
  }
  return out;
}

Result<std::vector<std::byte>> to_npz(const NamedArrays& arrays) {
  zip_error_t error;
  zip_error_init(&error);
  const SourcePtr source{zip_source_buffer_create(nullptr, 0, 0, &error)};
  if (!source) return Error{Code::exhausted, "no memory to write the archive"};
  zip_source_keep(source.get());
  ZipPtr archive{zip_open_from_source(source.get(), ZIP_TRUNCATE, &error)};
  if (!archive) {
    zip_source_free(source.get());
    return Error{Code::internal, "cannot start an archive in memory"};
  }
  std::vector<std::vector<std::byte>> kept;  // libzip reads the members when it closes
  kept.reserve(arrays.size());
  for (const auto& [name, array] : arrays) {
    if (!good_key(name)) return Error{Code::invalid, "an array's name is no plain name"};
    kept.push_back(to_npy(array));
    SourcePtr member{zip_source_buffer(archive.get(), kept.back().data(), kept.back().size(), 0)};
    if (!member) return Error{Code::exhausted, "no memory to write the archive"};
    const zip_int64_t index =
        zip_file_add(archive.get(), (name + std::string{kSuffix}).c_str(), member.get(), ZIP_FL_ENC_UTF_8);
    if (index < 0) return Error{Code::internal, "cannot add an array to the archive"};
    [[maybe_unused]] const zip_source_t* owned = member.release();
    const auto at = static_cast<zip_uint64_t>(index);
    zip_set_file_compression(archive.get(), at, ZIP_CM_STORE, 0);
    zip_file_set_dostime(archive.get(), at, 0, 0x21, 0);  // 1980-01-01: equal arrays give equal bytes
  }
  if (zip_close(archive.get()) != 0) return Error{Code::internal, "cannot finish the archive"};
  [[maybe_unused]] const zip_t* closed = archive.release();
  if (arrays.empty()) return Error{Code::invalid, "no arrays to write"};
  zip_stat_t stat;
  zip_stat_init(&stat);
  if (zip_source_stat(source.get(), &stat) != 0 || zip_source_open(source.get()) != 0)
    return Error{Code::internal, "cannot read the archive back"};
  std::vector<std::byte> bytes(static_cast<std::size_t>(stat.size));
  const zip_int64_t got = zip_source_read(source.get(), bytes.data(), bytes.size());
  zip_source_close(source.get());
  if (got != static_cast<zip_int64_t>(bytes.size())) return Error{Code::internal, "cannot read the archive back"};
  return bytes;
}

}  // namespace aceso::learn
