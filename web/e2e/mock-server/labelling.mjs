// Labelling projects of the mock node: blinded reading, agreement of two readers, adjudication. Images are phantoms of 12 bits.
import { randomUUID } from 'node:crypto';
import { minutesAgo, nodules, scopesOf } from './data.mjs';
import { phantomGrey } from './phantom.mjs';

const size = 160;
const slides = new Map();
function npy(number) {
  if (!slides.has(number)) {
    const grey = phantomGrey({ seed: 300 + number, size, nodule: number % 2 ? 'spiculated' : 'smooth', noise: 6 });
    const header = `{'descr': '<i2', 'fortran_order': False, 'shape': (${size}, ${size}), }`;
    const padded = header.padEnd(117, ' ') + '\n';
    const head = Buffer.concat([Buffer.from([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, padded.length, 0]), Buffer.from(padded, 'latin1')]);
    slides.set(number, Buffer.concat([head, Buffer.from(Int16Array.from(grey, (g) => g * 6 - 1000).buffer)]));
  }
  return slides.get(number);
}

function project(id, name, readers, adjudicator, cases, more = {}) {
  return {
    id, name, dataset: 'lung-nodules', task: 'classes', classes: nodules, ordered: false, instructions: 'Smooth: a sharp, round border. Spiculated: lines run from the border into the lung.', selection: { by: 'random', count: cases }, seed: 7, cases, state: 'reading',
    readers: readers.map((reader) => ({ name: reader, submitted: false })), adjudicator: { name: adjudicator }, ended_why: null, result: null, created: minutesAgo(300), created_by: 'lin', answers: {}, ...more,
  };
}
function fill(made, wrong) {
  made.readers.forEach((reader, who) => {
    reader.submitted = true;
    made.answers[reader.name] = Object.fromEntries(Array.from({ length: made.cases }, (_, n) => [n, { class: nodules[who === 1 && n % Math.round(made.cases / wrong) === 3 ? 1 - (n % 2) : n % 2], cannot_tell: null, comment: '', revision: 1, duration_ms: 2400 + 700 * who, time: minutesAgo(100) }]));
  });
  made.state = 'adjudication';
  return made;
}
const seedProjects = () => [
  project('p-reading', 'nodule-shape', ['admin', 'okafor'], 'moreau', 24),
  project('p-label', 'nodule-shape-4', ['admin', 'okafor'], 'moreau', 120),
  fill(project('p-queue', 'nodule-shape-2', ['okafor', 'moreau'], 'admin', 40), 5),
  { ...fill(project('p-done', 'nodule-shape-1', ['okafor', 'admin'], 'moreau', 200, { ordered: true, classes: nodules }), 16), state: 'finished', result: 'lung-nodules@2' },
];

const differ = (made) => Array.from({ length: made.cases }, (_, n) => n).filter((n) => made.readers.every((r) => made.answers[r.name]?.[n]) && new Set(made.readers.map((r) => made.answers[r.name][n].class)).size > 1);

function kappaOf(table) {
  const n = table.flat().reduce((a, b) => a + b, 0);
  const rows = table.map((row) => row.reduce((a, b) => a + b, 0));
  const columns = table[0].map((_, j) => table.reduce((sum, row) => sum + row[j], 0));
  const seen = table.reduce((sum, row, i) => sum + row[i], 0) / n;
  const chance = rows.reduce((sum, row, i) => sum + row * columns[i], 0) / (n * n);
  if (chance >= 1 || n === 0) return { value: null, why: 'kappa does not exist: both readers put every case into one category' };
  const value = (seen - chance) / (1 - chance);
  const half = (1.96 * Math.sqrt((seen * (1 - seen)) / n)) / (1 - chance);
  return { value, low: value - half, high: Math.min(1, value + half), standard_error: half / 1.96 };
}

