import { describe, expect, it } from 'vitest';
import { feedReducer, progressValues, type JobFeed } from '../src/api/events';
import type { Dataset, ModelEntry, Prediction, RunRecord, Trial } from '../src/api/types';
import { translate, type Translate } from '../src/i18n';
import { orderedCounts, proposeName, sampleTotal } from '../src/lib/datasets';
import { readEvaluation } from '../src/lib/evaluation';
import { readableImage } from '../src/lib/files';
import { ago, bytes, count, duration, interval, measured, percent, probability, shortHash } from '../src/lib/format';
import { strength } from '../src/lib/password';
import { differing, metricKeys, overlay, readCurves, readRun } from '../src/lib/runs';
import { ranksBefore } from '../src/lib/trials';
import { describeCalibration, findingOf, isHidden, isPositive, nearThreshold, readCalibration, readMembers, readNumberInterval } from '../src/lib/uncertainty';
import { fullWindow, lookupTable, maxZoom, zoomAt } from '../src/lib/window';
import { modelChoices, startChoice } from '../src/pages/diagnose/choices';

const t: Translate = (key, values) => translate('en', key, values);

describe('percent', () => {
  it('of a model never says certain', () => {
    expect(probability(1)).toBe('> 99.9%');
    expect(probability(0)).toBe('< 0.1%');
    expect(probability(0.5)).toBe('50.0%');
    expect(percent(1)).toBe('100.0%');
    expect(percent(0.99999)).toBe('> 99.9%');
    expect(percent(0.00001)).toBe('< 0.1%');
    expect(percent(0.003, 0)).toBe('< 1%');
    expect(percent(0.9995, 0)).toBe('> 99%');
  });
  it('rounds to what is asked', () => {
    expect(percent(0.8176)).toBe('81.8%');
    expect(percent(0.8176, 0)).toBe('82%');
    expect(percent(undefined)).toBe('–');
    expect(percent(Number.NaN)).toBe('–');
  });
});

describe('other figures', () => {
  it('show intervals only when both ends are known', () => {
    expect(interval(0.9412, 0.9771)).toBe('0.941–0.977');
    expect(interval(0.9, null)).toBe('–');
  });
  it('give durations and ages in the language', () => {
    expect(duration(61.4, 'en')).toBe('1 min 1 s');
    expect(duration(3725, 'zh')).toBe('1 小时 2 分');
    expect(duration(-1, 'en')).toBe('–');
    expect(ago('2026-11-22T10:00:00Z', 'en', Date.parse('2026-11-22T13:00:00Z'))).toBe('3 hours ago');
    expect(ago('2026-11-22T10:00:00Z', 'zh', Date.parse('2026-11-22T13:00:00Z'))).toBe('3小时前');
  });
  it('group counts, scale bytes, shorten hashes', () => {
    expect(count(5856, 'en')).toBe('5,856');
    expect(bytes(64 * 1024 * 1024)).toBe('64 MiB');
    expect(bytes(1536)).toBe('1.5 KiB');
    expect(shortHash('sha256:0123456789abcdef')).toBe('0123456789ab');
  });
});

const record = { kind: 'validation-calibration', class: 'pneumonia', cases: 118, positives: 103, observed: 103 / 118, low: 0.8, high: 0.92, level: 0.95, score_low: 0.801, score_high: 0.897, outside: false, text: '' };

describe('uncertainty', () => {
  it('is told as a frequency with its interval and its group', () => {
    const words = describeCalibration(readCalibration(record), 0.85, 'pneumonia', false, t);
    expect(words[0]).toBe('Of 118 validation images scored between 80% and 90%, 103 had pneumonia: 87% (95% interval 80% to 92%).');
    expect(words[1]).toBe('The score agrees with what was seen in validation.');
  });
  it('names one score where both ends of the group read the same', () => {
    const words = describeCalibration(readCalibration({ ...record, score_low: 0.9991, score_high: 0.9999 }), 0.9995, 'pneumonia', false, t);
    expect(words[0]).toMatch(/^Of 118 validation images scored > 99%, 103 had pneumonia/);
  });
  it('says when validation saw more or less than the score promises', () => {
    expect(describeCalibration(readCalibration(record), 0.7, 'pneumonia', false, t)).toContain('In validation, pneumonia was more frequent than this score says.');
    expect(describeCalibration(readCalibration(record), 0.97, 'pneumonia', false, t)).toContain('In validation, pneumonia was less frequent than this score says.');
  });
  it('says when the group is small and when the score lies outside of it', () => {
    const words = describeCalibration(readCalibration({ ...record, cases: 20, positives: 17, outside: true }), 0.85, 'pneumonia', false, t);
    expect(words).toContain('Few validation images were scored like this one, so the interval is wide.');
    expect(words).toContain('This score lies outside the range seen in validation.');
  });
  it('speaks of being right, not of a finding, when there are several classes', () => {
    expect(describeCalibration(readCalibration(record), 0.85, 'malignant', true, t)[0]).toContain('103 were classified rightly');
    expect(describeCalibration(readCalibration(record), 0.97, 'malignant', true, t)).toContain('In validation, the model was right less often than this score says.');
  });
  it('admits that nothing is known', () => {
    for (const unknown of [null, undefined, { kind: 'none', text: '' }, { ...record, cases: 0 }, { ...record, score_low: undefined }, { ...record, low: 'x' }]) {
      expect(readCalibration(unknown)).toBeNull();
    }
    expect(describeCalibration(null, 0.8, 'x', false, t)).toEqual(['This model came without a calibration record: read its probability as a score, not as a frequency.']);
  });
});

