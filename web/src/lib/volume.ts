// A stack of parallel slices as one volume, and planes through it in the patient's directions (PS3.3 C.7.6.2.1.1). No DOM here.
import type { Mask } from '../components/viewer/painter';
import { cross, dot, greyOf, type Curve, type Frame, type Triple } from './stack';

export type Samples = Int16Array | Uint16Array | Float32Array;
// Voxel (i, j, k) is column i, row j, slice k; patient millimetres go to the left, to the back, to the head.
export interface Volume {
  frames: Frame[];                       // slice k is frames[k]
  size: Triple;                          // columns, rows, slices
  origin: Triple;                        // of the middle of voxel (0, 0, 0), in millimetres
  steps: [Triple, Triple, Triple];       // millimetres from one column, row, slice to the next; slices may be shifted (a tilted gantry)
  inverse: [Triple, Triple, Triple];     // rows: voxels from millimetres
  low: Triple; high: Triple;             // the box around the volume, outer sides of voxels
  rescaled: boolean;                     // slices have scales of their own, so that values are kept rescaled
  bytes: number;
}
export type WhyNot = 'few' | 'colour' | 'sizes' | 'noPlace' | 'noSpacing' | 'directions' | 'samePlace' | 'missing' | 'uneven' | 'shifted' | 'memory';
export interface Refusal { why: WhyNot; values: Record<string, string> }

// What one tab may hold for a volume; a CT of 1000 slices of 512 by 512 has 500 MiB.
export const mostBytes = 512 << 20;
const sameDirection = 1e-3;
const samePlaceMm = 1e-3;

const add = (a: Triple, b: Triple, by = 1): Triple => [a[0] + b[0] * by, a[1] + b[1] * by, a[2] + b[2] * by];
const times = (a: Triple, by: number): Triple => [a[0] * by, a[1] * by, a[2] * by];
const near = (a: Triple, b: Triple) => a.every((value, n) => Math.abs(value - b[n]!) <= sameDirection);
const refuse = (why: WhyNot, values: Record<string, string> = {}): { refusal: Refusal } => ({ refusal: { why, values } });

// The bars are those of the node's own volumes (libs/dicom geometry.cpp): distances within a tenth of the usual one, directions within 0.1 %.
export function volumeOf(frames: Frame[], limit = mostBytes): { volume: Volume } | { refusal: Refusal } {
  const first = frames[0];
  if (!first || frames.length < 3) return refuse('few', { n: String(frames.length) });
  if (frames.some((frame) => !frame.grey)) return refuse('colour');
  if (frames.some((frame) => frame.rows !== first.rows || frame.columns !== first.columns)) return refuse('sizes');
  if (frames.some((frame) => !frame.row || !frame.column || !frame.position)) return refuse('noPlace');
  if (!first.spacing || first.spacingAt !== 'patient' || frames.some((frame) => !frame.spacing || frame.spacing.some((value, n) => Math.abs(value - first.spacing![n]!) > 1e-3 * value))) return refuse('noSpacing');
  if (frames.some((frame) => !near(frame.row!, first.row!) || !near(frame.column!, first.column!))) return refuse('directions');
  const normal = cross(first.row!, first.column!);
  const sorted = [...frames].sort((a, b) => dot(a.position!, normal) - dot(b.position!, normal));
  const gaps = sorted.slice(1).map((frame, n) => dot(frame.position!, normal) - dot(sorted[n]!.position!, normal));
  const usual = [...gaps].sort((a, b) => a - b)[gaps.length >> 1]!;
  const [least, most] = [Math.min(...gaps), Math.max(...gaps)];
  const words = { least: least.toFixed(1), most: most.toFixed(1), usual: usual.toFixed(1) };
  if (least < samePlaceMm) return refuse('samePlace');
  if (most > 1.5 * usual) return refuse('missing', { ...words, n: String(gaps.reduce((sum, gap) => sum + Math.round(gap / usual) - 1, 0)) });
  if (most - least >= 0.1 * usual) return refuse('uneven', words);
  const slices = sorted.length;
  const [low, high] = [sorted[0]!.position!, sorted[slices - 1]!.position!];
  const along = times(add(high, low, -1), 1 / (slices - 1));
  const off = Math.max(...sorted.map((frame, k) => Math.hypot(...add(frame.position!, add(low, along, k), -1))));
  if (off > Math.max(0.1 * usual, 0.5 * Math.min(...first.spacing))) return refuse('shifted', { mm: off.toFixed(1) });
  const rescaled = sorted.some((frame) => frame.slope !== first.slope || frame.intercept !== first.intercept || frame.signed !== first.signed);
  const bytes = first.columns * first.rows * slices * (rescaled ? 4 : 2);
  if (bytes > limit) return refuse('memory', { need: String(Math.ceil(bytes / (1 << 20))), most: String(limit >> 20) });
  const steps: [Triple, Triple, Triple] = [times(first.row!, first.spacing[1]), times(first.column!, first.spacing[0]), along];
  const volume: Volume = { frames: sorted, size: [first.columns, first.rows, slices], origin: low, steps, inverse: invert(steps), low: [0, 0, 0], high: [0, 0, 0], rescaled, bytes };
  const corners = Array.from({ length: 8 }, (_, n) => toPatient(volume, volume.size.map((length, axis) => ((n >> axis) & 1 ? length - 0.5 : -0.5)) as Triple));
  for (let axis = 0; axis < 3; axis += 1) {
    volume.low[axis] = Math.min(...corners.map((corner) => corner[axis]!));
    volume.high[axis] = Math.max(...corners.map((corner) => corner[axis]!));
  }
  return { volume };
}

