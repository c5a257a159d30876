// Forward, a tile of pooling windows is kept in registers from the first product to the pooled value, so the
// convolution's output is never written. Backward, max pooling lets one of four positions pass and ReLU some of them
// not at all: what passes is listed first, and only its products are computed, a quarter of the dense arithmetic or
// less.

namespace aceso::learn_loops::ACESO_ISA {
namespace {

using Index = std::int32_t __attribute__((vector_size(kBytes)));
using Byte = std::uint8_t __attribute__((vector_size(kLanes)));

// The larger of a pooling window's four, not below 0, and where it was; the first of equal ones; what is no number
// wins.
inline void pool(const Vec (&a)[4], float* y, std::uint8_t* where) {
  Vec best = a[0];
  Index at = {};
  for (int i = 1; i < 4; ++i) {
    const Index take = (a[i] > best) | (a[i] != a[i]);
    best = take ? a[i] : best;
    at = take ? Index{} + i : at;
  }
  const Index off = best <= 0.0F;
  store(y, off ? Vec{} : best);
  if (where == nullptr) return;
  const Byte bytes = __builtin_convertvector(off ? Index{} + kInactive : at, Byte);
  std::memcpy(where, &bytes, sizeof bytes);
}

// kWindows pooling windows beside each other, kVecs * kLanes channels.
template <int kWindows, int kVecs, int kIn>
inline void windows(const float* x, std::int64_t row, std::int64_t in, const float* w, std::int64_t out,
                    const float* bias, float* y, std::uint8_t* where) {
  constexpr int kColumns = 2 * kWindows;
  const std::int64_t step = kIn > 0 ? kIn : in;
  Vec sum[2][std::size_t{kColumns}][std::size_t{kVecs}];
  for (int v = 0; v < kVecs; ++v) {
    const Vec b = load(bias + v * kLanes);
    for (int r = 0; r < 2; ++r)
      for (int c = 0; c < kColumns; ++c) sum[r][c][v] = b;
  }
  for (int ky = 0; ky < 3; ++ky) {
    const float* from = x + ky * row;
    const float* below = from + row;
    for (std::int64_t j = 0; j < 3 * step; ++j, w += out) {
      Vec k[std::size_t{kVecs}];
#pragma GCC unroll 8
      for (int v = 0; v < kVecs; ++v) k[v] = load(w + v * kLanes);
#pragma GCC unroll 8
      for (int c = 0; c < kColumns; ++c) {
        const Vec p = splat(from[j + c * step]), q = splat(below[j + c * step]);
#pragma GCC unroll 8
        for (int v = 0; v < kVecs; ++v) {
          sum[0][c][v] += p * k[v];
          sum[1][c][v] += q * k[v];
        }
      }
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < kWindows; ++i) {
#pragma GCC unroll 8
    for (int v = 0; v < kVecs; ++v) {
      const Vec four[4] = {sum[0][2 * i][v], sum[0][2 * i + 1][v], sum[1][2 * i][v], sum[1][2 * i + 1][v]};
      pool(four, y + i * out + v * kLanes, where == nullptr ? nullptr : where + i * out + v * kLanes);
    }
  }
}

template <int kVecs, int kIn>
void forward_image(const ConvPool& s, const float* x, const float* w, const float* bias, float* y,
                   std::uint8_t* where) {
  constexpr int kWindows = kLanes == 16 ? 3 : 1;
  const std::int64_t row = s.width * s.in, high = s.pooled_height(), wide = s.pooled_width();
  for (std::int64_t c = 0; c < s.out; c += kVecs * kLanes) {
    for (std::int64_t py = 0; py < high; ++py) {
      const auto at = [&](std::int64_t px) { return (py * wide + px) * s.out + c; };
      const auto mark = [&](std::int64_t px) { return where == nullptr ? nullptr : where + at(px); };
      const float* line = x + 2 * py * row;
      std::int64_t px = 0;
      for (; px + kWindows <= wide; px += kWindows)
        windows<kWindows, kVecs, kIn>(line + 2 * px * s.in, row, s.in, w + c, s.out, bias + c, y + at(px), mark(px));
      for (; px < wide; ++px)
        windows<1, kVecs, kIn>(line + 2 * px * s.in, row, s.in, w + c, s.out, bias + c, y + at(px), mark(px));
    }
  }
}

using Hit = ConvPoolScratch::Hit;

// One row of windows of the kernel: sum[v] += value * from[at + v], kRows rows apart by `row`.
template <int kRows, int kVecs>
inline void gather(const Hit* hit, const Hit* end, const float* from, std::int64_t scale, std::int64_t row, float* to,
                   std::int64_t to_row) {
  Vec sum[std::size_t{kRows}][std::size_t{kVecs}];
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 16
    for (int v = 0; v < kVecs; ++v) sum[r][v] = load(to + r * to_row + v * kLanes);
  }
  for (; hit != end; ++hit) {
    const float* p = from + hit->at * scale;
    const Vec g = splat(hit->value);
#pragma GCC unroll 16
    for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 16
      for (int v = 0; v < kVecs; ++v) sum[r][v] += g * load(p + r * row + v * kLanes);
    }
  }
#pragma GCC unroll 16
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 16
    for (int v = 0; v < kVecs; ++v) store(to + r * to_row + v * kLanes, sum[r][v]);
  }
}

