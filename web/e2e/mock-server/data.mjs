// What the mock node starts with: people, datasets, models, jobs, an audit trail. Everything here is invented.
import { createHash } from 'node:crypto';
import { generator } from './phantom.mjs';

export const sha = (text) => createHash('sha256').update(text).digest('hex');
const scopes = {
  admin: ['users:read', 'users:write', 'audit:read', 'datasets:read', 'datasets:write', 'models:read', 'models:write', 'models:promote', 'predictions:create', 'predictions:read', 'jobs:read', 'jobs:write', 'tokens:write', 'archive:read', 'archive:write', 'archive:delete', 'self'],
  clinician: ['models:read', 'models:accept', 'predictions:create', 'predictions:read', 'feedback:write', 'archive:read', 'archive:write', 'self'],
  scientist: ['datasets:read', 'datasets:write', 'models:read', 'models:write', 'models:promote', 'jobs:read', 'jobs:write', 'predictions:create', 'predictions:read', 'self'],
  auditor: ['audit:read', 'models:read', 'self'],
};
export const scopesOf = (roles) => [...new Set(roles.flatMap((role) => scopes[role] ?? []))];
export const minutesAgo = (minutes) => new Date(Date.now() - minutes * 60_000).toISOString();
export const nodules = ['smooth nodule', 'spiculated nodule'];
export const password = 'correct horse battery';

export function history(epochs, seed) {
  const random = generator(seed);
  return Array.from({ length: epochs }, (_, i) => {
    const k = Math.exp(-i / 2.6);
    return {
      epoch: i + 1, train_loss: 0.08 + 0.5 * k + random() * 0.015, validation_loss: 0.13 + 0.42 * k + random() * 0.03 + i * 0.002, validation_auc: 0.982 - 0.16 * k - random() * 0.006,
      validation_accuracy: 0.95 - 0.2 * k - random() * 0.01, images_per_second: 780 + random() * 90, seconds: 5.6 + random(),
    };
  });
}

function evaluation(auroc, seed, names) {
  const figure = (value, half) => ({ value, low: value - half, high: Math.min(1, value + half * 0.85), method: 'mock' });
  const random = generator(seed);
  const power = auroc / (1 - auroc);
  const roc = Array.from({ length: 41 }, (_, i) => { const fpr = (i / 40) ** 2; return { fpr, tpr: Math.min(1, 1 - (1 - fpr) ** power + (i > 0 && i < 40 ? (random() - 0.5) * 0.006 : 0)) }; });
  return {
    samples: 624, kind: 'binary', threshold: 0.62, classes: names,
    metrics: { accuracy: figure(auroc - 0.067, 0.026), sensitivity: figure(auroc + 0.014, 0.019), specificity: figure(auroc - 0.2, 0.054), ppv: figure(auroc - 0.085, 0.032), npv: figure(auroc - 0.02, 0.034), f1: figure(auroc - 0.04, 0.022), auroc: figure(auroc, 0.019), auprc: figure(auroc + 0.012, 0.018), brier: 0.098, ece: 0.061 },
    confusion: [[171, 63], [14, 376]], roc,
  };
}