// Rows of the inverse of the matrix whose columns are the steps.
function invert(steps: [Triple, Triple, Triple]): [Triple, Triple, Triple] {
  const [a, b, c] = steps;
  const whole = dot(a, cross(b, c));
  return [times(cross(b, c), 1 / whole), times(cross(c, a), 1 / whole), times(cross(a, b), 1 / whole)];
}
export const toPatient = (volume: Volume, [i, j, k]: Triple): Triple => add(add(add(volume.origin, volume.steps[0], i), volume.steps[1], j), volume.steps[2], k);
export function toVoxel(volume: Volume, at: Triple): Triple {
  const from = add(at, volume.origin, -1);
  return [dot(volume.inverse[0], from), dot(volume.inverse[1], from), dot(volume.inverse[2], from)];
}

// As they are read: the right of the patient on the left, the head and the face up. `onward`: where the next plane lies.
export type PlaneName = 'axial' | 'coronal' | 'sagittal';
export interface Plane { right: Triple; down: Triple; onward: Triple; axes: [number, number, number] }   // axes: of right, down, onward
export const planes: Record<PlaneName, Plane> = {
  axial: { right: [1, 0, 0], down: [0, 1, 0], onward: [0, 0, -1], axes: [0, 1, 2] },
  coronal: { right: [1, 0, 0], down: [0, 0, -1], onward: [0, 1, 0], axes: [0, 2, 1] },
  sagittal: { right: [0, 1, 0], down: [0, 0, -1], onward: [1, 0, 0], axes: [1, 2, 0] },
};
export const planeNames: PlaneName[] = ['axial', 'coronal', 'sagittal'];

