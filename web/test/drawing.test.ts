import { describe, expect, it } from 'vitest';
import { areaOf, begin, boxOf, fillPolygon, fromSent, handles, maskOf, moveBox, outlinePath, redo, resizeBox, runsOf, step, stroke, toSent, undo, type Box } from '../src/lib/drawing';

describe('boxes', () => {
  it('are made of any two corners and stay in the image', () => {
    expect(boxOf({ x: 30, y: 40 }, { x: 10, y: -5 }, 64, 64)).toEqual([10, 0, 30, 40]);
    expect(boxOf({ x: 10, y: 10 }, { x: 10.4, y: 30 }, 64, 64)).toBeNull();
  });
  it('move as a whole and stop at the edge', () => {
    expect(moveBox([10, 10, 20, 20], 100, -3, 64, 64)).toEqual([54, 7, 64, 17]);
  });
  it('are resized by each handle, also past the other side', () => {
    const box: Box = [10, 10, 20, 20];
    expect(handles.map((handle) => resizeBox(box, handle, { x: 15, y: 15 }, 64, 64))).toEqual([
      [15, 15, 20, 20], [10, 15, 20, 20], [10, 15, 15, 20], [10, 10, 15, 20], [10, 10, 15, 15], [10, 10, 20, 15], [15, 10, 20, 15], [15, 10, 20, 20]]);
    expect(resizeBox(box, { x: 1, y: 0 }, { x: 4, y: 0 }, 64, 64)).toEqual([4, 10, 10, 20]);
    expect(resizeBox(box, { x: 1, y: 0 }, { x: 10, y: 0 }, 64, 64)).toEqual(box);
  });
});

describe('outlines', () => {
  it('fill a polygon by the centres of pixels', () => {
    const mask = new Uint8Array(64);
    fillPolygon(mask, 8, 8, [{ x: 1, y: 2 }, { x: 5, y: 2 }, { x: 5, y: 6 }, { x: 1, y: 6 }], 1);
    expect(areaOf(mask)).toBe(16);
    expect(runsOf(mask)).toEqual([17, 4, 25, 4, 33, 4, 41, 4]);
    fillPolygon(mask, 8, 8, [{ x: -9, y: -9 }, { x: 99, y: -9 }, { x: 99, y: 4 }, { x: -9, y: 4 }], 0);
    expect(areaOf(mask)).toBe(8);
  });
  it('are brushed and erased along a line', () => {
    const mask = new Uint8Array(400);
    stroke(mask, 20, 20, { x: 3, y: 10 }, { x: 16, y: 10 }, 3, 1);
    expect(areaOf(mask)).toBeGreaterThan(13 * 6);
    expect(mask[10 * 20 + 10]).toBe(1);
    expect(mask[5 * 20 + 10]).toBe(0);
    stroke(mask, 20, 20, { x: 10, y: 10 }, { x: 10, y: 10 }, 2, 0);
    expect(mask[10 * 20 + 10]).toBe(0);
  });
  it('go to the node as runs and come back', () => {
    const mask = new Uint8Array(12);
    for (const i of [0, 1, 5, 11]) mask[i] = 1;
    expect(runsOf(mask)).toEqual([0, 2, 5, 1, 11, 1]);
    expect(maskOf(runsOf(mask), 12)).toEqual(mask);
    const sent = toSent([{ id: 1, label: 'a', mask }, { id: 2, label: 'b', mask: new Uint8Array(12) }, { id: 3, label: 'c', box: [0, 0, 2, 2] }]);
    expect(sent).toEqual([{ class: 'a', runs: [0, 2, 5, 1, 11, 1] }, { class: 'c', box: [0, 0, 2, 2] }]);
    expect(fromSent(sent, 12, 7)).toEqual([{ id: 7, label: 'a', mask }, { id: 8, label: 'c', box: [0, 0, 2, 2] }]);
  });
  it('have an edge around every pixel', () => {
    expect(outlinePath(Uint8Array.from([0, 0, 0, 0, 1, 0, 0, 0, 0]), 3, 3)).toBe('M1 1H2M1 2H2M1 1V2M2 1V2');
  });
});

describe('undo', () => {
  it('goes back, forward, and forgets what was undone when something new is drawn', () => {
    let history = step(step(begin(['a']), ['a', 'b']), ['a', 'b', 'c']);
    history = undo(undo(history));
    expect(history.now).toEqual(['a']);
    expect(undo(history)).toBe(history);
    history = redo(history);
    expect(history.now).toEqual(['a', 'b']);
    history = step(history, ['x']);
    expect(redo(history)).toBe(history);
    expect(undo(history).now).toEqual(['a', 'b']);
  });
});
