#include "text_detector.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace aceso::privacy {
namespace {

constexpr int kLeastHeight = 5;
constexpr int kMostHeight = 160;
constexpr int kSmallHeight = 32;
constexpr std::size_t kMostGlyphs = 8000;  // of a level: more are texture, which is not searched

struct Run {
  int y, begin, end;  // columns [begin, end)
};

struct Glyph {
  int x0 = 0, y0 = 0, x1 = 0, y1 = 0;  // [x0, x1) x [y0, y1)
  int area = 0;
  int rows_crossed = 0;     // runs along x
  int columns_crossed = 0;  // runs along y
  int edges = 0;
  int sharp = 0;
  double mean = 0;
  bool letter = false;
};

// The same seen with the axes exchanged, for text that runs from top to bottom.
Glyph turned(const Glyph& g) {
  Glyph out = g;
  std::swap(out.x0, out.y0);
  std::swap(out.x1, out.y1);
  std::swap(out.rows_crossed, out.columns_crossed);
  return out;
}

int width_of(const Glyph& g) {
  return g.x1 - g.x0;
}
int height_of(const Glyph& g) {
  return g.y1 - g.y0;
}
double letters_of(const Glyph& g) {
  const int w = width_of(g);
  const int h = height_of(g);
  return w <= 1.6 * h ? 1 : std::round(w / (0.75 * h));
}
double stroke_of(const Glyph& g) {
  return 2.0 * g.area / std::max(1, g.edges);
}

bool is_letter(const Glyph& g, int most_height) {
  const int w = width_of(g);
  const int h = height_of(g);
  if (h < kLeastHeight || h > most_height || w > 25 * h) return false;
  if (g.sharp < 0.8 * g.edges) return false;
  if (stroke_of(g) > (h > kSmallHeight ? 0.3 : 0.36) * h + 0.3) return false;
  // Letters of small print touch; a word crosses each row about as often as it has letters.
  const double letters = letters_of(g);
  return letters < 2 || (h <= kSmallHeight && g.rows_crossed >= 0.8 * letters * h);
}

// Bends, holes, arms: neither a bar nor a blob.
bool is_complex(const Glyph& g) {
  const int w = width_of(g);
  const int h = height_of(g);
  return w >= 0.3 * h && g.area <= 0.72 * w * h;
}

// Everything at or above one level of a picture.
class Level {
 public:
  Level(const Plane& plane, int level, int contrast)
      : plane_{&plane},
        width_{static_cast<int>(plane.width)},
        height_{static_cast<int>(plane.height)},
        level_{level},
        contrast_{contrast} {}

  std::vector<Glyph> glyphs() {
    find_runs();
    join_runs();
    return measure();
  }
  bool set(int x, int y) const { return at(x, y) >= level_; }

 private:
  int at(int x, int y) const {
    return plane_->values[static_cast<std::size_t>(y) * plane_->width + static_cast<std::size_t>(x)];
  }
  // True when the picture falls by the contrast within two pixels of an edge; past the border it does.
  bool falls(int x, int y, int dx, int dy) const {
    int least = 255;
    for (int step = 1; step <= 2; ++step) {
      const int px = x + step * dx;
      const int py = y + step * dy;
      if (px < 0 || py < 0 || px >= width_ || py >= height_) return true;
      least = std::min(least, at(px, py));
    }
    return least <= level_ - contrast_;
  }

  void find_runs() {
    first_.assign(static_cast<std::size_t>(height_) + 1, 0);
    for (int y = 0; y < height_; ++y) {
      first_[static_cast<std::size_t>(y)] = runs_.size();
      for (int x = 0; x < width_; ++x) {
        if (!set(x, y)) continue;
        const int begin = x;
        while (x < width_ && set(x, y)) ++x;
        runs_.push_back({y, begin, x});
      }
    }
    first_.back() = runs_.size();
  }

  std::size_t root(std::size_t i) {
    while (parent_[i] != i) i = parent_[i] = parent_[parent_[i]];
    return i;
  }

  void join_runs() {  // diagonal neighbours count
    parent_.resize(runs_.size());
    std::iota(parent_.begin(), parent_.end(), std::size_t{0});
    for (int y = 1; y < height_; ++y) {
      std::size_t above = first_[static_cast<std::size_t>(y) - 1];
      const std::size_t above_end = first_[static_cast<std::size_t>(y)];
      for (std::size_t i = above_end; i < first_[static_cast<std::size_t>(y) + 1]; ++i) {
        while (above < above_end && runs_[above].end < runs_[i].begin) ++above;
        for (std::size_t j = above; j < above_end && runs_[j].begin <= runs_[i].end; ++j) parent_[root(j)] = root(i);
      }
    }
  }

