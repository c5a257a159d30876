#include "pickle.hpp"

#include <array>
#include <bit>
#include <map>
#include <optional>
#include <string_view>

#include "aceso/base/text.hpp"

namespace aceso::learn {
namespace {

using Kind = PickleValue::Kind;

constexpr std::size_t kMaxValues = std::size_t{1} << 19;
constexpr std::size_t kMaxArguments = 16;
constexpr std::size_t kMaxText = 1 << 16;
constexpr std::size_t kMaxDimensions = 8;
constexpr PickleRef kMark = UINT32_MAX;

// What a GLOBAL may name. Storages are told by their suffix, number types by the prefix.
constexpr std::array<std::string_view, 12> kStorages{
    "FloatStorage", "DoubleStorage", "HalfStorage", "BFloat16Storage", "LongStorage",         "IntStorage",
    "ShortStorage", "CharStorage",   "ByteStorage", "BoolStorage",     "ComplexFloatStorage", "ComplexDoubleStorage"};
constexpr std::array<std::string_view, 5> kFunctions{"collections.OrderedDict", "torch._utils._rebuild_tensor_v2",
                                                     "torch._utils._rebuild_parameter", "torch.Size", "torch.device"};
constexpr std::array<std::string_view, 12> kPlain{"torch.float32", "torch.float64", "torch.float16", "torch.bfloat16",
                                                  "torch.int64",   "torch.int32",   "torch.int16",   "torch.int8",
                                                  "torch.uint8",   "torch.bool",    "torch.float",   "torch.long"};

template <std::size_t N>
bool among(const std::array<std::string_view, N>& names, std::string_view name) {
  for (const std::string_view known : names) {
    if (known == name) return true;
  }
  return false;
}

Error damaged(std::string_view why) {
  return {Code::invalid, "the pickle is damaged: " + std::string{why}};
}

class Machine {
 public:
  explicit Machine(std::span<const std::byte> bytes) : rest_{bytes} {}

  Result<Pickle> run() {
    while (!stopped_) {
      const auto op = take(1);
      if (op.empty()) return damaged("it ends before its end mark");
      ACESO_TRY_OK(step(std::to_integer<unsigned char>(op[0])));
      if (short_) return damaged("it ends within a value");
      if (pickle_.values.size() > kMaxValues || stack_.size() > kMaxValues)
        return Error{Code::too_large, "the pickle holds more than 524288 values"};
    }
    return std::move(pickle_);
  }

 private:
  // --- bytes ---------------------------------------------------------------------------------------------------------
  std::span<const std::byte> take(std::uint64_t count) {
    if (count > rest_.size()) {
      short_ = true;
      return {};
    }
    const auto taken = rest_.first(static_cast<std::size_t>(count));
    rest_ = rest_.subspan(static_cast<std::size_t>(count));
    return taken;
  }
  std::uint64_t number(std::size_t width) {
    std::uint64_t value = 0;
    const auto bytes = take(width);
    for (std::size_t i = bytes.size(); i-- > 0;) value = value << 8U | std::to_integer<std::uint64_t>(bytes[i]);
    return value;
  }
  std::string line() {
    std::string text;
    for (;;) {
      const auto byte = take(1);
      if (byte.empty() || text.size() > kMaxText) {
        short_ = true;
        return {};
      }
      if (std::to_integer<char>(byte[0]) == '\n') return text;
      text.push_back(std::to_integer<char>(byte[0]));
    }
  }

  // --- values --------------------------------------------------------------------------------------------------------
  PickleRef make(PickleValue value) {
    pickle_.values.push_back(std::move(value));
    return static_cast<PickleRef>(pickle_.values.size() - 1);
  }
  Status push(PickleValue value) {
    stack_.push_back(make(std::move(value)));
    return {};
  }
  Status push_kind(Kind kind) { return push(PickleValue{.kind = kind}); }
  Status push_integer(std::int64_t value, Kind kind = Kind::integer) {
    return push(PickleValue{.kind = kind, .integer = value});
  }
  Status push_text(std::uint64_t size) {
    if (size > kMaxText) return Error{Code::too_large, "the pickle holds a text of more than 65536 bytes"};
    const auto bytes = take(size);
    return push(PickleValue{.kind = Kind::text, .text = {reinterpret_cast<const char*>(bytes.data()), bytes.size()}});
  }
  const PickleValue& at(PickleRef ref) const { return pickle_.values[ref]; }

  Result<PickleRef> pop() {
    if (stack_.empty() || stack_.back() == kMark) return damaged("a value is missing");
    const PickleRef ref = stack_.back();
    stack_.pop_back();
    return ref;
  }
  Result<std::vector<PickleRef>> pop_to_mark() {
    std::size_t from = stack_.size();
    while (from > 0 && stack_[from - 1] != kMark) --from;
    if (from == 0) return damaged("a mark is missing");
    std::vector<PickleRef> items{stack_.begin() + static_cast<std::ptrdiff_t>(from), stack_.end()};
    stack_.resize(from - 1);
    return items;
  }
  Result<PickleValue*> top(Kind kind) {
    if (stack_.empty() || stack_.back() == kMark || at(stack_.back()).kind != kind)
      return damaged("a list or dictionary is missing");
    return &pickle_.values[stack_.back()];
  }

