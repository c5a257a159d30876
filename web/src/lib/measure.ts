// Measurements on a frame. Points are in pixels of the image: (0, 0) is the corner of the first pixel, its middle is (0.5, 0.5).
import type { Frame } from './stack';

export interface Point { x: number; y: number }
// Of an angle b is the corner and c the end of the second arm, once there is one.
export interface Measurement { id: number; kind: 'ruler' | 'region' | 'angle'; sop: string; frame: number; a: Point; b: Point; c?: Point }

// In millimetres where the image is calibrated, else in pixels.
export function length(frame: Pick<Frame, 'spacing'>, a: Point, b: Point): { value: number; unit: 'mm' | 'px' } {
  const [down, across] = frame.spacing ?? [1, 1];
  return { value: Math.hypot((b.x - a.x) * across, (b.y - a.y) * down), unit: frame.spacing ? 'mm' : 'px' };
}

// At b, in degrees, 0 to 180; in the body's proportions where pixels are not square.
export function angle(frame: Pick<Frame, 'spacing' | 'aspect'>, a: Point, b: Point, c: Point): number {
  const [down, across] = frame.spacing ?? [frame.aspect, 1];
  const [ux, uy, vx, vy] = [(a.x - b.x) * across, (a.y - b.y) * down, (c.x - b.x) * across, (c.y - b.y) * down];
  return Math.abs(Math.atan2(ux * vy - uy * vx, ux * vx + uy * vy)) * (180 / Math.PI);
}

export interface Statistics { count: number; mean: number; sd: number; min: number; max: number; area: number; areaUnit: 'mm²' | 'px' }
// Of the pixels whose middle lies in the ellipse between two corners; sd of the sample (n - 1).
export function statistics(frame: Frame, samples: ArrayLike<number>, a: Point, b: Point): Statistics | null {
  const [left, right] = [Math.min(a.x, b.x), Math.max(a.x, b.x)];
  const [top, bottom] = [Math.min(a.y, b.y), Math.max(a.y, b.y)];
  const [cx, cy, rx, ry] = [(left + right) / 2, (top + bottom) / 2, (right - left) / 2, (bottom - top) / 2];
  if (rx <= 0 || ry <= 0) return null;
  let count = 0;
  let mean = 0;
  let squares = 0;
  let min = Infinity;
  let max = -Infinity;
  for (let y = Math.max(0, Math.floor(top)); y < Math.min(frame.rows, Math.ceil(bottom)); y += 1) {
    for (let x = Math.max(0, Math.floor(left)); x < Math.min(frame.columns, Math.ceil(right)); x += 1) {
      if (((x + 0.5 - cx) / rx) ** 2 + ((y + 0.5 - cy) / ry) ** 2 > 1) continue;
      const value = samples[y * frame.columns + x]! * frame.slope + frame.intercept;
      count += 1;
      const step = value - mean;   // Welford's way: no large sums that cancel
      mean += step / count;
      squares += step * (value - mean);
      min = Math.min(min, value);
      max = Math.max(max, value);
    }
  }
  if (count === 0) return null;
  const [down, across] = frame.spacing ?? [1, 1];
  return { count, mean, sd: count > 1 ? Math.sqrt(squares / (count - 1)) : 0, min, max, area: count * down * across, areaUnit: frame.spacing ? 'mm²' : 'px' };
}

// Where a point of the image stands on the screen, and back. `fit`: screen pixels per image pixel across; origin in the middle of both.
export interface Placement { scale: number; aspect: number; x: number; y: number; columns: number; rows: number }
export const toScreen = (p: Placement, at: Point): Point => ({ x: p.x + (at.x - p.columns / 2) * p.scale, y: p.y + (at.y - p.rows / 2) * p.scale * p.aspect });
export const toImage = (p: Placement, at: Point): Point => ({ x: (at.x - p.x) / p.scale + p.columns / 2, y: (at.y - p.y) / (p.scale * p.aspect) + p.rows / 2 });