const prediction = (over: Partial<Prediction>): Prediction => ({ id: 'p', created: '', model: { name: 'm', version: 1 }, outputs: [{ label: 'pneumonia', probability: 0.3 }], probability: 0.3, threshold: 0.62, finding: 'normal', positive: false, ...over });

describe('a prediction', () => {
  it('of two classes speaks of the positive one, whatever was decided', () => {
    expect(findingOf(prediction({}))).toBe('pneumonia');
    expect(isPositive(prediction({}))).toBe(false);
    expect(isPositive(prediction({ positive: undefined, probability: 0.62 }))).toBe(true);
  });
  it('of several classes speaks of the likeliest', () => {
    const several = prediction({ outputs: [{ label: 'normal', probability: 0.1 }, { label: 'benign', probability: 0.2 }, { label: 'malignant', probability: 0.7 }], finding: 'malignant', probability: 0.7, threshold: null, positive: undefined });
    expect(findingOf(several)).toBe('malignant');
    expect(isPositive(several)).toBe(true);
  });
  it('is hidden when the node says so or gives no probability', () => {
    expect(isHidden(prediction({}))).toBe(false);
    expect(isHidden(prediction({ hidden: true }))).toBe(true);
    expect(isHidden(prediction({ probability: undefined }))).toBe(true);
  });
  it('close to the threshold is undecided', () => {
    expect(nearThreshold(0.6, 0.62)).toBe(true);
    expect(nearThreshold(0.5, 0.62)).toBe(false);
  });
});

describe('several labels and numbers', () => {
  it('keep the digits and the unit of what was measured', () => {
    expect(measured(12.3456, 'mm')).toBe('12.35 mm');
    expect(measured(1234.5, '')).toBe('1235');
    expect(measured(0.0123456)).toBe('0.01235');
    expect(measured(Number.NaN, 'mm')).toBe('–');
  });
  it('a number is shown although it has no probability, its interval only when it is whole', () => {
    const number = { kind: 'number', name: 'diameter', value: 3, unit: 'mm' };
    expect(isHidden({ id: 'p', created: '', model: { name: 'm', version: 1 }, number } as Prediction)).toBe(false);
    expect(readNumberInterval({ kind: 'conformal-interval', coverage: 0.9, low: 1, high: 5, cases: 40 })).toEqual({ coverage: 0.9, low: 1, high: 5, cases: 40 });
    expect(readNumberInterval({ kind: 'conformal-interval', coverage: 0.9, low: 1 })).toBeNull();
    expect(readNumberInterval({ kind: 'none' })).toBeNull();
    expect(readMembers({ members: { count: 5, low: 0.2, high: 0.4, sd: 0.1 } })).toEqual({ count: 5, low: 0.2, high: 0.4 });
    expect(readMembers({ members: { count: 5 } })).toBeNull();
  });
  it('evaluations of both kinds are read', () => {
    const labels = readEvaluation({ kind: 'multi_label', metrics: { auroc: { value: 0.9, low: 0.8, high: 0.95 } }, per_label: [{ label: 'bulla', metrics: { auroc: { value: 0.7 } } }] });
    expect(labels?.perClass).toEqual([{ name: 'bulla', figures: [{ key: 'auroc', value: 0.7, lower: null, upper: null }] }]);
    expect(labels?.unit).toBeNull();
    const numbers = readEvaluation({ kind: 'regression', unit: 'mm', metrics: { mae: { value: 1.5, low: 1, high: 2 } }, baseline: { adds_nothing: true, gain: { value: 0.1, low: -0.2, high: 0.4 } } });
    expect(numbers?.figures).toEqual([{ key: 'mae', value: 1.5, lower: 1, upper: 2 }]);
    expect(numbers?.unit).toBe('mm');
    expect(numbers?.baseline?.addsNothing).toBe(true);
  });
  it('samples are counted once, however many labels hold', () => {
    const dataset = { counts: { train: { a: 60, b: 50 } }, splits: { train: 80 } } as unknown as Dataset;
    expect(sampleTotal(dataset)).toBe(80);
  });
});

