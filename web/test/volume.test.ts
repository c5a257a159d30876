import { describe, expect, it } from 'vitest';
import { loadVolume } from '../src/components/viewer/volumeStore';
import { decodeSamples, type Frame, type Triple } from '../src/lib/stack';
import { atIndex, blendMask, countOf, gridOf, indexAt, masksBySlice, middleOf, planeNames, planes, sample, sampleMask, settle, shade, sliceAt, stepOf, toVoxel, valueAt, volumeOf, type Grid, type Refusal, type Samples, type Volume } from '../src/lib/volume';

const [columns, rows, slices] = [24, 20, 14];
interface Acquisition { row: Triple; column: Triple; spacing: [number, number]; first: Triple; step: Triple; order?: number[] }
const frameOf = (k: number, acquisition: Acquisition, more: Partial<Frame> = {}): Frame => ({
  sop: `1.2.${k}`, frame: 1, rows, columns, grey: true, bitsAllocated: 16, bitsStored: 16, highBit: 15, signed: true, monochrome1: false, slope: 0.05, intercept: -3, unit: 'HU', windows: [], curve: 'linear', padding: null, spacing: acquisition.spacing, spacingAt: 'patient', aspect: 1,
  row: acquisition.row, column: acquisition.column, position: acquisition.first.map((value, axis) => value + k * acquisition.step[axis]!) as Triple, edges: null, lossy: null, instance: k, location: null, fps: null, ...more,
});
const framesOf = (acquisition: Acquisition, more: Partial<Frame> = {}) => (acquisition.order ?? Array.from({ length: slices }, (_, k) => k)).map((k) => frameOf(k, acquisition, more));

// PS3.3 equation C.7.6.2.1-1, written out: where column i and row j of a frame lie.
const place = (frame: Frame, i: number, j: number): Triple => [0, 1, 2].map((axis) => frame.row![axis]! * frame.spacing![1] * i + frame.column![axis]! * frame.spacing![0] * j + frame.position![axis]!) as Triple;
function made(frames: Frame[]): Volume {
  const result = volumeOf(frames);
  if (!('volume' in result)) throw new Error(result.refusal.why);
  return result.volume;
}
const refused = (frames: Frame[], limit?: number): Refusal => { const result = volumeOf(frames, limit); if (!('refusal' in result)) throw new Error('a volume'); return result.refusal; };
// Stored values of a body whose value is known at each place.
async function fill(volume: Volume, body: (p: Triple) => number): Promise<Samples> {
  return loadVolume(volume, (frame) => {
    const samples = new Int16Array(rows * columns);
    for (let j = 0; j < rows; j += 1) for (let i = 0; i < columns; i += 1) samples[j * columns + i] = Math.round((body(place(frame, i, j)) - frame.intercept) / frame.slope);
    return Promise.resolve({ samples, bitmap: null, bytes: samples.byteLength });
  }, new AbortController().signal, () => undefined);
}
// Voxel coordinates by Cramer's rule from the frames alone.
function solve(frames: Frame[], p: Triple): Triple {
  const [a, b] = [frames[0]!, frames[frames.length - 1]!];
  const columnsOf = [a.row!.map((v) => v * a.spacing![1]), a.column!.map((v) => v * a.spacing![0]), a.position!.map((v, axis) => (b.position![axis]! - v) / (frames.length - 1))];
  const det = (m: number[][]) => m[0]![0]! * (m[1]![1]! * m[2]![2]! - m[1]![2]! * m[2]![1]!) - m[1]![0]! * (m[0]![1]! * m[2]![2]! - m[0]![2]! * m[2]![1]!) + m[2]![0]! * (m[0]![1]! * m[1]![2]! - m[0]![2]! * m[1]![1]!);
  const from = p.map((v, axis) => v - a.position![axis]!);
  return [0, 1, 2].map((n) => det(columnsOf.map((column, m) => (m === n ? from : column))) / det(columnsOf)) as Triple;
}
const pixel = (grid: Grid, x: number, y: number): Triple => [0, 1, 2].map((axis) => grid.from[axis]! + x * grid.right[axis]! + y * grid.down[axis]!) as Triple;
const whole = (volume: Volume, name: (typeof planeNames)[number], at: Triple, mm = 1.3): Grid => {
  const plane = planes[name];
  const centre = volume.low.map((low, axis) => (low + volume.high[axis]!) / 2) as Triple;
  centre[plane.axes[2]] = at[plane.axes[2]]!;
  return gridOf(plane, centre, 50, 40, 100, 80, mm);
};

