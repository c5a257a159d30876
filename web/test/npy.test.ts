import { describe, expect, it } from 'vitest';
import { paint, readNpy, spread } from '../src/lib/npy';

function npy(descr: string, shape: string, data: ArrayBufferView, fortran = 'False'): ArrayBuffer {
  const header = `{'descr': '${descr}', 'fortran_order': ${fortran}, 'shape': (${shape}), }`.padEnd(117, ' ') + '\n';
  const out = new Uint8Array(10 + header.length + data.byteLength);
  out.set([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, header.length & 255, header.length >> 8]);
  out.set(new TextEncoder().encode(header), 10);
  out.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), 10 + header.length);
  return out.buffer;
}

describe('values of a case', () => {
  it('keeps 16 bits and their sign', () => {
    const pixels = readNpy(npy('<i2', '2, 3', Int16Array.from([-1000, 0, 40, 400, 3000, 3071])));
    expect([pixels.width, pixels.height, pixels.channels]).toEqual([3, 2, 1]);
    expect(Array.from(pixels.values as Int16Array)).toEqual([-1000, 0, 40, 400, 3000, 3071]);
    expect([pixels.low, pixels.high]).toEqual([-1000, 3071]);
  });
  it('shows 8 bits as they are, and colour', () => {
    const pixels = readNpy(npy('|u1', '1, 2, 3', Uint8Array.from([255, 0, 0, 10, 20, 30])));
    expect([pixels.low, pixels.high, pixels.channels]).toEqual([0, 255, 3]);
    const out = new Uint8ClampedArray(8);
    paint(pixels, { low: 0, high: 255, invert: false }, out);
    expect(Array.from(out)).toEqual([255, 0, 0, 255, 10, 20, 30, 255]);
  });
  it('applies the window, inverted as well', () => {
    const pixels = readNpy(npy('<i2', '1, 3', Int16Array.from([-160, 80, 240])));
    const out = new Uint8ClampedArray(12);
    paint(pixels, { low: -160, high: 240, invert: false }, out);
    expect([out[0], out[4], out[8]]).toEqual([0, 153, 255]);
    paint(pixels, { low: -160, high: 240, invert: true }, out);
    expect([out[0], out[4], out[8]]).toEqual([255, 102, 0]);
  });
  it('refuses what is cut off or something else', () => {
    expect(() => readNpy(npy('<i2', '2, 3', Int16Array.from([1, 2])))).toThrow('cut off');
    expect(() => readNpy(npy('<c8', '1, 1', Float64Array.from([1])))).toThrow('not a picture');
    expect(() => readNpy(npy('<i2', '1, 2', Int16Array.from([1, 2]), 'True'))).toThrow('not a picture');
    expect(() => readNpy(new TextEncoder().encode('PNG').buffer)).toThrow('not an NPY file');
  });
  it('leaves single extremes out of the first window', () => {
    const values = Float32Array.from({ length: 1000 }, (_, i) => (i === 7 ? 1e6 : i === 8 ? NaN : i));
    const [low, high] = spread(values);
    expect(low).toBeGreaterThanOrEqual(0);
    expect(high).toBeLessThan(1000);
    expect(spread([5, 5, 5])).toEqual([5, 6]);
  });
});
