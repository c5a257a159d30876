#include "command.hpp"

#include <gtest/gtest.h>

#include "aceso/base/testing.hpp"

namespace aceso::dimse {
namespace {

std::vector<std::byte> bytes(std::initializer_list<int> values) {
  std::vector<std::byte> out;
  for (const int v : values) out.push_back(static_cast<std::byte>(v));
  return out;
}

// PS3.7 9.3.5 and 6.3.1, written out by hand.
TEST(DimseCommand, an_echo_request_has_the_bytes_of_the_standard) {
  const auto encoded = encode(request_of(Verb::c_echo, 7, "1.2.840.10008.1.1"));
  const auto expected =
      bytes({0x00, 0x00, 0x00, 0x00, 0x04, 0x00, 0x00, 0x00, 56,   0x00, 0x00, 0x00,  // group length
             0x00, 0x00, 0x02, 0x00, 18,   0x00, 0x00, 0x00,                          //
             '1',  '.',  '2',  '.',  '8',  '4',  '0',  '.',  '1',  '0',  '0',  '0',  '8',  '.',
             '1',  '.',  '1',  0,    0x00, 0x00, 0x00, 0x01, 0x02, 0x00, 0x00, 0x00, 0x30, 0x00,  // C-ECHO-RQ
             0x00, 0x00, 0x10, 0x01, 0x02, 0x00, 0x00, 0x00, 0x07, 0x00,                          // message id
             0x00, 0x00, 0x00, 0x08, 0x02, 0x00, 0x00, 0x00, 0x01, 0x01});                        // no data set
  EXPECT_EQ(encoded, expected);
}

TEST(DimseCommand, what_was_encoded_is_decoded) {
  Command move = response_to(request_of(Verb::c_move, 513, "1.2.840.10008.5.1.4.1.2.2.2"), 0xFF00);
  move.sub_operations = SubOperations{3, 2, 1, 0};
  move.error_comment = "one object was refused";
  Command store = request_of(Verb::c_store, 9, "1.2.840.10008.5.1.4.1.1.2");
  store.sop_instance = "1.2.3.4";
  store.has_data_set = true;
  store.priority = 1;
  store.move_originator_ae = "VIEWER";
  store.move_originator_id = 513;
  Command action = request_of(Verb::n_action, 11, "1.2.840.10008.1.20.1");
  action.sop_instance = "1.2.840.10008.1.20.1.1";
  action.event_or_action = 1;
  action.has_data_set = true;
  Command failed = response_to(action, 0x0110);
  failed.error_id = 42506;
  for (const auto& command : {move, store, action, failed}) {
    const auto decoded = decode(encode(command));
    ASSERT_OK(decoded);
    EXPECT_EQ(*decoded, command);
  }
}

TEST(DimseCommand, remaining_sub_operations_are_left_out_of_a_final_answer) {
  Command final_answer = response_to(request_of(Verb::c_get, 2, "1.2.3"), 0x0000);
  final_answer.sub_operations = SubOperations{0, 5, 0, 0};
  const auto encoded = encode(final_answer);
  const auto remaining = bytes({0x00, 0x00, 0x20, 0x10});
  EXPECT_EQ(std::search(encoded.begin(), encoded.end(), remaining.begin(), remaining.end()), encoded.end());
}

TEST(DimseCommand, damaged_commands_are_refused) {
  const auto whole = encode(request_of(Verb::c_find, 3, "1.2.840.10008.5.1.4.1.2.2.1"));
  for (std::size_t length = 0; length < whole.size(); ++length) {
    EXPECT_FALSE(decode(std::span{whole}.first(length)).ok()) << length;
  }
  auto other_group = whole;
  other_group[12] = std::byte{8};
  EXPECT_CODE(decode(other_group), Code::invalid);
  auto too_long = whole;
  too_long[16] = std::byte{0xFF};
  EXPECT_CODE(decode(too_long), Code::invalid);
  EXPECT_CODE(decode(std::vector<std::byte>(kMaxCommand + 1)), Code::invalid);
}

}  // namespace
}  // namespace aceso::dimse
