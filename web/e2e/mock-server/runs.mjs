// Runs in MLflow's form: three trainings with curves, one of a client's script.
import { history } from './data.mjs';

const start = Date.parse('2026-11-20T08:00:00Z');
const names = ['resnet18 3f1a', 'article_cnn 77b0', 'densenet121 90cd'];
/** @type {any[]} */
export const runs = names.map((name, i) => {
  const records = history(10, 80 + i);
  const tags = { 'mlflow.user': 'lin', 'aceso.job': 'j-done', 'aceso.model': 'pneumonia-chest-xray', 'aceso.version': String(3 - i) };
  return {
    id: String(i + 1).repeat(32), name, user: 'lin', status: i === 2 ? 'FAILED' : 'FINISHED', experiment: '1', start: start + i * 3600_000, end: start + i * 3600_000 + 61_000, records,
    params: { architecture: name.split(' ')[0], learning_rate: String(0.001 * (i + 1)), batch: '32', epochs: '10' }, tags,
  };
});
runs.push({ id: 'c'.repeat(32), name: 'gradient boosting', user: 'moreau', status: 'RUNNING', experiment: '2', start: start + 9 * 3600_000, end: null, records: history(4, 99).map(({ epoch, validation_auc }) => ({ epoch, validation_auc })), params: { depth: '5' }, tags: {} });

const pairs = (object) => Object.entries(object).map(([key, value]) => ({ key, value }));
const values = (run, key) => run.records.filter((r) => typeof r[key] === 'number').map((r) => ({ key, value: r[key], timestamp: run.start, step: r.epoch, run_id: run.id }));
const latest = (run) => Object.keys(run.records[0]).filter((key) => key !== 'epoch').map((key) => values(run, key).at(-1)).filter(Boolean);
const shown = (run) => ({
  info: { run_id: run.id, run_name: run.name, user_id: run.user, status: run.status, experiment_id: run.experiment, start_time: run.start, ...(run.end ? { end_time: run.end } : {}) },
  data: { metrics: latest(run), params: pairs(run.params), tags: pairs(run.tags) },
});

export function runRoutes(on) {
  on('GET', '/api/2.0/mlflow/experiments/search', 'jobs:read', () => ({ experiments: [{ experiment_id: '1', name: 'pneumonia-chest-xray', lifecycle_stage: 'active' }, { experiment_id: '2', name: 'by hand', lifecycle_stage: 'active' }] }));
  on('POST', '/api/2.0/mlflow/runs/search', 'jobs:read', (c) => {
    const match = /^metrics\.(\w+) > ([\d.]+)$/.exec(c.body.filter);
    if (c.body.filter && !match) { c.status = 400; return { error_code: 'INVALID_PARAMETER_VALUE', message: `filter, at byte ${c.body.filter.length + 1}: a comparison is expected` }; }
    const value = (run, key) => latest(run).find((m) => m.key === key)?.value ?? -Infinity;
    let list = runs.filter((run) => c.body.experiment_ids.includes(run.experiment) && (!match || value(run, match[1]) > Number(match[2]))).sort((a, b) => b.start - a.start);
    const order = /^metrics\.`(\w+)` (ASC|DESC)$/.exec(c.body.order_by[0] ?? '');
    if (order) list = list.sort((a, b) => (value(a, order[1]) - value(b, order[1])) * (order[2] === 'ASC' ? 1 : -1));
    return { runs: list.map(shown) };
  });
  on('GET', '/api/2.0/mlflow/metrics/get-history-bulk-interval', 'jobs:read', (c) => ({ metrics: c.query.getAll('run_ids').flatMap((id) => values(runs.find((run) => run.id === id), c.query.get('metric_key'))) }));
}
