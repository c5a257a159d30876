// The ZIP form of torch.save (torch/csrc and caffe2/serialize of PyTorch 1.6 and later): <name>/data.pkl, a pickle in
// which each storage is a reference to the member <name>/data/<key>; all members are stored, not compressed.
#include "aceso/learn/torch_file.hpp"

#include <zip.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <map>
#include <memory>
#include <optional>
#include <string_view>

#include "aceso/base/text.hpp"
#include "half.hpp"
#include "pickle.hpp"

namespace aceso::learn {
namespace {

using Kind = PickleValue::Kind;
constexpr zip_int64_t kMaxMembers = 200'000;
constexpr std::uint64_t kMaxPickle = std::uint64_t{64} << 20;
constexpr std::uint64_t kMaxGrowth = 8;  // tensors may share a storage, but not without end
constexpr std::size_t kMaxLeftOut = 100;

struct DiscardZip {
  void operator()(zip_t* archive) const { zip_discard(archive); }
};
struct CloseFile {
  void operator()(zip_file_t* file) const { zip_fclose(file); }
};
struct FreeSource {
  void operator()(zip_source_t* source) const { zip_source_free(source); }
};

// The members of the archive under its one folder; sizes checked, nothing read yet.
class Archive {
 public:
  static Result<Archive> open(std::span<const std::byte> bytes) {
    zip_error_t error;
    zip_error_init(&error);
    std::unique_ptr<zip_source_t, FreeSource> source{zip_source_buffer_create(bytes.data(), bytes.size(), 0, &error)};
    if (!source) return Error{Code::exhausted, "no memory to read the archive"};
    Archive archive;
    archive.zip_.reset(zip_open_from_source(source.get(), ZIP_RDONLY, &error));
    if (!archive.zip_) return Error{Code::invalid, "not a PyTorch file, or truncated"};
    static_cast<void>(source.release());  // the archive owns it now
    ACESO_TRY_OK(archive.list(bytes.size()));
    return archive;
  }

  bool has(const std::string& name) const { return members_.contains(name); }
  // The whole member. invalid when it is not there, is damaged or larger than `limit`.
  Result<std::vector<std::byte>> read(const std::string& name, std::uint64_t limit) const {
    const auto found = members_.find(name);
    if (found == members_.end()) return Error{Code::invalid, "the file lacks its member " + escape_controls(name, 100)};
    if (found->second.size > limit)
      return Error{Code::too_large, "the member " + escape_controls(name, 100) + " is larger than expected"};
    const std::unique_ptr<zip_file_t, CloseFile> file{zip_fopen_index(zip_.get(), found->second.index, 0)};
    std::vector<std::byte> data(static_cast<std::size_t>(found->second.size));
    std::uint64_t at = 0;
    while (file && at < data.size()) {
      const zip_int64_t got = zip_fread(file.get(), data.data() + at, data.size() - at);
      if (got <= 0) break;
      at += static_cast<std::uint64_t>(got);
    }
    std::byte beyond{};
    if (!file || at != data.size() || zip_fread(file.get(), &beyond, 1) != 0)  // the last read checks the checksum
      return Error{Code::invalid, "the member " + escape_controls(name, 100) + " is damaged"};
    return data;
  }

 private:
  struct Member {
    zip_uint64_t index = 0;
    std::uint64_t size = 0;
  };

  Status list(std::uint64_t file_size) {
    const zip_int64_t count = zip_get_num_entries(zip_.get(), 0);
    if (count < 1) return Error{Code::invalid, "not a PyTorch file: an empty archive"};
    if (count > kMaxMembers) return Error{Code::too_large, "the archive has more than 200000 members"};
    std::optional<std::string> folder;
    std::uint64_t total = 0;
    for (zip_uint64_t i = 0; i < static_cast<zip_uint64_t>(count); ++i) {
      zip_stat_t stat;
      constexpr zip_uint64_t kNeeded =
          ZIP_STAT_NAME | ZIP_STAT_SIZE | ZIP_STAT_COMP_SIZE | ZIP_STAT_COMP_METHOD | ZIP_STAT_ENCRYPTION_METHOD;
      if (zip_stat_index(zip_.get(), i, 0, &stat) != 0 || (stat.valid & kNeeded) != kNeeded)
        return Error{Code::invalid, "damaged archive directory"};
      if (std::string_view{stat.name}.find("/code/") != std::string_view::npos)
        return Error{Code::unsupported, "this is a TorchScript program, not weights: save the model's state_dict"};
      if (stat.comp_method != ZIP_CM_STORE || stat.encryption_method != ZIP_EM_NONE || stat.comp_size != stat.size)
        return Error{Code::unsupported, "the archive is compressed or encrypted, which torch.save never does"};
      total += stat.size;
      if (stat.size > file_size || total > file_size)
        return Error{Code::invalid, "the archive's members overlap or are larger than the file"};
      const std::string_view name{stat.name};
      const std::size_t slash = name.find('/');
      if (slash == std::string_view::npos) return Error{Code::invalid, "not a PyTorch file: a member outside a folder"};
      if (!folder) folder = name.substr(0, slash);
      if (name.substr(0, slash) != *folder)
        return Error{Code::invalid, "not a PyTorch file: more than one folder in the archive"};
      if (!members_.try_emplace(std::string{name.substr(slash + 1)}, Member{i, stat.size}).second)
        return Error{Code::invalid, "the archive holds a member twice"};
    }
    return {};
  }

