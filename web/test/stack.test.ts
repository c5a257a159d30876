import { describe, expect, it } from 'vitest';
import { FrameStore, type Picture } from '../src/components/viewer/frameStore';
import type { DicomObject } from '../src/lib/dicom';
import { length, statistics, toImage, toScreen } from '../src/lib/measure';
import { decodeSamples, directionLetters, edgeLetters, framesOf, fullRange, makeStack, oppositeLetters, voiTable, type Frame } from '../src/lib/stack';

const el = (vr: string, ...Value: unknown[]) => ({ vr, Value });
const image = (more: DicomObject = {}): DicomObject => ({
  '00080018': el('UI', '1.2.3'), '00280010': el('US', 4), '00280011': el('US', 6), '00280002': el('US', 1), '00280004': el('CS', 'MONOCHROME2'), '00280100': el('US', 16), '00280101': el('US', 12), '00280102': el('US', 11), '00280103': el('US', 0), ...more,
});
const one = (more: DicomObject = {}): Frame => framesOf(image(more))[0]!;

describe('what the metadata say of a frame', () => {
  it('reads a plain image', () => {
    const frame = one({ '00280030': el('DS', 0.8, '0.5'), '00281050': el('DS', 40, -600), '00281051': el('DS', 400, 1500), '00281055': el('LO', 'SOFT', 'LUNG'), '00080060': el('CS', 'CT'), '00281052': el('DS', -1024) });
    expect(frame).toMatchObject({ rows: 4, columns: 6, grey: true, spacing: [0.8, 0.5], spacingAt: 'patient', aspect: 1.6, intercept: -1024, slope: 1, unit: 'HU', lossy: null, curve: 'linear' });
    expect(frame.windows).toEqual([{ center: 40, width: 400, label: 'SOFT' }, { center: -600, width: 1500, label: 'LUNG' }]);
  });
  it('reads functional groups: those of the frame before those of all', () => {
    const group = (center: number) => ({ '00289132': el('SQ', { '00281050': el('DS', center), '00281051': el('DS', 10) }) });
    const frames = framesOf(image({
      '00280008': el('IS', 2), '00281050': el('DS', 99), '00281051': el('DS', 99),
      '52009229': el('SQ', { ...group(1), '00289110': el('SQ', { '00280030': el('DS', 2, 2) }), '00209116': el('SQ', { '00200037': el('DS', 1, 0, 0, 0, 1, 0) }) }),
      '52009230': el('SQ', { '00209113': el('SQ', { '00200032': el('DS', 0, 0, 5) }) }, { ...group(2), '00209113': el('SQ', { '00200032': el('DS', 0, 0, 6) }) }),
    }));
    expect(frames.map((f) => [f.frame, f.windows[0]?.center, f.spacing, f.position])).toEqual([[1, 1, [2, 2], [0, 0, 5]], [2, 2, [2, 2], [0, 0, 6]]]);
  });
  it('leaves to the node what a table of greys cannot show', () => {
    expect(one({ '00280004': el('CS', 'PALETTE COLOR') }).grey).toBe(false);
    expect(one({ '00280002': el('US', 3), '00280004': el('CS', 'RGB') }).grey).toBe(false);
    expect(one({ '00280100': el('US', 1) }).grey).toBe(false);
    expect(one({ '00283000': el('SQ', {}) }).grey).toBe(false);
    expect(one({ '00283010': el('SQ', {}) }).grey).toBe(false);
    expect(one({ '00283010': el('SQ', {}), '00281050': el('DS', 1), '00281051': el('DS', 2) }).grey).toBe(true);
  });
  it('marks loss by attribute and by syntax, and lengths at the detector', () => {
    expect(one({ '00282110': el('CS', '01'), '00282112': el('DS', 12.34) }).lossy).toBe('12.3:1');
    expect(one({ '00083002': el('UI', '1.2.840.10008.1.2.4.50') }).lossy).toBe('JPEG');
    expect(one({ '00083002': el('UI', '1.2.840.10008.1.2.4.70') }).lossy).toBeNull();
    expect(one({ '00181164': el('DS', 0.2, 0.2) }).spacingAt).toBe('detector');
    expect(one().spacingAt).toBeNull();
    expect(one({ '00280034': el('IS', 2, 1) }).aspect).toBe(2);
  });
  it('has no frames without rows and columns', () => expect(framesOf({ '00080018': el('UI', '1') })).toEqual([]));
});

