// What people draw on stored images: outlines as runs of pixels over the rows of the image, boxes by their corners (pixels of the image, (0, 0) is the corner of the first one).
import { fillPolygon, maskOf, outlinePath, runsOf, type Box, type Vertex } from './drawing';

export interface Shape { box: Box | null; runs: number[] | null }
export interface Bounds { left: number; top: number; width: number; height: number }

// The smallest rectangle of whole pixels that holds the runs; null of none.
export function boundsOf(runs: number[], columns: number): Bounds | null {
  let [left, top, right, bottom] = [Infinity, Infinity, 0, 0];
  for (let i = 0; i + 1 < runs.length; i += 2) {
    const [first, last] = [runs[i]!, runs[i]! + runs[i + 1]! - 1];
    const [from, to] = [Math.floor(first / columns), Math.floor(last / columns)];
    top = Math.min(top, from);
    bottom = Math.max(bottom, to + 1);
    left = Math.min(left, to > from ? 0 : first % columns);
    right = Math.max(right, to > from ? columns : (last % columns) + 1);
  }
  return right > 0 ? { left, top, width: right - left, height: bottom - top } : null;
}

// Runs of the rectangle's own rows, and back: only what lies in it is ever filled or looked at.
function within(runs: number[], columns: number, bounds: Bounds): number[] {
  const out: number[] = [];
  for (let i = 0; i + 1 < runs.length; i += 2) {
    for (let start = runs[i]!, rest = runs[i + 1]!; rest > 0;) {
      const length = Math.min(rest, columns - (start % columns));
      out.push((Math.floor(start / columns) - bounds.top) * bounds.width + (start % columns) - bounds.left, length);
      start += length;
      rest -= length;
    }
  }
  return out;
}
function onto(runs: number[], columns: number, bounds: Bounds): number[] {
  const out: number[] = [];
  for (let i = 0; i + 1 < runs.length; i += 2) {
    for (let at = runs[i]!, rest = runs[i + 1]!; rest > 0;) {
      const length = Math.min(rest, bounds.width - (at % bounds.width));
      const start = (Math.floor(at / bounds.width) + bounds.top) * columns + (at % bounds.width) + bounds.left;
      const last = out.length - 2;
      if (last >= 0 && out[last]! + out[last + 1]! === start) out[last + 1]! += length;   // runs that touch are one
      else out.push(start, length);
      at += length;
      rest -= length;
    }
  }
  return out;
}

// The pixels whose middles lie in a line that was drawn around them; null when it holds none.
export function outlineOf(points: Vertex[], columns: number, rows: number): number[] | null {
  const [xs, ys] = [points.map((p) => p.x), points.map((p) => p.y)];
  const bounds: Bounds = { left: Math.max(0, Math.floor(Math.min(...xs))), top: Math.max(0, Math.floor(Math.min(...ys))), width: 0, height: 0 };
  bounds.width = Math.min(columns, Math.ceil(Math.max(...xs))) - bounds.left;
  bounds.height = Math.min(rows, Math.ceil(Math.max(...ys))) - bounds.top;
  if (!(bounds.width > 0) || !(bounds.height > 0)) return null;
  const mask = new Uint8Array(bounds.width * bounds.height);
  fillPolygon(mask, bounds.width, bounds.height, points.map((p) => ({ x: p.x - bounds.left, y: p.y - bounds.top })), 1);
  const runs = onto(runsOf(mask), columns, bounds);
  return runs.length > 0 ? runs : null;
}

// The edges of the pixels as an SVG path in pixels of the image's part that `bounds` names.
export function edgesOf(runs: number[], columns: number): { path: string; bounds: Bounds } | null {
  const bounds = boundsOf(runs, columns);
  if (!bounds) return null;
  return { path: outlinePath(maskOf(within(runs, columns, bounds), bounds.width * bounds.height), bounds.width, bounds.height), bounds };
}
export const pixelsOf = (runs: number[]) => runs.reduce((sum, value, i) => sum + (i % 2 === 1 ? value : 0), 0);