const figureOf = (value, half) => ({ value, low: value - half, high: value + half, method: 'mock' });
const byLabel = (label, auroc) => ({ label, metrics: { auroc: figureOf(auroc, 0.03), sensitivity: figureOf(auroc - 0.05, 0.04), specificity: figureOf(auroc - 0.07, 0.04), ppv: figureOf(auroc - 0.1, 0.05) } });
const targetEvaluations = {
  'chest-findings': {
    samples: 200, kind: 'multi_label', classes: ['nodule', 'effusion', 'bulla'], thresholds: [0.41, 0.5, 0.38], metrics: { auroc: figureOf(0.903, 0.02), auprc: figureOf(0.861, 0.03), exact: figureOf(0.62, 0.06) },
    per_label: [byLabel('nodule', 0.88), byLabel('effusion', 0.99), byLabel('bulla', 0.84)], baseline: { adds_nothing: false, gain_auroc: { difference: figureOf(0.12, 0.03) } },
  },
  'nodule-size': {
    samples: 200, kind: 'regression', name: 'nodule diameter', unit: 'mm', classes: ['nodule diameter'], metrics: { mae: figureOf(1.42, 0.18), rmse: figureOf(1.93, 0.24), r2: figureOf(0.941, 0.02), pearson: figureOf(0.972, 0.01), bias: figureOf(-0.11, 0.2) },
    baseline: { adds_nothing: false, gain: figureOf(1.05, 0.3) },
  },
};
const boxEvaluation = {
  samples: 200, kind: 'boxes', classes: ['nodule'], threshold: 0.42, findings: 171, clear: 98, groups: null,
  metrics: { froc: figureOf(0.931, 0.02), ap50: figureOf(0.884, 0.04), ap: { value: 0.612 }, sensitivity: figureOf(0.918, 0.04), ppv: figureOf(0.935, 0.04), f1: figureOf(0.926, 0.03), false_marks: figureOf(0.055, 0.03), left_clear: figureOf(0.969, 0.03) },
  per_label: [{ label: 'nodule', findings: 171, froc: figureOf(0.931, 0.02), ap50: figureOf(0.884, 0.04), sensitivity: figureOf(0.918, 0.04), ppv: figureOf(0.935, 0.04) }],
  froc: [{ false_positives: 0, sensitivity: 0.62, threshold: 0.81 }], baseline: { kind: 'the places where training boxes lie most often', adds_nothing: false, gain: figureOf(0.71, 0.04) },
};
targetEvaluations['nodule-boxes'] = boxEvaluation;
const targetCards = {
  'nodule-boxes': { classes: ['nodule'], threshold: 0.42, intended_use: 'Research use only: to point out nodules on one axial CT slice, as a second reader.' },
  'chest-findings': { classes: ['nodule', 'effusion', 'bulla'], thresholds: [0.41, 0.5, 0.38], intended_use: 'Research use only: to point out nodules, effusions and bullae on one axial CT slice, as a second reader.' },
  'nodule-size': { classes: ['nodule diameter'], intended_use: 'Research use only: to estimate the diameter of a nodule on one axial CT slice.' },
};

function card(name, threshold) {
  if (targetCards[name]) return { name, threshold: 0.5, limitations: 'Trained on drawn phantoms, not on patients.', data: 'phantom-ct', created: minutesAgo(60 * 4), created_by: 'lin', ...targetCards[name] };
  if (name === 'nodule-outline') {
    return {
      name, classes: ['background', 'nodule'], threshold: 0.4, intended_use: 'Research use only: to outline nodules on one axial CT slice, as a second reader.',
      limitations: 'Trained on drawn phantoms, not on patients.', data: 'phantom-ct', created: minutesAgo(60 * 5), created_by: 'lin',
    };
  }
  if (name === 'lung-nodule-ct') {
    return {
      name, classes: nodules, threshold, intended_use: 'Research use only: to tell spiculated from smooth nodules on one axial CT slice, as a second reader.',
      limitations: 'Trained on drawn phantoms of 64 × 64 pixels, not on patients. It shows the path from data to diagnosis, nothing more.', data: 'phantom-ct', created: minutesAgo(60 * 6), created_by: 'lin',
    };
  }
  return {
    name, classes: ['normal', 'pneumonia'], threshold,
    intended_use: 'Research use only: to flag frontal chest X-rays of children that suggest pneumonia, as a second reader.',
    limitations: 'Trained on images of 28 × 28 pixels from one hospital, children aged one to five. Not tested on adults, lateral views, other scanners or other lung disease.',
    data: 'pneumonia-mnist', created: minutesAgo(60 * 26), created_by: 'lin',
  };
}