const turned = (x: number, y: number, z: number): [Triple, Triple, Triple] => {   // columns of Rz Ry Rx
  const [cx, sx, cy, sy, cz, sz] = [Math.cos(x), Math.sin(x), Math.cos(y), Math.sin(y), Math.cos(z), Math.sin(z)];
  return [[cz * cy, sz * cy, -sy], [cz * sy * sx - sz * cx, sz * sy * sx + cz * cx, cy * sx], [cz * sy * cx + sz * sx, sz * sy * cx - cz * sx, cy * cx]];
};
const [r, c, n] = turned(0.35, -0.22, 0.5);
const acquisitions: Record<string, Acquisition> = {
  'axial, from the feet': { row: [1, 0, 0], column: [0, 1, 0], spacing: [1.5, 2], first: [-23, -14, 100], step: [0, 0, 4] },
  'axial, from the head down': { row: [1, 0, 0], column: [0, 1, 0], spacing: [1.5, 2], first: [-23, -14, 100], step: [0, 0, -4] },
  'feet first, supine': { row: [-1, 0, 0], column: [0, 1, 0], spacing: [1.5, 2], first: [23, -14, -100], step: [0, 0, 3] },
  'head first, prone': { row: [-1, 0, 0], column: [0, -1, 0], spacing: [1.5, 1.5], first: [20, 30, 0], step: [0, 0, -5] },
  sagittal: { row: [0, 1, 0], column: [0, 0, -1], spacing: [2, 1.5], first: [-30, -20, 40], step: [4, 0, 0] },
  coronal: { row: [1, 0, 0], column: [0, 0, -1], spacing: [2, 1.5], first: [-30, -20, 40], step: [0, 3, 0] },
  oblique: { row: r, column: c, spacing: [1.4, 1.9], first: [-20, 10, 30], step: n.map((v) => v * 3.5) as Triple },
  'oblique, descending': { row: r, column: c, spacing: [1.4, 1.9], first: [-20, 10, 30], step: n.map((v) => v * -3.5) as Triple },
  'tilted gantry': { row: [1, 0, 0], column: [0, Math.cos(0.3), Math.sin(0.3)], spacing: [1.5, 1.5], first: [-20, -20, 0], step: [0, 0, 4] },
  'in no order': { row: [1, 0, 0], column: [0, 1, 0], spacing: [1.5, 2], first: [-23, -14, 100], step: [0, 0, 4], order: [3, 9, 0, 13, 1, 12, 5, 4, 2, 11, 7, 6, 10, 8] },
};