// Millimetres from one plane to the next: one voxel of the axis that crosses the plane most directly.
export function stepOf(volume: Volume, plane: Plane): number {
  return 1 / Math.max(...volume.inverse.map((row) => Math.abs(dot(row, plane.onward))));
}
// Planes are numbered from 0 in the direction onward; of a volume that lies along the axes, plane n goes through the middle of voxels.
export const countOf = (volume: Volume, plane: Plane): number => Math.max(1, Math.round((volume.high[plane.axes[2]]! - volume.low[plane.axes[2]]!) / stepOf(volume, plane)));
const startOf = (volume: Volume, plane: Plane): [number, number] => (plane.onward[plane.axes[2]]! > 0 ? [volume.low[plane.axes[2]]!, 1] : [volume.high[plane.axes[2]]!, -1]);
export function indexAt(volume: Volume, plane: Plane, at: Triple): number {
  const [start, sign] = startOf(volume, plane);
  return Math.min(countOf(volume, plane) - 1, Math.max(0, Math.floor((sign * (at[plane.axes[2]]! - start)) / stepOf(volume, plane) + 1e-6)));
}
export function atIndex(volume: Volume, plane: Plane, at: Triple, index: number): Triple {
  const [start, sign] = startOf(volume, plane);
  const moved: Triple = [...at];
  moved[plane.axes[2]] = start + sign * (Math.min(countOf(volume, plane) - 1, Math.max(0, index)) + 0.5) * stepOf(volume, plane);
  return moved;
}
// The nearest place where a plane of each direction stands: cross-hairs rest there, so that planes along the slices show them as they are.
export const settle = (volume: Volume, at: Triple): Triple => planeNames.reduce((place, name) => atIndex(volume, planes[name], place, indexAt(volume, planes[name], place)), at);
export const middleOf = (volume: Volume, slice = Math.floor((volume.size[2] - 1) / 2)): Triple => settle(volume, toPatient(volume, [Math.floor((volume.size[0] - 1) / 2), Math.floor((volume.size[1] - 1) / 2), slice]));
// The slice nearest to a place.
export const sliceAt = (volume: Volume, at: Triple): number => Math.min(volume.size[2] - 1, Math.max(0, Math.round(toVoxel(volume, at)[2])));

// Pixels of a picture in the patient: the middle of the first, and millimetres from one to the next.
export interface Grid { width: number; height: number; from: Triple; right: Triple; down: Triple }
// Pixels of `mm` each way; the place `centre` lies at (cx, cy), in pixels from the picture's corner.
export function gridOf(plane: Plane, centre: Triple, cx: number, cy: number, width: number, height: number, mm: number): Grid {
  return { width, height, from: add(add(centre, plane.right, (0.5 - cx) * mm), plane.down, (0.5 - cy) * mm), right: times(plane.right, mm), down: times(plane.down, mm) };
}

function walk(volume: Volume, grid: Grid): [Triple, Triple, Triple] {
  const direction = (way: Triple): Triple => [dot(volume.inverse[0], way), dot(volume.inverse[1], way), dot(volume.inverse[2], way)];
  return [toVoxel(volume, grid.from), direction(grid.right), direction(grid.down)];
}

// Linear interpolation between the eight voxels around; the outer half of the outermost voxels has their value; NaN outside of the volume.
export function sample(volume: Volume, data: Samples, grid: Grid, out: Float32Array): void {
  const [columns, rows, slices] = volume.size;
  const [from, right, down] = walk(volume, grid);
  const plane = columns * rows;
  const frame = volume.frames[0]!;
  const [slope, intercept] = volume.rescaled ? [1, 0] : [frame.slope, frame.intercept];
  let n = 0;
  for (let y = 0; y < grid.height; y += 1) {
    let u = from[0] + down[0] * y;
    let v = from[1] + down[1] * y;
    let w = from[2] + down[2] * y;
    for (let x = 0; x < grid.width; x += 1, n += 1, u += right[0], v += right[1], w += right[2]) {
      if (u < -0.5 || v < -0.5 || w < -0.5 || u > columns - 0.5 || v > rows - 0.5 || w > slices - 0.5) { out[n] = NaN; continue; }
      const i = u <= 0 ? 0 : u >= columns - 1 ? columns - 1 : Math.floor(u);
      const j = v <= 0 ? 0 : v >= rows - 1 ? rows - 1 : Math.floor(v);
      const k = w <= 0 ? 0 : w >= slices - 1 ? slices - 1 : Math.floor(w);
      const fu = u > i && i < columns - 1 ? u - i : 0;
      const fv = v > j && j < rows - 1 ? v - j : 0;
      const fw = w > k && k < slices - 1 ? w - k : 0;
      const at = k * plane + j * columns + i;
      const di = fu > 0 ? 1 : 0;
      const dj = fv > 0 ? columns : 0;
      const dk = fw > 0 ? plane : 0;
      const near0 = data[at]! + fu * (data[at + di]! - data[at]!);
      const near1 = data[at + dj]! + fu * (data[at + dj + di]! - data[at + dj]!);
      const far0 = data[at + dk]! + fu * (data[at + dk + di]! - data[at + dk]!);
      const far1 = data[at + dk + dj]! + fu * (data[at + dk + dj + di]! - data[at + dk + dj]!);
      const here = near0 + fv * (near1 - near0);
      out[n] = (here + fw * (far0 + fv * (far1 - far0) - here)) * slope + intercept;
    }
  }
}

