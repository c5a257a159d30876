// The node's side of the worker protocol: bytes to lines to messages.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

#include "../src/worker_protocol.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace aceso::models;
  LineSplitter splitter;
  std::span<const std::byte> rest = std::as_bytes(std::span{data, size});
  const std::size_t step = size == 0 ? 1 : 1 + data[0] % 64U;
  while (!rest.empty()) {
    const auto piece = rest.first(std::min(step, rest.size()));
    rest = rest.subspan(piece.size());
    const auto status = splitter.feed(piece, [](std::string_view line) {
      const auto message = parse_worker_line(line);
      if (!message) return;
      if (message->type == WorkerMessage::Type::progress && !parse_worker_line(to_line(message->progress)))
        __builtin_trap();
      if (message->type == WorkerMessage::Type::epoch && !parse_worker_line(to_line(message->epoch))) __builtin_trap();
      if (message->type == WorkerMessage::Type::trial && !parse_worker_line(to_line(message->trial))) __builtin_trap();
      if (message->text.size() > 500) __builtin_trap();
    });
    if (!status) break;
  }
  return 0;
}
