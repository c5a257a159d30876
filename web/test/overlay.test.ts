// What models drew, read from the JSON model.
import { describe, expect, it } from 'vitest';
import { follow, moveBetween } from '../src/components/viewer/link';
import { angle } from '../src/lib/measure';
import type { Frame } from '../src/lib/stack';
import { annotationsOf, labToRgb, outline, segmentBits, segmentFrames } from '../src/lib/overlay';

const el = (vr: string, ...Value: unknown[]) => ({ vr, Value });
const segmentation = {
  '00080018': el('UI', '2.1'), '00280010': el('US', 2), '00280011': el('US', 5), '00280100': el('US', 1), '00081115': el('SQ', { '0020000E': el('UI', '1.1') }),
  '00620002': el('SQ', { '00620004': el('US', 1), '00620005': el('LO', 'nodule') }, { '00620004': el('US', 2), '00620005': el('LO', 'lung'), '0062000D': el('US', 65535, 32896, 32896) }),
  '52009230': el('SQ', ...[2, 1].map((segment) => ({ '00089124': el('SQ', { '00082112': el('SQ', { '00081155': el('UI', `1.1.${segment}`) }) }), '0062000A': el('SQ', { '0062000B': el('US', segment) }) }))),
};

describe('segmentations', () => {
  it('name the image and the segment of each frame', () => {
    const frames = segmentFrames(segmentation, '1.1');
    expect(frames.map((one) => [one.of, one.label, one.frame])).toEqual([['1.1.2', 'lung', 1], ['1.1.1', 'nodule', 2]]);
    expect(frames[0]!.color).toEqual([255, 255, 255]);
    expect(segmentFrames(segmentation, '1.2')).toEqual([]);
  });
  it('unpack single bits from the lowest on', () => {
    expect([...segmentBits(Uint8Array.of(0b10000001, 0b10).buffer, { rows: 2, columns: 5, bits: 1, half: 0.5 })!]).toEqual([1, 0, 0, 0, 0, 0, 0, 1, 0, 1]);
    expect(segmentBits(Uint8Array.of(1).buffer, { rows: 2, columns: 5, bits: 1, half: 0.5 })).toBeNull();
    expect([...segmentBits(Uint8Array.of(0, 127, 128, 255).buffer, { rows: 2, columns: 2, bits: 8, half: 127.5 })!]).toEqual([0, 0, 1, 1]);
  });
  it('have the colour that CIELab says', () => {
    // Red of sRGB: L* 53.24, a* 80.09, b* 67.20.
    expect(labToRgb([Math.round(0.5324 * 65535), Math.round(((80.09 + 128) / 255) * 65535), Math.round(((67.2 + 128) / 255) * 65535)])).toEqual([255, 0, 0]);
  });
});

describe('presentation states', () => {
  const state = { '00700001': el('SQ', {
    '00081140': el('SQ', { '00081155': el('UI', '1.1.1') }),
    '00700009': el('SQ', { '00700005': el('CS', 'PIXEL'), '00700023': el('CS', 'ELLIPSE'), '00700022': el('FL', 10.5, 5.5, 20.5, 5.5, 15.5, 2.5, 15.5, 8.5) }, { '00700005': el('CS', 'DISPLAY'), '00700023': el('CS', 'POINT'), '00700022': el('FL', 0.5, 0.5) }, { '00700005': el('CS', 'PIXEL'), '00700023': el('CS', 'CIRCLE'), '00700022': el('FL', 5.5, 5.5, 8.5, 9.5) }),
    '00700008': el('SQ', { '00700006': el('ST', 'here'), '00700014': el('FL', 1.5, 2.5) }, { '00700006': el('ST', 'a notice of the screen') }),
  }) };
  it('give graphics and words in pixels of the image, nothing in units of the screen', () => {
    const found = annotationsOf(state).get('1.1.1')!;
    expect(found.words).toEqual([{ at: { x: 1, y: 2 }, text: 'here' }]);
    expect(found.graphics.map((one) => one.kind)).toEqual(['ellipse', 'ellipse']);
    expect(found.graphics[1]!.points).toEqual([{ x: 0, y: 5 }, { x: 10, y: 5 }, { x: 5, y: 0 }, { x: 5, y: 10 }]);
    const around = outline(found.graphics[0]!);
    expect(Math.min(...around.map((p) => p.x))).toBeCloseTo(10);
    expect(Math.max(...around.map((p) => p.y))).toBeCloseTo(8);
  });
});

describe('angles', () => {
  it('are measured in the body', () => {
    expect(angle({ spacing: [1, 1], aspect: 1 }, { x: 1, y: 0 }, { x: 0, y: 0 }, { x: 0, y: 5 })).toBeCloseTo(90);
    expect(angle({ spacing: [2, 1], aspect: 2 }, { x: 1, y: 0 }, { x: 0, y: 0 }, { x: 2, y: 1 })).toBeCloseTo(45);
    expect(angle({ spacing: null, aspect: 1 }, { x: 1, y: 0 }, { x: 0, y: 0 }, { x: -1, y: 0 })).toBeCloseTo(180);
  });
});

describe('linked viewers', () => {
  const slice = (z: number, normal = 1) => ({ row: [1, 0, 0], column: [0, normal, 0], position: [0, 0, z] }) as unknown as Frame;
  const thin = Array.from({ length: 11 }, (_, n) => slice(n));          // 1 mm apart
  const thick = Array.from({ length: 5 }, (_, n) => slice(100 + 2.5 * n));
  const me = Symbol('me');
  it('move the same way in millimetres, and small steps add up', () => {
    let [index, at]: [number, number | null] = [0, null];
    for (let n = 0; n < 5; n += 1) {
      const next: { index: number; at: number | null } | null = follow(thick, index, at, moveBetween(me, thin, n, n + 1));
      index = next?.index ?? -1;
      at = next?.at ?? null;
    }
    expect(index).toBe(2);   // five steps of 1 mm are two of 2.5 mm
  });
  it('go the other way where the planes face each other, and not at all where they cross', () => {
    const turned = Array.from({ length: 5 }, (_, n) => slice(n, -1));
    expect(follow(turned, 2, null, moveBetween(me, thin, 0, 1))!.index).toBe(3);
    const sagittal = [{ row: [0, 1, 0], column: [0, 0, -1], position: [0, 0, 0] }, { row: [0, 1, 0], column: [0, 0, -1], position: [5, 0, 0] }] as unknown as Frame[];
    expect(follow(sagittal, 0, null, moveBetween(me, thin, 0, 1))).toBeNull();
  });
  it('go by images where nothing has a place', () => {
    const pictures = [{ row: null }, { row: null }, { row: null }] as unknown as Frame[];
    expect(follow(pictures, 1, null, moveBetween(me, thin, 0, 5))!.index).toBe(2);
  });
});
