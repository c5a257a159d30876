// The mock node's archive: invented studies, the search, as much of DICOMweb as the pages use, and states of analysis.
import { phantom } from './phantom.mjs';

const el = (vr, ...values) => ({ vr, Value: values });
const day = (ago) => new Date(Date.now() - ago * 86400_000).toISOString().slice(0, 10).replaceAll('-', '');
const first = ['Amara', 'Jan', 'Mei', 'Tomas', 'Leila', 'Noor', 'Ines', 'Viktor'];
const last = ['Okoye', 'Brandt', 'Lindqvist', 'Marek', 'Haddad', 'Silva', 'Novak'];

function study(number, more = {}) {
  const uid = `1.2.826.0.1.3680043.8.498.${1000 + number}`;
  return {
    study_uid: uid, patient: { name: `${last[number % last.length]}^${first[number % first.length]}`, id: `M${40000 + number}`, issuer: '', birth_date: `19${40 + (number % 50)}0512`, sex: number % 2 ? 'F' : 'M', age: '' },
    accession: `A${7000 + number}`, date: day(number), time: '101500', description: number % 3 ? 'CT chest, low dose' : 'Chest PA', referring_physician: 'Moreau^Claire', modalities: [number % 3 ? 'CT' : 'DX'], series: 1, instances: number % 3 ? 24 : 1,
    received: new Date(Date.now() - number * 86400_000 - 60_000).toISOString(), seriesList: [{ uid: `${uid}.1`, modality: number % 3 ? 'CT' : 'DX', number: 1, description: number % 3 ? 'Lung 1.0' : 'PA', body: 'CHEST', instances: number % 3 ? 24 : 1 }], ...more,
  };
}

export function seedStudies() {
  const studies = Array.from({ length: 64 }, (_, number) => study(number + 2));
  const uid = '1.2.826.0.1.3680043.8.498.1001';
  studies.unshift(study(1, {
    study_uid: uid, patient: { name: 'Wang^XiaoDong=王^小东', id: 'M40001', issuer: 'HOSP', birth_date: '19580304', sex: 'M', age: '' }, description: 'CT chest with contrast', modalities: ['CT', 'SR'], series: 3, instances: 49, accession: 'LINK-1',
    seriesList: [
      { uid: `${uid}.1`, modality: 'CT', number: 2, description: 'Lung 1.0 B60', body: 'CHEST', instances: 24 }, { uid: `${uid}.2`, modality: 'CT', number: 3, description: 'Mediastinum 3.0', body: 'CHEST', instances: 24 }, { uid: `${uid}.3`, modality: 'SR', number: 900, description: 'AI findings', body: '', instances: 1 },
    ],
  }));
  // One that models drew on: segments on two slices, an ellipse with words, a picture of a map.
  const drawn = '1.2.826.0.1.3680043.8.498.1900';
  studies.push(study(90, {
    study_uid: drawn, accession: 'AI-1', date: day(500), description: 'CT chest, follow-up', modalities: ['CT', 'SEG', 'PR', 'OT'], series: 4, instances: 27,
    seriesList: [
      { uid: `${drawn}.1`, modality: 'CT', number: 1, description: 'Lung 1.0', body: 'CHEST', instances: 24 }, { uid: `${drawn}.2`, modality: 'SEG', number: 9007, description: 'AI, not for primary diagnosis', body: '', instances: 1 },
      { uid: `${drawn}.3`, modality: 'PR', number: 9004, description: 'AI, not for primary diagnosis', body: '', instances: 1 }, { uid: `${drawn}.4`, modality: 'OT', number: 9003, description: 'AI, not for primary diagnosis', body: '', instances: 1 },
    ],
  }));
  studies.push(study(80, { patient: { ...studies[0].patient }, date: day(400), accession: 'OLD-1', description: 'Chest PA, prior' }));
  return studies;
}