describe('a stack', () => {
  const slice = (n: number, z: number, x = 0): DicomObject => image({ '00080018': el('UI', `1.${n}`), '00200013': el('IS', n), '00200037': el('DS', 1, 0, 0, 0, 1, 0), '00200032': el('DS', x, 0, z) });
  const numbers = (frames: Frame[]) => frames.map((f) => f.instance);
  it('goes from the head down whatever the numbers say', () => expect(numbers(makeStack([slice(1, 10), slice(2, 30), slice(3, 20)]))).toEqual([2, 3, 1]));
  it('goes by number where places coincide or directions differ', () => {
    expect(numbers(makeStack([slice(3, 10), slice(1, 10), slice(2, 20)]))).toEqual([1, 2, 3]);
    expect(numbers(makeStack([slice(2, 10), { ...slice(1, 20), '00200037': el('DS', 0, 1, 0, 0, 0, -1) }]))).toEqual([1, 2]);
    expect(numbers(makeStack([image({ '00200013': el('IS', 2) }), image({ '00200013': el('IS', 1) })]))).toEqual([1, 2]);
  });
});

describe('orientation letters (PS3.3 C.7.6.1.1.1)', () => {
  it('name the direction, the main one first', () => {
    expect(directionLetters([1, 0, 0])).toBe('L');
    expect(directionLetters([0, -1, 0])).toBe('A');
    expect(directionLetters([0, 0.6, -0.8])).toBe('FP');
    expect(oppositeLetters('FP')).toBe('HA');
  });
  it('stand at the edges: coronal images show the right side on the left, the head above', () => {
    expect(edgeLetters(one({ '00200037': el('DS', 1, 0, 0, 0, 0, -1) }))).toEqual({ left: 'R', right: 'L', top: 'H', bottom: 'F' });
    expect(edgeLetters(one({ '00200020': el('CS', 'P', 'F') }))).toEqual({ left: 'A', right: 'P', top: 'H', bottom: 'F' });
    expect(edgeLetters(one())).toBeNull();
  });
});

describe('stored values', () => {
  it('are the stored bits with their sign, whatever lies above them', () => {
    const words = (...list: number[]) => { const all = new Uint16Array(24); all.set(list); return all.buffer as ArrayBuffer; };
    expect([...decodeSamples(words(0xf123, 0x0fff), one())!.slice(0, 2)]).toEqual([0x123, 0xfff]);
    expect([...decodeSamples(words(0x0fff, 0x0800, 0x07ff), one({ '00280103': el('US', 1) }))!.slice(0, 3)]).toEqual([-1, -2048, 2047]);
    expect([...decodeSamples(words(0x1230, 0xfff5), one({ '00280102': el('US', 15) }))!.slice(0, 2)]).toEqual([0x123, 0xfff]);
    expect([...decodeSamples(words(0xffff, 0x8000), one({ '00280101': el('US', 16), '00280102': el('US', 15), '00280103': el('US', 1) }))!.slice(0, 2)]).toEqual([-1, -32768]);
    expect(decodeSamples(new ArrayBuffer(10), one())).toBeNull();
  });
  it('become greys by the standard window (PS3.3 C.11.2.1.2.1, its example of 12 bits)', () => {
    // Center 2048, width 4096: y = ((x - 2047.5) / 4095 + 0.5) * 255.
    const table = voiTable(0, 4095, one(), { center: 2048, width: 4096 }, false);
    expect([table[0], table[4095], table[2048]]).toEqual([0, 255, 128]);
    // Center 0, width 100: black up to -50, white from 49 (49.0 is above 0 - 0.5 + 99 / 2).
    const small = voiTable(-60, 60, one(), { center: 0, width: 100 }, false);
    expect([small[-50 + 60], small[-49 + 60], small[48 + 60], small[49 + 60]]).toEqual([0, 3, 252, 255]);
    expect(voiTable(0, 1, { ...one(), monochrome1: true }, { center: 1, width: 1 }, false)[0]).toBe(255);
    expect(voiTable(0, 1, { ...one(), monochrome1: true }, { center: 1, width: 1 }, true)[0]).toBe(0);
    const sigmoid = voiTable(0, 100, { ...one(), curve: 'sigmoid' }, { center: 50, width: 40 }, false);
    expect([sigmoid[50], sigmoid[90]]).toEqual([128, Math.round(255 / (1 + Math.exp(-4)))]);
    const exact = voiTable(0, 100, { ...one(), curve: 'linear_exact' }, { center: 50, width: 40 }, false);
    expect([exact[30], exact[40], exact[70]]).toEqual([0, 64, 255]);
  });
  it('show everything where no window is named, padding aside', () => {
    expect(fullRange([0, 100, 200], { ...one(), padding: 0 })).toEqual({ center: 150.5, width: 101 });
    expect(fullRange([7, 7], one()).width).toBe(1);
  });
});

