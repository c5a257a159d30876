// What a prediction's uncertainty record says, brought to one form, and the words for it.
import type { Prediction } from '../api/types';
import type { Translate } from '../i18n';
import { percent } from './format';

export interface Calibration { low: number; high: number; n: number; hits: number; observed: number; lower: number; upper: number; dataset?: string }

type Loose = Record<string, unknown>;
const num = (value: unknown): number | undefined => (typeof value === 'number' && Number.isFinite(value) ? value : undefined);
const pair = (value: unknown): [number, number] | undefined => {
  if (!Array.isArray(value)) return undefined;
  const [a, b] = [num(value[0]), num(value[1])];
  return a === undefined || b === undefined ? undefined : [a, b];
};
const first = (record: Loose, ...names: string[]) => names.map((name) => num(record[name])).find((value) => value !== undefined);

// null: the model came without a calibration record, or it does not hold what is needed. n may be 0: nothing was scored like this.
export function readCalibration(uncertainty: Loose | null | undefined): Calibration | null {
  if (!uncertainty) return null;
  const nested = uncertainty.bin;
  const bin = pair(nested) ?? pair(uncertainty.range);
  const inner: Loose = typeof nested === 'object' && nested !== null && !Array.isArray(nested) ? { ...(nested as Loose), ...uncertainty } : uncertainty;
  const low = bin?.[0] ?? first(inner, 'low', 'bin_low', 'from', 'score_low');
  const high = bin?.[1] ?? first(inner, 'high', 'bin_high', 'to', 'score_high');
  const n = first(inner, 'n', 'count', 'samples', 'total');
  if (low === undefined || high === undefined || n === undefined) return null;
  const interval = pair(inner.interval) ?? pair(inner.ci);
  const hits = first(inner, 'positives', 'hits', 'events', 'k');
  const observed = first(inner, 'observed', 'rate', 'frequency', 'fraction', 'value') ?? (hits !== undefined && n > 0 ? hits / n : 0);
  return {
    low, high, n, observed, hits: hits ?? Math.round(observed * n), lower: interval?.[0] ?? first(inner, 'lower', 'ci_low') ?? 0, upper: interval?.[1] ?? first(inner, 'upper', 'ci_high') ?? 1,
    dataset: typeof inner.dataset === 'string' ? inner.dataset : undefined,
  };
}

export const fewSamples = 30;

export function describeCalibration(calibration: Calibration | null, probability: number, finding: string, t: Translate): string[] {
  if (!calibration) return [t('uncertainty.missing')];
  if (calibration.n === 0) return [t('uncertainty.none')];
  const { low, high, n, hits, observed, lower, upper } = calibration;
  const words = [t('uncertainty.calibrated', { n, low: percent(low, 0), high: percent(high, 0), hits, finding, observed: percent(observed, 0), lower: percent(lower, 0), upper: percent(upper, 0) })];
  if (n < fewSamples) words.push(t('uncertainty.few'));
  if (probability < lower) words.push(t('uncertainty.higher', { finding }));
  else if (probability > upper) words.push(t('uncertainty.lower', { finding }));
  else words.push(t('uncertainty.agree'));
  if (calibration.dataset) words.push(t('uncertainty.population', { dataset: calibration.dataset }));
  return words;
}

export function isHidden(prediction: Prediction): boolean {
  return prediction.hidden === true || prediction.probability === undefined || prediction.probability === null;
}

export function isPositive(prediction: Prediction): boolean {
  return prediction.positive ?? (prediction.probability ?? 0) >= (prediction.threshold ?? 0.5);
}

// Within five points of the threshold the side it falls on means little.
export function nearThreshold(probability: number, threshold: number): boolean {
  return Math.abs(probability - threshold) < 0.05;
}

export function findingOf(prediction: Prediction): string {
  return prediction.finding ?? prediction.outputs?.[prediction.outputs.length - 1]?.label ?? '';
}

// Class names are the dataset's own; underscores are not for reading.
export const readable = (label: string) => label.replace(/_/g, ' ');