describe('window and level', () => {
  it('at full width leave grey values as they are', () => {
    const table = lookupTable(fullWindow);
    for (const grey of [0, 1, 127, 200, 255]) expect(Math.abs(table[grey]! - grey)).toBeLessThanOrEqual(1);
  });
  it('follow DICOM PS3.3 C.11.2.1.2.1: black below, white above, linear between', () => {
    const table = lookupTable({ width: 101, level: 100, invert: false });
    expect(table[49]).toBe(0);
    expect(table[150]).toBe(255);
    expect(table[100]).toBe(Math.round(((100 - 99.5) / 100 + 0.5) * 255));
    expect(lookupTable({ width: 101, level: 100, invert: true })[49]).toBe(255);
  });
  it('keep the point under the pointer when zooming, within limits', () => {
    const view = { zoom: 1, x: 10, y: -5 };
    const next = zoomAt(view, 2, 40, 20);
    expect([(40 - view.x) / view.zoom, (20 - view.y) / view.zoom]).toEqual([(40 - next.x) / next.zoom, (20 - next.y) / next.zoom]);
    expect(zoomAt(view, 1000, 0, 0).zoom).toBe(maxZoom);
  });
});

describe('evaluation records', () => {
  it('are read with their intervals, matrix and curve', () => {
    const evaluation = readEvaluation({ split: 'test', n: 624, figures: { auroc: { value: 0.96, lower: 0.94, upper: 0.98 }, ece: 0.06, accuracy: { value: 0.9, interval: [0.87, 0.92] } }, confusion: [[171, 63], [14, 376]], roc: [{ fpr: 1, tpr: 1 }, { fpr: 0, tpr: 0 }] });
    expect(evaluation?.figures).toEqual([{ key: 'auroc', value: 0.96, lower: 0.94, upper: 0.98 }, { key: 'accuracy', value: 0.9, lower: 0.87, upper: 0.92 }, { key: 'ece', value: 0.06, lower: null, upper: null }]);
    expect(evaluation?.confusion).toEqual([[171, 63], [14, 376]]);
    expect(evaluation?.roc[0]).toEqual({ fpr: 0, tpr: 0 });
  });
  it('of several classes hold figures of each', () => {
    const evaluation = readEvaluation({ samples: 90, kind: 'multiclass', metrics: { accuracy: { value: 0.8, low: 0.7, high: 0.9 } }, per_class: [{ class: 'benign', sensitivity: { value: 0.6, low: 0.4, high: 0.8 }, f1: null }] });
    expect(evaluation?.n).toBe(90);
    expect(evaluation?.perClass).toEqual([{ name: 'benign', figures: [{ key: 'sensitivity', value: 0.6, lower: 0.4, upper: 0.8 }] }]);
  });
  it('are nothing when there is nothing in them', () => {
    for (const empty of [null, undefined, {}, [], 'x', { auroc: 'high' }]) expect(readEvaluation(empty)).toBeNull();
  });
});

describe('job events', () => {
  const start: JobFeed = { epochs: [], progress: null, job: null, log: [], trials: [] };
  it('replace what an epoch seen again made void', () => {
    let feed = [1, 2, 3].reduce((f, epoch) => feedReducer(f, { type: 'epoch', data: { epoch, train_loss: epoch } }), start);
    feed = feedReducer(feed, { type: 'epoch', data: { epoch: 2, train_loss: 9 } });
    expect(feed.epochs).toEqual([{ epoch: 1, train_loss: 1 }, { epoch: 2, train_loss: 9 }]);
  });
  it('rank the trials of a search by their newest word', () => {
    const trial = (n: number, rung: number, figure: number | null, more: Partial<Trial> = {}): Trial => ({ trial: n, state: 'waiting', rung, epochs: 1, figure, values: {}, metric: 'validation_auc', ...more });
    let feed = start;
    for (const news of [trial(1, 1, 0.7), trial(2, 1, 0.9), trial(3, 1, 0.8), trial(4, 1, null, { state: 'failed' }), trial(3, 2, 0.75)]) feed = feedReducer(feed, { type: 'trial', data: news });
    expect(feed.trials.map((t) => t.trial)).toEqual([3, 2, 1, 4]);
    const losses = [trial(1, 1, 0.5, { metric: 'validation_loss' }), trial(2, 1, 0.4, { metric: 'validation_loss' })].sort(ranksBefore);
    expect(losses.map((t) => t.trial)).toEqual([2, 1]);
  });
  it('keep the epochs of trials apart', () => {
    let feed = start;
    for (const [trial, epoch] of [[1, 1], [2, 1], [1, 2]] as const) feed = feedReducer(feed, { type: 'epoch', data: { epoch, trial } });
    expect(feed.epochs).toHaveLength(3);
  });
  it('keep a bounded log', () => {
    let feed = start;
    for (let i = 0; i < 700; i += 1) feed = feedReducer(feed, { type: 'log', data: { message: String(i) } });
    expect(feed.log).toHaveLength(500);
    expect(feed.log[499]!.message).toBe('699');
  });
  it('list progress values in order', () => {
    expect(progressValues({ values: [['loss', '0.3'], ['img/s', '812']] })).toEqual([['loss', '0.3'], ['img/s', '812']]);
    expect(progressValues({ values: { loss: '0.3' } })).toEqual([['loss', '0.3']]);
    expect(progressValues(null)).toEqual([]);
  });
});

