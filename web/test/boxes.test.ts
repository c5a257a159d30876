import { describe, expect, it } from 'vitest';
import type { BoxAnswer } from '../src/api/types';
import { boxMarks, extentOf, readFound, readMarks } from '../src/lib/boxes';
import { readEvaluation } from '../src/lib/evaluation';

const box = (label: string, low: number[], high: number[], size_mm: number[] | null = null) => ({ label, score: 0.876, low, high, size_mm });
const answer: BoxAnswer = {
  kind: 'boxes', shape: [40, 60], spacing_mm: null, threshold: 0.4, slice: null, largest: [{ label: 'smooth', score: 0.9 }, { label: 'spiculated', score: 0.8 }],
  boxes: [box('spiculated', [4, 10], [12, 30]), box('smooth', [0, 0], [5, 5], [3.5, 7])],
};

describe('boxes that a model found', () => {
  it('are rectangles with their score in the colour of their label, x before y', () => {
    const marks = boxMarks(answer);
    expect(marks).toHaveLength(2);
    expect(marks[0]).toMatchObject({ lines: [[[10, 4], [30, 4], [30, 12], [10, 12]]], text: '0.88' });
    expect(marks[0]!.color).not.toBe(marks[1]!.color);
    expect(boxMarks(undefined)).toEqual([]);
  });
  it('of a volume are drawn on the slices that they reach', () => {
    const volume = { ...answer, shape: [20, 40, 60], slice: 5, boxes: [box('smooth', [4, 1, 2], [6, 3, 4]), box('smooth', [6, 1, 2], [9, 3, 4])] };
    expect(boxMarks(volume)).toHaveLength(1);
    expect(boxMarks({ ...volume, slice: 6 })).toHaveLength(1);
    expect(boxMarks({ ...volume, slice: 12 })).toHaveLength(0);
  });
  it('say their size with the width first, in mm where it is known', () => {
    expect(extentOf(answer.boxes[0]!)).toEqual({ mm: false, text: '20.0 × 8.0' });
    expect(extentOf(answer.boxes[1]!)).toEqual({ mm: true, text: '7.0 × 3.5' });
  });
  it('have an uncertainty only when all of it is there', () => {
    const like = { kind: 'validation-marks', marks: 20, hits: 19, low: 0.76, high: 0.99, score_low: 0.7, score_high: 0.95, outside: true };
    expect(readMarks(like)).toMatchObject({ marks: 20, hits: 19, outside: true });
    expect(readMarks({ ...like, hits: undefined })).toBeNull();
    expect(readMarks(null)).toBeNull();
    expect(readFound({ kind: 'by-box', images: 10, findings: 8, found: 7, false_marks: 1 })).toEqual({ images: 10, findings: 8, found: 7, wrong: 1 });
    expect(readFound({ kind: 'by-box', images: 0, findings: 0, found: 0, false_marks: 0 })).toBeNull();
    expect(readFound({ kind: 'none', text: '' })).toBeNull();
  });
  it('are evaluated by FROC and average precision', () => {
    const read = readEvaluation({ kind: 'boxes', samples: 9, classes: ['smooth'], metrics: { froc: { value: 0.9, low: 0.8, high: 0.95 }, ap50: { value: 0.7 } }, per_label: [{ label: 'smooth', froc: { value: 0.9 } }], froc: [{ false_positives: 0, sensitivity: 0.5 }], baseline: { adds_nothing: false, gain: { value: 0.4, low: 0.3, high: 0.5 } } });
    expect(read?.places).toBe('boxes');
    expect(read?.figures.map((f) => f.key)).toEqual(['froc', 'ap50']);
    expect(read?.perClass[0]).toMatchObject({ name: 'smooth' });
    expect(read?.baseline).toMatchObject({ addsNothing: false, gain: { value: 0.4 } });
    expect(read?.roc).toEqual([]);
  });
});