  std::vector<Glyph> measure() {
    std::vector<Glyph> all(runs_.size());
    for (std::size_t i = 0; i < runs_.size(); ++i) {
      const Run& run = runs_[i];
      Glyph& g = all[root(i)];
      if (g.area == 0) g = {.x0 = run.begin, .y0 = run.y, .x1 = run.end, .y1 = run.y + 1};
      g.x0 = std::min(g.x0, run.begin);
      g.x1 = std::max(g.x1, run.end);
      g.y1 = run.y + 1;
      g.area += run.end - run.begin;
      ++g.rows_crossed;
    }
    std::vector<bool> small(runs_.size());
    for (std::size_t i = 0; i < runs_.size(); ++i) {
      const Glyph& g = all[i];
      small[i] = g.area > 0 && width_of(g) <= 25 * kMostHeight && height_of(g) <= 25 * kMostHeight &&
                 std::min(width_of(g), height_of(g)) <= kMostHeight && g.area <= 40 * kMostHeight * kMostHeight;
    }
    for (std::size_t i = 0; i < runs_.size(); ++i) {
      const std::size_t r = root(i);
      if (small[r]) edges_of(runs_[i], all[r]);
    }
    std::vector<Glyph> out;
    for (std::size_t i = 0; i < runs_.size(); ++i) {
      if (!small[i]) continue;
      all[i].mean /= all[i].area;
      out.push_back(all[i]);
    }
    return out;
  }

  void edge(Glyph& g, int x, int y, int dx, int dy) const {
    const int px = x + dx;
    const int py = y + dy;
    if (px >= 0 && py >= 0 && px < width_ && py < height_ && set(px, py)) return;
    ++g.edges;
    g.sharp += falls(x, y, dx, dy) ? 1 : 0;
    if (dy == -1) ++g.columns_crossed;
  }

  void edges_of(const Run& run, Glyph& g) const {
    edge(g, run.begin, run.y, -1, 0);
    edge(g, run.end - 1, run.y, 1, 0);
    for (int x = run.begin; x < run.end; ++x) {
      edge(g, x, run.y, 0, -1);
      edge(g, x, run.y, 0, 1);
      g.mean += at(x, run.y);
    }
  }

  const Plane* plane_;
  int width_, height_, level_, contrast_;
  std::vector<Run> runs_;
  std::vector<std::size_t> first_;  // of each row
  std::vector<std::size_t> parent_;
};

// Lines among the components of one level.
class Lines {
 public:
  Lines(const Level& level, const Plane& plane, std::vector<Glyph> glyphs, bool is_turned, double min_letters)
      : level_{&level},
        width_{static_cast<int>(is_turned ? plane.height : plane.width)},
        height_{static_cast<int>(is_turned ? plane.width : plane.height)},
        turned_{is_turned},
        min_letters_{min_letters},
        glyphs_{std::move(glyphs)} {}

  // False when there are too many letters to search.
  bool find(std::vector<Rectangle>& out) {
    std::size_t letters = 0;
    const int most_height = std::clamp(std::min(width_, height_) / 10, 48, kMostHeight);
    for (Glyph& g : glyphs_) {
      g.letter = is_letter(g, most_height);
      letters += g.letter ? 1U : 0U;
    }
    if (letters == 0) return true;
    if (letters > kMostGlyphs) return false;
    std::ranges::sort(glyphs_, {}, &Glyph::x0);
    parent_.resize(glyphs_.size());
    std::iota(parent_.begin(), parent_.end(), std::size_t{0});
    join();
    std::vector<std::vector<std::size_t>> groups(glyphs_.size());
    for (std::size_t i = 0; i < glyphs_.size(); ++i) {
      if (glyphs_[i].letter) groups[root(i)].push_back(i);
    }
    for (auto& group : groups) {
      if (!group.empty() && is_line(group)) out.push_back(box_of(group));
    }
    return true;
  }

 private:
  std::size_t root(std::size_t i) {
    while (parent_[i] != i) i = parent_[i] = parent_[parent_[i]];
    return i;
  }

  static bool stand_together(const Glyph& a, const Glyph& b) {
    const int most = std::max(height_of(a), height_of(b));
    const int least = std::min(height_of(a), height_of(b));
    if (most > 2.2 * least || std::abs(a.mean - b.mean) > 30) return false;
    const int gap = std::max(a.x0, b.x0) - std::min(a.x1, b.x1);
    if (gap > std::max(0.9 * most, 4.0)) return false;
    const int shared = std::min(a.y1, b.y1) - std::max(a.y0, b.y0);
    return shared >= 0.5 * least;
  }

