// What a model drew: its colours, and sizes in words.
import type { OutlineAnswer, OutlineRegion } from '../api/types';
import type { Mark } from '../components/viewer/ImageViewer';

// Told apart with any colour vision (Okabe and Ito, 2008), bright on grey.
const colors = ['#ffb000', '#56b4e9', '#009e73', '#f0e442', '#cc79a7', '#d55e00'];
export const colorOf = (index: number) => colors[index % colors.length]!;

export const marksOf = (outlines: OutlineAnswer | undefined): Mark[] => (outlines?.contours ?? []).map((entry, index) => ({ color: colorOf(index), lines: entry.lines }));

// An area or a volume; null where the spacing is not known.
export function sizeOf(region: OutlineRegion): string | null {
  if (region.size === null) return null;
  const digits = region.size < 10 ? 2 : region.size < 1000 ? 1 : 0;
  return `${region.size.toFixed(digits)} ${region.unit === 'mm3' ? 'mm³' : 'mm²'}`;
}

export interface ExpectedDice { cases: number; median: number; low: number; high: number; outside: boolean }
export function readExpectedDice(uncertainty: Record<string, unknown> | null | undefined): ExpectedDice | null {
  if (uncertainty?.kind !== 'validation-dice') return null;
  const { cases, median, low, high, outside } = uncertainty;
  if ([cases, median, low, high].some((value) => typeof value !== 'number')) return null;
  return { cases: cases as number, median: median as number, low: low as number, high: high as number, outside: outside === true };
}
