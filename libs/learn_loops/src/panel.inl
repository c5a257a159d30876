// A few rows times a panel of weights, in registers: what dense layers and each frequency of winograd.inl are made of.

namespace aceso::learn_loops::ACESO_ISA {
namespace {

constexpr int kRows = kLanes == 4 ? 4 : 6;    // at a time in registers,
constexpr int kChunk = kLanes == 16 ? 4 : 2;  // times so many registers of outputs

// How many registers of outputs make the panel from output c on.
inline int chunk_at(std::int64_t c, std::int64_t out) {
  const std::int64_t left = (out - c) / kLanes;
  return left >= kChunk ? kChunk : left >= 2 ? 2 : 1;
}
std::int64_t panel_width(std::int64_t first, std::int64_t out) {
  return chunk_at(first, out) * kLanes;
}

// y[r, .] = start[r] + the sum over i of x[r, i] u[i, .], for kT rows and kV registers. x, start and y: so many floats
// from row to row; start null: 0. The order of the sum is that of i, whatever kT is.
template <int kT, int kV>
inline void rows_by_panel(const float* x, std::int64_t x_row, std::int64_t count, const float* u, const float* start,
                          std::int64_t start_row, float* y, std::int64_t y_row) {
  constexpr std::int64_t kWidth = kV * kLanes;
  Vec sum[std::size_t{kT}][std::size_t{kV}];
#pragma GCC unroll 8
  for (int t = 0; t < kT; ++t) {
#pragma GCC unroll 8
    for (int c = 0; c < kV; ++c) sum[t][c] = start == nullptr ? Vec{} : load(start + t * start_row + c * kLanes);
  }
  for (std::int64_t i = 0; i < count; ++i, u += kWidth) {
    Vec k[std::size_t{kV}];
#pragma GCC unroll 8
    for (int c = 0; c < kV; ++c) k[c] = load(u + c * kLanes);
#pragma GCC unroll 8
    for (int t = 0; t < kT; ++t) {
      const Vec p = splat(x[t * x_row + i]);
#pragma GCC unroll 8
      for (int c = 0; c < kV; ++c) sum[t][c] += p * k[c];
    }
  }
#pragma GCC unroll 8
  for (int t = 0; t < kT; ++t) {
#pragma GCC unroll 8
    for (int c = 0; c < kV; ++c) store(y + t * y_row + c * kLanes, sum[t][c]);
  }
}

// So many inputs at a time that their weights stay in the nearest cache from row to row.
constexpr std::int64_t kPanelInputs = 64;

template <int kV>
void panel_of(const Dense& s, const float* x, const float* w, float* y, std::int64_t begin, std::int64_t end) {
  for (std::int64_t i = begin; i < end; i += kPanelInputs) {
    const std::int64_t count = std::min(kPanelInputs, end - i);
    const float* u = w + i * kV * kLanes;
    const auto rows = [&]<int kT>(std::int64_t row) {
      float* to = y + row * s.stride;
      rows_by_panel<kT, kV>(x + row * s.in + i, s.in, count, u, i == begin ? nullptr : to, s.stride, to, s.stride);
    };
    std::int64_t row = 0;
    for (; row + kRows <= s.rows; row += kRows) rows.template operator()<kRows>(row);
    for (; row + 2 <= s.rows; row += 2) rows.template operator()<2>(row);
    for (; row < s.rows; ++row) rows.template operator()<1>(row);
  }
}

void dense_panel(const Dense& s, const float* x, const float* w, float* y, std::int64_t first, std::int64_t begin,
                 std::int64_t end) {
  const int chunk = chunk_at(first, s.out);
  const auto run = chunk == kChunk ? panel_of<kChunk> : chunk == 2 ? panel_of<2> : panel_of<1>;
  run(s, x, w + first * s.in, y + first, begin, end);
}

}  // namespace
}  // namespace aceso::learn_loops::ACESO_ISA
