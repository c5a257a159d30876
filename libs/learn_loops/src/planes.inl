// The first convolution of a network, on an image as it comes: few planes of pixels. Two rows of results and several
// columns stay in registers for a few registers of channels, as in conv_pool.inl.

namespace aceso::learn_loops::ACESO_ISA {
namespace {

// Two rows and kColumns columns of results, kVecs registers of channels.
template <int kColumns, int kVecs, int kIn>
inline void planes_tile(const Conv& s, const Planes& p, const float* x, const float* w, const float* bias, float* y,
                        std::int64_t row, std::int64_t column) {
  Vec sum[2][std::size_t{kColumns}][std::size_t{kVecs}];
#pragma GCC unroll 8
  for (int v = 0; v < kVecs; ++v) {
    const Vec b = load(bias + v * kLanes);
#pragma GCC unroll 16
    for (int c = 0; c < kColumns; ++c) sum[0][c][v] = sum[1][c][v] = b;
  }
  x += row * p.row + column;
  for (int ky = 0; ky < 3; ++ky, x += p.row) {
#pragma GCC unroll 4
    for (int plane = 0; plane < kIn; ++plane) {
      const float *from = x + plane * p.plane, *below = from + p.row;
#pragma GCC unroll 3
      for (int kx = 0; kx < 3; ++kx, w += s.out) {
        Vec k[std::size_t{kVecs}];
#pragma GCC unroll 8
        for (int v = 0; v < kVecs; ++v) k[v] = load(w + v * kLanes);
#pragma GCC unroll 16
        for (int c = 0; c < kColumns; ++c) {
          const Vec a = splat(from[c + kx]), b = splat(below[c + kx]);
#pragma GCC unroll 8
          for (int v = 0; v < kVecs; ++v) {
            sum[0][c][v] += a * k[v];
            sum[1][c][v] += b * k[v];
          }
        }
      }
    }
  }
  const std::int64_t high = s.result_rows(), wide = s.result_columns();
#pragma GCC unroll 16
  for (int c = 0; c < kColumns; c += s.pool ? 2 : 1) {
#pragma GCC unroll 8
    for (int v = 0; v < kVecs; ++v) {
      if (s.pool) {
        const Vec best = larger(larger(sum[0][c][v], sum[0][c + 1][v]), larger(sum[1][c][v], sum[1][c + 1][v]));
        store(y + (row / 2 * wide + (column + c) / 2) * s.out + v * kLanes, s.relu ? positive(best) : best);
        continue;
      }
      for (int r = 0; r < 2; ++r) {
        if (row + r >= high || column + c >= wide) continue;
        store(y + ((row + r) * wide + column + c) * s.out + v * kLanes, s.relu ? positive(sum[r][c][v]) : sum[r][c][v]);
      }
    }
  }
}

template <int kVecs, int kIn>
void planes_rows(const Conv& s, const Planes& p, const float* x, const float* w, const float* bias, float* y,
                 std::int64_t begin, std::int64_t end) {
  constexpr int kColumns = kLanes == 16 ? 6 : 2;
  const std::int64_t scale = s.pool ? 2 : 1, wide = scale * s.result_columns();
  for (std::int64_t row = scale * begin; row < scale * end; row += 2) {
    std::int64_t column = 0;
    for (; column + kColumns <= wide; column += kColumns)
      planes_tile<kColumns, kVecs, kIn>(s, p, x, w, bias, y, row, column);
    for (; column < wide; column += 2) planes_tile<2, kVecs, kIn>(s, p, x, w, bias, y, row, column);
  }
}

template <int kIn>
void planes_of(const Conv& s, const Planes& p, const float* x, const float* w, const float* bias, float* y,
               std::int64_t begin, std::int64_t end) {
  std::int64_t c = 0;
  for (; c + 2 * kLanes <= s.out; c += 2 * kLanes) planes_rows<2, kIn>(s, p, x, w + c, bias + c, y + c, begin, end);
  for (; c < s.out; c += kLanes) planes_rows<1, kIn>(s, p, x, w + c, bias + c, y + c, begin, end);
}

void conv_planes(const Conv& s, const Planes& p, const float* x, const float* w, const float* bias, float* y,
                 std::int64_t begin, std::int64_t end) {
  const auto run = s.in == 1 ? planes_of<1> : s.in == 2 ? planes_of<2> : s.in == 3 ? planes_of<3> : planes_of<4>;
  run(s, p, x, w, bias, y, begin, end);
}

}  // namespace
}  // namespace aceso::learn_loops::ACESO_ISA