// The same for one row of the kernel of any width: registers decide how much at once.
inline void gather_row(std::int64_t run, const Hit* hit, const Hit* end, const float* from, std::int64_t scale,
                       float* to) {
  constexpr int kWide = kLanes == 16 ? 6 : 12;
  std::int64_t v = 0;
  for (; v + kWide * kLanes <= run; v += kWide * kLanes) gather<1, kWide>(hit, end, from + v, scale, 0, to + v, 0);
  for (; v < run; v += kLanes) gather<1, 1>(hit, end, from + v, scale, 0, to + v, 0);
}

void conv_pool_forward(const ConvPool& s, const float* x, const float* w, const float* bias, float* y,
                       std::uint8_t* where, std::int64_t begin, std::int64_t end) {
  const std::int64_t image = s.height * s.width * s.in, pooled = s.pooled_height() * s.pooled_width() * s.out;
  const auto run = s.out % (2 * kLanes) == 0 ? (s.in == 3    ? forward_image<2, 3>
                                                : s.in == 32 ? forward_image<2, 32>
                                                             : forward_image<2, 0>)
                                             : forward_image<1, 0>;
  for (std::int64_t n = begin; n < end; ++n)
    run(s, x + n * image, w, bias, y + n * pooled, where == nullptr ? nullptr : where + n * pooled);
}

// The channels of one window by the place of their largest: four lists of `out` each, and how many each has. Without
// branches, which would be guesses.
inline void list_channels(const ConvPool& s, const float* gy, const std::uint8_t* where, Hit* hits,
                          std::int32_t* count) {
  std::int64_t next[kInactive + 1] = {0, s.out, 2 * s.out, 3 * s.out, 4 * s.out};
  for (std::int64_t c = 0; c < s.out; ++c) {
    std::int64_t& k = next[where[c]];
    hits[k] = {static_cast<std::int32_t>(c), gy[c]};
    k += where[c] != kInactive;
  }
  for (std::int64_t k = 0; k < 4; ++k) count[k] = static_cast<std::int32_t>(next[k] - k * s.out);
}

