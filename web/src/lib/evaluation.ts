// An evaluation record brought to what the pages show: figures with intervals, confusion matrix, ROC points.
export interface Figure { key: string; value: number; lower: number | null; upper: number | null }
export interface RocPoint { fpr: number; tpr: number }
export interface Evaluation { split: string | null; n: number | null; figures: Figure[]; confusion: number[][] | null; roc: RocPoint[]; classes: string[]; perClass: { name: string; figures: Figure[] }[]; unit: string | null; places: 'boxes' | 'outlines' | null; baseline: { addsNothing: boolean; gain: Figure | null } | null }

type Loose = Record<string, unknown>;
export const figureOrder = ['auroc', 'sensitivity', 'specificity', 'accuracy', 'balanced_accuracy', 'ppv', 'npv', 'f1', 'auprc', 'brier', 'ece', 'exact', 'dice', 'iou', 'part_sensitivity', 'froc', 'ap50', 'ap', 'left_clear', 'mae', 'rmse', 'r2', 'pearson', 'bias'];
// Figures with a unit, or that may leave 0 to 1.
export const unbounded = new Set(['mae', 'rmse', 'bias', 'r2', 'pearson']);
export const perClassOrder = ['auroc', 'froc', 'ap50', 'sensitivity', 'specificity', 'ppv'];
const isNumber = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value);
const isRecord = (value: unknown): value is Loose => typeof value === 'object' && value !== null && !Array.isArray(value);

export function readFigure(key: string, value: unknown): Figure | null {
  if (isNumber(value)) return { key, value, lower: null, upper: null };
  if (!isRecord(value)) return null;
  const point = [value.value, value.estimate, value.point].find(isNumber);
  if (point === undefined) return null;
  const range = Array.isArray(value.interval) ? value.interval : isRecord(value.interval) ? [value.interval.low ?? value.interval.lower, value.interval.high ?? value.interval.upper] : [value.lower ?? value.low, value.upper ?? value.high];
  return { key, value: point, lower: isNumber(range[0]) ? range[0] : null, upper: isNumber(range[1]) ? range[1] : null };
}

function readConfusion(value: unknown): number[][] | null {
  const rows = isRecord(value) ? value.matrix ?? value.counts : value;
  if (Array.isArray(rows) && rows.length > 1 && rows.every((row) => Array.isArray(row) && row.length === rows.length && row.every(isNumber))) return rows as number[][];
  if (isRecord(value) && [value.tn, value.fp, value.fn, value.tp].every(isNumber)) return [[value.tn as number, value.fp as number], [value.fn as number, value.tp as number]];
  return null;
}

function readRoc(value: unknown): RocPoint[] {
  const points = isRecord(value) ? value.points ?? value : value;
  if (isRecord(points) && Array.isArray(points.fpr) && Array.isArray(points.tpr)) {
    const tpr = points.tpr as unknown[];
    return (points.fpr as unknown[]).flatMap((x, i) => { const y = tpr[i]; return isNumber(x) && isNumber(y) ? [{ fpr: x, tpr: y }] : []; });
  }
  if (!Array.isArray(points)) return [];
  return points.flatMap((point: unknown) => {
    const [x, y] = Array.isArray(point) ? [point[0] as unknown, point[1] as unknown] : isRecord(point) ? [point.fpr ?? point.x, point.tpr ?? point.y] : [];
    return isNumber(x) && isNumber(y) ? [{ fpr: x, tpr: y }] : [];
  }).sort((a, b) => a.fpr - b.fpr || a.tpr - b.tpr);
}

// null when there is nothing to show.
export function readEvaluation(evaluation: unknown): Evaluation | null {
  if (!isRecord(evaluation)) return null;
  const source = [evaluation.figures, evaluation.metrics].find(isRecord) ?? evaluation;
  const figures = figureOrder.flatMap((key) => readFigure(key, source[key]) ?? []);
  const n = [evaluation.n, evaluation.samples, evaluation.cases, evaluation.count].find(isNumber) ?? null;
  const split = typeof evaluation.split === 'string' ? evaluation.split : null;
  const roc = readRoc(evaluation.roc ?? evaluation.roc_points);
  const confusion = readConfusion(evaluation.confusion ?? evaluation.confusion_matrix);
  const entries = [evaluation.per_class, evaluation.kind === 'multi_label' || evaluation.kind === 'boxes' ? evaluation.per_label : null].find(Array.isArray) ?? [];
  const perClass = entries.filter(isRecord).map((entry) => {
    const own = isRecord(entry.metrics) ? entry.metrics : entry;
    return { name: String(entry.class ?? entry.label ?? ''), figures: perClassOrder.flatMap((key) => readFigure(key, own[key]) ?? []) };
  });
  const trivial = isRecord(evaluation.baseline) ? evaluation.baseline : null;
  const gained = trivial && isRecord(trivial.gain) ? readFigure('gain', trivial.gain) : trivial && isRecord(trivial.gain_auroc) ? readFigure('gain', trivial.gain_auroc.difference) : null;
  const baseline = trivial ? { addsNothing: trivial.adds_nothing !== false, gain: gained } : null;
  if (figures.length === 0 && !confusion && roc.length === 0) return null;
  const unit = evaluation.kind === 'regression' ? String(evaluation.unit ?? '') : null;
  const places = evaluation.kind === 'boxes' || evaluation.kind === 'outlines' ? evaluation.kind : null;
  return { split, n, figures, confusion, roc, unit, places, classes: Array.isArray(evaluation.classes) ? evaluation.classes.filter((c): c is string => typeof c === 'string') : [], perClass, baseline };
}