export function model(version) {
  const m = version.detail;
  return {
    name: m.name, version: version.version, stage: version.stage, share: version.share ?? null, id: version.id, created: version.created, dataset: version.dataset, architecture: 'article_cnn', card: card(m.name, 0.62),
    signature: {
      inputs: [{ name: 'image', dtype: 'f32', shape: [1, 28, 28], kind: 'image', meaning: 'chest X-ray, grey' }], outputs: [{ name: 'probability', dtype: 'f32', shape: [1], kind: 'probability', meaning: 'probability of pneumonia', labels: ['pneumonia'] }],
      preprocessing: { height: 28, width: 28, channels: 1, scale: 0.00392156862745098, mean: [], std: [] },
    },
    evaluation: targetEvaluations[m.name] ?? (m.evaluated ? evaluation(version.auroc, version.version + 3, card(m.name, 0.62).classes) : null),
    training: { history: history(10, version.version + 40), engine: 'torch 2.15.0 (CPU)', seconds: 61.4, best_epoch: 9, peak_rss_bytes: 742_391_808, dataset_sha256: sha('pneumonia-mnist'), config: { architecture: 'article_cnn', epochs: 10, batch: 32, learning_rate: 0.001, seed: 1, flip: true, patience: 0, image_size: 0 } },
    files: { 'model.safetensors': sha(`weights${version.id}`), 'evidence/report.html': sha(`report${version.id}`), 'evidence/report.json': sha(`json${version.id}`) }, signed_by: sha('key').slice(0, 32),
  };
}

export function seed() {
  const users = [
    ['admin', ['admin'], 3], ['okafor', ['clinician'], 14], ['lin', ['scientist'], 55], ['moreau', ['auditor'], 60 * 20], ['haddad', ['clinician', 'scientist'], 60 * 70],
  ].map(([name, roles, last], index) => ({ id: `0194f0c2-0000-7000-8000-00000000000${index + 1}`, name, roles, disabled: name === 'haddad', totp: name === 'moreau', created: minutesAgo(60 * 24 * 30), last_login: minutesAgo(/** @type {number} */ (last)), password, secret: null }));
  const version = (name, number, stage, auroc, hours, evaluated = true) => ({ version: number, stage, id: sha(`${name}${number}`), created: minutesAgo(hours * 60), auroc, dataset: name === 'lung-nodule-ct' ? 'phantom-ct' : 'pneumonia-mnist', detail: { name, evaluated } });
  return {
    setupNeeded: false, setupToken: 'first-light-4711', sessions: new Map(), users,
    tokens: [
      { id: 't1', name: 'Night export to the research store', scopes: ['predictions:read', 'models:read'], created: minutesAgo(60 * 24 * 12), expires: minutesAgo(-60 * 24 * 60), last_used: minutesAgo(300) },
      { id: 't2', name: 'Modality bridge, ward 3', scopes: ['predictions:create'], created: minutesAgo(60 * 24 * 86), expires: minutesAgo(-60 * 24 * 4), last_used: null },
    ],
    datasets: [
      {
        name: 'pneumonia-mnist', sha256: sha('pneumonia-mnist'), kind: 'image', classes: ['normal', 'pneumonia'], counts: { train: { normal: 1214, pneumonia: 3494 }, validation: { normal: 135, pneumonia: 389 }, test: { normal: 234, pneumonia: 390 } }, shape: [28, 28, 1], dtype: 'u8',
        licence: 'CC BY 4.0', label_source: 'Two expert physicians, a third for the test split (Kermany 2018)', source: 'pneumoniamnist.npz', warnings: ['classes are unbalanced in train: 1 to 2.9', '2 samples of test are identical to samples of train; see set aside'],
        set_aside: [{ id: 'test/000417', reason: 'identical to train/003120' }, { id: 'test/000588', reason: 'identical to train/000031' }], intensity: { mean: 145.9, sd: 42.3, min: 0, max: 255 }, created: minutesAgo(60 * 50),
      },
      {
        name: 'phantom-ct', sha256: sha('phantom-ct'), kind: 'image', classes: nodules, counts: { train: { 'smooth nodule': 302, 'spiculated nodule': 298 }, validation: { 'smooth nodule': 50, 'spiculated nodule': 50 }, test: { 'smooth nodule': 99, 'spiculated nodule': 101 } }, shape: [64, 64, 1], dtype: 'u8',
        licence: 'CC0', label_source: 'By construction', source: 'built in', warnings: [], set_aside: [], intensity: { mean: 96.1, sd: 71.8, min: 0, max: 255 }, created: minutesAgo(60 * 9),
      },
    ],
    acceptances: [], gates: new Map(),
    models: [
      { name: 'pneumonia-chest-xray', versions: [version('pneumonia-chest-xray', 3, 'live', 0.961, 26), { ...version('pneumonia-chest-xray', 2, 'shadow', 0.948, 90), share: { mode: 'shadow', percent: 25, since: minutesAgo(60 * 20), by: 'lin' } }, version('pneumonia-chest-xray', 1, 'retired', 0.921, 300)] },
      { name: 'lung-nodule-ct', versions: [version('lung-nodule-ct', 1, 'candidate', 0.887, 6)] },
      { name: 'nodule-outline', versions: [version('nodule-outline', 1, 'candidate', null, 5, false)] },
      { name: 'nodule-boxes', versions: [version('nodule-boxes', 1, 'candidate', null, 4)] },
      { name: 'chest-findings', versions: [version('chest-findings', 1, 'candidate', 0.903, 4)] },
      { name: 'nodule-size', versions: [version('nodule-size', 1, 'candidate', null, 3)] },
    ],
    jobs: [
      job('j-live', 'train', 'running', { name: 'lung-nodule-ct', dataset: 'phantom-ct', config: { architecture: 'resnet18', epochs: 14, batch: 32, learning_rate: 0.0005, seed: 2, flip: true, patience: 4, image_size: 64 } }, 4),
      job('j-done', 'train', 'succeeded', { name: 'pneumonia-chest-xray', dataset: 'pneumonia-mnist', config: { architecture: 'article_cnn', epochs: 10, batch: 32, learning_rate: 0.001, seed: 1, flip: true, patience: 0, image_size: 0 } }, 60 * 26),
      job('j-fail', 'train', 'failed', { name: 'pneumonia-chest-xray', dataset: 'pneumonia-mnist', config: { architecture: 'resnet18', epochs: 20, batch: 512, learning_rate: 0.5, seed: 1, flip: true, patience: 0, image_size: 0 } }, 60 * 30, 'invalid: the loss became NaN in epoch 2, batch 7; lower the learning rate'),
      job('j-import', 'dataset-import', 'succeeded', { name: 'phantom-ct' }, 60 * 9),
    ],
    predictions: [], audit: audit(users),
  };
}