  std::unique_ptr<zip_t, DiscardZip> zip_;
  std::map<std::string, Member, std::less<>> members_;
};

struct Number {
  std::string_view storage;
  DType dtype;
  std::size_t width;
};
constexpr std::array<Number, 10> kNumbers{{{"FloatStorage", DType::f32, 4},
                                           {"DoubleStorage", DType::f64, 8},
                                           {"HalfStorage", DType::f32, 2},
                                           {"BFloat16Storage", DType::f32, 2},
                                           {"LongStorage", DType::i64, 8},
                                           {"IntStorage", DType::i32, 4},
                                           {"ShortStorage", DType::i16, 2},
                                           {"CharStorage", DType::i8, 1},
                                           {"ByteStorage", DType::u8, 1},
                                           {"BoolStorage", DType::boolean, 1}}};

class Extraction {
 public:
  Extraction(const Archive& archive, const Pickle& pickle, std::uint64_t limit)
      : archive_{archive}, pickle_{pickle}, left_{limit} {}

  Result<TorchFile> run() {
    ACESO_TRY(const PickleRef dictionary, state_dict(pickle_.root, 0));
    for (const auto& [key, value] : at(dictionary).dictionary) {
      if (at(key).kind != Kind::text) return Error{Code::invalid, "the state_dict has a key that is no text"};
      const std::string& name = at(key).text;
      if (at(value).kind != Kind::tensor) {
        if (file_.left_out.size() < kMaxLeftOut) file_.left_out.push_back(name);
        continue;
      }
      wanted_[at(value).storage].emplace_back(name, value);
    }
    for (const auto& [storage, tensors] : wanted_) ACESO_TRY_OK(read_storage(storage, tensors));
    return std::move(file_);
  }

 private:
  const PickleValue& at(PickleRef ref) const { return pickle_.values[ref]; }

  // The dictionary that holds tensors: this one, or the one under a known key.
  Result<PickleRef> state_dict(PickleRef ref, int depth) {
    constexpr std::array<std::string_view, 6> kKeys{"state_dict", "model_state_dict", "model", "network_weights",
                                                    "net",        "weights"};
    const PickleValue& value = at(ref);
    if (value.kind != Kind::dictionary)
      return Error{Code::invalid, "the file holds no dictionary of tensors (save model.state_dict())"};
    const auto& items = value.dictionary;
    if (std::any_of(items.begin(), items.end(), [&](const auto& item) { return at(item.second).kind == Kind::tensor; }))
      return ref;
    for (const std::string_view wanted : kKeys) {
      for (const auto& [key, inner] : items) {
        if (at(key).kind != Kind::text || at(key).text != wanted || at(inner).kind != Kind::dictionary) continue;
        if (depth == 2) break;
        file_.under += (file_.under.empty() ? "" : ".") + std::string{wanted};
        return state_dict(inner, depth + 1);
      }
    }
    return Error{Code::invalid, "the file's dictionary holds no tensors, and no state_dict, model or network_weights"};
  }

  using Tensors = std::vector<std::pair<std::string, PickleRef>>;

  Status read_storage(PickleRef ref, const Tensors& tensors) {
    const PickleValue& storage = at(ref);
    const auto* const number = std::find_if(kNumbers.begin(), kNumbers.end(),
                                            [&](const Number& known) { return known.storage == storage.type; });
    if (number == kNumbers.end())
      return Error{Code::unsupported, "tensor " + escape_controls(tensors.front().first, 100) + ": its number type (" +
                                          storage.type + ") is none that arrays have"};
    const auto count = static_cast<std::uint64_t>(storage.integer);
    if (count > left_ / number->width) return too_large();
    ACESO_TRY(const auto bytes, archive_.read("data/" + storage.text, count * number->width));
    if (bytes.size() != count * number->width)
      return Error{Code::invalid, "tensor " + escape_controls(tensors.front().first, 100) +
                                      ": its storage is shorter than the pickle says"};
    for (const auto& [name, tensor] : tensors) {
      auto array = read_tensor(at(tensor), *number, bytes, count);
      if (!array) return std::move(array).error().add_context("tensor " + escape_controls(name, 100));
      if (!file_.weights.try_emplace(name, std::move(*array)).second)
        return Error{Code::invalid, "tensor " + escape_controls(name, 100) + " is there twice"};
    }
    return {};
  }

