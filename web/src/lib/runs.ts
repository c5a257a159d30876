// Runs as the node keeps them in MLflow's form, read for a table and for curves.
import type { RunRecord } from '../api/types';

export interface RunRow { id: string; name: string; user: string; status: string; experiment: string; start: number; end: number | null; metrics: Map<string, number>; params: Map<string, string>; tags: Map<string, string> }

const numberOf = (value: number | string) => (typeof value === 'number' ? value : value === 'Infinity' ? Infinity : value === '-Infinity' ? -Infinity : NaN);

export function readRun(record: RunRecord): RunRow {
  const { info, data } = record;
  return {
    id: info.run_id, name: info.run_name, user: info.user_id, status: info.status, experiment: info.experiment_id, start: Number(info.start_time), end: info.end_time === undefined ? null : Number(info.end_time),
    metrics: new Map(data.metrics.map((metric) => [metric.key, numberOf(metric.value)])), params: new Map(data.params.map((param) => [param.key, param.value])), tags: new Map(data.tags.map((tag) => [tag.key, tag.value])),
  };
}

export function metricKeys(runs: RunRow[]): string[] {
  return [...new Set(runs.flatMap((run) => [...run.metrics.keys()]))].sort();
}

// What tells the runs apart: parameters that do not have the same value in all.
export function differing(runs: RunRow[]): string[] {
  const keys = [...new Set(runs.flatMap((run) => [...run.params.keys()]))].sort();
  return keys.filter((key) => new Set(runs.map((run) => run.params.get(key))).size > 1);
}

export interface Curve { run: string; points: { step: number; value: number }[] }
// One row a step with a column a run, as the chart wants it.
export function overlay(curves: Curve[]): Record<string, number>[] {
  const rows = new Map<number, Record<string, number>>();
  for (const curve of curves) {
    for (const { step, value } of curve.points) {
      if (!Number.isFinite(value)) continue;
      const row = rows.get(step) ?? { step };
      row[curve.run] = value;
      rows.set(step, row);
    }
  }
  return [...rows.values()].sort((a, b) => a.step! - b.step!);
}

export function readCurves(ids: string[], metrics: { run_id?: string; step?: number; value: number | string }[]): Curve[] {
  return ids.map((run) => ({ run, points: metrics.filter((metric) => metric.run_id === run).map((metric) => ({ step: Number(metric.step ?? 0), value: numberOf(metric.value) })) }));
}