// Slices of 128 by 128 at 2.5 mm, stored with 1024 added: air of -1000 around a body of 40 HU, a bright rod of 1000 + 10 times the slice's number in the middle.
export const sliceSize = 128;
function sliceMetadata(series, i) {
  const ct = series.modality === 'CT';
  const z = 500 - 5 * i - (series.description.startsWith('Mediastinum') && i > 19 ? 15 : 0);   // where three slices are missing
  return {
    '00080018': el('UI', `${series.uid}.${i + 1}`), '00080060': el('CS', series.modality), '00200013': el('IS', i + 1), '00280010': el('US', sliceSize), '00280011': el('US', sliceSize), '00280002': el('US', 1), '00280004': el('CS', 'MONOCHROME2'),
    '00280100': el('US', 16), '00280101': el('US', 12), '00280102': el('US', 11), '00280103': el('US', 0), '00281052': el('DS', -1024), '00281053': el('DS', 1), '00281050': el('DS', 40), '00281051': el('DS', 400),
    ...(ct ? { '00280030': el('DS', 2.5, 2.5), '00200037': el('DS', 1, 0, 0, 0, 1, 0), '00200032': el('DS', -160, -160, z), '00201041': el('DS', z) } : { '00181164': el('DS', 0.2, 0.2), '00200020': el('CS', 'L', 'F'), '00282110': el('CS', '01'), '00282112': el('DS', 10) }),
  };
}
function slicePixels(number) {
  const words = new Uint16Array(sliceSize * sliceSize);
  for (let y = 0; y < sliceSize; y += 1) {
    for (let x = 0; x < sliceSize; x += 1) {
      const [dx, dy] = [x + 0.5 - sliceSize / 2, y + 0.5 - sliceSize / 2];
      const hu = Math.hypot(dx, dy) < 12 ? 1000 + 10 * number : (dx / 56) ** 2 + (dy / 42) ** 2 < 1 ? 40 : -1000;
      words[y * sliceSize + x] = Math.max(0, hu + 1024) | 0xf000;   // what lies above the twelve stored bits is no image
    }
  }
  return Buffer.from(words.buffer);
}

const segmented = [12, 13];   // instance numbers
function segmentationMetadata(study) {
  const group = (number) => ({ '00089124': el('SQ', { '00082112': el('SQ', { '00081155': el('UI', `${study}.1.${number}`) }) }), '0062000A': el('SQ', { '0062000B': el('US', 1) }) });
  return { '00080018': el('UI', `${study}.2.1`), '00080060': el('CS', 'SEG'), '00280010': el('US', sliceSize), '00280011': el('US', sliceSize), '00280008': el('IS', segmented.length), '00280100': el('US', 1), '00280101': el('US', 1), '00280102': el('US', 0), '00280103': el('US', 0), '00280002': el('US', 1), '00280004': el('CS', 'MONOCHROME2'),
    '00620001': el('CS', 'BINARY'), '00620002': el('SQ', { '00620004': el('US', 1), '00620005': el('LO', 'nodule'), '0062000D': el('US', 34892, 53481, 50168) }), '00081115': el('SQ', { '0020000E': el('UI', `${study}.1`) }), '52009230': el('SQ', ...segmented.map(group)) };
}
// A disk of radius 8 around (90, 64), a bit a pixel.
function segmentBits() {
  const out = Buffer.alloc((sliceSize * sliceSize) / 8);
  for (let y = 0; y < sliceSize; y += 1) for (let x = 0; x < sliceSize; x += 1) if (Math.hypot(x + 0.5 - 90, y + 0.5 - 64) < 8) out[(y * sliceSize + x) >> 3] |= 1 << (x & 7);
  return out;
}
const stateMetadata = (study) => ({ '00080018': el('UI', `${study}.3.1`), '00080060': el('CS', 'PR'), '00700001': el('SQ', { '00081140': el('SQ', { '00081155': el('UI', `${study}.1.12`) }), '00700009': el('SQ', { '00700005': el('CS', 'PIXEL'), '00700023': el('CS', 'ELLIPSE'), '00700022': el('FL', 80.5, 64.5, 100.5, 64.5, 90.5, 54.5, 90.5, 74.5) }), '00700008': el('SQ', { '00700006': el('ST', 'Looked here: nodule, probability 0.81'), '00700014': el('FL', 100.5, 64.5) }) }) });

