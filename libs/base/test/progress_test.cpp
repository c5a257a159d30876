#include "aceso/base/progress.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <stdlib.h>  // posix_openpt
#include <sys/ioctl.h>
#include <unistd.h>

#include <array>
#include <string>
#include <vector>

namespace aceso {
namespace {

using namespace std::chrono_literals;

// Two ends of a channel that holds what a test writes.
struct Channel {
  int read_end = -1;
  int write_end = -1;
  Channel() = default;
  Channel(const Channel&) = delete;
  Channel& operator=(const Channel&) = delete;
  ~Channel() {
    ::close(read_end);
    ::close(write_end);
  }
  std::string text() const {
    ::fcntl(read_end, F_SETFL, O_NONBLOCK);
    std::string all;
    std::array<char, 4096> part{};
    for (;;) {
      const ssize_t n = ::read(read_end, part.data(), part.size());
      if (n <= 0) return all;
      all.append(part.data(), static_cast<std::size_t>(n));
    }
  }
};

void open_pipe(Channel& channel) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe2(ends.data(), O_CLOEXEC), 0);
  channel.read_end = ends[0];
  channel.write_end = ends[1];
}

void open_terminal(Channel& channel, unsigned short columns) {
  channel.read_end = ::posix_openpt(O_RDWR | O_NOCTTY);
  ASSERT_GE(channel.read_end, 0);
  ASSERT_EQ(::grantpt(channel.read_end), 0);
  ASSERT_EQ(::unlockpt(channel.read_end), 0);
  std::array<char, 64> name{};
  ASSERT_EQ(::ptsname_r(channel.read_end, name.data(), name.size()), 0);
  channel.write_end = ::open(name.data(), O_RDWR | O_NOCTTY | O_CLOEXEC);
  ASSERT_GE(channel.write_end, 0);
  const winsize size{24, columns, 0, 0};
  ASSERT_EQ(::ioctl(channel.write_end, TIOCSWINSZ, &size), 0);
}

std::size_t count(const std::string& text, std::string_view part) {
  std::size_t n = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++n;
  return n;
}

TEST(Progress, without_a_terminal_writes_a_line_each_five_seconds_and_each_phase) {
  Channel pipe;
  open_pipe(pipe);
  ManualClock clock;
  const auto progress = make_terminal_progress(pipe.write_end, clock);
  progress->update({"import", 1, 10, {}, -1});
  clock.advance(4s);
  progress->update({"import", 4, 10, {}, -1});
  clock.advance(1s);
  progress->update({"import", 5, 10, {}, 61});
  progress->update({"train", 0, 0, {{"epoch", "1/2"}, {"loss", "0.312"}}, -1});
  progress->finish("done: 10 images");
  EXPECT_EQ(pipe.text(),
            "import  1/10 (10 %)\nimport  5/10 (50 %)  1:01 left\ntrain  epoch 1/2  loss 0.312\ndone: 10 images\n");
}

TEST(Progress, a_terminal_gets_one_line_redrawn_ten_times_a_second_at_most) {
  Channel terminal;
  open_terminal(terminal, 60);
  ManualClock clock;
  const auto progress = make_terminal_progress(terminal.write_end, clock);
  for (std::uint64_t i = 0; i < 1000; ++i) {
    progress->update({"train", i, 1000, {{"loss", "0.312"}, {"", std::string(200, 'x')}}, -1});
    clock.advance(1ms);
  }
  progress->update({"train", 1000, 1000, {}, -1});
  progress->finish("trained");
  const std::string text = terminal.text();
  EXPECT_EQ(count(text, "\rtrain"), 11U);
  EXPECT_NE(text.find("100 %"), std::string::npos);
  EXPECT_TRUE(text.ends_with("\r\ntrained\r\n")) << text;
  EXPECT_LT(text.find("\x1b[K"), 60U + 20);  // cut to the width; colour codes take no room
}

TEST(Progress, control_characters_do_not_reach_the_terminal) {
  Channel terminal;
  open_terminal(terminal, 80);
  ManualClock clock;
  const auto progress = make_terminal_progress(terminal.write_end, clock);
  progress->update({"a\x1b[2Jb", 0, 0, {{"n\nx", "\x07"}}, -1});
  progress->finish("");
  const std::string text = terminal.text();
  EXPECT_EQ(text.find("\x1b[2J"), std::string::npos);
  EXPECT_EQ(text.find('\x07'), std::string::npos);
}

TEST(Progress, a_closed_reader_does_not_stop_the_work) {
  ManualClock clock;
  const auto progress = make_terminal_progress(-1, clock);
  progress->update({"x", 1, 2, {}, -1});
  progress->finish("y");
}

TEST(Progress, events_reach_the_callback_as_they_are) {
  std::vector<ProgressUpdate> seen;
  const auto progress = make_callback_progress([&](const ProgressUpdate& u) { seen.push_back(u); });
  progress->update({"train", 3, 4, {{"loss", "1"}}, 2.5});
  ASSERT_EQ(seen.size(), 1U);
  EXPECT_EQ(seen[0].phase, "train");
  EXPECT_EQ(seen[0].done, 3U);
  EXPECT_EQ(seen[0].seconds_left, 2.5);
  make_null_progress()->update(seen[0]);
}

}  // namespace
}  // namespace aceso