export function job(id, kind, state, input, age, error = '') {
  const output = state !== 'succeeded' ? null : kind === 'train' ? { model: input.name, version: 3 } : { dataset: input.name };
  return { id, kind, state, input, output, error, progress: state === 'running' ? { phase: 'train', done: 0, total: 0, values: [], seconds_left: -1 } : null, created_by: 'lin', attempt: 1, created: minutesAgo(age), updated: minutesAgo(Math.max(0, age - 2)), events: [] };
}

function audit(users) {
  const kinds = [
    ['E', 'user.login', 'success', 'user'], ['C', 'prediction.create', 'success', 'prediction'], ['R', 'prediction.read', 'success', 'prediction'], ['C', 'verdict.create', 'success', 'prediction'], ['E', 'user.login', 'minor', 'user'],
    ['R', 'model.read', 'success', 'model'], ['U', 'model.promote', 'success', 'model'], ['C', 'training.start', 'success', 'job'], ['R', 'dataset.read', 'success', 'dataset'], ['U', 'user.roles', 'success', 'user'], ['D', 'token.revoke', 'success', 'token'], ['R', 'audit.read', 'success', 'audit'],
  ];
  const random = generator(99);
  const items = [];
  for (let i = 0; i < 240; i += 1) {
    const [action, event, outcome, entity] = kinds[Math.floor(random() * kinds.length)];
    const who = users[Math.floor(random() * 4)];
    items.push({
      sequence: i + 1, time: minutesAgo((240 - i) * 7 + random() * 5), action, event, outcome, agent_id: who.id, agent_name: who.name, source_address: `10.20.4.${10 + Math.floor(random() * 40)}`, entity_type: entity,
      entity_id: `0194f1a7-${sha(`e${i}`).slice(0, 4)}-7${sha(`f${i}`).slice(0, 3)}-8000-${sha(`g${i}`).slice(0, 12)}`, request_id: sha(`r${i}`).slice(0, 16), detail: event === 'model.promote' ? '{"from":"shadow","to":"live","version":3}' : '', hash: sha(`h${i}`),
    });
  }
  return items;
}
