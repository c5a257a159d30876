// Loops for networks of 3 x 3 convolutions and wide dense layers on the CPU, for each instruction set; float32. The
// functions are thread-safe: threads take different ranges.
#pragma once

#include <bit>
#include <cstdint>
#include <vector>

namespace aceso::learn_loops {

// A window whose largest value ReLU set to 0: no gradient passes.
inline constexpr int kInactive = 4;

// 3 x 3 convolution without padding, ReLU and 2 x 2 max pooling as one operation, with its gradients, channels last. As
// three operations most of their time goes into writing and reading the convolution's output, four times the pooled
// one.
struct ConvPool {
  std::int64_t height = 0, width = 0, in = 0, out = 0;  // of the input, at least 4 x 4; out: a multiple of the lanes

  std::int64_t pooled_height() const noexcept { return (height - 2) / 2; }
  std::int64_t pooled_width() const noexcept { return (width - 2) / 2; }
  std::int64_t pairs() const noexcept { return (3 * in + 1) / 2; }
  // Floats of one row of the kernel over all input channels, filled up to whole registers.
  std::int64_t run(std::int64_t lanes) const noexcept { return (3 * in + lanes - 1) / lanes * lanes; }
};

// What one thread works with; reused from call to call.
struct ConvPoolScratch {
  struct Hit {
    std::int32_t at = 0;  // a channel, or an offset into rows of the image
    float value = 0;
  };
  std::vector<Hit> hits;
  std::vector<std::int32_t> counts;
  std::vector<std::uint16_t> rounded;
};

// The upper half of a float, rounded to the nearest, ties to even; what is no number stays none.
constexpr std::uint16_t bf16(float x) noexcept {
  const auto bits = std::bit_cast<std::uint32_t>(x);
  if (x != x) return static_cast<std::uint16_t>((bits >> 16U) | 0x40U);
  return static_cast<std::uint16_t>((bits + 0x7FFFU + ((bits >> 16U) & 1U)) >> 16U);
}

// y = x w' + bias of x: [rows, in], w: [out, in].
struct Dense {
  std::int64_t rows = 0, in = 0, out = 0;  // in: a multiple of the lanes
  std::int64_t stride = 0;                 // of dense_forward: floats from one row of y to the next; 0: out
};

// 3 x 3 convolution of stride 1 with what may follow it: ReLU, and 2 x 2 max pooling of stride 2.
struct Conv {
  std::int64_t height = 0, width = 0, in = 0, out = 0;  // of the input, with padding at least 3 x 3, 4 x 4 to be pooled
  std::int64_t padding = 0;                             // zeros around the input: 0 or 1
  bool relu = true, pool = true;

  // Of the convolution, and of the result.
  std::int64_t rows() const noexcept { return height + 2 * padding - 2; }
  std::int64_t columns() const noexcept { return width + 2 * padding - 2; }
  std::int64_t result_rows() const noexcept { return pool ? rows() / 2 : rows(); }
  std::int64_t result_columns() const noexcept { return pool ? columns() / 2 : columns(); }
  // winograd() computes tiles of 4 x 4 of the convolution.
  std::int64_t tile_rows() const noexcept { return ((pool ? 2 * result_rows() : rows()) + 3) / 4; }
  std::int64_t tile_columns() const noexcept { return ((pool ? 2 * result_columns() : columns()) + 3) / 4; }
};

// An image of few channels that stands plane by plane: floats from one row and from one channel to the next.
struct Planes {
  std::int64_t row = 0, plane = 0;
};

struct Kernels {
  int lanes;  // floats in a register

