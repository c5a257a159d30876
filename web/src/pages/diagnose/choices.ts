// Which model versions may be diagnosed with, and which one stands first: the one asked for, the one used last, a live one, the newest.
import type { ModelEntry, Stage } from '../../api/types';

export interface Choice { value: string; name: string; version: number; stage: Stage; id: string; created: string }
const rank: Record<Stage, number> = { live: 0, shadow: 1, candidate: 2, retired: 3, recalled: 4 };

export function modelChoices(items: ModelEntry[]): Choice[] {
  return items
    .flatMap((model) => model.versions.map((v) => ({ value: `${model.name}@${v.version}`, name: model.name, version: v.version, stage: v.stage, id: v.id, created: v.created })))
    .filter((choice) => choice.stage !== 'retired' && choice.stage !== 'recalled')
    .sort((a, b) => rank[a.stage] - rank[b.stage] || b.created.localeCompare(a.created) || b.version - a.version);
}

export function startChoice(choices: Choice[], asked: string | null, kept: string): Choice | undefined {
  return choices.find((choice) => choice.value === asked) ?? choices.find((choice) => choice.value === kept) ?? choices[0];
}
