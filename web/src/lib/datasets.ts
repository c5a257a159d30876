import type { Dataset } from '../api/types';

export const splitOrder = ['train', 'validation', 'test', 'unassigned'];

export function splitTotal(dataset: Dataset, split: string): number {
  if (dataset.splits) return dataset.splits[split] ?? 0;  // of several labels the counts are of labels, not of samples
  return Object.values(dataset.counts[split] ?? {}).reduce((sum, n) => sum + n, 0);
}

export function sampleTotal(dataset: Dataset): number {
  return Object.keys(dataset.splits ?? dataset.counts).reduce((sum, split) => sum + splitTotal(dataset, split), 0);
}

export function shapeText(dataset: Dataset): string {
  return dataset.shape && dataset.shape.length > 0 ? dataset.shape.join(' × ') : dataset.kind;
}

export function orderedCounts(dataset: Dataset): Dataset['counts'] {
  const keys = Object.keys(dataset.counts).filter((split) => splitTotal(dataset, split) > 0).sort((a, b) => splitOrder.indexOf(a) - splitOrder.indexOf(b));
  return Object.fromEntries(keys.map((split) => [split, dataset.counts[split]!]));
}

export const namePattern = /^[a-z0-9][a-z0-9_-]{0,63}$/;

// A file's name as a proposal for the dataset's.
export function proposeName(file: string): string {
  return file.toLowerCase().replace(/\.[a-z0-9]+$/, '').replace(/[^a-z0-9_-]+/g, '-').replace(/^[-_]+|[-_]+$/g, '').slice(0, 64);
}
