// Trials of a search: the newest word of each, ranked as the node ranks them.
import type { Trial } from '../api/types';
import type { Translate } from '../i18n';

const lessIsBetter = (metric: string | undefined) => metric === 'validation_loss' || metric === 'validation_rmse' || metric === 'validation_mae';

// Those that did not fail first, then by rung, by figure, by number.
export function ranksBefore(a: Trial, b: Trial): number {
  if ((a.state === 'failed') !== (b.state === 'failed')) return a.state === 'failed' ? 1 : -1;
  if (a.rung !== b.rung) return b.rung - a.rung;
  const merit = (trial: Trial) => (typeof trial.figure !== 'number' ? -Infinity : lessIsBetter(trial.metric) ? -trial.figure : trial.figure);
  const [x, y] = [merit(a), merit(b)];
  return x === y ? a.trial - b.trial : y - x;
}

export function withTrial(trials: Trial[], news: Trial): Trial[] {
  return [...trials.filter((trial) => trial.trial !== news.trial), news].sort(ranksBefore);
}

export function trialFate(trial: Trial, t: Translate): string {
  if (trial.state === 'stopped' || trial.state === 'promoted') return t(`trials.${trial.state}`, { n: trial.rung });
  return t(`trials.${trial.state}`);
}

export function trialValues(trial: Trial, key: string): string {
  const value = trial.values[key];
  return value === undefined ? '–' : typeof value === 'string' ? value : JSON.stringify(value);
}