  // x: [n, height, width, in], `lanes` readable floats behind it. y, where: [n, pooled height, pooled width, out];
  // where says which of the window's four positions (row by row) was largest, or kInactive. What is no number stays
  // none. Images from begin to end are worked on. w: [3, 3 * in, out]. where: null when no gradient is wanted.
  void (*conv_pool_forward)(const ConvPool&, const float* x, const float* w, const float* bias, float* y,
                            std::uint8_t* where, std::int64_t begin, std::int64_t end);
  // The same with x and w rounded to bfloat16, products and sums in float32. w: [3, pairs, out, 2], a row's 3 * in
  // inputs in pairs, 0 behind an odd number of them. Null where the processor has no such products.
  void (*conv_pool_forward_bf16)(const ConvPool&, const float* x, const std::uint16_t* w, const float* bias, float* y,
                                 std::uint8_t* where, std::int64_t begin, std::int64_t end, ConvPoolScratch&);
  // w: [out, 3, run], zeros behind the 3 * in. gx: like x, writable behind its end too; overwritten.
  void (*conv_pool_backward_input)(const ConvPool&, const float* gy, const std::uint8_t* where, const float* w,
                                   float* gx, std::int64_t begin, std::int64_t end, ConvPoolScratch&);
  // gw: [out, 3, run] and gb: [out] are added to; behind the 3 * in gw has rubbish.
  void (*conv_pool_backward_weights)(const ConvPool&, const float* x, const float* gy, const std::uint8_t* where,
                                     float* gw, float* gb, std::int64_t begin, std::int64_t end, ConvPoolScratch&);

  // Winograd's F(4 x 4, 3 x 3) (Lavin and Gray, CVPR 2016, arXiv:1509.09308): 36 products a tile of 16 results and
  // channel in place of 144. One image. x: [height, width, in], y: [result rows, result columns, out], in and out
  // multiples of the lanes; u: what winograd_weights() made; scratch: winograd_scratch() floats. where: as above, only
  // with relu and pool; null when no gradient is wanted. Rows of tiles from begin to end. What is no number may spread
  // over its tile. The result of a tile does not depend on the range.
  void (*winograd)(const Conv&, const float* x, const float* u, const float* bias, float* y, std::uint8_t* where,
                   std::int64_t begin, std::int64_t end, float* scratch);
  // w: [3, 3 * in, out]. u: 36 * in * out floats, in the order that winograd() reads.
  void (*winograd_weights)(const Conv&, const float* w, float* u);
  std::int64_t (*winograd_scratch)(const Conv&);
  // One image of in <= 4 planes, padding 0 (the caller has padded), readable one row and one column further than height
  // and width; w: [9 * in, out], rows of the kernel, in them channels, in them columns. Result rows from begin to end;
  // when nothing is pooled both are even, or the end is that of the image.
  void (*conv_planes)(const Conv&, const Planes&, const float* x, const float* w, const float* bias, float* y,
                      std::int64_t begin, std::int64_t end);

  // Outputs from begin to end.
  void (*dense_forward)(const Dense&, const float* x, const float* w, const float* bias, float* y, std::int64_t begin,
                        std::int64_t end);
  // The same without bias, for weights that are packed once and used often: w: panels of panel() outputs one after the
  // other, each [in, panel], out filled up to a multiple of the lanes. One panel, from output `first` on, and the
  // inputs from begin to end of the sums; y: [rows, stride], overwritten there.
  void (*dense_panel)(const Dense&, const float* x, const float* w, float* y, std::int64_t first, std::int64_t begin,
                      std::int64_t end);
  // Outputs of the panel that begins at output `first` of `out`, a multiple of the lanes.
  std::int64_t (*panel)(std::int64_t first, std::int64_t out);
  // Inputs from begin to end, both multiples of the lanes. gx: [rows, in] and gw: [out, in] are overwritten; null: not
  // wanted.
  void (*dense_backward)(const Dense&, const float* x, const float* w, const float* gy, float* gx, float* gw,
                         std::int64_t begin, std::int64_t end);
};

// The widest that this processor has.
const Kernels& kernels() noexcept;
// All that this processor can run, the widest first: for tests.
std::vector<const Kernels*> all_kernels();

}  // namespace aceso::learn_loops
