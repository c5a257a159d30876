// The frames of a volume on their way into one array: a few at a time, counted, stopped with the page. Each frame is let go once it is copied.
import type { Frame } from '../../lib/stack';
import type { Samples, Volume } from '../../lib/volume';
import type { Load } from './frameStore';

const together = 4;

// RangeError: the browser has no room for the array. Other errors: those of `load`, after which nothing more is asked for.
// `here`: what needs no request, and is copied first.
export async function loadVolume(volume: Volume, load: Load, signal: AbortSignal, progress: (done: number) => void, here: (frame: Frame) => boolean = () => false): Promise<Samples> {
  const [columns, rows, slices] = volume.size;
  const size = columns * rows;
  const first = volume.frames[0]!;
  const data: Samples = volume.rescaled ? new Float32Array(size * slices) : first.signed ? new Int16Array(size * slices) : new Uint16Array(size * slices);
  const own = new AbortController();
  const stop = () => own.abort();
  signal.addEventListener('abort', stop);
  if (signal.aborted) stop();
  const order = volume.frames.map((_, k) => k).sort((a, b) => Number(here(volume.frames[b]!)) - Number(here(volume.frames[a]!)) || a - b);
  let next = 0;
  let done = 0;
  const work = async () => {
    while (next < slices) {
      own.signal.throwIfAborted();
      const k = order[next]!;
      next += 1;
      const frame = volume.frames[k]!;
      const { samples } = await load(frame, own.signal);
      if (samples?.length !== size) throw new Error('short frame');
      if (volume.rescaled) for (let n = 0; n < size; n += 1) data[k * size + n] = samples[n]! * frame.slope + frame.intercept;
      else data.set(samples, k * size);
      done += 1;
      progress(done);
    }
  };
  try {
    await Promise.all(Array.from({ length: Math.min(together, slices) }, work));
  } finally {
    stop();
    signal.removeEventListener('abort', stop);
  }
  return data;
}
