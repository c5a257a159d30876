// safetensors: 8 bytes of header length, a JSON header, the tensors' bytes (format description in the project's README,
// version 0.4).
#include <algorithm>
#include <cstring>
#include <nlohmann/json.hpp>

#include "aceso/base/json.hpp"
#include "aceso/learn/array.hpp"
#include "half.hpp"
#include "json_reader.hpp"

namespace aceso::learn {
namespace {

constexpr std::uint64_t kMaxHeader = 100'000'000;
constexpr std::size_t kMaxTensors = 100'000;

struct TypeName {
  DType type;
  std::string_view name;
  std::size_t width;  // in the file; two bytes become a float
};
constexpr std::array<TypeName, 11> kTypes{{{DType::u8, "U8", 1},
                                           {DType::i8, "I8", 1},
                                           {DType::u16, "U16", 2},
                                           {DType::i16, "I16", 2},
                                           {DType::i32, "I32", 4},
                                           {DType::i64, "I64", 8},
                                           {DType::f32, "F32", 4},
                                           {DType::f64, "F64", 8},
                                           {DType::boolean, "BOOL", 1},
                                           {DType::f32, "F16", 2},
                                           {DType::f32, "BF16", 2}}};

struct Entry {
  std::string name;
  const TypeName* type = nullptr;
  Shape shape;
  std::uint64_t begin = 0, end = 0;
};

Result<Entry> parse_entry(const std::string& name, const std::string& where, const Json& json, std::uint64_t room) {
  ACESO_TRY(JsonReader reader, JsonReader::object(json, where));
  Entry entry;
  entry.name = name;
  const std::string dtype = reader.text("dtype");
  entry.shape = reader.integers("shape");
  const auto offsets = reader.integers("data_offsets");
  ACESO_TRY_OK(reader.finish());
  const auto* const type =
      std::find_if(kTypes.begin(), kTypes.end(), [&](const TypeName& known) { return known.name == dtype; });
  if (type == kTypes.end())
    return Error{Code::unsupported,
                 where + ": number type is none of F32, F64, F16, BF16, I64, I32, I16, U16, I8, U8, BOOL"};
  entry.type = type;
  if (offsets.size() != 2 || offsets[0] < 0 || offsets[1] < offsets[0] ||
      static_cast<std::uint64_t>(offsets[1]) > room) {
    return Error{Code::invalid, where + ": data_offsets lie outside the file"};
  }
  entry.begin = static_cast<std::uint64_t>(offsets[0]);
  entry.end = static_cast<std::uint64_t>(offsets[1]);
  auto count = element_count(entry.shape);
  if (!count) return Error{count.error().code(), where + ": " + count.error().message()};
  if (static_cast<std::uint64_t>(*count) * entry.type->width != entry.end - entry.begin)
    return Error{Code::invalid, where + ": data_offsets and shape differ in size"};
  return entry;
}

Array array_of(const TypeName& type, Shape shape, std::span<const std::byte> data) {
  if (type.width == size_of(type.type)) return Array{type.type, std::move(shape), {data.begin(), data.end()}};
  Array array = Array::zeros(type.type, std::move(shape));
  for (std::size_t i = 0; i < array.f32().size(); ++i) {
    std::uint16_t bits = 0;
    std::memcpy(&bits, data.data() + 2 * i, sizeof bits);
    array.f32()[i] = type.name == "F16" ? from_half(bits) : from_bfloat16(bits);
  }
  return array;
}

Status parse_metadata(const Json& json, std::map<std::string, std::string>* metadata) {
  if (!json.is_object()) return Error{Code::invalid, "__metadata__: must be an object"};
  for (const auto& item : json.items()) {
    if (!item.value().is_string()) return Error{Code::invalid, "__metadata__: must hold texts only"};
    if (metadata != nullptr) metadata->emplace(item.key(), item.value().get<std::string>());
  }
  return {};
}

Status check_tiling(std::vector<const Entry*> entries, std::uint64_t room) {
  std::sort(entries.begin(), entries.end(),
            [](const Entry* a, const Entry* b) { return std::pair{a->begin, a->end} < std::pair{b->begin, b->end}; });
  std::uint64_t at = 0;
  for (const Entry* entry : entries) {
    if (entry->begin != at)
      return Error{Code::invalid, "the tensors leave a hole or overlap at byte " + std::to_string(at)};
    at = entry->end;
  }
  if (at != room)
    return Error{Code::invalid, "the tensors end at byte " + std::to_string(at) + " of " + std::to_string(room)};
  return {};
}

}  // namespace

Result<Weights> parse_safetensors(std::span<const std::byte> bytes, std::map<std::string, std::string>* metadata) {
  if (bytes.size() < 8) return Error{Code::invalid, "not a safetensors file: shorter than 8 bytes"};
  std::uint64_t length = 0;
  for (std::size_t i = 8; i-- > 0;) length = length << 8 | std::to_integer<std::uint64_t>(bytes[i]);
  if (length > kMaxHeader) return Error{Code::too_large, "the safetensors header is longer than 100 MB"};
  if (length > bytes.size() - 8) return Error{Code::invalid, "truncated safetensors header"};
  const std::string_view text{reinterpret_cast<const char*>(bytes.data()) + 8, static_cast<std::size_t>(length)};
  if (text.empty() || text.front() != '{') return Error{Code::invalid, "the safetensors header does not begin with {"};
  auto header = parse_json(text, {.bytes = static_cast<std::size_t>(kMaxHeader), .depth = 8});
  if (!header) return std::move(std::move(header).error().add_context("safetensors header"));
  if (!header->is_object()) return Error{Code::invalid, "the safetensors header is no object"};
  const auto buffer = bytes.subspan(8 + static_cast<std::size_t>(length));
  if (header->size() > kMaxTensors) return Error{Code::too_large, "more than 100000 tensors"};
  std::vector<Entry> entries;
  for (const auto& item : header->items()) {
    if (item.key() == "__metadata__") {
      ACESO_TRY_OK(parse_metadata(item.value(), metadata));
      continue;
    }
    ACESO_TRY(Entry entry,
              parse_entry(item.key(), "tensor " + std::to_string(entries.size()), item.value(), buffer.size()));
    entries.push_back(std::move(entry));
  }
  std::vector<const Entry*> order;
  for (const Entry& entry : entries) order.push_back(&entry);
  ACESO_TRY_OK(check_tiling(std::move(order), buffer.size()));
  Weights weights;
  for (Entry& entry : entries) {
    const auto data =
        buffer.subspan(static_cast<std::size_t>(entry.begin), static_cast<std::size_t>(entry.end - entry.begin));
    weights.emplace(std::move(entry.name), array_of(*entry.type, std::move(entry.shape), data));
  }
  return weights;
}

std::vector<std::byte> to_safetensors(const Weights& weights, const std::map<std::string, std::string>& metadata) {
  std::vector<const Weights::value_type*> order;  // wide numbers first, so that all stay aligned
  for (const auto& item : weights) order.push_back(&item);
  std::stable_sort(order.begin(), order.end(),
                   [](const auto* a, const auto* b) { return size_of(a->second.dtype) > size_of(b->second.dtype); });
  Json header = Json::object();
  if (!metadata.empty()) header["__metadata__"] = metadata;
  std::uint64_t at = 0;
  for (const auto* item : order) {
    const Array& array = item->second;
    std::string_view type;
    for (const auto& known : kTypes) {
      if (known.type == array.dtype && known.width == size_of(array.dtype)) type = known.name;
    }
    header[item->first] = Json{{"dtype", type}, {"shape", array.shape}, {"data_offsets", {at, at + array.data.size()}}};
    at += array.data.size();
  }
  std::string text = header.dump();
  text.append((8 - text.size() % 8) % 8, ' ');
  std::vector<std::byte> bytes(8 + text.size() + static_cast<std::size_t>(at));
  for (std::size_t i = 0; i < 8; ++i) bytes[i] = static_cast<std::byte>(text.size() >> (8 * i));
  std::memcpy(bytes.data() + 8, text.data(), text.size());
  std::byte* to = bytes.data() + 8 + text.size();
  for (const auto* item : order) {
    const auto& data = item->second.data;
    if (!data.empty()) std::memcpy(to, data.data(), data.size());
    to += data.size();
  }
  return bytes;
}

}  // namespace aceso::learn