describe('measurements', () => {
  it('are in millimetres of the patient, else in pixels', () => {
    expect(length({ spacing: [2, 0.5] }, { x: 0, y: 0 }, { x: 6, y: 2 })).toEqual({ value: 5, unit: 'mm' });
    expect(length({ spacing: null }, { x: 0, y: 0 }, { x: 3, y: 4 })).toEqual({ value: 5, unit: 'px' });
  });
  it('of a region count the pixels whose middle is inside', () => {
    const frame = { ...one({ '00280030': el('DS', 2, 3) }), slope: 2, intercept: 1 };
    const samples = Array.from({ length: 24 }, (_, i) => i);
    // A circle about the middle of pixel (1, 1) that takes in its four neighbours: 7, 1, 6, 8, 13.
    const found = statistics(frame, samples, { x: 0.4, y: 0.4 }, { x: 2.6, y: 2.6 })!;
    const values = [7, 1, 6, 8, 13].map((v) => v * 2 + 1);
    const mean = values.reduce((a, b) => a + b) / 5;
    expect(found).toMatchObject({ count: 5, min: 3, max: 27, area: 30, areaUnit: 'mm²' });
    expect(found.mean).toBeCloseTo(mean, 10);
    expect(found.sd).toBeCloseTo(Math.sqrt(values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / 4), 10);
    expect(statistics(frame, samples, { x: 1, y: 1 }, { x: 1, y: 1 })).toBeNull();
    expect(statistics(frame, samples, { x: -9, y: -9 }, { x: -8, y: -8 })).toBeNull();
  });
  it('go to the screen and back', () => {
    const place = { scale: 3, aspect: 1.5, x: 100, y: 80, columns: 64, rows: 32 };
    expect(toScreen(place, { x: 32, y: 16 })).toEqual({ x: 100, y: 80 });
    const back = toImage(place, toScreen(place, { x: 5, y: 7 }));
    expect(back.x).toBeCloseTo(5, 10);
    expect(back.y).toBeCloseTo(7, 10);
  });
});

