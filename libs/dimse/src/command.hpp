// Command sets (PS3.7 6.3 and Annex E): group 0000 in implicit VR little endian.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "aceso/base/result.hpp"

namespace aceso::dimse {

enum class Verb : std::uint16_t {  // Command Field of requests (PS3.7 E.1)
  c_store = 0x0001,
  c_get = 0x0010,
  c_find = 0x0020,
  c_move = 0x0021,
  c_echo = 0x0030,
  n_event_report = 0x0100,
  n_get = 0x0110,
  n_set = 0x0120,
  n_action = 0x0130,
  n_create = 0x0140,
  n_delete = 0x0150,
  c_cancel = 0x0FFF
};
inline constexpr std::uint16_t kResponse = 0x8000;
inline constexpr std::size_t kMaxCommand = std::size_t{16} << 10;  // bytes; real ones have some hundreds

struct SubOperations {
  std::uint16_t remaining = 0;
  std::uint16_t completed = 0;
  std::uint16_t failed = 0;
  std::uint16_t warning = 0;
  bool operator==(const SubOperations&) const = default;
};

struct Command {
  std::uint16_t field = 0;                           // Verb, with kResponse for answers
  std::uint16_t message_id = 0;                      // of a request: (0000,0110); else (0000,0120)
  std::string sop_class = {};                        // affected or requested, (0000,0002) or (0000,0003)
  std::string sop_instance = {};                     // (0000,1000) or (0000,1001)
  bool has_data_set = false;                         // (0000,0800)
  std::uint16_t priority = 0;                        // 0 medium, 1 high, 2 low; written where the request has one
  std::uint16_t status = 0;                          // of answers
  std::string move_destination = {};                 // C-MOVE-RQ
  std::string move_originator_ae = {};               // C-STORE-RQ as a sub-operation of a C-MOVE
  std::uint16_t move_originator_id = 0;              //
  std::optional<SubOperations> sub_operations = {};  // `remaining` is written in pending answers and after a cancel
  std::uint16_t event_or_action = 0;                 // (0000,1002) or (0000,1008)
  std::string error_comment = {};                    // at most 64 characters, without patient data
  std::optional<std::uint16_t> error_id = {};
  bool operator==(const Command&) const = default;

  bool is_response() const noexcept { return (field & kResponse) != 0; }
  Verb verb() const noexcept { return static_cast<Verb>(field & 0x7FFFU); }
};

Command request_of(Verb verb, std::uint16_t message_id, std::string sop_class);
Command response_to(const Command& request, std::uint16_t status);

std::vector<std::byte> encode(const Command& command);
// Unknown elements are passed over. Errors: invalid (damaged, or without a Command Field or a message id). Thread-safe.
Result<Command> decode(std::span<const std::byte> bytes);

}  // namespace aceso::dimse
