// Winograd's F(4 x 4, 3 x 3) with the points 0, +-sqrt(1/2), +-sqrt(2) and infinity. Tiles go in blocks whose
// transforms stay in the second-level cache; for each of the 36 frequencies a block is one product of matrices in
// registers.

namespace aceso::learn_loops::ACESO_ISA {
namespace {

constexpr int kFrequencies = 36;
constexpr std::int64_t kBlockBytes = 448 * 1024;  // of transforms, beside the weights in a cache of 1 MiB
constexpr std::int64_t kMostTiles = 48;

// The points' absolute values and their powers. Their squares are 1/2 and 2: rounding grows less than with 1 and 2.
constexpr float kA = 0.70710678118654752F, kB = 1.41421356237309505F;
constexpr float kA2 = 0.5F, kB2 = 2.0F, kA3 = kA2 * kA, kB3 = kB2 * kB;

// B' d of one line of six.
inline void line_in(const Vec (&d)[6], Vec (&t)[6]) {
  const Vec a = d[4] - kB2 * d[2], b = d[3] - kB2 * d[1], c = d[4] - kA2 * d[2], e = d[3] - kA2 * d[1];
  t[0] = d[0] - (kA2 + kB2) * d[2] + d[4];
  t[1] = a + kA * b;
  t[2] = a - kA * b;
  t[3] = c + kB * e;
  t[4] = c - kB * e;
  t[5] = d[1] - (kA2 + kB2) * d[3] + d[5];
}

// A' m of one line of six.
inline void line_out(const Vec (&m)[6], Vec (&y)[4]) {
  const Vec s = m[1] + m[2], d = m[1] - m[2], p = m[3] + m[4], q = m[3] - m[4];
  y[0] = m[0] + s + p;
  y[1] = kA * d + kB * q;
  y[2] = kA2 * s + kB2 * p;
  y[3] = kA3 * d + kB3 * q + m[5];
}

// G g of one line of three.
inline void line_weights(const Vec (&g)[3], Vec (&t)[6]) {
  constexpr float kC = 1 / (2 * kA2 * (kA2 - kB2)), kD = 1 / (2 * kB2 * (kB2 - kA2));
  const Vec a = kC * g[0] + (kC * kA2) * g[2], b = kD * g[0] + (kD * kB2) * g[2];
  t[0] = g[0];
  t[1] = a + (kC * kA) * g[1];
  t[2] = a - (kC * kA) * g[1];
  t[3] = b + (kD * kB) * g[1];
  t[4] = b - (kD * kB) * g[1];
  t[5] = g[2];
}

// A block of tiles in scratch: first the transformed inputs, then the transformed results of one chunk of channels.
struct Block {
  std::int64_t tiles = 0;
  std::int64_t in = 0, out = 0;  // floats from one frequency to the next; a line more, so that not all meet in one set
};

inline Block block_of(const Conv& s) {
  const std::int64_t bytes = kFrequencies * 4 * (s.in + std::min<std::int64_t>(s.out, kChunk * kLanes));
  const std::int64_t tiles = std::clamp<std::int64_t>(kBlockBytes / bytes / kRows * kRows, 2 * kRows, kMostTiles);
  return {tiles, tiles * s.in + 16, tiles * kChunk * kLanes + 16};
}

std::int64_t winograd_scratch(const Conv& s) {
  const Block b = block_of(s);
  return kFrequencies * (b.in + b.out) + s.in;  // and a pixel of zeros
}

void winograd_weights(const Conv& s, const float* w, float* u) {
  for (std::int64_t c = 0; c < s.out;) {
    const std::int64_t width = chunk_at(c, s.out) * kLanes;
    float* to = u + kFrequencies * s.in * c;
    for (std::int64_t i = 0; i < s.in; ++i) {
      for (std::int64_t v = 0; v < width; v += kLanes) {
        Vec half[3][6];
        for (int x = 0; x < 3; ++x) {  // columns of the kernel
          Vec g[3];
          for (int y = 0; y < 3; ++y) g[y] = load(w + ((y * 3 + x) * s.in + i) * s.out + c + v);
          line_weights(g, half[x]);
        }
        for (int f = 0; f < 6; ++f) {
          const Vec g[3] = {half[0][f], half[1][f], half[2][f]};
          Vec t[6];
          line_weights(g, t);
          for (int k = 0; k < 6; ++k) store(to + ((f * 6 + k) * s.in + i) * width + v, t[k]);
        }
      }
    }
    c += width;
  }
}

// Where the six lines of six pixels of a tile stand; outside the image a pixel of zeros.
inline void pixels_of(const Conv& s, const float* x, const float* zeros, std::int64_t tile, const float* (&from)[36]) {
  const std::int64_t top = tile / s.tile_columns() * 4 - s.padding, left = tile % s.tile_columns() * 4 - s.padding;
  const bool inside = top >= 0 && left >= 0 && top + 6 <= s.height && left + 6 <= s.width;
  for (int i = 0; i < 6; ++i) {
    for (int j = 0; j < 6; ++j) {
      const std::int64_t r = top + i, c = left + j;
      const bool there = inside || (r >= 0 && r < s.height && c >= 0 && c < s.width);
      from[i * 6 + j] = there ? x + (r * s.width + c) * s.in : zeros;
    }
  }
}

// One tile to its frequencies, all channels. to: `step` floats from one frequency to the next.
inline void tile_in(const float* const (&from)[36], std::int64_t in, float* to, std::int64_t step) {
  for (std::int64_t c = 0; c < in; c += kLanes) {
    Vec half[6][6];
#pragma GCC unroll 6
    for (int j = 0; j < 6; ++j) {  // columns
      Vec d[6];
#pragma GCC unroll 6
      for (int i = 0; i < 6; ++i) d[i] = load(from[i * 6 + j] + c);
      line_in(d, half[j]);
    }
#pragma GCC unroll 6
    for (int i = 0; i < 6; ++i) {
      const Vec d[6] = {half[0][i], half[1][i], half[2][i], half[3][i], half[4][i], half[5][i]};
      Vec t[6];
      line_in(d, t);
#pragma GCC unroll 6
      for (int j = 0; j < 6; ++j) store(to + (i * 6 + j) * step + c, t[j]);
    }
  }
}

template <int kV>
void frequencies(const Block& b, std::int64_t tiles, std::int64_t in, const float* v, const float* u, float* m) {
  constexpr std::int64_t kWidth = kV * kLanes;
  for (int f = 0; f < kFrequencies; ++f, u += in * kWidth) {
    std::int64_t t = 0;
    for (; t + kRows <= tiles; t += kRows)
      rows_by_panel<kRows, kV>(v + f * b.in + t * in, in, in, u, nullptr, 0, m + f * b.out + t * kWidth, kWidth);
    for (; t + 3 <= tiles; t += 3)
      rows_by_panel<3, kV>(v + f * b.in + t * in, in, in, u, nullptr, 0, m + f * b.out + t * kWidth, kWidth);
    for (; t < tiles; ++t)
      rows_by_panel<1, kV>(v + f * b.in + t * in, in, in, u, nullptr, 0, m + f * b.out + t * kWidth, kWidth);
  }
}

// The 16 results of one tile and register, to where they belong: ReLU, pooling, the image's end.
inline void settle(const Conv& s, std::int64_t row, std::int64_t column, const Vec (&r)[4][4], float* y,
                   std::uint8_t* where) {
  const std::int64_t high = s.result_rows(), wide = s.result_columns();
  if (!s.pool) {
    for (int i = 0; i < 4 && row + i < high; ++i) {
      for (int j = 0; j < 4 && column + j < wide; ++j)
        store(y + ((row + i) * wide + column + j) * s.out, s.relu ? positive(r[i][j]) : r[i][j]);
    }
    return;
  }
#pragma GCC unroll 2
  for (int i = 0; i < 2; ++i) {
#pragma GCC unroll 2
    for (int j = 0; j < 2; ++j) {
      if (row / 2 + i >= high || column / 2 + j >= wide) continue;
      const std::int64_t at = ((row / 2 + i) * wide + column / 2 + j) * s.out;
      const Vec four[4] = {r[2 * i][2 * j], r[2 * i][2 * j + 1], r[2 * i + 1][2 * j], r[2 * i + 1][2 * j + 1]};
      if (where != nullptr) {
        pool(four, y + at, where + at);
      } else {
        const Vec best = larger(larger(four[0], four[1]), larger(four[2], four[3]));
        store(y + at, s.relu ? positive(best) : best);
      }
    }
  }
}

inline void tile_out(const Conv& s, std::int64_t tile, const float* m, std::int64_t step, std::int64_t width,
                     const float* bias, float* y, std::uint8_t* where) {
  const std::int64_t row = tile / s.tile_columns() * 4, column = tile % s.tile_columns() * 4;
  for (std::int64_t c = 0; c < width; c += kLanes) {
    Vec half[6][4], result[4][4];
#pragma GCC unroll 6
    for (int j = 0; j < 6; ++j) {
      Vec d[6];
#pragma GCC unroll 6
      for (int i = 0; i < 6; ++i) d[i] = load(m + (i * 6 + j) * step + c);
      line_out(d, half[j]);
    }
#pragma GCC unroll 4
    for (int i = 0; i < 4; ++i) {
      const Vec d[6] = {half[0][i], half[1][i], half[2][i], half[3][i], half[4][i], half[5][i]};
      line_out(d, result[i]);
#pragma GCC unroll 4
      for (int j = 0; j < 4; ++j) result[i][j] += load(bias + c);
    }
    settle(s, row, column, result, y + c, where == nullptr ? nullptr : where + c);
  }
}

void winograd(const Conv& s, const float* x, const float* u, const float* bias, float* y, std::uint8_t* where,
              std::int64_t begin, std::int64_t end, float* scratch) {
  const Block b = block_of(s);
  float *v = scratch, *m = v + kFrequencies * b.in, *zeros = m + kFrequencies * b.out;
  std::memset(zeros, 0, static_cast<std::size_t>(s.in) * sizeof(float));
  const std::int64_t last = end * s.tile_columns();
  for (std::int64_t first = begin * s.tile_columns(); first < last; first += b.tiles) {
    const std::int64_t tiles = std::min(b.tiles, last - first);
    for (std::int64_t t = 0; t < tiles; ++t) {
      const float* from[36];
      pixels_of(s, x, zeros, first + t, from);
      tile_in(from, s.in, v + t * s.in, b.in);
    }
    for (std::int64_t c = 0; c < s.out;) {
      const int chunk = chunk_at(c, s.out);
      const auto run = chunk == kChunk ? frequencies<kChunk> : chunk == 2 ? frequencies<2> : frequencies<1>;
      run(b, tiles, s.in, v, u + kFrequencies * s.in * c, m);
      for (std::int64_t t = 0; t < tiles; ++t) {
        tile_out(s, first + t, m + t * chunk * kLanes, b.out, chunk * kLanes, bias + c, y + c,
                 where == nullptr ? nullptr : where + c);
      }
      c += chunk * kLanes;
    }
  }
}

}  // namespace
}  // namespace aceso::learn_loops::ACESO_ISA
