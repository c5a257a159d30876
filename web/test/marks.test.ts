// Outlines as runs of pixels: what a line encloses, and the edges that are drawn of it.
import { describe, expect, it } from 'vitest';
import { boundsOf, edgesOf, outlineOf, pixelsOf } from '../src/lib/marks';

describe('outlines of marks', () => {
  it('hold the pixels whose middles lie in the line, row by row', () => {
    expect(outlineOf([{ x: 2, y: 1 }, { x: 5, y: 1 }, { x: 5, y: 3 }, { x: 2, y: 3 }], 10, 6)).toEqual([12, 3, 22, 3]);
    expect(outlineOf([{ x: 2.6, y: 1.6 }, { x: 5.4, y: 1.6 }, { x: 5.4, y: 2.4 }, { x: 2.6, y: 2.4 }], 10, 6)).toBeNull();
  });
  it('end at the edge of the image, and whole rows are one run', () => {
    expect(outlineOf([{ x: -5, y: 1 }, { x: 20, y: 1 }, { x: 20, y: 3 }, { x: -5, y: 3 }], 10, 6)).toEqual([10, 20]);
    expect(outlineOf([{ x: 11, y: 1 }, { x: 20, y: 1 }, { x: 20, y: 3 }], 10, 6)).toBeNull();
  });
  it('have bounds, a size and edges in their own part of the image', () => {
    expect(boundsOf([12, 3, 22, 3], 10)).toEqual({ left: 2, top: 1, width: 3, height: 2 });
    expect(boundsOf([18, 4], 10)).toEqual({ left: 0, top: 1, width: 10, height: 2 });
    expect(boundsOf([], 10)).toBeNull();
    expect(pixelsOf([12, 3, 22, 3])).toBe(6);
    const edges = edgesOf([12, 3, 22, 3], 10)!;
    expect(edges.bounds).toEqual({ left: 2, top: 1, width: 3, height: 2 });
    expect(edges.path.split('M').filter(Boolean).sort()).toEqual(['0 0H3', '0 0V2', '0 2H3', '3 0V2']);
  });
});