export function labellingRoutes({ on, fail, state, record, job }) {
  state.labelling = seedProjects();
  const base = '/api/v1/labelling/projects';
  const all = (c) => scopesOf(c.user.roles).includes('datasets:read');
  const partOf = (c, made) => (made.adjudicator.name === c.user.name ? 'adjudicator' : made.readers.some((r) => r.name === c.user.name) ? 'reader' : null);
  const find = (c) => { const made = state.labelling.find((p) => p.id === c.params.id); if (!made || (!all(c) && partOf(c, made) === null)) fail(404, 'not_found', 'there is no such labelling project'); return made; };
  const shown = (c, made) => {
    const { answers, ...rest } = made;
    const done = (name) => Object.keys(answers[name] ?? {}).length;
    return { ...rest, readers: made.readers.map((r) => ({ ...r, done: done(r.name) })), adjudicator: { name: made.adjudicator.name, done: done(made.adjudicator.name), disagreements: made.state === 'reading' ? null : differ(made).length }, part: partOf(c, made) };
  };
  const queueOf = (c, made, part) => {
    if (part === 'reading') { if (partOf(c, made) !== 'reader') fail(403, 'denied', 'you adjudicate this project'); return Array.from({ length: made.cases }, (_, n) => (c.user.name === 'admin' ? n : made.cases - 1 - n)); }
    if (partOf(c, made) !== 'adjudicator') fail(403, 'denied', 'you are a reader of this project');
    if (made.state === 'reading') fail(409, 'precondition', 'the readers have not all handed in');
    return differ(made);
  };
  const openOf = (c, made, part) => (part === 'reading' ? made.state === 'reading' && !made.readers.find((r) => r.name === c.user.name).submitted : made.state === 'adjudication');
  const workOf = (c, made, part) => {
    const queue = queueOf(c, made, part);
    const mine = made.answers[c.user.name] ?? {};
    const answers = queue.map((n) => (mine[n] ? mine[n].class ?? '' : null));
    const next = answers.indexOf(null);
    return { total: queue.length, done: answers.filter((a) => a !== null).length, next: next < 0 ? null : next, answers, open: openOf(c, made, part), ...(part === 'reading' ? { submitted: made.readers.find((r) => r.name === c.user.name).submitted } : {}) };
  };

  on('GET', base, 'predictions:read', (c) => ({ items: state.labelling.filter((made) => all(c) || partOf(c, made)).map((made) => shown(c, made)), next: null }));
  on('POST', base, 'datasets:write', (c) => {
    for (const name of [...c.body.readers, c.body.adjudicator]) if (!state.users.some((u) => u.name === name)) fail(400, 'invalid', `labelling: there is no account ${name}`);
    if (state.labelling.some((p) => p.name === c.body.name)) fail(409, 'exists', `there is a labelling project ${c.body.name} already`);
    const made = project(randomUUID(), c.body.name, c.body.readers, c.body.adjudicator, c.body.select?.count ?? 30, { dataset: c.body.dataset, classes: c.body.classes ?? nodules, ordered: c.body.ordered ?? false, instructions: c.body.instructions ?? '', created: minutesAgo(0), created_by: c.user.name, selection: c.body.select ?? { by: 'all' } });
    state.labelling.unshift(made);
    record(c, 'C', 'labelling.create', 'labelling', made.id);
    c.status = 201;
    return shown(c, made);
  });
  on('GET', `${base}/:id`, 'predictions:read', (c) => shown(c, find(c)));
  on('DELETE', `${base}/:id`, 'datasets:write', (c) => { state.labelling.splice(state.labelling.indexOf(find(c)), 1); c.status = 204; });
  on('POST', `${base}/:id/end-reading`, 'datasets:write', (c) => { const made = find(c); if (!c.body.reason) fail(400, 'invalid', 'labelling: reason: is missing'); made.state = 'adjudication'; made.ended_why = c.body.reason; return shown(c, made); });
  on('POST', `${base}/:id/finish`, 'datasets:write', (c) => {
    const made = find(c);
    const left = differ(made).length - Object.keys(made.answers[made.adjudicator.name] ?? {}).length;
    if (left > 0 && !c.body.leave_undecided) fail(409, 'precondition', `${left} disagreements are not decided`);
    made.state = 'finished';
    made.result = c.body.as ?? `${made.dataset}@3`;
    c.status = 202;
    return { job: job('labelling-finish', { project: made.id }) };
  });
  on('POST', `${base}/:id/submit`, 'feedback:write', (c) => {
    const made = find(c);
    const work = workOf(c, made, 'reading');
    if (work.done < work.total) fail(409, 'precondition', 'not every case has an answer yet');
    made.readers.find((r) => r.name === c.user.name).submitted = true;
    if (made.readers.every((r) => r.submitted)) made.state = 'adjudication';
    return workOf(c, made, 'reading');
  });
  for (const part of ['reading', 'adjudication']) {
    on('GET', `${base}/:id/${part}`, 'feedback:write', (c) => workOf(c, find(c), part));
    const numberOf = (c) => queueOf(c, find(c), part)[Number(c.params.place)] ?? fail(404, 'not_found', 'there is no such case');
    on('GET', `${base}/:id/${part}/:place`, 'feedback:write', (c) => {
      const made = find(c);
      const number = numberOf(c);
      const order = number % 3 === 0 ? [1, 0] : [0, 1];
      const readings = order.map((who, i) => { const { class: name, cannot_tell, comment } = made.answers[made.readers[who].name]?.[number] ?? {}; return { reader: 'AB'[i], class: name, cannot_tell, comment }; });
      return { place: Number(c.params.place), kind: 'image', slices: 1, height: size, width: size, channels: 1, dtype: 'int16', spacing_mm: [0.7, 0.7], answer: made.answers[c.user.name]?.[number] ?? null, ...(part === 'adjudication' ? { readings } : {}) };
    });
    on('GET', `${base}/:id/${part}/:place/pixels.npy`, 'feedback:write', (c) => { c.type = 'application/x-npy'; return npy(numberOf(c)); });
    on('PUT', `${base}/:id/${part}/:place`, 'feedback:write', (c) => {
      const made = find(c);
      if (!openOf(c, made, part)) fail(409, 'precondition', 'answers are fixed: they can no longer be changed');
      const mine = (made.answers[c.user.name] ??= {});
      const number = numberOf(c);
      return (mine[number] = { class: c.body.class ?? null, cannot_tell: c.body.cannot_tell ?? null, comment: c.body.comment ?? '', revision: (mine[number]?.revision ?? 0) + 1, duration_ms: c.body.duration_ms, time: minutesAgo(0) });
    });
  }
  on('GET', `${base}/:id/agreement`, 'predictions:read', (c) => {
    const made = find(c);
    if (made.state === 'reading') fail(409, 'precondition', 'the readers have not all handed in: their answers are hidden until then');
    const [a, b] = made.readers.map((r) => r.name);
    const table = made.classes.map(() => made.classes.map(() => 0));
    let unsure = 0;
    for (let n = 0; n < made.cases; n += 1) {
      const [i, j] = [a, b].map((name) => made.classes.indexOf(made.answers[name]?.[n]?.class));
      if (i < 0 || j < 0) unsure += 1; else table[i][j] += 1;
    }
    const cases = made.cases - unsure;
    const agreed = table.reduce((sum, row, i) => sum + row[i], 0);
    const decided = made.answers[made.adjudicator.name] ?? {};
    const adjudicated = made.state === 'finished' ? differ(made).length : Object.keys(decided).length;
    const kappa = kappaOf(table);
    const rest = (k) => { const x = table[k][k]; const row = table[k].reduce((s, v) => s + v, 0) - x; const column = table.reduce((s, r) => s + r[k], 0) - x; return [[x, row], [column, cases - x - row - column]]; };
    return {
      cases: made.cases, read_by_all: made.cases, agreed, disagreed: made.cases - agreed, adjudicated, undecided: differ(made).length - adjudicated, cannot_tell: 0, classes: made.classes, mean_kappa: kappa.value,
      pairs: [{ a, b, cases, cannot_tell: unsure, raw: { agreed, value: agreed / cases, low: agreed / cases - 0.03, high: Math.min(1, agreed / cases + 0.02) }, kappa, kappa_with_cannot_tell: kappa, table, classes: made.classes.map((name, k) => { const [[x, r], [q]] = rest(k); return { class: name, agreement: (2 * x) / (2 * x + r + q), kappa: kappaOf(rest(k)) }; }) }],
      readers: made.readers.map((r) => ({ name: r.name, cannot_tell: 0, changed: 0, median_seconds: (made.answers[r.name]?.[0]?.duration_ms ?? 0) / 1000 })),
    };
  });
  on('GET', `${base}/:id/labels.csv`, 'datasets:read', (c) => { find(c); c.type = 'text/csv'; return 'path,label\n'; });
  on('GET', `${base}/:id/labels.json`, 'datasets:read', (c) => { find(c); return { items: [] }; });
}