  Result<Array> read_tensor(const PickleValue& tensor, const Number& number, std::span<const std::byte> bytes,
                            std::uint64_t stored) {
    ACESO_TRY(const std::int64_t count, element_count(tensor.shape));
    const std::uint64_t size = static_cast<std::uint64_t>(count) * size_of(number.dtype);
    if (size > left_) return too_large();
    left_ -= size;
    if (count > 0) {  // the last element must lie in the storage
      auto last = static_cast<std::uint64_t>(tensor.integer);
      if (last >= stored) return beyond();
      for (std::size_t d = 0; d < tensor.shape.size(); ++d) {
        const auto steps = static_cast<std::uint64_t>(tensor.shape[d] - 1);
        const auto stride = static_cast<std::uint64_t>(tensor.stride[d]);
        if (stride > 0 && steps > (stored - 1 - last) / stride) return beyond();
        last += steps * stride;
      }
    }
    Array array = Array::zeros(number.dtype, tensor.shape);
    std::vector<std::int64_t> index(tensor.shape.size(), 0);
    std::uint64_t from = static_cast<std::uint64_t>(tensor.integer);
    for (std::int64_t i = 0; i < count; ++i) {
      put(array, static_cast<std::size_t>(i), number, bytes.data() + from * number.width);
      for (std::size_t d = tensor.shape.size(); d-- > 0;) {
        const auto stride = static_cast<std::uint64_t>(tensor.stride[d]);
        from += stride;
        if (++index[d] < tensor.shape[d]) break;
        from -= stride * static_cast<std::uint64_t>(tensor.shape[d]);
        index[d] = 0;
      }
    }
    return array;
  }

  static void put(Array& array, std::size_t i, const Number& number, const std::byte* from) {
    if (number.dtype == DType::boolean) {  // a bool of any other byte than 0 and 1 would be none
      array.data[i] = *from == std::byte{0} ? std::byte{0} : std::byte{1};
      return;
    }
    if (number.width == size_of(number.dtype)) {
      std::memcpy(&array.data[i * number.width], from, number.width);
      return;
    }
    std::uint16_t bits = 0;
    std::memcpy(&bits, from, sizeof bits);
    array.f32()[i] = number.storage == "HalfStorage" ? from_half(bits) : from_bfloat16(bits);
  }

  static Error beyond() { return {Code::invalid, "it reaches beyond its storage"}; }
  static Error too_large() { return {Code::too_large, "the tensors are larger than the file can hold or may be"}; }

  const Archive& archive_;
  const Pickle& pickle_;
  std::uint64_t left_;
  TorchFile file_;
  std::map<PickleRef, Tensors> wanted_;
};

Status check_form(std::span<const std::byte> bytes) {
  if (bytes.size() < 22) return Error{Code::invalid, "not a PyTorch file: too short"};
  const auto byte = [&](std::size_t i) { return std::to_integer<unsigned>(bytes[i]); };
  if (byte(0) == 'P' && byte(1) == 'K') return {};
  const bool pickle = byte(0) == 0x80 && byte(1) >= 2 && byte(1) <= 5;
  constexpr std::string_view kTar = "ustar";
  const bool tar = bytes.size() > 262 && std::memcmp(bytes.data() + 257, kTar.data(), kTar.size()) == 0;
  if (pickle || tar)
    return Error{Code::unsupported,
                 "this is the form that PyTorch wrote before version 1.6 (or a bare pickle): load it with PyTorch on a "
                 "machine that may run it, and save the state_dict again"};
  return Error{Code::invalid, "not a PyTorch file"};
}

}  // namespace

Result<TorchFile> parse_torch_file(std::span<const std::byte> bytes, std::uint64_t limit) {
  ACESO_TRY_OK(check_form(bytes));
  if (bytes.size() > limit)
    return Error{Code::too_large, "the file is larger than " + std::to_string(limit) + " bytes"};
  ACESO_TRY(const Archive archive, Archive::open(bytes));
  if (archive.has("byteorder")) {
    ACESO_TRY(const auto order, archive.read("byteorder", 16));
    if (std::string_view{reinterpret_cast<const char*>(order.data()), order.size()} != "little")
      return Error{Code::unsupported, "the file is of a big-endian machine"};
  }
  ACESO_TRY(const auto text, archive.read("data.pkl", kMaxPickle));
  ACESO_TRY(const Pickle pickle, parse_pickle(text));
  const std::uint64_t most = std::min<std::uint64_t>(limit, kMaxGrowth * bytes.size() + (std::uint64_t{1} << 20));
  return Extraction{archive, pickle, most}.run();
}

}  // namespace aceso::learn