// Rows of the kernel one after the other, for a row of windows at a time: the weights of one stay in the nearest cache.
void conv_pool_backward_input(const ConvPool& s, const float* gy, const std::uint8_t* where, const float* w, float* gx,
                              std::int64_t begin, std::int64_t end, ConvPoolScratch& scratch) {
  const std::int64_t row = s.width * s.in, run = s.run(kLanes), high = s.pooled_height(), wide = s.pooled_width();
  scratch.hits.resize(static_cast<std::size_t>(wide * 4 * s.out + 1));
  scratch.counts.resize(static_cast<std::size_t>(wide * (kInactive + 1)));
  for (std::int64_t n = begin; n < end; ++n) {
    float* image = gx + n * s.height * row;
    std::memset(image, 0, static_cast<std::size_t>(s.height * row) * sizeof(float));
    for (std::int64_t py = 0; py < high; ++py) {
      for (std::int64_t px = 0; px < wide; ++px) {
        list_channels(s, gy + ((n * high + py) * wide + px) * s.out, where + ((n * high + py) * wide + px) * s.out,
                      scratch.hits.data() + px * 4 * s.out, scratch.counts.data() + px * (kInactive + 1));
      }
      for (std::int64_t ky = 0; ky < 3; ++ky) {
        for (std::int64_t px = 0; px < wide; ++px) {
          for (std::int64_t k = 0; k < 4; ++k) {
            const Hit* first = scratch.hits.data() + (px * 4 + k) * s.out;
            const Hit* last = first + scratch.counts[static_cast<std::size_t>(px * (kInactive + 1) + k)];
            if (first != last) {
              gather_row(run, first, last, w + ky * run, 3 * run,
                         image + (2 * py + k / 2 + ky) * row + (2 * px + k % 2) * s.in);
            }
          }
        }
      }
    }
  }
}

void conv_pool_backward_weights(const ConvPool& s, const float* x, const float* gy, const std::uint8_t* where,
                                float* gw, float* gb, std::int64_t begin, std::int64_t end, ConvPoolScratch& scratch) {
  const std::int64_t row = s.width * s.in, run = s.run(kLanes), high = s.pooled_height(), wide = s.pooled_width();
  scratch.hits.resize(static_cast<std::size_t>(s.out * (wide + 1)));
  scratch.counts.resize(static_cast<std::size_t>(s.out));
  Hit* const hits = scratch.hits.data();
  const std::int32_t places[kInactive + 1] = {0, static_cast<std::int32_t>(s.in), static_cast<std::int32_t>(row),
                                              static_cast<std::int32_t>(row + s.in), 0};
  for (std::int64_t n = begin; n < end; ++n) {
    for (std::int64_t py = 0; py < high; ++py) {
      const float* band = x + (n * s.height + 2 * py) * row;
      std::int32_t* const count = scratch.counts.data();
      std::fill_n(count, s.out, 0);
      for (std::int64_t px = 0; px < wide; ++px) {
        const std::int64_t at = ((n * high + py) * wide + px) * s.out;
        const auto left = static_cast<std::int32_t>(2 * px * s.in);
        for (std::int64_t c = 0; c < s.out; ++c) {
          const std::uint8_t k = where[at + c];
          hits[c * (wide + 1) + count[c]] = {left + places[k], gy[at + c]};
          count[c] += k != kInactive;
        }
      }
      for (std::int64_t c = 0; c < s.out; ++c)
        for (const Hit *first = hits + c * (wide + 1), *h = first; h != first + count[c]; ++h) gb[c] += h->value;
      if (run == kLanes) {  // few input channels: the three rows together
        for (std::int64_t c = 0; c < s.out; ++c) {
          const Hit* first = hits + c * (wide + 1);
          gather<3, 1>(first, first + count[c], band, 1, row, gw + c * 3 * run, run);
        }
        continue;
      }
      for (std::int64_t ky = 0; ky < 3; ++ky) {
        for (std::int64_t c = 0; c < s.out; ++c) {
          const Hit* first = hits + c * (wide + 1);
          gather_row(run, first, first + count[c], band + ky * row, 1, gw + (c * 3 + ky) * run);
        }
      }
    }
  }
}

#if defined(ACESO_BF16)
// To the nearest, ties to even.
void round_to_bf16(const float* x, std::int64_t count, std::uint16_t* to) {
  std::int64_t i = 0;
  for (; i + kLanes <= count; i += kLanes) {
    const auto rounded = reinterpret_cast<__m256i>(_mm512_cvtneps_pbh(_mm512_loadu_ps(x + i)));
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to + i), rounded);
  }
  for (; i < count; ++i) to[i] = bf16(x[i]);
}

using Pairs = __m512bh;

