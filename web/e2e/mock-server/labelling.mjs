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
  project('p-boxes', 'nodule-boxes', ['admin', 'okafor'], 'moreau', 12, { task: 'boxes', classes: ['nodule', 'vessel'], instructions: 'One box around each nodule, as tight as it fits.' }),
  project('p-outlines', 'nodule-outlines', ['admin', 'okafor'], 'moreau', 12, { task: 'outlines', classes: ['nodule', 'vessel'], instructions: '' }),
  drawn(project('p-boxes-queue', 'nodule-boxes-2', ['okafor', 'moreau'], 'admin', 12, { task: 'boxes', classes: ['nodule', 'vessel'], instructions: '' }), (n, who) => ({ class: 'nodule', box: [96 + who * (n === 2 ? 14 : 1), 70, 122 + who * (n === 2 ? 14 : 1), 96] })),
  { ...drawn(project('p-outlines-done', 'nodule-outlines-1', ['okafor', 'moreau'], 'admin', 12, { task: 'outlines', classes: ['nodule', 'vessel'], instructions: '' }), (_n, who) => ({ class: 'nodule', runs: square(96 + who, 70 + who, 24) })), state: 'finished', result: 'lung-nodules@4' },
  { ...fill(project('p-done', 'nodule-shape-1', ['okafor', 'admin'], 'moreau', 200, { ordered: true, classes: nodules }), 16), state: 'finished', result: 'lung-nodules@2' },
];

// Two readers who drew a nodule on every second case; the second a little elsewhere, and on one case not at all.
function drawn(made, shape) {
  made.readers.forEach((reader, who) => {
    reader.submitted = true;
    made.answers[reader.name] = Object.fromEntries(Array.from({ length: made.cases }, (_, n) => [n, { class: null, cannot_tell: null, comment: '', objects: n % 2 || (who === 1 && n === 4) ? [] : [shape(n, who)], revision: 1, duration_ms: 5200 + 900 * who, time: minutesAgo(100) }]));
  });
  made.state = 'adjudication';
  return made;
}
const square = (left, top, side) => Array.from({ length: side }, (_, row) => [(top + row) * size + left, side]).flat();

const differ = (made) => Array.from({ length: made.cases }, (_, n) => n).filter((n) => made.readers.every((r) => made.answers[r.name]?.[n]) && (made.task === 'classes' ? new Set(made.readers.map((r) => made.answers[r.name][n].class)).size > 1 : unlike(...made.readers.map((r) => made.answers[r.name][n].objects ?? null))));