  void join() {
    for (std::size_t i = 0; i < glyphs_.size(); ++i) {
      const Glyph& a = glyphs_[i];
      if (!a.letter) continue;
      const int reach = a.x1 + 2 * height_of(a) + 4;
      for (std::size_t j = i + 1; j < glyphs_.size() && glyphs_[j].x0 <= reach; ++j) {
        if (glyphs_[j].letter && stand_together(a, glyphs_[j])) parent_[root(j)] = root(i);
      }
    }
  }

  int median_height(const std::vector<std::size_t>& group) const {
    std::vector<int> heights;
    heights.reserve(group.size());
    for (const std::size_t i : group) heights.push_back(height_of(glyphs_[i]));
    std::ranges::nth_element(heights, heights.begin() + static_cast<std::ptrdiff_t>(heights.size() / 2));
    return heights[heights.size() / 2];
  }

  // Most of them stand on one line, or hang from one; half of the large ones do both, bones do not.
  bool is_aligned(const std::vector<std::size_t>& group, int height) const {
    const double slack = std::max(1.0, 0.1 * height);
    const auto most = [&](double share, bool top, bool bottom) {
      return std::ranges::any_of(group, [&](std::size_t i) {
        const auto on = std::ranges::count_if(group, [&](std::size_t j) {
          return (!top || std::abs(glyphs_[j].y0 - glyphs_[i].y0) <= slack) &&
                 (!bottom || std::abs(glyphs_[j].y1 - glyphs_[i].y1) <= slack);
        });
        return static_cast<double>(on) >= share * static_cast<double>(group.size());
      });
    };
    if (height > kSmallHeight && !most(0.5, true, true)) return false;
    return most(0.6, false, true) || most(0.6, true, false);
  }

  // One pen wrote them.
  bool has_one_stroke(const std::vector<std::size_t>& group) const {
    std::vector<double> strokes;
    strokes.reserve(group.size());
    for (const std::size_t i : group) strokes.push_back(stroke_of(glyphs_[i]));
    std::ranges::nth_element(strokes, strokes.begin() + static_cast<std::ptrdiff_t>(strokes.size() / 2));
    const double median = strokes[strokes.size() / 2];
    const auto like = std::ranges::count_if(
        strokes, [&](double one) { return one >= 0.6 * median - 0.3 && one <= 1.6 * median + 0.3; });
    return static_cast<double>(like) >= 0.75 * static_cast<double>(strokes.size());
  }

  Glyph hull_of(const std::vector<std::size_t>& group) const {
    Glyph hull = glyphs_[group.front()];
    hull.area = 0;
    for (const std::size_t i : group) {
      const Glyph& g = glyphs_[i];
      hull.x0 = std::min(hull.x0, g.x0);
      hull.y0 = std::min(hull.y0, g.y0);
      hull.x1 = std::max(hull.x1, g.x1);
      hull.y1 = std::max(hull.y1, g.y1);
      hull.area += g.area;
    }
    return hull;
  }

  // What else reaches the level in and close around the line, as a part of that area.
  double crowd(const Glyph& hull, int height) const {
    const int margin = std::clamp(height / 4, 2, 4);
    int other = -hull.area;
    int area = 0;
    for (int y = std::max(0, hull.y0 - margin); y < std::min(height_, hull.y1 + margin); ++y) {
      for (int x = std::max(0, hull.x0 - margin); x < std::min(width_, hull.x1 + margin); ++x) {
        ++area;
        other += (turned_ ? level_->set(y, x) : level_->set(x, y)) ? 1 : 0;
      }
    }
    return static_cast<double>(other) / std::max(1, area);
  }

  // Texture breaks into specks between what looks like letters; print has few: points, dots, quotes.
  bool has_few_specks(const Glyph& hull, std::size_t letters) const {
    const auto specks = std::ranges::count_if(glyphs_, [&](const Glyph& g) {
      return !g.letter && g.x0 < hull.x1 && g.x1 > hull.x0 && g.y0 < hull.y1 && g.y1 > hull.y0;
    });
    return static_cast<std::size_t>(specks) <= letters + 2;
  }

