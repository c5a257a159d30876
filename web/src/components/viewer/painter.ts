// A frame onto a canvas: stored values through one table to grey, then scaled. Tables and the windowed picture are kept while nothing of theirs changes.
import { voiTable, type Frame } from '../../lib/stack';
import type { Placement } from '../../lib/measure';
import type { Picture } from './frameStore';

// One segment on one frame: its pixels, row by row, and its colour.
export interface Mask { label: string; color: [number, number, number]; rows: number; columns: number; bits: Uint8Array }

export class Painter {
  private readonly work = document.createElement('canvas');
  private drawn: unknown[] = [];
  private table: Uint32Array = new Uint32Array(0);
  private tableFor: unknown[] = [];

  draw(target: HTMLCanvasElement, size: { width: number; height: number }, place: Placement, picture: Picture | null, frame: Frame, window: { center: number; width: number } | null, invert: boolean, masks: Mask[], over: ImageBitmap | null = null): void {
    const context = target.getContext('2d');
    if (!context) return;
    const ratio = globalThis.devicePixelRatio || 1;
    const [width, height] = [Math.round(size.width * ratio), Math.round(size.height * ratio)];
    if (target.width !== width || target.height !== height) { target.width = width; target.height = height; }
    context.setTransform(1, 0, 0, 1, 0, 0);
    context.fillStyle = '#000';
    context.fillRect(0, 0, width, height);
    if (!picture) return;
    const source = picture.bitmap ?? this.windowed(picture, frame, window, invert, masks);
    if (!source) return;
    context.imageSmoothingEnabled = place.scale * ratio < 6;
    context.imageSmoothingQuality = place.scale * ratio < 1 ? 'medium' : 'low';   // enlarging gains nothing from more
    context.setTransform(place.scale * ratio, 0, 0, place.scale * place.aspect * ratio, place.x * ratio, place.y * ratio);
    context.drawImage(source, -frame.columns / 2, -frame.rows / 2, frame.columns, frame.rows);
    if (over) context.drawImage(over, -frame.columns / 2, -frame.rows / 2, frame.columns, frame.rows);
  }

  private windowed(picture: Picture, frame: Frame, window: { center: number; width: number } | null, invert: boolean, masks: Mask[]): HTMLCanvasElement | null {
    const { samples } = picture;
    if (!samples || !window) return null;
    const now = [samples, window.center, window.width, invert, masks];
    if (now.every((value, index) => value === this.drawn[index])) return this.work;
    const low = frame.signed ? -(2 ** (frame.bitsStored - 1)) : 0;
    this.makeTable(low, frame, window, invert);
    if (this.work.width !== frame.columns || this.work.height !== frame.rows) { this.work.width = frame.columns; this.work.height = frame.rows; }
    const context = this.work.getContext('2d');
    if (!context) return null;
    const image = context.createImageData(frame.columns, frame.rows);
    const out = new Uint32Array(image.data.buffer);
    const { table } = this;
    for (let i = 0; i < out.length; i += 1) out[i] = table[samples[i]! - low]!;
    for (const mask of masks) blend(image.data, mask, frame);
    context.putImageData(image, 0, 0);
    this.drawn = now;
    return this.work;
  }

  private makeTable(low: number, frame: Frame, window: { center: number; width: number }, invert: boolean): void {
    const now = [low, frame.bitsStored, frame.slope, frame.intercept, frame.monochrome1, frame.curve, window.center, window.width, invert];
    if (now.every((value, index) => value === this.tableFor[index])) return;
    const greys = voiTable(low, low + 2 ** frame.bitsStored - 1, frame, window, invert);
    this.table = Uint32Array.from(greys, (grey) => (0xff000000 | (grey << 16) | (grey << 8) | grey) >>> 0);
    this.tableFor = now;
  }
}

// Edges firm, inside faint: what lies under a segment stays readable.
function blend(data: Uint8ClampedArray, mask: Mask, frame: Frame): void {
  if (mask.rows !== frame.rows || mask.columns !== frame.columns) return;
  const { bits, columns, rows } = mask;
  for (let y = 0; y < rows; y += 1) {
    for (let x = 0; x < columns; x += 1) {
      const at = y * columns + x;
      if (!bits[at]) continue;
      const edge = x === 0 || y === 0 || x === columns - 1 || y === rows - 1 || !bits[at - 1] || !bits[at + 1] || !bits[at - columns] || !bits[at + columns];
      const share = edge ? 0.9 : 0.22;
      for (let c = 0; c < 3; c += 1) data[at * 4 + c] = data[at * 4 + c]! * (1 - share) + mask.color[c]! * share;
    }
  }
}
