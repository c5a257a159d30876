// Frames of a series on their way to the screen: what is wanted now first, then its neighbours in the direction of travel; kept
// in memory up to a limit, never in the browser's cache.
import { decodeSamples, type Frame } from '../../lib/stack';

export interface Picture { samples: Int16Array | Uint16Array | null; bitmap: ImageBitmap | null; bytes: number }
export type Load = (frame: Frame, signal: AbortSignal) => Promise<Picture>;
const together = 4;      // of the six connections that browsers open to one host
const nearby = 6;        // frames that a turning wheel may still show: what flies there is not called back
export const onTheWay = 40;   // as many images back, the last one shown stands until the wanted one is here
const memory = 600 << 20;

export class FrameStore {
  private readonly pictures = new Map<number, Picture>();
  private readonly failed = new Map<number, unknown>();
  private readonly flying = new Map<number, AbortController>();
  private bytes = 0;
  private at = 0;
  private direction = 1;
  private stopped = false;

  constructor(private readonly frames: Frame[], private readonly load: Load, private readonly changed: () => void, private readonly limit = memory) {}

  get(index: number): Picture | undefined { return this.pictures.get(index); }
  error(index: number): unknown { return this.failed.get(index); }
  get loaded(): number { return this.pictures.size; }

  want(index: number): void {
    if (index !== this.at) this.direction = index > this.at ? 1 : -1;
    this.at = index;
    // What is far away gives way to what is wanted.
    if (!this.pictures.has(index) && !this.flying.has(index) && this.flying.size >= together) {
      const farthest = [...this.flying.keys()].sort((a, b) => Math.abs(b - index) - Math.abs(a - index))[0];
      if (farthest !== undefined && Math.abs(farthest - index) > nearby) { this.flying.get(farthest)?.abort(); this.flying.delete(farthest); }
    }
    this.failed.delete(index);
    this.pump();
  }
  // Which image to show while `wanted` may be on its way: the nearest one that is here between the last one shown and it.
  nearest(before: number, wanted: number): number {
    if (this.pictures.has(wanted) || this.failed.has(wanted) || !this.pictures.has(before) || Math.abs(wanted - before) > onTheWay) return wanted;
    const step = wanted > before ? -1 : 1;
    for (let index = wanted + step; index !== before; index += step) if (this.pictures.has(index)) return index;
    return before;
  }
  // All that is here, handed to whoever goes on with it; the store is empty afterwards.
  take(): Map<Frame, Picture> {
    const taken = new Map([...this.pictures].map(([index, picture]) => [this.frames[index]!, picture]));
    this.pictures.clear();
    this.bytes = 0;
    this.stop();
    return taken;
  }
  stop(): void {
    this.stopped = true;
    for (const controller of this.flying.values()) controller.abort();
    for (const picture of this.pictures.values()) picture.bitmap?.close();
    this.pictures.clear();
  }

  // The frame itself and its neighbours, then three in the direction of travel for each one behind.
  private *order(): Generator<number> {
    const { length } = this.frames;
    yield this.at;
    for (let ahead = 1, behind = 1; ahead < length || behind < length; behind += 1) {
      for (const last = behind === 1 ? 1 : ahead + 2; ahead <= last; ahead += 1) {
        const index = this.at + this.direction * ahead;
        if (index >= 0 && index < length) yield index;
      }
      const index = this.at - this.direction * behind;
      if (index >= 0 && index < length) yield index;
    }
  }
  private pump(): void {
    if (this.stopped) return;
    for (const index of this.order()) {
      if (this.flying.size >= together + (index === this.at ? 1 : 0)) return;   // a place of its own for what is wanted now
      if (this.pictures.has(index) || this.flying.has(index) || this.failed.has(index)) continue;
      if (this.bytes > this.limit && !this.makeRoom(index)) return;
      this.start(index);
    }
  }
  private makeRoom(index: number): boolean {
    const farthest = [...this.pictures.keys()].sort((a, b) => Math.abs(b - this.at) - Math.abs(a - this.at))[0];
    if (farthest === undefined || Math.abs(farthest - this.at) <= Math.abs(index - this.at)) return false;
    const picture = this.pictures.get(farthest);
    this.pictures.delete(farthest);
    this.bytes -= picture?.bytes ?? 0;
    picture?.bitmap?.close();
    return true;
  }
  private start(index: number): void {
    const controller = new AbortController();
    this.flying.set(index, controller);
    const frame = this.frames[index]!;
    void this.load(frame, controller.signal).then((picture) => {
      if (controller.signal.aborted) { picture.bitmap?.close(); return; }
      this.pictures.set(index, picture);
      this.bytes += picture.bytes;
    }, (error: unknown) => { if (!controller.signal.aborted) this.failed.set(index, error); }).finally(() => {
      if (this.flying.get(index) === controller) this.flying.delete(index);
      if (this.stopped || controller.signal.aborted) return;
      const shows = index === this.at || (!this.pictures.has(this.at) && Math.abs(index - this.at) <= onTheWay);
      if (shows || this.pictures.size % 8 === 0 || this.flying.size === 0) this.changed();
      this.pump();
    });
  }
}

// Full depth for grey images; what is coloured is drawn by the node.
export function makeLoad(frameBytes: (frame: Frame, signal: AbortSignal) => Promise<ArrayBuffer>, rendered: (frame: Frame, signal: AbortSignal) => Promise<Blob>): Load {
  return async (frame, signal) => {
    if (!frame.grey) {
      const bitmap = await createImageBitmap(await rendered(frame, signal));
      return { samples: null, bitmap, bytes: bitmap.width * bitmap.height * 4 };
    }
    const samples = decodeSamples(await frameBytes(frame, signal), frame);
    if (!samples) throw new Error('short frame');
    return { samples, bitmap: null, bytes: samples.byteLength };
  };
}