  // --- operations ----------------------------------------------------------------------------------------------------
  Status step(unsigned char op) {
    switch (op) {
      case 0x80:  // PROTO
        if (const std::uint64_t version = number(1); version < 2 || version > 5)
          return Error{Code::unsupported, "the pickle is of protocol " + std::to_string(version) + ", not 2 to 5"};
        return {};
      case 0x95:  // FRAME
        number(8);
        return {};
      case '.':
        stopped_ = true;
        return stop();
      case '(':
        stack_.push_back(kMark);
        return {};
      case '0': {
        ACESO_TRY([[maybe_unused]] const PickleRef gone, pop());
        return {};
      }
      default:
        return value_step(op);
    }
  }

  Status value_step(unsigned char op) {
    switch (op) {
      case 'N':
        return push_kind(Kind::none);
      case 0x88:
        return push_integer(1, Kind::boolean);
      case 0x89:
        return push_integer(0, Kind::boolean);
      case 'J':
        return push_integer(static_cast<std::int32_t>(static_cast<std::uint32_t>(number(4))));
      case 'K':
        return push_integer(static_cast<std::int64_t>(number(1)));
      case 'M':
        return push_integer(static_cast<std::int64_t>(number(2)));
      case 0x8A:  // LONG1
        return long1();
      case 'G': {  // big-endian double
        std::uint64_t bits = 0;
        for (const std::byte byte : take(8)) bits = bits << 8U | std::to_integer<std::uint64_t>(byte);
        return push(PickleValue{.kind = Kind::real, .real = std::bit_cast<double>(bits)});
      }
      case 'X':
      case 'T':
        return push_text(number(4));
      case 0x8C:
      case 'U':
        return push_text(number(1));
      case 0x8D:
        return push_text(number(8));
      default:
        return container_step(op);
    }
  }

  Status container_step(unsigned char op) {
    switch (op) {
      case '}':
        return push_kind(Kind::dictionary);
      case ']':
      case ')':
        return push_kind(Kind::list);
      case 't':
      case 'l': {
        ACESO_TRY(auto items, pop_to_mark());
        return push(PickleValue{.kind = Kind::list, .list = std::move(items)});
      }
      case 0x85:
      case 0x86:
      case 0x87:
        return short_tuple(op - 0x84U);
      case 'a': {
        ACESO_TRY(const PickleRef item, pop());
        ACESO_TRY(PickleValue * list, top(Kind::list));
        list->list.push_back(item);
        return {};
      }
      case 'e': {
        ACESO_TRY(const auto items, pop_to_mark());
        ACESO_TRY(PickleValue * list, top(Kind::list));
        list->list.insert(list->list.end(), items.begin(), items.end());
        return {};
      }
      case 's': {
        ACESO_TRY(const PickleRef value, pop());
        ACESO_TRY(const PickleRef key, pop());
        ACESO_TRY(PickleValue * dictionary, top(Kind::dictionary));
        dictionary->dictionary.emplace_back(key, value);
        return {};
      }
      case 'u': {
        ACESO_TRY(const auto items, pop_to_mark());
        ACESO_TRY(PickleValue * dictionary, top(Kind::dictionary));
        if (items.size() % 2 != 0) return damaged("a key has no value");
        for (std::size_t i = 0; i < items.size(); i += 2) dictionary->dictionary.emplace_back(items[i], items[i + 1]);
        return {};
      }
      default:
        return memo_step(op);
    }
  }

  Status memo_step(unsigned char op) {
    switch (op) {
      case 'q':
        return remember(number(1));
      case 'r':
        return remember(number(4));
      case 0x94:
        return remember(memo_.size());
      case 'h':
        return recall(number(1));
      case 'j':
        return recall(number(4));
      case 'c': {
        const std::string module = line();
        return global(module, line());
      }
      case 0x93: {  // STACK_GLOBAL
        ACESO_TRY(const PickleRef name, pop());
        ACESO_TRY(const PickleRef module, pop());
        if (at(name).kind != Kind::text || at(module).kind != Kind::text) return damaged("a name is no text");
        return global(at(module).text, at(name).text);
      }
      case 'Q':
        return persistent();
      case 'R':
        return call();
      case 'b': {  // attributes: an OrderedDict's _metadata; nothing of ours has any
        ACESO_TRY([[maybe_unused]] const PickleRef state, pop());
        ACESO_TRY([[maybe_unused]] PickleValue * dictionary, top(Kind::dictionary));
        return {};
      }
      default:
        break;
    }
    constexpr std::string_view kDigits = "0123456789abcdef";
    return Error{Code::denied, std::string{"the pickle uses the operation 0x"} + kDigits[op >> 4U] + kDigits[op & 15U] +
                                   ", which tensors and plain values do not need"};
  }