// windows() on pairs of bfloat16 values: a product of two at once, summed in float32. w: [3, pairs, out, 2]; the weight
// behind an odd row is 0.
template <int kWindows, int kVecs>
inline void windows_bf16(const std::uint16_t* x, std::int64_t row, std::int64_t in, const std::uint16_t* w,
                         std::int64_t out, const float* bias, float* y, std::uint8_t* where) {
  constexpr int kColumns = 2 * kWindows;
  const auto pair = [](const std::uint16_t* p) {
    std::int32_t both;
    std::memcpy(&both, p, sizeof both);
    return reinterpret_cast<Pairs>(_mm512_set1_epi32(both));
  };
  __m512 sum[2][std::size_t{kColumns}][std::size_t{kVecs}];
  for (int v = 0; v < kVecs; ++v) {
    const __m512 b = _mm512_loadu_ps(bias + v * kLanes);
    for (int r = 0; r < 2; ++r)
      for (int c = 0; c < kColumns; ++c) sum[r][c][v] = b;
  }
  for (int ky = 0; ky < 3; ++ky) {
    const std::uint16_t* from = x + ky * row;
    const std::uint16_t* below = from + row;
    for (std::int64_t j = 0; j < 3 * in; j += 2, w += 2 * out) {
      Pairs k[std::size_t{kVecs}];
#pragma GCC unroll 8
      for (int v = 0; v < kVecs; ++v) k[v] = reinterpret_cast<Pairs>(_mm512_loadu_si512(w + v * 2 * kLanes));
#pragma GCC unroll 8
      for (int c = 0; c < kColumns; ++c) {
        const Pairs p = pair(from + j + c * in), q = pair(below + j + c * in);
#pragma GCC unroll 8
        for (int v = 0; v < kVecs; ++v) {
          sum[0][c][v] = _mm512_dpbf16_ps(sum[0][c][v], p, k[v]);
          sum[1][c][v] = _mm512_dpbf16_ps(sum[1][c][v], q, k[v]);
        }
      }
    }
  }
#pragma GCC unroll 8
  for (int i = 0; i < kWindows; ++i) {
#pragma GCC unroll 8
    for (int v = 0; v < kVecs; ++v) {
      const Vec four[4] = {reinterpret_cast<Vec>(sum[0][2 * i][v]), reinterpret_cast<Vec>(sum[0][2 * i + 1][v]),
                           reinterpret_cast<Vec>(sum[1][2 * i][v]), reinterpret_cast<Vec>(sum[1][2 * i + 1][v])};
      pool(four, y + i * out + v * kLanes, where == nullptr ? nullptr : where + i * out + v * kLanes);
    }
  }
}

void conv_pool_forward_bf16(const ConvPool& s, const float* x, const std::uint16_t* w, const float* bias, float* y,
                            std::uint8_t* where, std::int64_t begin, std::int64_t end, ConvPoolScratch& scratch) {
  constexpr int kWindows = 3;
  const std::int64_t row = s.width * s.in, image = s.height * row, high = s.pooled_height(), wide = s.pooled_width();
  scratch.rounded.assign(static_cast<std::size_t>(image) + 1, 0);
  for (std::int64_t n = begin; n < end; ++n) {
    round_to_bf16(x + n * image, image, scratch.rounded.data());
    for (std::int64_t c = 0; c < s.out;) {
      const int vecs = s.out - c >= 2 * kLanes ? 2 : 1;
      for (std::int64_t py = 0; py < high; ++py) {
        for (std::int64_t px = 0; px < wide;) {
          const std::int64_t at = ((n * high + py) * wide + px) * s.out + c;
          const std::uint16_t* corner = scratch.rounded.data() + 2 * py * row + 2 * px * s.in;
          std::uint8_t* mark = where == nullptr ? nullptr : where + at;
          const bool many = wide - px >= kWindows;
          const auto run = vecs == 2 ? (many ? windows_bf16<kWindows, 2> : windows_bf16<1, 2>)
                                     : (many ? windows_bf16<kWindows, 1> : windows_bf16<1, 1>);
          run(corner, row, s.in, w + 2 * c, s.out, bias + c, y + at, mark);
          px += many ? kWindows : 1;
        }
      }
      c += vecs * kLanes;
    }
  }
}
#endif

}  // namespace
}  // namespace aceso::learn_loops::ACESO_ISA