describe('frames on their way', () => {
  const frames = framesOf(image({ '00280008': el('IS', 40) }));
  const settle = () => new Promise((resolve) => { setTimeout(resolve, 0); });
  function held() {
    const asked: number[] = [];
    const open = new Map<number, { resolve: (p: Picture) => void; reject: (e: Error) => void; signal: AbortSignal }>();
    const load = (frame: Frame, signal: AbortSignal) => new Promise<Picture>((resolve, reject) => { asked.push(frame.frame - 1); open.set(frame.frame - 1, { resolve, reject, signal }); });
    const picture = (bytes = 10): Picture => ({ samples: new Uint16Array(1), bitmap: null, bytes });
    return { asked, open, load, picture };
  }
  it('come from the middle out, four at a time, the way of travel first', async () => {
    const { asked, open, load, picture } = held();
    const store = new FrameStore(frames, load, () => undefined);
    store.want(20);
    expect(asked).toEqual([20, 21, 19, 22]);
    open.get(20)!.resolve(picture());
    await settle();
    expect(store.get(20)).toBeDefined();
    expect(asked).toHaveLength(5);
    store.stop();
  });
  it('that are far away give way to what is wanted now', async () => {
    const { asked, open, load } = held();
    const store = new FrameStore(frames, load, () => undefined);
    store.want(5);
    store.want(30);
    expect(asked.at(-1)).toBe(30);
    expect([...open.values()].filter((one) => one.signal.aborted)).toHaveLength(1);
    store.stop();
    expect([...open.values()].every((one) => one.signal.aborted)).toBe(true);
  });
  it('that a turning wheel passes are not called back, and those that are here are shown on the way', async () => {
    const { asked, open, load, picture } = held();
    let told = 0;
    const store = new FrameStore(frames, load, () => { told += 1; });
    store.want(5);
    expect(asked).toEqual([5, 6, 4, 7]);
    open.get(5)!.resolve(picture());
    await settle();
    for (const index of [6, 7, 8, 9, 10]) store.want(index);
    expect([...open.values()].some((one) => one.signal.aborted)).toBe(false);
    expect(store.nearest(5, 10)).toBe(5);
    const before = told;
    open.get(7)!.resolve(picture());
    await settle();
    expect(told).toBe(before + 1);
    expect(store.nearest(5, 10)).toBe(7);
    expect(asked.slice(5)).toEqual([9, 10]);
    expect(store.nearest(-1, 10)).toBe(10);
    open.get(10)!.resolve(picture());
    await settle();
    expect(store.nearest(7, 10)).toBe(10);
    store.stop();
  });
  it('three ahead come for each one behind, and all come once', async () => {
    const { asked, open, load, picture } = held();
    const store = new FrameStore(frames, load, () => undefined);
    store.want(19);
    store.want(20);
    for (let round = 0; round < 50; round += 1) { for (const [index, one] of [...open]) { open.delete(index); one.resolve(picture()); } await settle(); }
    expect(asked.slice(0, 12)).toEqual([19, 20, 18, 21, 22, 23, 24, 25, 26, 27, 17, 28]);
    expect([...asked].sort((a, b) => a - b)).toEqual(Array.from({ length: 40 }, (_, n) => n));
    const taken = store.take();
    expect(taken.size).toBe(40);
    expect(store.loaded).toBe(0);
  });
  it('that failed are said to have, and are asked for again when wanted again', async () => {
    const { asked, open, load } = held();
    let told = 0;
    const store = new FrameStore(frames, load, () => { told += 1; });
    store.want(0);
    open.get(0)!.reject(new Error('gone'));
    await settle();
    expect(store.error(0)).toBeInstanceOf(Error);
    expect(told).toBe(1);
    store.want(0);
    expect(asked.filter((index) => index === 0)).toHaveLength(2);
    store.stop();
  });
  it('stay within their memory: the farthest go first', async () => {
    const { open, load, picture } = held();
    const store = new FrameStore(frames, load, () => undefined, 100);
    const answer = async () => { for (let round = 0; round < 40; round += 1) { for (const [index, one] of [...open]) { open.delete(index); if (!one.signal.aborted) one.resolve(picture(10)); } await settle(); } };
    store.want(0);
    await answer();
    expect(store.loaded).toBeLessThanOrEqual(15);
    expect(store.get(0)).toBeDefined();
    store.want(39);
    await answer();
    expect(store.get(39)).toBeDefined();
    expect(store.get(0)).toBeUndefined();
    expect(store.loaded).toBeLessThanOrEqual(15);
    store.stop();
  });
});
