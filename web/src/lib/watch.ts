// Models watched by day: the names of tests in the reader's language, and the days as a grid.
import type { WatchDay, WatchState, WatchTest } from '../api/types';
import type { Key, Translate } from '../i18n';

const plain: Record<string, Key> = {
  'intensity: mean': 'watch.tests.mean', 'intensity: standard deviation': 'watch.tests.deviation', 'intensity: 5 % quantile': 'watch.tests.dark', 'intensity: 95 % quantile': 'watch.tests.bright', detail: 'watch.tests.detail',
  'distance of appearance': 'watch.tests.appearance', 'distance of embedding': 'watch.tests.embedding', 'embedding: mean of all components': 'watch.tests.components', 'expected accuracy': 'watch.tests.accuracy', 'answers a day': 'watch.tests.answers',
  'inputs that the model is not applicable to': 'watch.tests.notApplicable', 'inputs that are unusual': 'watch.tests.unusual',
};
const prefixed: [string, Key][] = [['embedding: component ', 'watch.tests.component'], ['score: ', 'watch.tests.score'], ['findings: share of ', 'watch.tests.findings'], ['input: ', 'watch.tests.input']];

export function testName(name: string, t: Translate): string {
  const known = plain[name];
  if (known) return t(known);
  for (const [prefix, key] of prefixed) if (name.startsWith(prefix)) return t(key, { name: name.slice(prefix.length) });
  return name;
}

// Shares are shown in per cent.
export const isShare = (test: WatchTest) => test.group === 'quality' && test.p_value !== null || test.group === 'performance' || test.name.startsWith('findings: ');

export interface WatchRow { name: string; group: string; cells: (WatchTest | null)[] }

const order = ['input', 'embedding', 'score', 'performance', 'quality'];
// A row a test, a column a day, the oldest day first.
export function watchGrid(days: WatchDay[]): { columns: WatchDay[]; rows: WatchRow[] } {
  const columns = [...days].reverse();
  const rows = new Map<string, WatchRow>();
  columns.forEach((day, at) => {
    for (const test of day.tests) {
      const row = rows.get(test.name) ?? { name: test.name, group: test.group, cells: columns.map(() => null) };
      row.cells[at] = test;
      rows.set(test.name, row);
    }
  });
  return { columns, rows: [...rows.values()].sort((a, b) => order.indexOf(a.group) - order.indexOf(b.group) || a.name.localeCompare(b.name)) };
}

export const worst = (days: WatchDay[]): WatchState => (['alarm', 'warning', 'steady', 'reference'] as const).find((state) => days.some((day) => day.state === state)) ?? 'waiting';