describe('runs', () => {
  const record = (id: string, params: Record<string, string>, metrics: Record<string, number | string>): RunRecord => ({
    info: { run_id: id, run_name: id, user_id: 'lin', status: 'FINISHED', experiment_id: '0', start_time: 1, end_time: 5 },
    data: { metrics: Object.entries(metrics).map(([key, value]) => ({ key, value })), params: Object.entries(params).map(([key, value]) => ({ key, value })), tags: [] },
  });
  const runs = [record('a', { depth: '3', rate: '1', only: 'x' }, { auc: 0.5, loss: 'NaN' }), record('b', { depth: '4', rate: '1' }, { auc: 'Infinity' })].map(readRun);
  it('read numbers that are none and say what differs', () => {
    expect(runs[0]!.metrics.get('loss')).toBeNaN();
    expect(runs[1]!.metrics.get('auc')).toBe(Infinity);
    expect(differing(runs)).toEqual(['depth', 'only']);
    expect(metricKeys(runs)).toEqual(['auc', 'loss']);
  });
  it('lie over each other step by step', () => {
    const curves = readCurves(['a', 'b'], [{ run_id: 'a', step: 2, value: 0.2 }, { run_id: 'a', step: 1, value: 0.1 }, { run_id: 'b', step: 2, value: 0.4 }, { run_id: 'b', step: 3, value: 'NaN' }]);
    expect(overlay(curves)).toEqual([{ step: 1, a: 0.1 }, { step: 2, a: 0.2, b: 0.4 }]);
  });
});

describe('choices', () => {
  const version = (n: number, stage: 'live' | 'shadow' | 'candidate' | 'retired', created: string) => ({ version: n, stage, id: `h${n}`, created });
  const models: ModelEntry[] = [{ name: 'a', versions: [version(3, 'candidate', '2026-03-01'), version(2, 'retired', '2026-02-01')] }, { name: 'b', versions: [version(1, 'live', '2026-01-01')] }];
  it('leave retired versions out and put live ones first', () => {
    expect(modelChoices(models).map((choice) => choice.value)).toEqual(['b@1', 'a@3']);
  });
  it('start with the one asked for, then the one used last, then the first', () => {
    const choices = modelChoices(models);
    expect(startChoice(choices, 'a@3', 'b@1')?.value).toBe('a@3');
    expect(startChoice(choices, null, 'a@3')?.value).toBe('a@3');
    expect(startChoice(choices, 'a@2', 'gone@1')?.value).toBe('b@1');
    expect(startChoice([], null, '')).toBeUndefined();
  });
});

describe('datasets and files', () => {
  it('count and order their splits', () => {
    const dataset = { name: 'd', sha256: '', kind: 'image', classes: ['a', 'b'], counts: { test: { a: 1, b: 2 }, train: { a: 3, b: 4 }, validation: { a: 0, b: 0 } } } satisfies Dataset;
    expect(sampleTotal(dataset)).toBe(10);
    expect(Object.keys(orderedCounts(dataset))).toEqual(['train', 'test']);
  });
  it('propose a name that the node accepts', () => {
    expect(proposeName('Chest Films (2).NPZ')).toBe('chest-films-2');
    expect(proposeName('__x__.npz')).toBe('x');
  });
  it('know what can be read', () => {
    expect(readableImage(new File(['x'], 'a.png', { type: 'image/png' }))).toBe(true);
    expect(readableImage(new File(['x'], 'a.npy'))).toBe(true);
    expect(readableImage(new File([], 'a.png', { type: 'image/png' }))).toBe(false);
    expect(readableImage(new File(['x'], 'a.pdf', { type: 'application/pdf' }))).toBe(false);
  });
  it('rate passwords by length and variety', () => {
    expect(strength('')).toBe(0);
    expect(strength('aaaaaaaaaaaa')).toBe(1);
    expect(strength('correct horse battery')).toBeGreaterThanOrEqual(3);
  });
});
