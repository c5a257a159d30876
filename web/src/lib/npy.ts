// One slice of a sample as the node sends it (NPY 1.0, little-endian, C order), and its values as grey.
export interface Pixels { width: number; height: number; channels: number; values: ArrayLike<number>; low: number; high: number }

const readers: Record<string, (buffer: ArrayBuffer) => ArrayLike<number>> = {
  '|u1': (buffer) => new Uint8Array(buffer), '|b1': (buffer) => new Uint8Array(buffer), '|i1': (buffer) => new Int8Array(buffer), '<u2': (buffer) => new Uint16Array(buffer), '<i2': (buffer) => new Int16Array(buffer),
  '<i4': (buffer) => new Int32Array(buffer), '<i8': (buffer) => Float64Array.from(new BigInt64Array(buffer), Number), '<f4': (buffer) => new Float32Array(buffer), '<f8': (buffer) => new Float64Array(buffer),
};

export function readNpy(bytes: ArrayBuffer): Pixels {
  const head = new Uint8Array(bytes, 0, Math.min(10, bytes.byteLength));
  if (head.length < 10 || head[0] !== 0x93 || String.fromCharCode(...head.subarray(1, 6)) !== 'NUMPY') throw new Error('not an NPY file');
  const wide = head[6]! >= 2;
  const view = new DataView(bytes);
  const length = wide ? view.getUint32(8, true) : view.getUint16(8, true);
  const start = (wide ? 12 : 10) + length;
  const text = new TextDecoder('latin1').decode(new Uint8Array(bytes, wide ? 12 : 10, length));
  const type = /'descr':\s*'([^']+)'/.exec(text)?.[1] ?? '';
  const shape = (/'shape':\s*\(([^)]*)\)/.exec(text)?.[1] ?? '').split(',').filter((part) => part.trim() !== '').map(Number);
  const read = readers[type];
  if (!read || shape.length < 2 || shape.length > 3 || /'fortran_order':\s*True/.test(text)) throw new Error('not a picture');
  const values = read(bytes.slice(start));
  const [height, width, channels] = [shape[0]!, shape[1]!, shape[2] ?? 1];
  if (values.length !== width * height * channels) throw new Error('the array is cut off');
  const [low, high] = type === '|u1' ? [0, 255] : type === '|b1' ? [0, 1] : spread(values);
  return { width, height, channels, values, low, high };
}

// Where nearly all values lie: from the 0.5th to the 99.5th percentile of up to 20,000 of them.
export function spread(values: ArrayLike<number>): [number, number] {
  const step = Math.max(1, Math.floor(values.length / 20_000));
  const some: number[] = [];
  for (let i = 0; i < values.length; i += step) { const value = values[i]!; if (Number.isFinite(value)) some.push(value); }
  some.sort((a, b) => a - b);
  if (some.length === 0) return [0, 1];
  const at = (share: number) => some[Math.min(some.length - 1, Math.floor(share * (some.length - 1) + 0.5))]!;
  const [low, high] = [at(0.005), at(0.995)];
  return high > low ? [low, high] : [some[0]!, some[some.length - 1]! > some[0]! ? some[some.length - 1]! : some[0]! + 1];
}

export interface Tone { low: number; high: number; invert: boolean }

// RGBA of every pixel; colour is shown as it is, but for the window.
export function paint(pixels: Pixels, tone: Tone, out: Uint8ClampedArray) {
  const { values, channels } = pixels;
  const scale = 255 / Math.max(tone.high - tone.low, 1e-9);
  for (let i = 0, j = 0; j < out.length; i += channels, j += 4) {
    for (let c = 0; c < 3; c += 1) {
      const grey = (values[i + (channels >= 3 ? c : 0)]! - tone.low) * scale;
      out[j + c] = tone.invert ? 255 - grey : grey;
    }
    out[j + 3] = 255;
  }
}
