// Dense layers of wide inputs and small batches: what a matrix library packs and tiles for large batches costs more
// than the products. Each weight is read once, in the order of memory.

namespace aceso::learn_loops::ACESO_ISA {
namespace {

constexpr int kDenseRows = kLanes == 16 ? 4 : 2;
constexpr std::int64_t kDenseBlock = 2048;  // inputs at a time: those of 32 samples stay in the second-level cache

// y[r * out + c] += the sum over `count` inputs of x[r * in + .] w[c * in + .]
template <int kRows, int kColumns>
inline void products(const float* x, const float* w, std::int64_t in, std::int64_t count, float* y, std::int64_t out) {
  Vec sum[std::size_t{kRows}][std::size_t{kColumns}] = {};
  for (std::int64_t k = 0; k < count; k += kLanes) {
    Vec a[std::size_t{kRows}];
#pragma GCC unroll 4
    for (int r = 0; r < kRows; ++r) a[r] = load(x + r * in + k);
#pragma GCC unroll 4
    for (int c = 0; c < kColumns; ++c) {
      const Vec b = load(w + c * in + k);
#pragma GCC unroll 4
      for (int r = 0; r < kRows; ++r) sum[r][c] += a[r] * b;
    }
  }
  for (int r = 0; r < kRows; ++r) {
    for (int c = 0; c < kColumns; ++c) {
      float total = 0;
      for (int l = 0; l < kLanes; ++l) total += sum[r][c][l];
      y[r * out + c] += total;
    }
  }
}

// to[r * in + .] = the sum over i of g[r * g_row + i * g_step] from[i * in + .], kVecs registers wide
template <int kRows, int kVecs>
inline void combine(const float* g, std::int64_t g_row, std::int64_t g_step, const float* from, std::int64_t count,
                    std::int64_t in, float* to, std::int64_t ahead) {
  Vec sum[std::size_t{kRows}][std::size_t{kVecs}] = {};
  for (std::int64_t i = 0; i < count; ++i) {
    const float* p = from + i * in;
    if (ahead > 0) {
      for (std::int64_t line = 0; line < kVecs * kBytes; line += 64)
        __builtin_prefetch(reinterpret_cast<const char*>(p + ahead) + line);
    }
    Vec b[std::size_t{kVecs}];
#pragma GCC unroll 4
    for (int v = 0; v < kVecs; ++v) b[v] = load(p + v * kLanes);
#pragma GCC unroll 4
    for (int r = 0; r < kRows; ++r) {
      const Vec a = splat(g[r * g_row + i * g_step]);
#pragma GCC unroll 4
      for (int v = 0; v < kVecs; ++v) sum[r][v] += a * b[v];
    }
  }
#pragma GCC unroll 4
  for (int r = 0; r < kRows; ++r) {
#pragma GCC unroll 4
    for (int v = 0; v < kVecs; ++v) store(to + r * in + v * kLanes, sum[r][v]);
  }
}

// All `rows` of `to`, one panel of kVecs registers.
template <int kVecs>
inline void panel(const float* g, std::int64_t g_row, std::int64_t g_step, const float* from, std::int64_t count,
                  std::int64_t in, float* to, std::int64_t rows, std::int64_t ahead) {
  std::int64_t r = 0;
  for (; r + kDenseRows <= rows; r += kDenseRows)
    combine<kDenseRows, kVecs>(g + r * g_row, g_row, g_step, from, count, in, to + r * in, r == 0 ? ahead : 0);
  for (; r < rows; ++r) combine<1, kVecs>(g + r * g_row, g_row, g_step, from, count, in, to + r * in, 0);
}

void dense_forward(const Dense& s, const float* x, const float* w, const float* bias, float* y, std::int64_t begin,
                   std::int64_t end) {
  const std::int64_t stride = s.stride > 0 ? s.stride : s.out;
  for (std::int64_t m = 0; m < s.rows; ++m)
    for (std::int64_t o = begin; o < end; ++o) y[m * stride + o] = bias[o];
  for (std::int64_t k = 0; k < s.in; k += kDenseBlock) {
    const std::int64_t count = std::min(kDenseBlock, s.in - k);
    for (std::int64_t o = begin; o < end;) {
      const std::int64_t columns = end - o >= 4 ? 4 : 1;
      for (std::int64_t m = 0; m < s.rows;) {
        const std::int64_t rows = s.rows - m >= kDenseRows ? kDenseRows : 1;
        const float *a = x + m * s.in + k, *b = w + o * s.in + k;
        float* to = y + m * stride + o;
        if (rows == kDenseRows && columns == 4) {
          products<kDenseRows, 4>(a, b, s.in, count, to, stride);
        } else if (columns == 4) {
          products<1, 4>(a, b, s.in, count, to, stride);
        } else if (rows == kDenseRows) {
          products<kDenseRows, 1>(a, b, s.in, count, to, stride);
        } else {
          products<1, 1>(a, b, s.in, count, to, stride);
        }
        m += rows;
      }
      o += columns;
    }
  }
}

void dense_backward(const Dense& s, const float* x, const float* w, const float* gy, float* gx, float* gw,
                    std::int64_t begin, std::int64_t end) {
  constexpr int kVecs = 4;
  constexpr std::int64_t kPanel = kVecs * kLanes;
  const auto both = [&]<int vecs>(std::int64_t k, std::int64_t ahead) {
    if (gx != nullptr) panel<vecs>(gy, s.out, 1, w + k, s.out, s.in, gx + k, s.rows, ahead);
    if (gw != nullptr) panel<vecs>(gy, 1, s.out, x + k, s.rows, s.in, gw + k, s.out, ahead);
  };
  std::int64_t k = begin;
  for (; k + kPanel <= end; k += kPanel) both.template operator()<kVecs>(k, k + 2 * kPanel <= end ? kPanel : 0);
  for (; k < end; k += kLanes) both.template operator()<1>(k, 0);
}

}  // namespace
}  // namespace aceso::learn_loops::ACESO_ISA
