#include "aceso/learn/onnx_check.hpp"

#include <algorithm>
#include <optional>
#include <set>

#include "aceso/base/text.hpp"
#include "protobuf_reader.hpp"

namespace aceso::learn {
namespace {

using Bytes = std::span<const std::byte>;
using Reader = ProtobufReader;

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
constexpr std::size_t kMaxNodes = 65'536;
constexpr std::uint64_t kMaxPort = std::uint64_t{1} << 31;
constexpr std::uint32_t kExternalData = 13;  // TensorProto.external_data
constexpr std::uint32_t kDataLocation = 14;  // TensorProto.data_location, 1: EXTERNAL
constexpr std::uint32_t kName = 8;           // TensorProto.name

Error damaged_onnx() {
  return {Code::invalid, "this is no ONNX model, or it is damaged"};
}
std::string quoted(std::string_view name) {
  return "\"" + escape_controls(name, 100) + "\"";
}

// Tensors wherever they stand: inside the file, and no larger than what holds them. Two numbers fit a byte at most
// (4-bit types).
Status scan_tensor(Bytes bytes) {
  Reader reader{bytes};
  std::uint64_t count = 1;
  bool dimensions = false;
  const auto times = [&](std::uint64_t size) {
    dimensions = true;
    count = size != 0 && count > (std::uint64_t{1} << 40) / size ? (std::uint64_t{1} << 40) : count * size;
  };
  while (const auto field = reader.next()) {
    if (field->number == kExternalData || (field->number == kDataLocation && field->value != 0))
      return Error{Code::denied, "the ONNX model keeps tensors in other files: save it with its data inside"};
    if (field->number != 1) continue;
    if (field->wire == 0) times(field->value);
    Reader packed{field->bytes};
    while (const auto size = packed.packed()) times(*size);
  }
  if (reader.bad()) return damaged_onnx();
  if (dimensions && count > 2 * static_cast<std::uint64_t>(bytes.size()))
    return Error{Code::invalid, "the ONNX model has a tensor that declares more numbers than it holds"};
  return {};
}

Status scan(Message kind, Bytes bytes, int depth, bool* graph_seen) {
  if (depth > kMaxDepth) return Error{Code::too_large, "the ONNX model is nested too deep"};
  if (kind == Message::tensor) return scan_tensor(bytes);
  Reader reader{bytes};
  while (const auto field = reader.next()) {
    const auto inner = child(kind, field->number);
    if (!inner || field->wire != 2) continue;
    if (*inner == Message::graph) *graph_seen = true;
    ACESO_TRY_OK(scan(*inner, field->bytes, depth + 1, graph_seen));
  }
  return reader.bad() ? Status{damaged_onnx()} : Status{};
}

// Names that a graph's nodes may read, with those of the graphs around it.
class Scope {
 public:
  explicit Scope(const Scope* outer) : outer_{outer} {}
  bool add(std::string_view name) { return names_.insert(name).second; }
  bool has(std::string_view name) const { return names_.contains(name) || (outer_ != nullptr && outer_->has(name)); }

 private:
  const Scope* outer_;
  std::set<std::string_view> names_;
};

class Checker {
 public:
  Result<OnnxSummary> run(Bytes model) {
    Reader reader{model};
    while (const auto field = reader.next()) {
      if (field->number == 2 && field->wire == 2) summary_.producer = field->text().substr(0, 100);
      if (field->number == 25) return Error{Code::unsupported, "the ONNX model has functions of its own: inline them"};
      if (field->number == 8 && field->wire == 2) ACESO_TRY_OK(opset(field->bytes));
      if (field->number == 7 && field->wire == 2) ACESO_TRY_OK(graph(field->bytes, nullptr));
    }
    return std::move(summary_);
  }

 private:
  static std::string_view text_of(Bytes message, std::uint32_t number) {
    Reader reader{message};
    while (const auto field = reader.next()) {
      if (field->number == number && field->wire == 2) return field->text();
    }
    return {};
  }
  static bool known_domain(std::string_view domain) {
    return domain.empty() || domain == "ai.onnx" || domain == "ai.onnx.ml";
  }

  Status opset(Bytes bytes) {
    Reader reader{bytes};
    std::uint64_t version = 0;
    while (const auto field = reader.next()) {
      if (field->number == 2 && field->wire == 0) version = field->value;
    }
    if (const auto domain = text_of(bytes, 1); domain.empty() || domain == "ai.onnx")
      summary_.opset = static_cast<std::int64_t>(std::min<std::uint64_t>(version, 1 << 20));
    return {};
  }

