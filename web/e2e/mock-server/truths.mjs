// What became known of predictions later, as the node keeps it: revisions by kind, beside the verdicts.
const kinds = ['pathology', 'follow_up', 'consensus', 'discharge'];

export function truthRoutes({ on, fail, state, record, now }) {
  const truths = new Map();   // by prediction
  const predictionOf = (c) => state.predictions.find((p) => p.id === c.params.id) ?? fail(404, 'not_found', 'no such prediction');
  const open = (c) => { const p = predictionOf(c); if (p.blinded && p.verdicts.length === 0) fail(412, 'precondition', 'hidden until your verdict'); return p; };
  const classesOf = (p) => (p.labels || p.number || p.outlines ? [] : p.model.classes ?? []);
  const lastOf = (items, kind) => items.filter((one) => one.kind === kind).at(-1);
  on('GET', '/api/v1/predictions/:id/truths', 'predictions:read', (c) => {
    const p = open(c);
    const items = truths.get(p.id) ?? [];
    const agreement = kinds.flatMap((kind) => {
      const last = lastOf(items, kind);
      return last && !last.withdrawn ? [{ kind, label: last.label, model_same: last.label === p.finding, readers: p.verdicts.slice(-1).map((verdict) => ({ reader_name: verdict.author_name, same: verdict.label === last.label })) }] : [];
    });
    return { items, agreement, classes: classesOf(p) };
  });
  on('PUT', '/api/v1/predictions/:id/truths/:kind', 'feedback:write', (c) => {
    const p = open(c);
    const { withdraw = false, label = null, scheme = '', code = '', date = null, origin = '', comment = '' } = c.body;
    if (!kinds.includes(c.params.kind)) fail(404, 'not_found', 'no such kind');
    if (!withdraw && !classesOf(p).includes(label)) fail(400, 'invalid', 'label: is missing, and the model’s codes do not say which class this code is');
    if (!withdraw && (!date || !origin)) fail(400, 'invalid', 'date and origin are needed');
    const items = truths.get(p.id) ?? [];
    const made = { kind: c.params.kind, revision: (lastOf(items, c.params.kind)?.revision ?? 0) + 1, withdrawn: withdraw, label, code: code ? { scheme, value: code, meaning: '' } : null, date, origin, comment, author_name: c.user.name, time: new Date(now()).toISOString() };
    truths.set(p.id, [...items, made]);
    record(c, withdraw ? 'D' : 'C', withdraw ? 'truth.withdraw' : 'truth.give', 'prediction', p.id);
    return made;
  });
  on('GET', '/api/v1/models/:name/truths', 'predictions:read', () => ({ kinds: [{ kind: 'pathology', inputs: 14, contradictory: 1, readers: { same: 10, of: 12, interval: [0.55, 0.95] }, model: { same: 9, of: 14, interval: [0.39, 0.84] }, differ: [] }] }));
}
