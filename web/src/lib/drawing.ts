// Boxes and outlines that people draw on an image: geometry, masks as runs, and what undo needs. Points are in pixels of the image, from its upper left corner.
export type Box = [number, number, number, number];   // left, top, right, bottom
export interface DrawnBox { id: number; label: string; box: Box }
// live: it is being painted, and its values change in place.
export interface DrawnMask { id: number; label: string; mask: Uint8Array; live?: boolean }
export type Drawn = DrawnBox | DrawnMask;
export const isBox = (drawn: Drawn): drawn is DrawnBox => 'box' in drawn;
export interface SentObject { class: string; box?: Box; runs?: number[] }
export interface Vertex { x: number; y: number }

const clamp = (value: number, low: number, high: number) => Math.min(high, Math.max(low, value));

// Two corners as a box that lies in the image; none when it is smaller than a pixel.
export function boxOf(a: Vertex, b: Vertex, width: number, height: number): Box | null {
  const xs = [clamp(a.x, 0, width), clamp(b.x, 0, width)].sort((p, q) => p - q) as [number, number];
  const ys = [clamp(a.y, 0, height), clamp(b.y, 0, height)].sort((p, q) => p - q) as [number, number];
  const round = (value: number) => Math.round(value * 2) / 2;
  const box: Box = [round(xs[0]), round(ys[0]), round(xs[1]), round(ys[1])];
  return box[2] - box[0] >= 1 && box[3] - box[1] >= 1 ? box : null;
}

export function moveBox(box: Box, dx: number, dy: number, width: number, height: number): Box {
  const x = clamp(dx, -box[0], width - box[2]);
  const y = clamp(dy, -box[1], height - box[3]);
  return [box[0] + x, box[1] + y, box[2] + x, box[3] + y];
}

// Corner or edge: -1, 0 or 1 for left or top, neither, right or bottom.
export interface Handle { x: -1 | 0 | 1; y: -1 | 0 | 1 }
export const handles: Handle[] = [{ x: -1, y: -1 }, { x: 0, y: -1 }, { x: 1, y: -1 }, { x: 1, y: 0 }, { x: 1, y: 1 }, { x: 0, y: 1 }, { x: -1, y: 1 }, { x: -1, y: 0 }];
export function handleAt(box: Box, handle: Handle): Vertex {
  return { x: handle.x < 0 ? box[0] : handle.x > 0 ? box[2] : (box[0] + box[2]) / 2, y: handle.y < 0 ? box[1] : handle.y > 0 ? box[3] : (box[1] + box[3]) / 2 };
}
export function resizeBox(box: Box, handle: Handle, to: Vertex, width: number, height: number): Box {
  const a = { x: handle.x < 0 ? to.x : box[0], y: handle.y < 0 ? to.y : box[1] };
  const b = { x: handle.x > 0 ? to.x : box[2], y: handle.y > 0 ? to.y : box[3] };
  return boxOf(a, b, width, height) ?? box;
}
export const contains = (box: Box, point: Vertex) => point.x >= box[0] && point.x <= box[2] && point.y >= box[1] && point.y <= box[3];

// Even-odd fill; a pixel is in when its centre is (Foley et al., Computer Graphics, 3.5).
export function fillPolygon(mask: Uint8Array, width: number, height: number, points: Vertex[], value: 0 | 1) {
  for (let y = 0; y < height; y += 1) {
    const centre = y + 0.5;
    const crossings: number[] = [];
    for (let i = 0, j = points.length - 1; i < points.length; j = i, i += 1) {
      const [a, b] = [points[i]!, points[j]!];
      if ((a.y <= centre) !== (b.y <= centre)) crossings.push(a.x + ((centre - a.y) / (b.y - a.y)) * (b.x - a.x));
    }
    crossings.sort((p, q) => p - q);
    for (let k = 0; k + 1 < crossings.length; k += 2) {
      for (let x = Math.max(0, Math.ceil(crossings[k]! - 0.5)); x < Math.min(width, Math.ceil(crossings[k + 1]! - 0.5)); x += 1) mask[y * width + x] = value;
    }
  }
}