  // ValueInfoProto: name, type.tensor_type.shape.dim
  static Result<OnnxPort> port(Bytes bytes) {
    OnnxPort port;
    port.name = text_of(bytes, 1);
    std::uint64_t count = 1;
    const auto inside = [](Bytes message, std::uint32_t number) {
      Reader reader{message};
      while (const auto field = reader.next()) {
        if (field->number == number && field->wire == 2) return field->bytes;
      }
      return Bytes{};
    };
    Reader shape{inside(inside(inside(bytes, 2), 1), 2)};
    while (const auto dimension = shape.next()) {
      if (dimension->number != 1 || dimension->wire != 2) continue;
      std::int64_t size = -1;
      Reader reader{dimension->bytes};
      while (const auto field = reader.next()) {
        if (field->number == 1 && field->wire == 0) size = static_cast<std::int64_t>(field->value);
      }
      if (size > 0) count *= static_cast<std::uint64_t>(std::min<std::int64_t>(size, kMaxPort + 1));
      if (count > kMaxPort || port.shape.size() == 16)
        return Error{Code::too_large, "the ONNX model's " + quoted(port.name) + " has too many numbers or dimensions"};
      port.shape.push_back(size > 0 ? size : -1);
    }
    return port;
  }

  Status graph(Bytes bytes, const Scope* outer) {
    Scope scope{outer};
    Reader names{bytes};
    while (const auto field = names.next()) {  // initial values stand behind the nodes that read them
      if (field->wire != 2) continue;
      if (field->number == 5) scope.add(text_of(field->bytes, kName));
      if (field->number == 15) return sparse();
    }
    Reader inputs{bytes};
    while (const auto field = inputs.next()) {
      if (field->number != 11 || field->wire != 2) continue;
      ACESO_TRY(OnnxPort found, port(field->bytes));
      const bool fresh = scope.add(text_of(field->bytes, 1));
      if (outer == nullptr && fresh) summary_.inputs.push_back(std::move(found));
    }
    Reader nodes{bytes};
    while (const auto field = nodes.next()) {
      if (field->wire != 2) continue;
      if (field->number == 1) ACESO_TRY_OK(node(field->bytes, scope));
      if (field->number != 12) continue;
      ACESO_TRY(OnnxPort found, port(field->bytes));
      if (outer == nullptr) summary_.outputs.push_back(std::move(found));
    }
    for (const OnnxPort& output : summary_.outputs) {
      if (outer == nullptr && !scope.has(output.name))
        return Error{Code::invalid, "the ONNX model's output " + quoted(output.name) + " is written by no node"};
    }
    return {};
  }

  static Error sparse() { return {Code::unsupported, "the ONNX model has sparse tensors"}; }

  Status node(Bytes bytes, Scope& scope) {
    if (++summary_.nodes > kMaxNodes) return Error{Code::too_large, "the ONNX model has more than 65536 nodes"};
    const std::string_view type = text_of(bytes, 4), domain = text_of(bytes, 7);
    if (!known_domain(domain))
      return Error{Code::unsupported, "the ONNX model uses " + quoted(type) + " of " + quoted(domain)};
    if (type == "Loop" || type == "Scan")
      return Error{Code::unsupported, "the ONNX model has loops (" + std::string{type} + ")"};
    Reader inputs{bytes};
    while (const auto field = inputs.next()) {
      if (field->wire != 2) continue;
      if (field->number == 1 && !field->bytes.empty() && !scope.has(field->text())) {
        return Error{Code::invalid, "the ONNX model's node of type " + quoted(type) + " reads " +
                                        quoted(field->text()) + ", which nothing before it writes"};
      }
      if (field->number == 5) ACESO_TRY_OK(attribute(field->bytes, scope));
    }
    Reader outputs{bytes};
    while (const auto field = outputs.next()) {
      if (field->number == 2 && field->wire == 2 && !field->bytes.empty() && !scope.add(field->text()))
        return Error{Code::invalid, "the ONNX model writes " + quoted(field->text()) + " twice"};
    }
    return {};
  }

  Status attribute(Bytes bytes, const Scope& scope) {
    Reader reader{bytes};
    while (const auto field = reader.next()) {
      if (field->number == 22 || field->number == 23) return sparse();
      if ((field->number == 6 || field->number == 11) && field->wire == 2) ACESO_TRY_OK(graph(field->bytes, &scope));
    }
    return {};
  }

  OnnxSummary summary_;
};

}  // namespace

Result<OnnxSummary> check_onnx(Bytes onnx) {
  if (onnx.size() > (std::size_t{1} << 31)) return Error{Code::too_large, "the ONNX model is larger than 2 GiB"};
  bool graph_seen = false;
  ACESO_TRY_OK(scan(Message::model, onnx, 0, &graph_seen));  // bounds the depth of what follows
  if (!graph_seen) return Error{Code::invalid, "this is no ONNX model: it holds no graph"};
  return Checker{}.run(onnx);
}

}  // namespace aceso::learn