describe('planes through a volume', () => {
  const body = (p: Triple) => 2.5 * p[0] - 1.7 * p[1] + 3.1 * p[2] + 11;
  for (const [name, acquisition] of Object.entries(acquisitions)) {
    it(`have the body's value at each place: ${name}`, async () => {
      const volume = made(framesOf(acquisition));
      const data = await fill(volume, body);
      const inOrder = [...framesOf({ ...acquisition, order: undefined })];
      for (const plane of planeNames) {
        const grid = whole(volume, plane, settle(volume, middleOf(volume)));
        const out = new Float32Array(grid.width * grid.height);
        sample(volume, data, grid, out);
        let compared = 0;
        for (let y = 0; y < grid.height; y += 1) {
          for (let x = 0; x < grid.width; x += 1) {
            const p = pixel(grid, x, y);
            const voxel = solve(inOrder, p);
            const room = Math.min(...voxel.map((v, axis) => Math.min(v, [columns, rows, slices][axis]! - 1 - v)));
            const value = out[y * grid.width + x]!;
            if (room < -0.501) expect(value).toBeNaN();
            if (room > -0.499) expect(value).not.toBeNaN();
            if (room > 0.001) { expect(Math.abs(value - body(p))).toBeLessThan(0.03); compared += 1; }   // half a step of what is stored
          }
        }
        expect(compared).toBeGreaterThan(200);
      }
    });
    it(`stand where people look for them: ${name}`, async () => {
      const volume = made(framesOf(acquisition));
      const centre = middleOf(volume);
      // Values grow to the left, to the back, to the head: to the right, down and up on the screen (PS3.3 C.7.6.1.1.1).
      const data = await fill(volume, (p) => p[0] - centre[0]);
      const sideways = new Float32Array(9);
      sample(volume, data, gridOf(planes.axial, centre, 1.5, 1.5, 3, 3, 2), sideways);
      expect(sideways[5]! - sideways[3]!).toBeCloseTo(4, 1);
      sample(volume, data, gridOf(planes.coronal, centre, 1.5, 1.5, 3, 3, 2), sideways);
      expect(sideways[5]! - sideways[3]!).toBeCloseTo(4, 1);
      const back = await fill(volume, (p) => p[1] - centre[1]);
      sample(volume, back, gridOf(planes.axial, centre, 1.5, 1.5, 3, 3, 2), sideways);
      expect(sideways[7]! - sideways[1]!).toBeCloseTo(4, 1);
      sample(volume, back, gridOf(planes.sagittal, centre, 1.5, 1.5, 3, 3, 2), sideways);
      expect(sideways[5]! - sideways[3]!).toBeCloseTo(4, 1);
      const head = await fill(volume, (p) => p[2] - centre[2]);
      for (const plane of [planes.coronal, planes.sagittal]) {
        sample(volume, head, gridOf(plane, centre, 1.5, 1.5, 3, 3, 2), sideways);
        expect(sideways[1]! - sideways[7]!).toBeCloseTo(4, 1);
      }
    });
  }

  it('show slices as they are where they run along them', async () => {
    const acquisition = acquisitions['feet first, supine']!;
    const volume = made(framesOf(acquisition));
    const data = await fill(volume, (p) => Math.sin(p[0]) * 40 + Math.cos(p[1] * 2) * 30 + p[2]);
    const centre = middleOf(volume, 5);
    expect(sliceAt(volume, centre)).toBe(5);
    expect(toVoxel(volume, centre).map((v) => Math.abs(v - Math.round(v)))).toEqual([expect.closeTo(0, 6), expect.closeTo(0, 6), expect.closeTo(0, 6)]);
    const frame = volume.frames[5]!;
    const out = new Float32Array(columns);
    // Row 7 from right to left: its pixels lie 2 mm apart, mirrored, since the patient came feet first.
    sample(volume, data, { width: columns, height: 1, from: place(frame, columns - 1, 7), right: [2, 0, 0], down: [0, 2, 0] }, out);
    for (let i = 0; i < columns; i += 1) {
      const stored = data[(5 * rows + 7) * columns + (columns - 1 - i)]! * frame.slope + frame.intercept;
      expect(out[i]).toBeCloseTo(stored, 3);
      expect(valueAt(volume, data, place(frame, columns - 1 - i, 7))).toBeCloseTo(stored, 6);
    }
    expect(valueAt(volume, data, [1e4, 0, 0])).toBeNull();
  });

  it('keep the proportions of the body: a ball is round in each, its area that of the circle', async () => {
    const volume = made(framesOf({ row: [1, 0, 0], column: [0, 1, 0], spacing: [0.9, 1.6], first: [-18, -8, -20], step: [0, 0, 3] }));
    const radius = 7;
    const data = await fill(volume, (p) => 100 * Math.min(1, Math.max(0, radius - Math.hypot(...p) + 0.5)));
    for (const name of planeNames) {
      const grid = gridOf(planes[name], [0, 0, 0], 60, 60, 120, 120, 0.25);
      const out = new Float32Array(120 * 120);
      sample(volume, data, grid, out);
      const inside = [...out].filter((value) => value > 50).length * 0.25 * 0.25;
      expect(Math.abs(inside / (Math.PI * radius ** 2) - 1)).toBeLessThan(0.06);
    }
  });

  it('are numbered from the head, the face and the right, one for each voxel, and every number comes back', () => {
    for (const [name, acquisition] of Object.entries(acquisitions)) {
      const volume = made(framesOf(acquisition));
      for (const plane of Object.values(planes)) {
        const start = middleOf(volume);
        for (let index = 0; index < countOf(volume, plane); index += 1) expect(indexAt(volume, plane, atIndex(volume, plane, start, index)), name).toBe(index);
        const [a, b] = [atIndex(volume, plane, start, 2), atIndex(volume, plane, start, 3)];
        expect(Math.hypot(...a.map((v, axis) => b[axis]! - v))).toBeCloseTo(stepOf(volume, plane), 9);
        expect(plane.onward.reduce((sum, v, axis) => sum + v * (b[axis]! - a[axis]!), 0)).toBeGreaterThan(0);
        expect(indexAt(volume, plane, atIndex(volume, plane, start, 9999))).toBe(countOf(volume, plane) - 1);
      }
    }
    const volume = made(framesOf(acquisitions['axial, from the head down']!));
    expect([countOf(volume, planes.axial), countOf(volume, planes.coronal), countOf(volume, planes.sagittal)]).toEqual([slices, rows, columns]);
    expect([stepOf(volume, planes.axial), stepOf(volume, planes.coronal), stepOf(volume, planes.sagittal)]).toEqual([expect.closeTo(4), expect.closeTo(1.5), expect.closeTo(2)]);
    expect(atIndex(volume, planes.axial, middleOf(volume), 0)[2]).toBeCloseTo(100, 9);
    expect(atIndex(volume, planes.sagittal, middleOf(volume), 0)[0]).toBeCloseTo(-23, 9);
  });
});