// The value of the voxel that a place lies in, as stored and rescaled; null outside.
export function valueAt(volume: Volume, data: Samples, at: Triple): number | null {
  const voxel = toVoxel(volume, at).map(Math.round) as Triple;
  if (voxel.some((value, axis) => value < 0 || value >= volume.size[axis]!)) return null;
  const frame = volume.frames[0]!;
  const stored = data[(voxel[2] * volume.size[1] + voxel[1]) * volume.size[0] + voxel[0]]!;
  return volume.rescaled ? stored : stored * frame.slope + frame.intercept;
}

// Greys of rescaled values, opaque, as little endian RGBA; black outside of the volume whatever is inverted.
export function shade(values: Float32Array, look: { monochrome1: boolean; curve: Curve }, window: { center: number; width: number }, invert: boolean, out: Uint32Array): void {
  const dark = look.monochrome1 !== invert;
  for (let n = 0; n < values.length; n += 1) {
    const value = values[n]!;
    if (value !== value) { out[n] = 0xff000000; continue; }
    const y = greyOf(value, look.curve, window);
    const grey = Math.round(255 * (dark ? 1 - y : y));
    out[n] = (0xff000000 | (grey << 16) | (grey << 8) | grey) >>> 0;
  }
}

// Segments by slice, those that fit the slices alone.
export function masksBySlice(volume: Volume, masks: Map<string, Mask[]>): (Mask[] | undefined)[] {
  return volume.frames.map((frame) => masks.get(`${frame.sop}/${frame.frame}`)?.filter((mask) => mask.rows === volume.size[1] && mask.columns === volume.size[0]));
}
// Where `label` is drawn: the nearest voxel decides, since between two masks there is nothing to interpolate.
export function sampleMask(volume: Volume, bySlice: (Mask[] | undefined)[], label: string, grid: Grid, out: Uint8Array): boolean {
  const [columns, rows, slices] = volume.size;
  const [from, right, down] = walk(volume, grid);
  const bits = bySlice.map((masks) => masks?.filter((mask) => mask.label === label).map((mask) => mask.bits) ?? []);
  let n = 0;
  let any = false;
  for (let y = 0; y < grid.height; y += 1) {
    for (let x = 0; x < grid.width; x += 1, n += 1) {
      const i = Math.round(from[0] + down[0] * y + right[0] * x);
      const j = Math.round(from[1] + down[1] * y + right[1] * x);
      const k = Math.round(from[2] + down[2] * y + right[2] * x);
      out[n] = 0;
      if (i < 0 || j < 0 || k < 0 || i >= columns || j >= rows || k >= slices) continue;
      for (const mask of bits[k]!) if (mask[j * columns + i]) { out[n] = 1; any = true; }
    }
  }
  return any;
}
// Over a picture: edges firm and `thick` pixels wide, inside faint.
export function blendMask(data: Uint8ClampedArray, mask: Uint8Array, width: number, height: number, color: [number, number, number], thick: number): void {
  for (let y = 0; y < height; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const at = y * width + x;
      if (!mask[at]) continue;
      const edge = x < thick || y < thick || x >= width - thick || y >= height - thick || !mask[at - thick] || !mask[at + thick] || !mask[at - thick * width] || !mask[at + thick * width];
      const share = edge ? 0.9 : 0.22;
      for (let c = 0; c < 3; c += 1) data[at * 4 + c] = data[at * 4 + c]! * (1 - share) + color[c]! * share;
    }
  }
}