  bool is_line(const std::vector<std::size_t>& group) const {
    double letters = 0;
    double complex = 0;
    for (const std::size_t i : group) {
      const double n = letters_of(glyphs_[i]);
      letters += n;
      complex += is_complex(glyphs_[i]) ? n : 0;
    }
    const int height = median_height(group);
    if (letters < min_letters_ + (height > kSmallHeight ? 1 : 0) || complex < 0.5 * letters) return false;
    const Glyph hull = hull_of(group);
    if (height_of(hull) > (height > kSmallHeight ? 1.6 : 2.2) * height || width_of(hull) < 1.3 * height) return false;
    const double ink = static_cast<double>(hull.area) / (width_of(hull) * height_of(hull));
    if (ink < 0.08 || ink > 0.7) return false;
    return has_one_stroke(group) && is_aligned(group, height) && has_few_specks(hull, group.size()) &&
           crowd(hull, height) <= 0.12;
  }

  // The line with what stands in it or right beside it: points, strokes, letters that were not taken for ones.
  Rectangle box_of(const std::vector<std::size_t>& group) const {
    Glyph hull = hull_of(group);
    const int height = median_height(group);
    double mean = 0;
    for (const std::size_t i : group) mean += glyphs_[i].mean / static_cast<double>(group.size());
    const int top = hull.y0 - height / 2;
    const int bottom = hull.y1 + height / 2;
    const auto beside = [&](const Glyph& g, double reach) {
      const int gap = std::max(g.x0, hull.x0) - std::min(g.x1, hull.x1);
      return g.y0 >= top && g.y1 <= bottom && gap <= reach * height && (g.x0 < hull.x0 || g.x1 > hull.x1);
    };
    const auto take = [](const Glyph& g, Glyph& into) {
      into.x0 = std::min(into.x0, g.x0);
      into.x1 = std::max(into.x1, g.x1);
      into.y0 = std::min(into.y0, g.y0);
      into.y1 = std::max(into.y1, g.y1);
    };
    for (bool grown = true; grown;) {  // single letters and short words along the line
      grown = false;
      for (const Glyph& g : glyphs_) {
        const bool mark = height_of(g) <= height && width_of(g) <= height && g.area >= 2;  // a hyphen, a colon
        if ((!g.letter && !mark) || std::abs(g.mean - mean) > 60 || !beside(g, g.letter ? 2.2 : 1.2)) continue;
        take(g, hull);
        grown = true;
      }
    }
    Glyph whole = hull;  // points and strokes right beside it, once
    for (const Glyph& g : glyphs_) {
      if (beside(g, 0.8) && width_of(g) <= 2 * height) take(g, whole);
    }
    hull = whole;
    const int margin = std::max(2, (height + 2) / 3);
    const int x0 = std::max(0, hull.x0 - 2 * height);  // letters that were missed at an end
    const int y0 = std::max(0, hull.y0 - margin);
    const int x1 = std::min(width_, hull.x1 + 2 * height);
    const int y1 = std::min(height_, hull.y1 + margin);
    const Rectangle out{static_cast<std::uint32_t>(x0), static_cast<std::uint32_t>(y0),
                        static_cast<std::uint32_t>(x1 - x0), static_cast<std::uint32_t>(y1 - y0)};
    return turned_ ? Rectangle{out.y, out.x, out.height, out.width} : out;
  }

  const Level* level_;
  int width_, height_;
  bool turned_;
  double min_letters_;
  std::vector<Glyph> glyphs_;
  std::vector<std::size_t> parent_;
};

}  // namespace

TextSearch find_text(const Plane& plane, const DetectorSettings& settings, const std::stop_token& stop) {
  TextSearch out;
  if (plane.width < 8 || plane.height < 8) return out;
  Plane inverted{plane.width, plane.height, plane.values};
  for (auto& value : inverted.values) value = static_cast<std::uint8_t>(255 - value);
  for (const Plane* side : {&plane, static_cast<const Plane*>(&inverted)}) {
    std::size_t before = 0;
    for (int at = settings.first_level; at >= settings.contrast; at -= settings.level_step) {
      if (stop.stop_requested()) return out;
      const auto set = static_cast<std::size_t>(
          std::ranges::count_if(side->values, [at](std::uint8_t value) { return value >= at; }));
      // Nothing new at this level.
      if (set == std::exchange(before, set)) continue;
      Level level{*side, at, settings.contrast};
      std::vector<Glyph> glyphs = level.glyphs();
      std::vector<Glyph> other;
      other.reserve(glyphs.size());
      for (const Glyph& g : glyphs) other.push_back(turned(g));
      const bool upright = Lines{level, plane, std::move(glyphs), false, settings.min_letters}.find(out.lines);
      const bool lying = Lines{level, plane, std::move(other), true, settings.min_letters}.find(out.lines);
      if (!upright || !lying) ++out.skipped_levels;
    }
  }
  return out;
}

}  // namespace aceso::privacy