describe('what is no volume says why', () => {
  const axial = acquisitions['axial, from the feet']!;
  const at = (frames: Frame[], k: number, position: Triple) => frames.map((frame, m) => (m === k ? { ...frame, position } : frame));
  it('few, coloured, of other sizes, without a place or spacing', () => {
    expect(refused(framesOf(axial).slice(0, 2)).why).toBe('few');
    expect(refused([])).toEqual({ why: 'few', values: { n: '0' } });
    expect(refused([frameOf(0, axial, { grey: false }), ...framesOf(axial).slice(1)]).why).toBe('colour');
    expect(refused([frameOf(0, axial, { rows: 8 }), ...framesOf(axial).slice(1)]).why).toBe('sizes');
    expect(refused([...framesOf(axial).slice(1), frameOf(0, axial, { position: null })]).why).toBe('noPlace');
    expect(refused(framesOf(axial, { spacing: null })).why).toBe('noSpacing');
    expect(refused(framesOf(axial, { spacingAt: 'detector' })).why).toBe('noSpacing');
    expect(refused([...framesOf(axial).slice(1), frameOf(0, axial, { spacing: [1.5, 2.1] })]).why).toBe('noSpacing');
  });
  it('directions, places, gaps, shifts', () => {
    expect(refused([...framesOf(axial).slice(1), frameOf(0, axial, { row: [0, 1, 0], column: [0, 0, -1] })]).why).toBe('directions');
    expect(refused(at(framesOf(axial), 3, [-23, -14, 116])).why).toBe('samePlace');
    expect(refused(framesOf(axial).filter((_, k) => k !== 6 && k !== 7))).toEqual({ why: 'missing', values: { n: '2', usual: '4.0', least: '4.0', most: '12.0' } });
    expect(refused(at(framesOf(axial), 13, [-23, -14, 152.5])).why).toBe('uneven');
    expect(volumeOf(at(framesOf(axial), 13, [-23, -14, 152.3]))).toHaveProperty('volume');
    expect(refused(at(framesOf(axial), 6, [-21, -14, 124])).why).toBe('shifted');
  });
  it('more than a tab should hold', () => {
    const bytes = columns * rows * slices * 2;
    expect(refused(framesOf(axial), bytes - 1).why).toBe('memory');
    expect(made(framesOf(axial)).bytes).toBe(bytes);
    expect(made(framesOf(axial).map((frame, k) => ({ ...frame, slope: 1 + k }))).bytes).toBe(2 * bytes);
  });
});

describe('frames into a volume', () => {
  const axial = acquisitions['axial, from the feet']!;
  const volume = made(framesOf(axial));
  const blank = { samples: new Int16Array(rows * columns), bitmap: null, bytes: 0 };
  it('counts them, a few at a time', async () => {
    const seen: number[] = [];
    let flying = 0;
    let most = 0;
    await loadVolume(volume, async () => { flying += 1; most = Math.max(most, flying); await Promise.resolve(); flying -= 1; return blank; }, new AbortController().signal, (done) => seen.push(done));
    expect(seen).toEqual(Array.from({ length: slices }, (_, k) => k + 1));
    expect(most).toBe(4);
  });
  it('stops what is on its way when one fails, is too short, or the page goes', async () => {
    let asked = 0;
    await expect(loadVolume(volume, (frame) => { asked += 1; return frame.instance === 2 ? Promise.reject(new Error('gone')) : Promise.resolve(blank); }, new AbortController().signal, () => undefined)).rejects.toThrow('gone');
    expect(asked).toBeLessThan(slices);
    await expect(loadVolume(volume, () => Promise.resolve({ ...blank, samples: new Int16Array(5) }), new AbortController().signal, () => undefined)).rejects.toThrow('short frame');
    const controller = new AbortController();
    const loading = loadVolume(volume, (_, signal) => new Promise((_resolve, reject) => { signal.addEventListener('abort', () => reject(new Error('aborted'))); }), controller.signal, () => undefined);
    controller.abort();
    await expect(loading).rejects.toThrow();
  });
  it('keeps rescaled values where slices have scales of their own', async () => {
    const scaled = made(framesOf(axial).map((frame, k) => ({ ...frame, slope: 1 + k })));
    const data = await loadVolume(scaled, () => Promise.resolve({ ...blank, samples: new Int16Array(rows * columns).fill(7) }), new AbortController().signal, () => undefined);
    expect(data).toBeInstanceOf(Float32Array);
    expect(data[5 * rows * columns]).toBe(7 * 6 - 3);
    expect(valueAt(scaled, data, scaled.frames[5]!.position!)).toBe(39);
  });
  it('keeps all of sixteen bits', async () => {
    const frames = framesOf(axial, { slope: 1, intercept: 0, signed: false });
    const wide = made(frames);
    const words = new Uint16Array(rows * columns).fill(65_535);
    const samples = decodeSamples(words.buffer, frames[0]!);
    const data = await loadVolume(wide, () => Promise.resolve({ samples, bitmap: null, bytes: 0 }), new AbortController().signal, () => undefined);
    const out = new Float32Array(4);
    sample(wide, data, gridOf(planes.axial, middleOf(wide), 1, 1, 2, 2, 0.5), out);
    expect([...out]).toEqual([65_535, 65_535, 65_535, 65_535]);
  });
});