function iou(a, b) {
  const w = Math.min(a[2], b[2]) - Math.max(a[0], b[0]);
  const h = Math.min(a[3], b[3]) - Math.max(a[1], b[1]);
  return w > 0 && h > 0 ? (w * h) / ((a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - w * h) : 0;
}
const points = (objects) => new Set(objects.flatMap((o) => { const out = []; for (let i = 0; i < o.runs.length; i += 2) for (let k = 0; k < o.runs[i + 1]; k += 1) out.push(`${o.class}/${o.runs[i] + k}`); return out; }));
function dice(a, b) { const [x, y] = [points(a), points(b)]; return x.size + y.size === 0 ? 1 : (2 * [...x].filter((p) => y.has(p)).length) / (x.size + y.size); }
function unlike(a, b) {
  if (a === null || b === null) return a !== b;
  if (a.length !== b.length) return true;
  if (a.length === 0) return false;
  return a[0].box ? a.some((one) => !b.some((other) => other.class === one.class && iou(one.box, other.box) >= 0.5)) : dice(a, b) < 0.8;
}

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

function drawnAgreement(made, a, b) {
  const pairs = Array.from({ length: made.cases }, (_, n) => [made.answers[a][n].objects ?? [], made.answers[b][n].objects ?? []]);
  const table = [[0, 0], [0, 0]];
  for (const [x, y] of pairs) table[x.length ? 0 : 1][y.length ? 0 : 1] += 1;
  const kappa = kappaOf(table);
  const agreed = table[0][0] + table[1][1];
  const values = made.task === 'boxes' ? pairs.flatMap(([x, y]) => (x.length && y.length ? [iou(x[0].box, y[0].box)].filter((v) => v >= 0.5) : [])) : pairs.filter(([x, y]) => x.length + y.length > 0).map(([x, y]) => dice(x, y));
  const mean = values.reduce((p, q) => p + q, 0) / values.length;
  const figure = { n: values.length, mean, low: mean - 0.06, high: Math.min(1, mean + 0.05) };
  const adjudicated = made.state === 'finished' ? differ(made).length : Object.keys(made.answers[made.adjudicator.name] ?? {}).length;
  return {
    cases: made.cases, read_by_all: made.cases, agreed: made.cases - differ(made).length, disagreed: differ(made).length, adjudicated, undecided: differ(made).length - adjudicated, cannot_tell: 0, task: made.task, classes: made.classes, mean_kappa: kappa.value,
    pairs: [{
      a, b, cases: made.cases, cannot_tell: 0, raw: { agreed, value: agreed / made.cases, low: agreed / made.cases - 0.1, high: Math.min(1, agreed / made.cases + 0.05) }, kappa, categories: ['drawn', 'nothing'], table,
      classes: made.classes.map((name, k) => ({ class: name, agreement: k === 0 ? (2 * table[0][0]) / (2 * table[0][0] + table[0][1] + table[1][0]) : null, kappa: k === 0 ? kappa : { value: null, why: 'nobody' }, ...(made.task === 'outlines' ? { dice: k === 0 ? figure : { n: 0, mean: null, low: null, high: null } } : {}) })),
      ...(made.task === 'boxes' ? { boxes: { matched: values.length, only_a: pairs.filter(([x]) => x.length).length - values.length, only_b: pairs.filter(([, y]) => y.length).length - values.length, f1: 0.83, iou: figure } } : { dice: figure }),
    }],
    readers: made.readers.map((r) => ({ name: r.name, cannot_tell: 0, changed: 0, median_seconds: (made.answers[r.name]?.[0]?.duration_ms ?? 0) / 1000 })),
  };
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
    const answers = queue.map((n) => (mine[n] ? mine[n].class ?? (mine[n].objects ? 'drawn' : '') : null));
    const next = answers.indexOf(null);
    return { total: queue.length, done: answers.filter((a) => a !== null).length, next: next < 0 ? null : next, answers, open: openOf(c, made, part), ...(part === 'reading' ? { submitted: made.readers.find((r) => r.name === c.user.name).submitted } : {}) };
  };

  on('GET', base, 'predictions:read', (c) => ({ items: state.labelling.filter((made) => all(c) || partOf(c, made)).map((made) => shown(c, made)), next: null }));
  on('POST', base, 'datasets:write', (c) => {
    for (const name of [...c.body.readers, c.body.adjudicator]) if (!state.users.some((u) => u.name === name)) fail(400, 'invalid', `labelling: there is no account ${name}`);
    if (state.labelling.some((p) => p.name === c.body.name)) fail(409, 'exists', `there is a labelling project ${c.body.name} already`);
    const made = project(randomUUID(), c.body.name, c.body.readers, c.body.adjudicator, c.body.select?.count ?? 30, { dataset: c.body.dataset, task: c.body.task ?? 'classes', classes: c.body.classes ?? nodules, ordered: c.body.ordered ?? false, instructions: c.body.instructions ?? '', created: minutesAgo(0), created_by: c.user.name, selection: c.body.select ?? { by: 'all' } });
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
      const readings = order.map((who, i) => { const { class: name, cannot_tell, comment, objects } = made.answers[made.readers[who].name]?.[number] ?? {}; return { reader: 'AB'[i], class: name, cannot_tell, comment, objects }; });
      return { place: Number(c.params.place), kind: 'image', slices: 1, height: size, width: size, channels: 1, dtype: 'int16', spacing_mm: [0.7, 0.7], answer: made.answers[c.user.name]?.[number] ?? null, ...(part === 'adjudication' ? { readings } : {}) };
    });
    on('GET', `${base}/:id/${part}/:place/pixels.npy`, 'feedback:write', (c) => { c.type = 'application/x-npy'; return npy(numberOf(c)); });
    on('PUT', `${base}/:id/${part}/:place`, 'feedback:write', (c) => {
      const made = find(c);
      if (!openOf(c, made, part)) fail(409, 'precondition', 'answers are fixed: they can no longer be changed');
      const mine = (made.answers[c.user.name] ??= {});
      const number = numberOf(c);
      return (mine[number] = { class: c.body.class ?? null, cannot_tell: c.body.cannot_tell ?? null, comment: c.body.comment ?? '', ...(c.body.objects ? { objects: c.body.objects } : {}), revision: (mine[number]?.revision ?? 0) + 1, duration_ms: c.body.duration_ms, time: minutesAgo(0) });
    });
  }
  on('GET', `${base}/:id/agreement`, 'predictions:read', (c) => {
    const made = find(c);
    if (made.state === 'reading') fail(409, 'precondition', 'the readers have not all handed in: their answers are hidden until then');
    const [a, b] = made.readers.map((r) => r.name);
    if (made.task !== 'classes') return drawnAgreement(made, a, b);
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
      cases: made.cases, read_by_all: made.cases, agreed, disagreed: made.cases - agreed, adjudicated, undecided: differ(made).length - adjudicated, cannot_tell: 0, task: 'classes', classes: made.classes, mean_kappa: kappa.value,
      pairs: [{ a, b, cases, cannot_tell: unsure, raw: { agreed, value: agreed / cases, low: agreed / cases - 0.03, high: Math.min(1, agreed / cases + 0.02) }, kappa, kappa_with_cannot_tell: kappa, categories: made.classes, table, classes: made.classes.map((name, k) => { const [[x, r], [q]] = rest(k); return { class: name, agreement: (2 * x) / (2 * x + r + q), kappa: kappaOf(rest(k)) }; }) }],
      readers: made.readers.map((r) => ({ name: r.name, cannot_tell: 0, changed: 0, median_seconds: (made.answers[r.name]?.[0]?.duration_ms ?? 0) / 1000 })),
    };
  });
  on('GET', `${base}/:id/labels.csv`, 'datasets:read', (c) => { find(c); c.type = 'text/csv'; return 'path,label\n'; });
  on('GET', `${base}/:id/labels.json`, 'datasets:read', (c) => { find(c); return { items: [] }; });
}
