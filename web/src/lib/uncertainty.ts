// What a prediction's uncertainty record says, brought to one form, and the words for it.
import type { Limits, Prediction } from '../api/types';
import type { Translate } from '../i18n';
import { percent } from './format';

export interface Calibration { low: number; high: number; n: number; hits: number; observed: number; lower: number; upper: number; outside: boolean }

type Loose = Record<string, unknown>;
const num = (value: unknown): number | undefined => (typeof value === 'number' && Number.isFinite(value) ? value : undefined);

// null: the model came without a calibration record, or it does not hold what is needed. `low` and `high` bound the scores of the group, `lower` and `upper` what was seen in it.
export function readCalibration(uncertainty: Loose | null | undefined): Calibration | null {
  if (!uncertainty || uncertainty.kind !== 'validation-calibration') return null;
  const [low, high, n, hits] = [num(uncertainty.score_low), num(uncertainty.score_high), num(uncertainty.cases), num(uncertainty.positives)];
  const [lower, upper] = [num(uncertainty.low), num(uncertainty.high)];
  if (low === undefined || high === undefined || n === undefined || n <= 0 || hits === undefined || lower === undefined || upper === undefined) return null;
  return { low, high, n, hits, observed: num(uncertainty.observed) ?? hits / n, lower, upper, outside: uncertainty.outside === true };
}

export const fewSamples = 30;

export function describeCalibration(calibration: Calibration | null, probability: number, finding: string, several: boolean, t: Translate): string[] {
  if (!calibration) return [t('uncertainty.missing')];
  const { low, high, n, hits, observed, lower, upper } = calibration;
  const [from, to] = [percent(low, 0), percent(high, 0)];
  const scores = from === to ? from : t('uncertainty.between', { low: from, high: to });
  const words = [t(several ? 'uncertainty.calibratedTop' : 'uncertainty.calibrated', { n, scores, hits, finding, observed: percent(observed, 0), lower: percent(lower, 0), upper: percent(upper, 0) })];
  if (calibration.outside) words.push(t('uncertainty.outside'));
  if (n < fewSamples) words.push(t('uncertainty.few'));
  if (probability >= lower && probability <= upper) words.push(t('uncertainty.agree'));
  else if (several) words.push(t(probability < lower ? 'uncertainty.modest' : 'uncertainty.bold'));
  else words.push(t(probability < lower ? 'uncertainty.higher' : 'uncertainty.lower', { finding }));
  words.push(t('uncertainty.population'));
  return words;
}

// false: the model may not answer on this input (outside of its limits, or nothing like its training data). There is no number then.
export const isApplicable = (prediction: Prediction) => prediction.applicable !== false;

const list = (value: unknown): string[] => (Array.isArray(value) ? value.filter((item): item is string => typeof item === 'string') : []);

export interface ConformalSet { coverage: number; classes: string[] }
export function readSet(uncertainty: Loose | null | undefined): ConformalSet | null {
  const set = uncertainty?.set as Loose | undefined;
  const coverage = num(set?.coverage);
  return set && coverage !== undefined ? { coverage, classes: list(set.classes) } : null;
}

export type Familiarity = 'usual' | 'unusual' | 'outside' | 'unknown';
export function readFamiliarity(uncertainty: Loose | null | undefined): Familiarity | null {
  const state = (uncertainty?.familiarity as Loose | undefined)?.state;
  return state === 'usual' || state === 'unusual' || state === 'outside' || state === 'unknown' ? state : null;
}

// The limits of a model's input as rows of a table: what, and within which bounds.
export function describeLimits(limits: Limits | null | undefined): { key: 'modalities' | 'views' | 'bodyParts' | 'age' | 'spacing' | 'side'; text: string }[] {
  if (!limits) return [];
  const range = (low?: number, high?: number, unit = '') => (low === undefined && high === undefined ? '' : `${low ?? '…'} – ${high ?? '…'}${unit}`);
  const rows = [
    { key: 'modalities' as const, text: list(limits.modalities).join(', ') }, { key: 'views' as const, text: list(limits.views).join(', ') }, { key: 'bodyParts' as const, text: list(limits.body_parts).join(', ') },
    { key: 'age' as const, text: range(limits.age_min_years, limits.age_max_years) }, { key: 'spacing' as const, text: range(limits.spacing_min_mm, limits.spacing_max_mm, ' mm') }, { key: 'side' as const, text: range(limits.side_min, limits.side_max, ' px') },
  ];
  return rows.filter((row) => row.text !== '');
}

export function isHidden(prediction: Prediction): boolean {
  if (!isApplicable(prediction)) return false;
  if (prediction.number) return false;
  return prediction.hidden === true || prediction.probability === undefined || prediction.probability === null;
}

// A model of several classes names the likeliest; one of two classes has a threshold and may say no.
export const isSeveral = (prediction: Prediction) => (prediction.outputs?.length ?? 1) > 1;

export function isPositive(prediction: Prediction): boolean {
  return prediction.positive ?? (isSeveral(prediction) || (prediction.probability ?? 0) >= (prediction.threshold ?? 0.5));
}

// Within five points of the threshold the side it falls on means little.
export function nearThreshold(probability: number, threshold: number): boolean {
  return Math.abs(probability - threshold) < 0.05;
}

// Around a number: where the truth lies with the coverage stated, and how many validation cases say so.
export interface NumberInterval { coverage: number; low: number; high: number; cases: number }
export function readNumberInterval(uncertainty: Loose | null | undefined): NumberInterval | null {
  if (!uncertainty || uncertainty.kind !== 'conformal-interval') return null;
  const [coverage, low, high, cases] = [num(uncertainty.coverage), num(uncertainty.low), num(uncertainty.high), num(uncertainty.cases)];
  return coverage === undefined || low === undefined || high === undefined || cases === undefined ? null : { coverage, low, high, cases };
}

// How far the members of an ensemble differ.
export function readMembers(uncertainty: Loose | null | undefined): { count: number; low: number; high: number } | null {
  const members = uncertainty?.members as Loose | undefined;
  const [count, low, high] = [num(members?.count), num(members?.low), num(members?.high)];
  return count === undefined || low === undefined || high === undefined ? null : { count, low, high };
}

// What the probability speaks of: the positive class of two, or the likeliest of several. `finding` is what the model decided for.
export function findingOf(prediction: Prediction): string {
  return isSeveral(prediction) ? prediction.finding ?? '' : prediction.outputs?.[0]?.label ?? prediction.finding ?? '';
}

// Class names are the dataset's own; underscores are not for reading.
export const readable = (label: string) => label.replace(/_/g, ' ');