  Status stop() {
    ACESO_TRY(pickle_.root, pop());
    return stack_.empty() ? Status{} : Status{damaged("values are left over")};
  }
  Status long1() {
    const std::uint64_t size = number(1);
    if (size > 8) return Error{Code::unsupported, "the pickle holds a whole number of more than 64 bits"};
    const std::uint64_t bits = number(static_cast<std::size_t>(size));
    const unsigned unused = static_cast<unsigned>(64 - 8 * size);
    return push_integer(size == 0 ? 0 : static_cast<std::int64_t>(bits << unused) >> unused);
  }
  Status short_tuple(unsigned count) {
    std::vector<PickleRef> items(count);
    for (unsigned i = count; i-- > 0;) {
      ACESO_TRY(items[i], pop());
    }
    return push(PickleValue{.kind = Kind::list, .list = std::move(items)});
  }
  Status remember(std::uint64_t index) {
    if (stack_.empty() || stack_.back() == kMark) return damaged("nothing to remember");
    memo_[index] = stack_.back();
    return {};
  }
  Status recall(std::uint64_t index) {
    const auto found = memo_.find(index);
    if (found == memo_.end()) return damaged("it refers to a value that is not there");
    stack_.push_back(found->second);
    return {};
  }

  Status global(const std::string& module, const std::string& name) {
    if (short_) return damaged("it ends within a name");
    const std::string full = module + "." + name;
    const bool storage = module == "torch" && among(kStorages, name);
    if (storage) return push(PickleValue{.kind = Kind::global, .text = name});
    if (among(kPlain, full)) return push(PickleValue{.kind = Kind::text, .text = full});
    if (among(kFunctions, full)) return push(PickleValue{.kind = Kind::global, .text = full});
    return Error{Code::denied, "the file asks for " + escape_controls(full, 100) +
                                   ": only tensors and plain values are read, and nothing is run; save the "
                                   "state_dict alone, or as safetensors"};
  }

  // ('storage', FloatStorage, key, location, elements)
  Status persistent() {
    ACESO_TRY(const PickleRef ref, pop());
    const PickleValue& id = at(ref);
    const bool whole = id.kind == Kind::list && id.list.size() == 5 && at(id.list[0]).kind == Kind::text &&
                       at(id.list[0]).text == "storage" && at(id.list[1]).kind == Kind::global &&
                       among(kStorages, at(id.list[1]).text) && at(id.list[2]).kind == Kind::text &&
                       at(id.list[4]).kind == Kind::integer && at(id.list[4]).integer >= 0;
    if (!whole) return damaged("an outside value is no storage");
    PickleValue storage{.kind = Kind::storage,
                        .integer = at(id.list[4]).integer,
                        .text = at(id.list[2]).text,
                        .type = at(id.list[1]).text};
    return push(std::move(storage));
  }

  Status call() {
    ACESO_TRY(const PickleRef arguments, pop());
    ACESO_TRY(const PickleRef function, pop());
    if (at(function).kind != Kind::global || at(arguments).kind != Kind::list)
      return damaged("what it calls is no function");
    if (at(arguments).list.size() > kMaxArguments) return damaged("a call with too many arguments");
    const std::string name = at(function).text;
    const std::vector<PickleRef> list = at(arguments).list;
    if (name == "collections.OrderedDict" && list.empty()) return push_kind(Kind::dictionary);
    if (name == "torch._utils._rebuild_tensor_v2") return tensor(list);
    if (name == "torch._utils._rebuild_parameter" && !list.empty() && at(list[0]).kind == Kind::tensor) {
      stack_.push_back(list[0]);
      return {};
    }
    if ((name == "torch.Size" || name == "torch.device") && !list.empty()) {
      stack_.push_back(list[0]);
      return {};
    }
    return damaged("a call of " + name + " with wrong arguments");
  }

  // (storage, offset, shape, stride, requires_grad, hooks[, metadata])
  Status tensor(const std::vector<PickleRef>& list) {
    if (list.size() < 4 || at(list[0]).kind != Kind::storage || at(list[1]).kind != Kind::integer)
      return damaged("a tensor's parts are wrong");
    const auto shape = whole_numbers(list[2]), stride = whole_numbers(list[3]);
    if (!shape || !stride || shape->size() != stride->size() || at(list[1]).integer < 0)
      return damaged("a tensor's shape or strides are wrong");
    return push(PickleValue{
        .kind = Kind::tensor, .integer = at(list[1]).integer, .storage = list[0], .shape = *shape, .stride = *stride});
  }
  std::optional<Shape> whole_numbers(PickleRef ref) const {
    const PickleValue& value = at(ref);
    if (value.kind != Kind::list || value.list.size() > kMaxDimensions) return std::nullopt;
    Shape numbers;
    for (const PickleRef item : value.list) {
      if (at(item).kind != Kind::integer || at(item).integer < 0) return std::nullopt;
      numbers.push_back(at(item).integer);
    }
    return numbers;
  }

  std::span<const std::byte> rest_;
  bool short_ = false, stopped_ = false;
  Pickle pickle_;
  std::vector<PickleRef> stack_;
  std::map<std::uint64_t, PickleRef> memo_;
};

}  // namespace

Result<Pickle> parse_pickle(std::span<const std::byte> bytes) {
  return Machine{bytes}.run();
}

}  // namespace aceso::learn
