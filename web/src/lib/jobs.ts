import type { Job, TrainingConfig } from '../api/types';

const text = (value: unknown) => (typeof value === 'string' ? value : '');

// What a job is about: the model or dataset it makes.
export function jobSubject(job: Job): string {
  const options = job.input?.options as Record<string, unknown> | undefined;
  return text(job.input?.name) || text(options?.name) || text(job.input?.model) || job.id;
}

export const ended = (job: Pick<Job, 'state'>) => job.state === 'succeeded' || job.state === 'failed' || job.state === 'cancelled';

export const defaultTraining: TrainingConfig = { architecture: 'article_cnn', epochs: 10, batch: 32, learning_rate: 0.001, seed: 1, flip: true, patience: 0, image_size: 0 };
const keptKey = 'aceso-next-training';

// Settings handed from a finished job to a new form.
export function keepTraining(input: Record<string, unknown>) { sessionStorage.setItem(keptKey, JSON.stringify(input)); }
export function takeTraining(): { name: string; dataset: string; config: TrainingConfig } | null {
  try {
    const kept = JSON.parse(sessionStorage.getItem(keptKey) ?? 'null') as { name?: string; dataset?: string; config?: Record<string, unknown> } | null;
    sessionStorage.removeItem(keptKey);
    if (!kept) return null;
    const config = { ...defaultTraining };
    for (const key of Object.keys(config) as (keyof TrainingConfig)[]) {
      const value = kept.config?.[key];
      if (typeof value === typeof config[key]) (config as Record<string, unknown>)[key] = value;
    }
    return { name: text(kept.name), dataset: text(kept.dataset), config };
  } catch {
    return null;
  }
}