const model = { name: 'lung-nodule-ct', version: 1, hash: 'sha256:5f2d7c1e9ab04433a1', intended_use: 'Research use only: to tell spiculated from smooth nodules on one axial CT slice, as a second reader.' };
const publicStudy = ({ seriesList: _s, ...rest }) => rest;

export function archiveRoutes({ on, fail, state, record }) {
  state.studies = seedStudies();
  state.stored = [];
  const one = (c) => state.studies.find((s) => s.study_uid === c.params.study) ?? fail(404, 'not_found', 'there is nothing here');
  const values = { date: (s) => s.date + s.time, patient: (s) => s.patient.name.toLowerCase(), patient_id: (s) => s.patient.id, accession: (s) => s.accession, description: (s) => s.description, received: (s) => s.received, instances: (s) => String(s.instances).padStart(9, '0') };
  on('POST', '/api/v1/archive/studies/search', 'archive:read', (c) => {
    const q = c.body;
    const unknown = Object.keys(q).find((k) => !['patient', 'same_patient_as', 'study_uid', 'accession', 'from', 'to', 'modalities', 'order', 'ascending', 'offset', 'limit', 'description'].includes(k));
    if (unknown) fail(400, 'invalid', 'there is an unknown field in the body');
    const same = q.same_patient_as && (state.studies.find((s) => s.study_uid === q.same_patient_as) ?? fail(404, 'not_found', 'there is no such study'));
    const words = (q.patient ?? '').toLowerCase().split(/\s+/).filter(Boolean);
    const found = state.studies.filter((s) => (!same || s.patient.id === same.patient.id) && (!q.study_uid || s.study_uid === q.study_uid) && (!q.accession || s.accession === q.accession) && (!q.from || s.date >= q.from) && (!q.to || s.date <= q.to)
      && (!q.modalities || s.modalities.some((m) => q.modalities.includes(m)))
      && (s.patient.id.toLowerCase().startsWith(words.join(' ')) || words.every((w) => s.patient.name.toLowerCase().split(/[\^=]/).some((part) => part.startsWith(w)))));
    const value = values[q.order ?? 'date'];
    found.sort((a, b) => (q.ascending ? 1 : -1) * value(a).localeCompare(value(b)));
    record(c, 'E', 'archive.query', 'query');
    const offset = q.offset ?? 0;
    return { total: found.length, offset, studies: found.slice(offset, offset + (q.limit ?? 50)).map(publicStudy) };
  });
  on('POST', '/api/v1/archive/patients/search', 'archive:read', (c) => {
    const q = c.body;
    const words = (q.patient ?? '').toLowerCase().split(/\s+/).filter(Boolean);
    const known = new Map();
    for (const s of [...state.studies].sort((a, b) => b.date.localeCompare(a.date))) {
      if (!s.patient.id.toLowerCase().startsWith(words.join(' ')) && !words.every((w) => s.patient.name.toLowerCase().split(/[\^=]/).some((part) => part.startsWith(w)))) continue;
      const row = known.get(s.patient.id) ?? { patient: s.patient, studies: 0, modalities: [], newest_date: s.date, newest_study_uid: s.study_uid };
      row.studies += 1;
      row.modalities = [...new Set([...row.modalities, ...s.modalities])];
      known.set(s.patient.id, row);
    }
    const keys = { date: (r) => r.newest_date, patient: (r) => r.patient.name.toLowerCase(), patient_id: (r) => r.patient.id, studies: (r) => String(r.studies).padStart(9, '0') };
    const key = keys[q.order ?? 'date'];
    const found = [...known.values()].sort((a, b) => (q.ascending ? 1 : -1) * key(a).localeCompare(key(b)));
    const offset = q.offset ?? 0;
    return { total: found.length, offset, patients: found.slice(offset, offset + (q.limit ?? 50)) };
  });
  on('GET', '/api/v1/archive/studies/:study/analyses', 'archive:read', (c) => {
    return view(one(c));
  });
  // Of the first study one series was analysed; of another one a model failed; the rest waits for no rule.
  /** @type {(s: any) => any} */
  const view = (s) => {
    if (s.accession === 'A7002') return { study: s.study_uid, state: 'failed', reason: 'engine', analyses: [{ series: s.seriesList[0].uid, rule: 'chest', model: { name: 'lung-nodule-ct', version: null, hash: null, intended_use: null }, state: 'failed', reason: 'engine', result_instances: [], updated: new Date().toISOString() }] };
    if (s.accession === 'AI-1') {
      return { study: s.study_uid, state: 'analysed', reason: '', analyses: [{ id: 'a-drawn', study: s.study_uid, series: `${s.study_uid}.1`, instance: `${s.study_uid}.1.12`, rule: 'chest', model, state: 'analysed', reason: '', probability: 0.81, interval: [0.7, 0.89], threshold: 0.62, finding: 'nodule', class: 'nodule', classes: ['nodule', 'normal'], positive: true, urgency: 'high',
        uncertainty: 'Of 118 validation images scored like this, 96 had it.', warnings: [], map: { instance: `${s.study_uid}.4.1`, series: `${s.study_uid}.4`, method: 'gradcam', label: 'nodule', warning: 'A map of influence, not of disease.', box: [0, 0, sliceSize, sliceSize] }, map_note: '', judgement: s.judgement ?? null, result_instances: [`${s.study_uid}.2.1`], updated: new Date().toISOString() },
        ...[2, 3, 4].map((n) => ({ id: null, own: true, study: s.study_uid, series: `${s.study_uid}.${n}`, state: 'not_applicable', reason: 'a result of this node', model: null, result_instances: [] }))] };
    }
    if (s.accession !== 'LINK-1') return { study: s.study_uid, state: 'not_applicable', reason: 'no rule applies', analyses: [] };
    const updated = new Date().toISOString();
    return { study: s.study_uid, state: 'analysed', reason: '', analyses: [{ series: `${s.study_uid}.1`, rule: 'chest', model, state: s.again ? 'waiting' : 'analysed', reason: '', probability: 0.81, interval: [0.7, 0.89], threshold: 0.62, finding: 'spiculated nodule', class: 'spiculated nodule', uncertainty: 'Of 118 validation images scored like this, 96 had it.', warnings: ['slice thickness above 2 mm'], positive: true, urgency: 'medium', result_instances: [`${s.study_uid}.3.1`], updated }] };
  };
  on('POST', '/api/v1/archive/studies/:study/analyses', 'archive:write', (c) => { one(c).again = true; c.status = 202; return view(one(c)); });
  on('GET', '/api/v1/archive/analyses/states', 'archive:read', (c) => ({ studies: c.query.getAll('study').map((uid) => state.studies.find((s) => s.study_uid === uid)).filter(Boolean).map((s) => { const v = view(s); return { study: v.study, state: v.state, reason: v.reason }; }) }));
  // A study stands where its first analysis stands.
  const ranks = ['positive', 'failed', 'waiting', 'negative', 'not_applicable', 'judged'];
  const urgencies = ['high', 'medium', 'low'];
  on('GET', '/api/v1/archive/worklist', 'archive:read', (c) => {
    const rows = state.studies.filter((s) => view(s).analyses.length > 0).map((s) => {
      const [analysis] = view(s).analyses;
      const rank = analysis.judgement ? 'judged' : analysis.state === 'failed' ? 'failed' : analysis.state === 'waiting' ? 'waiting' : analysis.positive ? 'positive' : 'negative';
      return { ...publicStudy(s), rank, analysis, analyses: 1 };
    }).sort((a, b) => ranks.indexOf(a.rank) - ranks.indexOf(b.rank) || urgencies.indexOf(a.analysis.urgency) - urgencies.indexOf(b.analysis.urgency));
    record(c, 'R', 'archive.worklist', 'list of studies');
    return { items: rows, next: null };
  });
  on('POST', '/api/v1/archive/analyses/:analysis/judgement', 'feedback:write', (c) => {
    const s = state.studies.find((one) => view(one).analyses.some((a) => a.id === c.params.analysis)) ?? fail(404, 'not_found', 'there is no such analysis');
    s.judgement = { agree: c.body.agree, finding: c.body.agree ? 'nodule' : 'normal', comment: c.body.comment ?? '', by: c.user?.name ?? '', report: `${s.study_uid}.9.1`, revision: (s.judgement?.revision ?? 0) + 1, at: new Date().toISOString() };
    return view(s).analyses[0];
  });
  // The modality worklist: some of today, one that is done and stored, one that a modality reported without an order.
  const now = day(0);
  const priorsOf = (more) => ({ state: 'no_rule', reason: '', rule: '', due: null, known: 0, here: 0, not_theirs: 0, updated_us: null, ...more });
  const stepOf = (n, more) => ({ id: `step-${n}`, state: 'scheduled', stored: false, patient_name: 'Okoye^Amara', patient_id: `M${40000 + n}`, issuer: '', birth_date: '19700101', sex: 'F', accession: `S${n}`, referring_physician: 'Moreau^Claire', study_uid: `1.2.826.0.1.3680043.8.498.77${n}`, procedure_id: '', procedure: 'CT thorax with contrast', modality: 'CT', station_ae: 'CT1', date: now, time: `0${n}30`, physician: '', description: '', step_id: `P${n}`, location: '', ...more, priors: priorsOf(more.priors) });
  state.steps = [stepOf(1, { priors: { state: 'fetched', rule: 'chest', due: '2026-01-30T09:30', known: 2, here: 2, not_theirs: 1 } }), stepOf(2, { state: 'started', patient_name: 'Brandt^Jan', priors: { state: 'failed', rule: 'chest', due: '2026-01-30T09:30', known: 3, here: 1, reason: 'PACS did not give every object' } }), stepOf(3, { state: 'completed', stored: true, study_uid: '1.2.826.0.1.3680043.8.498.1001', patient_name: 'Wang^XiaoDong=王^小东' }), stepOf(4, { modality: 'MR', station_ae: 'MR1', procedure: 'MR knee', priors: { state: 'waiting', rule: 'all', due: '2026-01-31T09:30' } }), stepOf(5, { date: day(-1), procedure: 'CT abdomen' })];
  state.performed = Array.from({ length: 60 }, (_, n) => ({ id: `done-${String(60 - n).padStart(3, '0')}`, uid: `1.2.9.${n}`, state: n === 0 ? 'in_progress' : n % 7 === 6 ? 'discontinued' : 'completed', reporter: 'CT1', updated_us: Date.now() * 1000, studies: ['1.2.826.0.1.3680043.8.498.1001'], study: n === 0 ? null : '1.2.826.0.1.3680043.8.498.1001', series: n === 0 ? [] : [{ series: '1.2.1', instances: 24, here: 24 }, { series: '1.2.2', instances: 24, here: n === 1 ? 20 : 24 }], patient_name: 'Wang^XiaoDong=王^小东', patient_id: 'M40001', modality: 'CT', station_ae: 'CT1', description: 'Chest', start_date: n < 5 ? now : day(n), start_time: '101500', end_date: n === 0 ? '' : n < 5 ? now : day(n), end_time: n === 0 ? '' : '103000' }));
  const wanted = (c, row, date) => [['date', row[date]], ['modality', row.modality], ['station_ae', row.station_ae], ['state', row.state]].every(([key, value]) => !c.query.get(key) || c.query.get(key) === value);
  on('GET', '/api/v1/archive/modality-worklist', 'archive:read', (c) => {
    if (c.query.get('date') && !/^\d{8}$/.test(c.query.get('date'))) fail(400, 'invalid', 'date: eight digits, such as 20260131');
    const found = state.steps.filter((row) => wanted(c, row, 'date')).sort((a, b) => (a.date + a.time).localeCompare(b.date + b.time));
    return { total: found.length, items: found.slice(0, Number(c.query.get('limit') ?? 200)) };
  });
  on('POST', '/api/v1/archive/modality-worklist', 'archive:write', (c) => {
    for (const name of ['patient_name', 'patient_id', 'modality', 'date']) if (!c.body[name]) fail(400, 'invalid', `${name} is missing`);
    if (state.steps.some((row) => c.body.accession && row.accession === c.body.accession && row.patient_id === c.body.patient_id)) fail(409, 'exists', 'this order has a step of this id already');
    const made = { ...stepOf(9, {}), sex: '', birth_date: '', accession: '', procedure: '', station_ae: '', referring_physician: '', time: '', ...c.body, id: `step-new-${state.steps.length}` };
    state.steps.push(made);
    c.status = 201;
    return made;
  });
  const stepAt = (c) => state.steps.find((row) => row.id === c.params.id) ?? fail(404, 'not_found', 'there is no such step');
  const priorStudies = (step) => Array.from({ length: step.priors.known }, (_, n) => ({ study: n === 0 ? '1.2.826.0.1.3680043.8.498.1001' : `1.2.9.${n}`, source: 'PACS', date: `2023010${n + 1}`, modalities: n === 0 ? 'CT\\SR' : 'CR', description: 'Chest', objects: 48, here: n < step.priors.here ? 48 : 20, disagreeing: [], unconfirmed: false, reason: n < step.priors.here ? '' : 'PACS did not give every object' })).concat(Array.from({ length: step.priors.not_theirs }, (_, n) => ({ study: `1.2.8.${n}`, source: 'PACS', date: '20220101', modalities: 'CT', description: '', objects: 0, here: 0, disagreeing: ['name', 'birth_date'], unconfirmed: false, reason: '' })));
  on('GET', '/api/v1/archive/modality-worklist/:id/priors', 'archive:read', (c) => ({ ...stepAt(c).priors, studies: priorStudies(stepAt(c)) }));
  on('POST', '/api/v1/archive/modality-worklist/:id/priors', 'archive:write', (c) => {
    const step = stepAt(c);
    if (step.priors.state === 'no_rule') fail(412, 'precondition', 'no rule of priors.rules matches this step');
    const missing = step.priors.known - step.priors.here;
    Object.assign(step.priors, { state: 'fetching', reason: '' });
    setTimeout(() => Object.assign(step.priors, { state: 'fetched', here: step.priors.here + missing }), 400);
    c.status = 202;
    return { ...step.priors, studies: priorStudies(step) };
  });
  on('DELETE', '/api/v1/archive/modality-worklist/:id', 'archive:write', (c) => {
    const at = state.steps.findIndex((row) => row.id === c.params.id);
    if (at < 0) fail(404, 'not_found', 'there is no such step');
    state.steps.splice(at, 1);
    c.status = 204;
    return undefined;
  });
  on('GET', '/api/v1/archive/performed-steps', 'archive:read', (c) => {
    const found = state.performed.filter((row) => wanted(c, row, 'start_date') && (!c.query.get('cursor') || row.id < c.query.get('cursor')));
    return { items: found.slice(0, 50), next: found.length > 50 ? found[49].id : null };
  });
  state.archiveStreams = new Set();
  state.archiveChanged = (uid) => { for (const response of state.archiveStreams) response.write(`event: study\ndata: ${JSON.stringify({ study: uid })}\n\n`); };
  on('GET', '/api/v1/archive/events', 'archive:read', (c) => {
    c.response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' });
    c.response.write(': open\n\n');
    state.archiveStreams.add(c.response);
    c.request.on('close', () => state.archiveStreams.delete(c.response));
    c.streaming = true;
  });
  // What readers draw: kept as it comes, changed by its author alone.
  state.marks = [];
  const markShown = (c, m) => ({ ...m.now, mine: m.now.by === c.user.name });
  const markOf = (c) => state.marks.find((m) => m.now.id === c.params.id && m.study === one(c).study_uid) ?? fail(404, 'not_found', 'there is no such mark');
  const ownMark = (c) => { const m = markOf(c); if (m.now.by !== c.user.name) fail(403, 'denied', 'only who drew a mark changes it: draw your own'); return m; };
  const markStep = (m, more) => { m.past.unshift(m.now); m.now = { ...m.now, ...more, revision: m.now.revision + 1, updated_us: Date.now() * 1000 }; };
  on('GET', '/api/v1/archive/studies/:study/marks', 'archive:read', (c) => ({ items: state.marks.filter((m) => m.study === one(c).study_uid && !m.now.withdrawn).map((m) => markShown(c, m)), withheld: 0 }));
  on('POST', '/api/v1/archive/studies/:study/marks', 'feedback:write', (c) => {
    if (!c.body.finding) fail(400, 'invalid', 'finding: what it is, in 1 to 64 characters');
    const now = Date.now() * 1000;
    const series = c.body.instance.split('.').slice(0, -1).join('.');
    state.marks.push({ study: one(c).study_uid, past: [], now: { id: `mark-${state.marks.length}`, series, frame: 1, comment: '', box: null, runs: null, rows: 0, columns: 0, ...c.body, by: c.user.name, created_us: now, updated_us: now, revision: 1, after_ai: view(one(c)).analyses.some((a) => a.state === 'analysed'), after_others: false, withdrawn: false, reason: '' } });
    c.status = 201;
    return markShown(c, state.marks.at(-1));
  });
  on('PATCH', '/api/v1/archive/studies/:study/marks/:id', 'feedback:write', (c) => { const m = ownMark(c); markStep(m, c.body); return markShown(c, m); });
  on('POST', '/api/v1/archive/studies/:study/marks/:id/withdrawal', 'feedback:write', (c) => { const m = ownMark(c); markStep(m, { withdrawn: true, reason: c.body.reason ?? '' }); return markShown(c, m); });
  on('GET', '/api/v1/archive/studies/:study/marks/:id/history', 'archive:read', (c) => { const m = markOf(c); return { items: [m.now, ...m.past].map((now) => ({ ...now, mine: now.by === c.user.name })) }; });
  on('GET', '/api/v1/archive/findings', 'archive:read', () => ({ findings: [...new Set(state.marks.map((m) => m.now.finding))].sort() }));
  // Links that show one study: the token goes into a cookie, and that reads below /shared alone.
  state.shares = [];
  const standing = (s) => (s.revoked ? 'revoked' : s.expires_us / 1000 < Date.now() ? 'expired' : 'open');
  const shareOf = (c, token) => state.shares.find((s) => s.token === (token ?? /aceso_share=([0-9a-z]+)/.exec(c.request.headers.cookie ?? '')?.[1]) && standing(s) === 'open') ?? fail(404, 'not_found', 'this link does not exist, has ended or was taken back');
  const listed = ({ token: _t, study: _s, revoked: _r, ...rest }) => rest;
  on('GET', '/api/v1/archive/studies/:study/shares', 'archive:write', (c) => ({ items: state.shares.filter((s) => s.study === one(c).study_uid).map((s) => listed({ ...s, state: standing(s) })).reverse() }));
  on('POST', '/api/v1/archive/studies/:study/shares', 'archive:write', (c) => {
    const share = { id: `share-${state.shares.length}`, study: one(c).study_uid, token: `t${state.shares.length}${Date.now().toString(36)}`, by: c.user.name, note: c.body.note ?? '', created_us: Date.now() * 1000, expires_us: (Date.now() + c.body.hours * 3600_000) * 1000, opened: 0, opened_us: null, revoked: false };
    state.shares.push(share);
    record(c, 'C', 'archive.share', 'study');
    c.status = 201;
    return { id: share.id, token: share.token, expires_us: share.expires_us };
  });
  on('DELETE', '/api/v1/archive/studies/:study/shares/:id', 'archive:write', (c) => { (state.shares.find((s) => s.id === c.params.id) ?? fail(404, 'not_found', 'there is no such link')).revoked = true; c.status = 204; });
  on('POST', '/shared/open', null, (c) => {
    const share = shareOf(c, c.body.token);
    share.opened += 1;
    c.headers['Set-Cookie'] = `aceso_share=${share.token}; Path=/shared; HttpOnly; SameSite=Strict`;
    return { study: publicStudy(state.studies.find((s) => s.study_uid === share.study)), expires_us: share.expires_us, by: share.by };
  });
  const read = (pattern, handler) => {
    on('GET', pattern, 'archive:read', handler);
    on('GET', `/shared${pattern}`, null, (c) => { if (shareOf(c).study !== c.params.study) fail(404, 'not_found', 'there is nothing here'); return handler(c); });
  };
  read('/dicom-web/studies/:study/series', (c) => {
    c.type = 'application/dicom+json';
    return one(c).seriesList.map((s) => ({ '0020000E': el('UI', s.uid), '00080060': el('CS', s.modality), '00200011': el('IS', s.number), '0008103E': el('LO', s.description), '00180015': s.body ? el('CS', s.body) : { vr: 'CS' }, '00201209': el('IS', s.instances) }));
  });
  read('/dicom-web/studies/:study/thumbnail', (c) => { one(c); c.type = 'image/png'; return phantom({ seed: 9, size: 96, nodule: 'smooth' }); });
  read('/dicom-web/studies/:study/series/:series/thumbnail', (c) => {
    const series = one(c).seriesList.find((s) => s.uid === c.params.series);
    if (!series || series.modality === 'SR') fail(404, 'not_found', 'there is nothing to show');
    c.type = 'image/png';
    return phantom({ seed: 9, size: 96, nodule: 'smooth' });
  });
  read('/dicom-web/studies/:study/series/:series/metadata', (c) => {
    const series = one(c).seriesList.find((s) => s.uid === c.params.series) ?? fail(404, 'not_found', 'there is nothing here');
    c.type = 'application/dicom+json';
    if (series.modality === 'SEG') return [segmentationMetadata(c.params.study)];
    if (series.modality === 'PR') return [stateMetadata(c.params.study)];
    if (series.modality === 'SR') return [{ '00080018': el('UI', `${series.uid}.1`), '00080060': el('CS', 'SR') }];
    return Array.from({ length: series.instances }, (_, i) => sliceMetadata(series, i));
  });
  read('/dicom-web/studies/:study/series/:series/instances/:sop/frames/:frame', (c) => {
    if (!/transfer-syntax=1\.2\.840\.10008\.1\.2\.1/.test(c.request.headers.accept ?? '')) fail(406, 'unsupported', 'explicit little endian only');
    c.type = 'application/octet-stream';
    if (c.params.series.endsWith('.1900.2')) return segmentBits();
    return slicePixels(Number(c.params.sop.split('.').pop()));
  });
  read('/dicom-web/studies/:study/series/:series/instances/:sop/frames/:frame/rendered', (c) => { c.type = 'image/png'; return phantom({ seed: 5, size: sliceSize, nodule: 'smooth' }); });
  on('DELETE', '/dicom-web/studies/:study', 'archive:delete', (c) => { state.studies.splice(state.studies.indexOf(one(c)), 1); c.status = 204; });
  on('POST', '/dicom-web/studies', 'archive:write', (c) => {
    c.type = 'application/dicom+json';
    const text = c.raw.toString('latin1');
    if (text.slice(128, 132) !== 'DICM') { c.status = 409; return { '00081198': el('SQ', { '00081197': el('US', 0xc000), '00000902': el('LO', 'not a DICOM file') }) }; }
    const uid = `1.2.826.0.1.3680043.8.498.2${state.stored.length}`;
    state.stored.push(uid);
    state.studies.unshift(study(0, { study_uid: uid, accession: `NEW-${state.stored.length}` }));
    return { '00081199': el('SQ', { '00081155': el('UI', `${uid}.1.1`), '00081190': el('UR', `http://node/dicom-web/studies/${uid}/series/${uid}.1/instances/${uid}.1.1`) }) };
  });
}
