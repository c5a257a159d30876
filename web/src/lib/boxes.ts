// Boxes that a model found: as marks over the image, and what such scores were worth on validation images.
import type { BoxAnswer, FoundBox } from '../api/types';
import type { Mark } from '../components/viewer/ImageViewer';
import { colorOf } from './outlines';

// A score is no probability: what it is worth stands beside it.
export const scoreText = (score: number) => score.toFixed(2);
export const colorOfBox = (answer: BoxAnswer, box: FoundBox) => colorOf(Math.max(0, answer.largest.findIndex((entry) => entry.label === box.label)));

// Of a volume those that lie in the slice shown.
export function boxMarks(answer: BoxAnswer | undefined): Mark[] {
  if (!answer) return [];
  return answer.boxes.flatMap((box) => {
    const slice = answer.slice;
    if (slice !== null && !((box.low[0] ?? 0) <= slice && (box.high[0] ?? 0) > slice)) return [];
    const [top, left] = box.low.slice(-2);
    const [bottom, right] = box.high.slice(-2);
    if (top === undefined || left === undefined || bottom === undefined || right === undefined) return [];
    return [{ color: colorOfBox(answer, box), lines: [[[left, top], [right, top], [right, bottom], [left, bottom]]], text: scoreText(box.score) }];
  });
}

// "5.6 × 7.0 mm", or in pixels; width first, as people say it.
export function extentOf(box: FoundBox): { mm: boolean; text: string } {
  const sides = box.size_mm ?? box.high.map((edge, axis) => edge - (box.low[axis] ?? 0));
  return { mm: box.size_mm !== null, text: [...sides].reverse().map((side) => side.toFixed(1)).join(' × ') };
}

export interface MarksLike { marks: number; hits: number; low: number; high: number; from: number; to: number; outside: boolean }
export function readMarks(uncertainty: Record<string, unknown> | null | undefined): MarksLike | null {
  if (uncertainty?.kind !== 'validation-marks') return null;
  const { marks, hits, low, high, score_low: from, score_high: to, outside } = uncertainty;
  if ([marks, hits, low, high, from, to].some((value) => typeof value !== 'number')) return null;
  return { marks: marks as number, hits: hits as number, low: low as number, high: high as number, from: from as number, to: to as number, outside: outside === true };
}
export interface FoundOnValidation { images: number; findings: number; found: number; wrong: number }
export function readFound(uncertainty: Record<string, unknown> | null | undefined): FoundOnValidation | null {
  if (uncertainty?.kind !== 'by-box') return null;
  const { images, findings, found, false_marks: wrong } = uncertainty;
  if ([images, findings, found, wrong].some((value) => typeof value !== 'number') || images === 0) return null;
  return { images: images as number, findings: findings as number, found: found as number, wrong: wrong as number };
}
