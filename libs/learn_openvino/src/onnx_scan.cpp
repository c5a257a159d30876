#include "onnx_scan.hpp"

#include <cstdint>
#include <optional>

namespace aceso::learn_openvino {
namespace {

using Bytes = std::span<const std::byte>;

struct Field {
  std::uint32_t number = 0;
  std::uint32_t wire = 0;
  std::uint64_t value = 0;  // wire type 0
  Bytes bytes;              // wire type 2
};

// Reads a message's fields one by one; bad() once it met something that is no field.
class Reader {
 public:
  explicit Reader(Bytes bytes) : rest_{bytes} {}
  bool bad() const noexcept { return bad_; }

  std::optional<Field> next() {
    if (rest_.empty() || bad_) return std::nullopt;
    Field field;
    const std::uint64_t key = varint();
    field.number = static_cast<std::uint32_t>(key >> 3);
    field.wire = static_cast<std::uint32_t>(key & 7);
    if (field.number == 0) bad_ = true;
    switch (field.wire) {
      case 0:
        field.value = varint();
        break;
      case 1:
        take(8);
        break;
      case 2:
        field.bytes = take(varint());
        break;
      case 5:
        take(4);
        break;
      default:
        bad_ = true;
    }
    if (bad_) return std::nullopt;
    return field;
  }

 private:
  std::uint64_t varint() {
    std::uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && !rest_.empty(); shift += 7) {
      const auto byte = std::to_integer<std::uint64_t>(rest_.front());
      rest_ = rest_.subspan(1);
      value |= (byte & 0x7F) << shift;
      if (byte < 0x80) return value;
    }
    bad_ = true;
    return 0;
  }
  Bytes take(std::uint64_t count) {
    if (count > rest_.size()) {
      bad_ = true;
      return {};
    }
    const Bytes taken = rest_.first(static_cast<std::size_t>(count));
    rest_ = rest_.subspan(static_cast<std::size_t>(count));
    return taken;
  }

  Bytes rest_;
  bool bad_ = false;
};

enum class Message : std::uint8_t { model, training, function, graph, node, attribute, tensor, sparse };

// The message that a field of `parent` holds, if it can hold a tensor.
std::optional<Message> child(Message parent, std::uint32_t number) {
  switch (parent) {
    case Message::model:
      if (number == 7) return Message::graph;
      if (number == 20) return Message::training;
      if (number == 25) return Message::function;
      break;
    case Message::training:
      if (number == 1 || number == 2) return Message::graph;
      break;
    case Message::function:
      if (number == 7) return Message::node;
      if (number == 11) return Message::attribute;
      break;
    case Message::graph:
      if (number == 1) return Message::node;
      if (number == 5) return Message::tensor;
      if (number == 15) return Message::sparse;
      break;
    case Message::node:
      if (number == 5) return Message::attribute;
      break;
    case Message::attribute:
      if (number == 5 || number == 10) return Message::tensor;
      if (number == 6 || number == 11) return Message::graph;
      if (number == 22 || number == 23) return Message::sparse;
      break;
    case Message::sparse:
      if (number == 1 || number == 2) return Message::tensor;
      break;
    case Message::tensor:
      break;
  }
  return std::nullopt;
}

constexpr int kMaxDepth = 64;
constexpr std::uint32_t kExternalData = 13;  // TensorProto.external_data
constexpr std::uint32_t kDataLocation = 14;  // TensorProto.data_location, 1: EXTERNAL

Status scan(Message kind, Bytes bytes, int depth, bool* graph_seen) {
  if (depth > kMaxDepth) return Error{Code::too_large, "the ONNX model is nested too deep"};
  Reader reader{bytes};
  while (const auto field = reader.next()) {
    if (kind == Message::tensor &&
        (field->number == kExternalData || (field->number == kDataLocation && field->value != 0)))
      return Error{Code::denied, "the ONNX model keeps tensors in other files: save it with its data inside"};
    const auto inner = child(kind, field->number);
    if (!inner || field->wire != 2) continue;
    if (*inner == Message::graph) *graph_seen = true;
    ACESO_TRY_OK(scan(*inner, field->bytes, depth + 1, graph_seen));
  }
  if (reader.bad()) return Error{Code::invalid, "this is no ONNX model, or it is cut off"};
  return {};
}

}  // namespace

Status refuse_external_data(Bytes onnx) {
  if (onnx.size() > (std::size_t{1} << 31)) return Error{Code::too_large, "the ONNX model is larger than 2 GiB"};
  bool graph_seen = false;
  ACESO_TRY_OK(scan(Message::model, onnx, 0, &graph_seen));
  if (!graph_seen) return Error{Code::invalid, "this is no ONNX model: it holds no graph"};
  return {};
}

}  // namespace aceso::learn_openvino