describe('greys and segments of a plane', () => {
  it('follow the window (PS3.3 C.11.2.1.2.1); outside of the volume it is black whatever is inverted', () => {
    const out = new Uint32Array(4);
    const grey = (n2: number) => out[n2]! & 255;
    const values = Float32Array.from([40.5, 1000, -1000, NaN]);
    shade(values, { monochrome1: false, curve: 'linear' }, { center: 40, width: 400 }, false, out);
    expect([grey(0), grey(1), grey(2), grey(3)]).toEqual([Math.round(255 * ((40.5 - 39.5) / 399 + 0.5)), 255, 0, 0]);
    shade(values, { monochrome1: false, curve: 'linear' }, { center: 40, width: 400 }, true, out);
    expect([grey(1), grey(2), grey(3)]).toEqual([0, 255, 0]);
    expect([...out].every((value) => value >>> 24 === 255)).toBe(true);
  });
  for (const [name, acquisition] of Object.entries(acquisitions)) {
    it(`a segment lies in all three planes where it lies in the patient: ${name}`, () => {
      const volume = made(framesOf(acquisition));
      const centre = middleOf(volume);
      const inside = (p: Triple) => Math.hypot(p[0] - centre[0], p[1] - centre[1], p[2] - centre[2]) < 6;
      const masks = new Map(volume.frames.map((frame) => {
        const bits = new Uint8Array(rows * columns);
        for (let j = 0; j < rows; j += 1) for (let i = 0; i < columns; i += 1) if (inside(place(frame, i, j))) bits[j * columns + i] = 1;
        return [`${frame.sop}/1`, [{ label: 'nodule', color: [255, 0, 0] as [number, number, number], rows, columns, bits }]];
      }));
      masks.set('9.9/1', []);
      const bySlice = masksBySlice(volume, masks);
      for (const plane of planeNames) {
        const grid = whole(volume, plane, centre, 0.5);
        const out = new Uint8Array(grid.width * grid.height);
        expect(sampleMask(volume, bySlice, 'nodule', grid, out)).toBe(true);
        expect(sampleMask(volume, bySlice, 'other', grid, new Uint8Array(out.length))).toBe(false);
        const found = [...out].flatMap((bit, m) => (bit ? [pixel(grid, m % grid.width, Math.floor(m / grid.width))] : []));
        const mean = [0, 1, 2].map((axis) => found.reduce((sum, p) => sum + p[axis]!, 0) / found.length);
        mean.forEach((v, axis) => expect(Math.abs(v - centre[axis]!)).toBeLessThan(1.6));   // within a voxel
        expect(found.length * 0.25).toBeGreaterThan(0.6 * Math.PI * 36);
        expect(found.length * 0.25).toBeLessThan(1.5 * Math.PI * 36);
      }
    });
  }
  it('are firm at the edge and faint inside', () => {
    const data = new Uint8ClampedArray(7 * 7 * 4);
    const mask = new Uint8Array(49);
    for (let y = 1; y < 6; y += 1) for (let x = 1; x < 6; x += 1) mask[y * 7 + x] = 1;
    blendMask(data, mask, 7, 7, [200, 0, 0], 1);
    expect([data[0], data[(1 * 7 + 3) * 4], data[(3 * 7 + 3) * 4]]).toEqual([0, 180, 44]);
  });
});