// A round brush along a line.
export function stroke(mask: Uint8Array, width: number, height: number, from: Vertex, to: Vertex, radius: number, value: 0 | 1) {
  const left = Math.max(0, Math.floor(Math.min(from.x, to.x) - radius));
  const right = Math.min(width - 1, Math.ceil(Math.max(from.x, to.x) + radius));
  const top = Math.max(0, Math.floor(Math.min(from.y, to.y) - radius));
  const bottom = Math.min(height - 1, Math.ceil(Math.max(from.y, to.y) + radius));
  const [dx, dy] = [to.x - from.x, to.y - from.y];
  const length = dx * dx + dy * dy;
  for (let y = top; y <= bottom; y += 1) {
    for (let x = left; x <= right; x += 1) {
      const [px, py] = [x + 0.5 - from.x, y + 0.5 - from.y];
      const along = length > 0 ? clamp((px * dx + py * dy) / length, 0, 1) : 0;
      if ((px - along * dx) ** 2 + (py - along * dy) ** 2 <= radius * radius) mask[y * width + x] = value;
    }
  }
}

export function runsOf(mask: Uint8Array): number[] {
  const runs: number[] = [];
  for (let i = 0; i < mask.length; i += 1) {
    if (!mask[i]) continue;
    const start = i;
    while (i < mask.length && mask[i]) i += 1;
    runs.push(start, i - start);
  }
  return runs;
}
export function maskOf(runs: number[], size: number): Uint8Array {
  const mask = new Uint8Array(size);
  for (let i = 0; i + 1 < runs.length; i += 2) mask.fill(1, runs[i], runs[i]! + runs[i + 1]!);
  return mask;
}
export const areaOf = (mask: Uint8Array) => mask.reduce((sum, value) => sum + value, 0);

// Edges between pixels as one SVG path: every side of a pixel that has no neighbour there.
export function outlinePath(mask: Uint8Array, width: number, height: number): string {
  const parts: string[] = [];
  const at = (x: number, y: number) => x >= 0 && y >= 0 && x < width && y < height && mask[y * width + x] === 1;
  for (let y = 0; y <= height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      if (at(x, y) === at(x, y - 1)) continue;
      const start = x;
      while (x < width && at(x, y) !== at(x, y - 1)) x += 1;
      parts.push(`M${start} ${y}H${x}`);
    }
  }
  for (let x = 0; x <= width; x += 1) {
    for (let y = 0; y < height; y += 1) {
      if (at(x, y) === at(x - 1, y)) continue;
      const start = y;
      while (y < height && at(x, y) !== at(x - 1, y)) y += 1;
      parts.push(`M${x} ${start}V${y}`);
    }
  }
  return parts.join('');
}

export function toSent(drawn: Drawn[]): SentObject[] {
  return drawn.flatMap((one): SentObject[] => {
    if (isBox(one)) return [{ class: one.label, box: one.box }];
    const runs = runsOf(one.mask);
    return runs.length > 0 ? [{ class: one.label, runs }] : [];
  });
}
export function fromSent(objects: SentObject[], size: number, firstId: number): Drawn[] {
  return objects.flatMap((one, index): Drawn[] => (one.box ? [{ id: firstId + index, label: one.class, box: one.box }] : one.runs ? [{ id: firstId + index, label: one.class, mask: maskOf(one.runs, size) }] : []));
}

// What was there before each step. Values are never changed in place, so a step costs a list and what it made new.
export interface History<T> { past: T[]; now: T; future: T[] }
const mostSteps = 100;
export const begin = <T>(now: T): History<T> => ({ past: [], now, future: [] });
export const step = <T>(history: History<T>, now: T): History<T> => ({ past: [...history.past, history.now].slice(-mostSteps), now, future: [] });
export const undo = <T>(history: History<T>): History<T> => (history.past.length === 0 ? history : { past: history.past.slice(0, -1), now: history.past[history.past.length - 1]!, future: [history.now, ...history.future] });
export const redo = <T>(history: History<T>): History<T> => (history.future.length === 0 ? history : { past: [...history.past, history.now], now: history.future[0]!, future: history.future.slice(1) });
