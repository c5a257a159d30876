// A node's HTTP face for browser tests: the same routes, status codes, headers and content security policy, state in memory.
import { createHash, randomBytes, randomUUID } from 'node:crypto';
import { createReadStream, existsSync, readFileSync, statSync } from 'node:fs';
import { createServer } from 'node:http';
import { extname, join, normalize } from 'node:path';
import { archiveRoutes } from './archive.mjs';
import { history, job, minutesAgo, model, nodules, scopesOf, seed, sha } from './data.mjs';
import { phantom } from './phantom.mjs';
import { labellingRoutes } from './labelling.mjs';
import { runRoutes } from './runs.mjs';
import { truthRoutes } from './truths.mjs';
import { improvementRoutes } from './improvement.mjs';

const types = { '.html': 'text/html; charset=utf-8', '.js': 'text/javascript; charset=utf-8', '.css': 'text/css; charset=utf-8', '.svg': 'image/svg+xml', '.woff2': 'font/woff2', '.json': 'application/json', '.png': 'image/png' };
export const totpCode = '246810';

class Problem extends Error {
  constructor(status, code, detail, headers = {}) { super(detail); this.status = status; this.code = code; this.headers = headers; }
}
const fail = (status, code, detail, headers) => { throw new Problem(status, code, detail, headers); };

export function policy(nonce) {
  return `default-src 'none'; script-src 'self'; style-src 'self' 'nonce-${nonce}'; img-src 'self' data: blob:; font-src 'self'; connect-src 'self'; frame-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'`;
}

/** @param {{ dist: string, port?: number, epochMs?: number, now?: () => number }} options */
export async function startMock({ dist, port = 0, epochMs = 700, now = () => Date.now() }) {
  /** @type {any} */
  const state = seed();
  const streams = new Set();
  const drawn = new Map();
  const routes = [];
  const on = (method, pattern, scope, handler) => routes.push({ method, parts: pattern.split('/').slice(1), scope, handler });

  function publicUser(user) { const { password: _p, secret: _s, pending: _q, ...rest } = user; return rest; }
  function sessionBody(session) {
    const user = session.user;
    return { user: { id: user.id, name: user.name, roles: user.roles, scopes: scopesOf(user.roles), totp: user.totp }, csrf_token: session.csrf, expires: session.expires };
  }
  function record(context, action, event, entity_type = '', entity_id = '', outcome = 'success', detail = '') {
    const last = state.audit[state.audit.length - 1];
    state.audit.push({ sequence: (last?.sequence ?? 0) + 1, time: new Date(now()).toISOString(), action, event, outcome, agent_id: context.user?.id ?? '', agent_name: context.user?.name ?? '', source_address: '127.0.0.1', entity_type, entity_id, request_id: context.requestId, detail, hash: sha(`${last?.hash}${event}`) });
  }

  on('GET', '/api/v1/setup', null, () => ({ needed: state.setupNeeded }));
  on('POST', '/api/v1/setup', null, (c) => {
    if (!state.setupNeeded) fail(409, 'precondition', 'this node is set up already');
    if (c.body.token !== state.setupToken) fail(403, 'denied', 'the set-up token is not right');
    const user = { id: randomUUID(), name: c.body.name, roles: ['admin'], disabled: false, totp: false, created: new Date(now()).toISOString(), last_login: null, password: c.body.password, secret: null };
    state.users.push(user);
    state.setupNeeded = false;
    c.status = 201;
    return { user: publicUser(user) };
  });
  let failures = 0;
  on('POST', '/api/v1/session', null, (c) => {
    if (failures >= 5) fail(429, 'exhausted', 'too many attempts', { 'Retry-After': '30' });
    const user = state.users.find((u) => u.name === c.body.name && u.password === c.body.password && !u.disabled);
    if (!user) { failures += 1; record(c, 'E', 'user.login', 'user', '', 'minor'); fail(401, 'unauthenticated', 'name or password not right'); }
    if (user.totp && !c.body.totp) fail(401, 'precondition', 'one-time code needed');
    if (user.totp && c.body.totp !== totpCode) fail(401, 'unauthenticated', 'name or password not right');
    failures = 0;
    const id = randomBytes(16).toString('hex');
    const session = { user, csrf: randomBytes(12).toString('hex'), expires: new Date(now() + 8 * 3600_000).toISOString() };
    state.sessions.set(id, session);
    user.last_login = new Date(now()).toISOString();
    c.headers['Set-Cookie'] = `aceso_session=${id}; HttpOnly; SameSite=Strict; Path=/`;
    c.user = user;
    record(c, 'E', 'user.login', 'user', user.id);
    return sessionBody(session);
  });
  on('GET', '/api/v1/session', 'self', (c) => sessionBody(c.session));
  on('DELETE', '/api/v1/session', 'self', (c) => { state.sessions.delete(c.sessionId); c.status = 204; });
  on('POST', '/api/v1/session/password', 'self', (c) => {
    if (c.body.old !== c.user.password) fail(403, 'denied', 'the present password is not right');
    c.user.password = c.body.new;
    c.status = 204;
  });
  on('POST', '/api/v1/session/totp', 'self', (c) => { c.user.pending = 'JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP'; return { secret: c.user.pending, otpauth_uri: `otpauth://totp/Aceso:${c.user.name}?secret=${c.user.pending}&issuer=Aceso&algorithm=SHA1&digits=6&period=30` }; });
  on('PUT', '/api/v1/session/totp', 'self', (c) => { if (c.body.code !== totpCode) fail(400, 'invalid', 'the code is not right'); c.user.totp = true; c.status = 204; });
  on('DELETE', '/api/v1/session/totp', 'self', (c) => { if (c.body.password !== c.user.password) fail(403, 'denied', 'the password is not right'); c.user.totp = false; c.status = 204; });

  on('GET', '/api/v1/users', 'users:read', () => ({ items: state.users.map(publicUser) }));
  on('POST', '/api/v1/users', 'users:write', (c) => {
    if (state.users.some((u) => u.name === c.body.name)) fail(409, 'exists', `there is a user named ${c.body.name}`);
    const user = { id: randomUUID(), name: c.body.name, roles: c.body.roles, disabled: false, totp: false, created: new Date(now()).toISOString(), last_login: null, password: c.body.password, secret: null };
    state.users.push(user);
    record(c, 'C', 'user.create', 'user', user.id);
    c.status = 201;
    return publicUser(user);
  });
  const userOf = (c) => state.users.find((u) => u.id === c.params.id) ?? fail(404, 'not_found', 'no such user');
  on('PATCH', '/api/v1/users/:id', 'users:write', (c) => { const user = userOf(c); Object.assign(user, c.body); record(c, 'U', 'user.change', 'user', user.id); return publicUser(user); });
  on('DELETE', '/api/v1/users/:id', 'users:write', (c) => { const user = userOf(c); state.users.splice(state.users.indexOf(user), 1); record(c, 'D', 'user.delete', 'user', user.id); c.status = 204; });
  on('GET', '/api/v1/tokens', 'tokens:write', () => ({ items: state.tokens }));
  on('POST', '/api/v1/tokens', 'tokens:write', (c) => {
    const token = { id: randomUUID(), name: c.body.name, scopes: c.body.scopes, created: new Date(now()).toISOString(), expires: new Date(now() + c.body.expires_days * 86400_000).toISOString(), last_used: null };
    state.tokens.unshift(token);
    c.status = 201;
    return { id: token.id, token: `aceso_${randomBytes(24).toString('base64url')}` };
  });
  on('DELETE', '/api/v1/tokens/:id', 'tokens:write', (c) => { state.tokens = state.tokens.filter((t) => t.id !== c.params.id); c.status = 204; });
  on('GET', '/api/v1/audit', 'audit:read', (c) => {
    const q = c.query;
    const has = (value, wanted) => !wanted || String(value ?? '').toLowerCase().includes(wanted.toLowerCase());
    const before = Number(q.get('cursor') ?? Infinity);
    const items = [...state.audit].reverse().filter((e) => e.sequence < before && has(e.agent_name, q.get('agent')) && has(e.event, q.get('event')) && (has(e.entity_id, q.get('entity')) || has(e.entity_type, q.get('entity'))) && has(JSON.stringify(e), q.get('q'))
      && (!q.get('from') || e.time >= q.get('from')) && (!q.get('to') || e.time <= q.get('to')));
    const limit = Number(q.get('limit') ?? 50);
    return { items: items.slice(0, limit), next: items.length > limit ? String(items[limit - 1].sequence) : null };
  });
  on('GET', '/api/v1/audit/verify', 'audit:read', () => ({ ok: true, checked: state.audit.length, head: { sequence: state.audit[state.audit.length - 1]?.sequence, hash: state.audit[state.audit.length - 1]?.hash } }));
  on('GET', '/api/v1/about', null, () => ({ name: 'aceso', version: '0.1.0', build: 'mock', research_use: true, engines: ['torch 2.15.0', 'openvino 2026.3'] }));

  const datasetOf = (c) => state.datasets.find((d) => d.name === c.params.name) ?? fail(404, 'not_found', 'no such dataset');
  on('GET', '/api/v1/datasets', 'datasets:read', () => ({ items: state.datasets }));
  on('GET', '/api/v1/datasets/:name', 'datasets:read', (c) => datasetOf(c));
  on('DELETE', '/api/v1/datasets/:name', 'datasets:write', (c) => { state.datasets.splice(state.datasets.indexOf(datasetOf(c)), 1); c.status = 204; });
  on('POST', '/api/v1/datasets', 'datasets:write', (c) => {
    const name = c.query.get('name');
    if (state.datasets.some((d) => d.name === name)) fail(409, 'exists', `there is a dataset named ${name}`);
    if (c.raw.length < 4 || c.raw.toString('latin1', 0, 2) !== 'PK') fail(400, 'invalid', 'file: not a zip archive');
    const classes = (c.query.get('classes') ?? '0,1').split(',');
    const made = job(randomUUID(), 'dataset-import', 'running', { name }, 0);
    state.jobs.unshift(made);
    setTimeout(() => {
      state.datasets.push({ ...state.datasets[0], name, sha256: sha(name), classes, counts: { train: { [classes[0]]: 40, [classes[1] ?? '1']: 44 } }, warnings: ['no validation split: 20 % of train taken, stratified, seed 1'], set_aside: [], licence: c.query.get('licence') ?? '', label_source: c.query.get('label_source') ?? '' });
      finish(made, { dataset: name });
    }, epochMs).unref();
    c.status = 202;
    return { job: publicJob(made) };
  });
  on('GET', '/api/v1/datasets/:name/samples', 'datasets:read', (c) => {
    const dataset = datasetOf(c);
    const all = samples(dataset).filter((s) => (!c.query.get('split') || s.split === c.query.get('split')) && (!c.query.get('label') || s.class === c.query.get('label') || String(s.label) === c.query.get('label')));
    const start = Number(c.query.get('cursor') ?? 0);
    const limit = Number(c.query.get('limit') ?? 60);
    return { items: all.slice(start, start + limit), next: start + limit < all.length ? String(start + limit) : null };
  });
  on('GET', '/api/v1/datasets/:name/samples/:index/image.png', 'datasets:read', (c) => {
    const sample = samples(datasetOf(c))[Number(c.params.index)] ?? fail(404, 'not_found', 'no such sample');
    c.type = 'image/png';
    c.headers['Cache-Control'] = 'private, max-age=3600';
    // Drawing is slow beside serving: a few pictures stand for all.
    const key = `${sample.index % 16}/${sample.label}`;
    if (!drawn.has(key)) drawn.set(key, phantom({ seed: (sample.index % 16) + 7, size: 72, nodule: sample.label === 1 ? 'spiculated' : 'smooth', noise: 12 }));
    return drawn.get(key);
  });

  const publicJob = (j) => { const { events: _e, ...rest } = j; return rest; };
  const jobOf = (c) => state.jobs.find((j) => j.id === c.params.id) ?? fail(404, 'not_found', 'no such job');
  function emit(j, event, data) {
    const entry = { id: j.events.length + 1, event, data };
    j.events.push(entry);
    j.updated = new Date(now()).toISOString();
    for (const stream of streams) if (stream.job === j) send(stream.response, entry);
  }
  const send = (response, entry) => response.write(`id: ${entry.id}\nevent: ${entry.event}\ndata: ${JSON.stringify(entry.data)}\n\n`);
  function finish(j, output) { j.state = 'succeeded'; j.output = output; j.progress = null; emit(j, 'state', publicJob(j)); }
  function trainStep(j, records) {
    if (j.state === 'queued') { j.state = 'running'; emit(j, 'state', publicJob(j)); }
    if (j.state !== 'running') return;
    const done = j.events.filter((e) => e.event === 'epoch').length;
    if (done >= records.length) { finish(j, { model: j.input.name, version: 1 }); return; }
    const next = records[done];
    emit(j, 'epoch', next);
    j.progress = { phase: 'train', done: done + 1, total: records.length, values: [['epoch', `${done + 1}/${records.length}`], ['loss', next.train_loss.toFixed(3)], ['val AUC', next.validation_auc.toFixed(3)], ['img/s', next.images_per_second.toFixed(0)]], seconds_left: (records.length - done - 1) * 6.1 };
    emit(j, 'progress', j.progress);
    setTimeout(() => trainStep(j, records), epochMs).unref();
  }
  // Successive halving with what the trials would say: [event, data].
  function trialsOf(config) {
    const [low, high] = Object.values(Object.values(config.search.parameters)[0])[0];
    const trials = Array.from({ length: config.search.trials }, (_, i) => ({ trial: i + 1, values: { learning_rate: Number((low * (high / low) ** (((i * 7) % 9) / 9)).toPrecision(3)) }, records: history(config.epochs, 60 + i) }));
    const words = [];
    let alive = trials;
    for (let rung = 1, until = 1; ; rung += 1, until = Math.min(until * 3, config.epochs)) {
      const word = (trial, state) => ['trial', { trial: trial.trial, state, rung, epochs: until, best_epoch: until, metric: 'validation_auc', figure: trial.records[until - 1].validation_auc, seconds: until * 2, values: trial.values }];
      for (const trial of alive) {
        for (const record of trial.records.slice(rung === 1 ? 0 : Math.max(1, Math.floor(until / 3)), until)) words.push(['epoch', { ...record, trial: trial.trial }]);
        words.push(word(trial, until === config.epochs ? 'finished' : 'waiting'));
      }
      if (until === config.epochs) return words;
      alive.sort((a, b) => b.records[until - 1].validation_auc - a.records[until - 1].validation_auc);
      const keep = Math.max(1, Math.floor(alive.length / 3));
      alive.forEach((trial, i) => words.push(word(trial, i < keep ? 'promoted' : 'stopped')));
      alive = alive.slice(0, keep);
    }
  }
  function searchStep(j, words) {
    if (j.state === 'queued') { j.state = 'running'; emit(j, 'state', publicJob(j)); }
    if (j.state !== 'running') return;
    const next = words.shift();
    if (!next) { finish(j, { model: j.input.name, version: 1 }); return; }
    emit(j, ...next);
    setTimeout(() => searchStep(j, words), epochMs / 8).unref();
  }
  const running = state.jobs[0];
  const runningHistory = history(14, 5);
  for (const entry of runningHistory.slice(0, 9)) emit(running, 'epoch', entry);
  emit(running, 'log', { message: 'torch 2.15.0 on 2 threads, batch 32, 600 training and 100 validation images' });
  running.progress = { phase: 'train', done: 9, total: 14, values: [['epoch', '9/14'], ['loss', '0.104'], ['val AUC', '0.971'], ['img/s', '812']], seconds_left: 31 };
  emit(running, 'progress', running.progress);
  const doneJob = state.jobs[1];
  for (const entry of history(10, 43)) emit(doneJob, 'epoch', entry);
  emit(doneJob, 'state', publicJob(doneJob));
  for (const entry of history(2, 8).slice(0, 1)) emit(state.jobs[2], 'epoch', entry);
  for (const j of state.jobs) j.updated = new Date(Date.parse(j.created) + 62_000).toISOString();

  runRoutes(on);
  on('GET', '/api/v1/jobs', 'jobs:read', (c) => ({ items: state.jobs.filter((j) => !c.query.get('state') || j.state === c.query.get('state')).slice(0, Number(c.query.get('limit') ?? 100)).map(publicJob) }));
  on('GET', '/api/v1/jobs/:id', 'jobs:read', (c) => publicJob(jobOf(c)));
  on('POST', '/api/v1/jobs/:id/cancel', 'jobs:write', (c) => {
    const j = jobOf(c);
    if (!['queued', 'running'].includes(j.state)) fail(409, 'precondition', 'the job has ended');
    j.state = 'cancelled';
    emit(j, 'state', publicJob(j));
    return publicJob(j);
  });
  on('GET', '/api/v1/jobs/:id/events', 'jobs:read', (c) => {
    const j = jobOf(c);
    const after = Number(c.request.headers['last-event-id'] ?? 0);
    c.response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' });
    c.response.write(': open\n\n');
    for (const entry of j.events) if (entry.id > after) send(c.response, entry);
    const stream = { response: c.response, job: j };
    streams.add(stream);
    c.request.on('close', () => streams.delete(stream));
    c.streaming = true;
  });
  on('POST', '/api/v1/training', 'jobs:write', (c) => {
    if (!state.datasets.some((d) => d.name === c.body.dataset)) fail(404, 'not_found', 'no such dataset');
    const made = job(randomUUID(), 'train', 'queued', c.body, 0);
    state.jobs.unshift(made);
    if (c.body.config.search) setTimeout(() => searchStep(made, trialsOf(c.body.config)), 60).unref();
    else setTimeout(() => trainStep(made, history(c.body.config.epochs, 21)), 60).unref();
    c.status = 202;
    return { job: publicJob(made) };
  });
  on('GET', '/api/v1/architectures', 'models:read', () => ({ items: [{ name: 'article_cnn', description: 'Two convolutions of 3×3 and two dense layers; small and quick' }, { name: 'resnet18', description: 'Residual network with 18 layers' }] }));

  improvementRoutes({ on, fail, state, record, job: (kind, input, output) => { const made = { ...job(randomUUID(), kind, 'succeeded', input, 0), output }; state.jobs.unshift(made); return publicJob(made); } });
  on('GET', '/api/v1/models', 'models:read', () => ({ items: state.models.map((m) => ({ name: m.name, versions: m.versions.map(({ detail: _d, ...v }) => v) })) }));
  const versionOf = (name, number) => state.models.find((m) => m.name === name)?.versions.find((v) => v.version === Number(number)) ?? fail(404, 'not_found', 'no such model version');
  on('GET', '/api/v1/models/:name/:version', 'models:read', (c) => model(versionOf(c.params.name, c.params.version)));
  on('GET', '/api/v1/models/:name/:version/report.html', 'models:read', (c) => {
    const version = versionOf(c.params.name, c.params.version);
    c.type = 'text/html; charset=utf-8';
    c.headers['Content-Security-Policy'] = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'; sandbox";
    return `<!doctype html><html lang="en"><meta charset="utf-8"><title>Report</title><style>body{font:15px/1.55 system-ui;margin:40px auto;max-width:760px;padding:0 24px;color:#1b1e21;background:#fff}table{border-collapse:collapse}td,th{padding:6px 18px 6px 0;border-bottom:1px solid #ddd;text-align:left}</style><h1>Evaluation of ${c.params.name}, version ${version.version}</h1><p>Research use only. 624 images of the test split, never used in training.</p><table><tr><th>Figure</th><th>Value</th><th>95% interval</th></tr><tr><td>AUROC</td><td>${version.auroc}</td><td>${(version.auroc - 0.019).toFixed(3)}–${(version.auroc + 0.016).toFixed(3)}</td></tr></table>`;
  });
  on('POST', '/api/v1/models/:name/:version/promote', 'models:promote', (c) => {
    const version = versionOf(c.params.name, c.params.version);
    if (c.body.stage === 'live') for (const other of state.models.find((m) => m.name === c.params.name).versions) if (other.stage === 'live') other.stage = 'retired';
    version.stage = c.body.stage;
    record(c, 'U', 'model.promote', 'model', version.id, 'success', JSON.stringify({ to: c.body.stage }));
    return { stage: version.stage };
  });

  const approvalOf = (name, version) => {
    const acceptances = state.acceptances.filter((a) => a.model === name && a.version === version.version);
    const gate = state.gates.get(name) ?? null;
    const missing = [...(acceptances.length === 0 ? ["no clinician has accepted an evaluation of it on this hospital's own cases"] : []), ...(gate?.figures ?? []).filter((f) => (f.at_least ?? 0) > version.auroc).map((f) => `${f.figure} is ${version.auroc}, below the gate of ${f.at_least}`)];
    const figure = (value) => ({ value, low: value - 0.02, high: value + 0.015 });
    return { ready: missing.length === 0, missing, needs_acceptance: true, gate, acceptance: acceptances[0] ?? null, acceptances,
      evaluations: [{ id: 'e-own', dataset: 'ours-2026', split: 'test', time: minutesAgo(300), samples: 212, seen_in_training: 0, metrics: { auroc: figure(version.auroc ?? 0.8), sensitivity: figure(0.87), specificity: figure(0.91) } }, { id: 'e-seen', dataset: 'old-set', split: 'test', time: minutesAgo(900), samples: 80, seen_in_training: 12, metrics: { auroc: figure(0.99) } }] };
  };
  on('GET', '/api/v1/models/:name/:version/approval', 'models:read', (c) => approvalOf(c.params.name, versionOf(c.params.name, c.params.version)));
  on('PUT', '/api/v1/models/:name/gate', 'models:promote', (c) => { state.gates.set(c.params.name, { ...c.body, by: c.user.name, time: minutesAgo(0) }); return { gate: state.gates.get(c.params.name) }; });
  on('POST', '/api/v1/models/:name/:version/acceptances', 'models:accept', (c) => {
    const made = { id: `a${state.acceptances.length}`, model: c.params.name, version: Number(c.params.version), ...c.body, dataset: 'ours-2026', split: 'test', samples: 212, signer: { id: 'u', name: c.user.name }, time: minutesAgo(0), valid: true };
    state.acceptances.unshift(made);
    return made;
  });
  on('POST', '/api/v1/models/:name/:version/recall', 'models:read', (c) => {
    const version = versionOf(c.params.name, c.params.version);
    version.stage = 'recalled';
    version.recall = { reason: c.body.reason, by: c.user.name, time: minutesAgo(0), affected: { predictions: 31, asked_by: 4, first: minutesAgo(9000), last: minutesAgo(3) } };
    return version.recall;
  });
  on('GET', '/api/v1/models/:name/:version/recall', 'models:read', (c) => versionOf(c.params.name, c.params.version).recall ?? fail(404, 'not_found', 'this version is not recalled'));
  on('GET', '/api/v1/archive/recalled', 'archive:read', () => ({ pending: false, next: null, items: [['Doe^Jane', 'P-1001', 'Chest PA', 'pneumonia', true, 'lin'], ['Roe^Richard', 'P-1002', 'Chest AP', 'normal', false, null]].map(([name, id, description, finding, positive, judged_by], i) => ({ study_uid: `1.2.3.${i}`, patient: { name, id, issuer: '', birth_date: '', sex: '' }, accession: `A${i}`, date: '20261120', description, analysis: { id: `an${i}`, study: `1.2.3.${i}`, finding, positive, answered: minutesAgo(800 + i), judged_by, results: [] } })) }));

  // The live model saw brighter images for two days; the others have no answers.
  const watchedDay = (age, bright) => {
    const test = (name, group, reference, current, effect, p, state = 'steady') => ({ name, group, method: 'Kolmogorov-Smirnov', reference, current, effect, p_value: p / 14, p_adjusted: p, state });
    const date = new Date(now() - age * 86_400_000).toISOString().slice(0, 10);
    const wobble = ((age * 7) % 5) / 100;
    return {
      day: date, from: date, answers: 80 + ((age * 13) % 40), cases: 78, state: bright ? 'alarm' : age === 5 ? 'warning' : 'steady', readers: age % 3 === 0 ? { verdicts: 20, agreed: 18 + (age % 2), low: 0.7, high: 0.97 } : null,
      performance: { accuracy: 0.93 - wobble / 2 - (bright ? 0.03 : 0), low: 0.88 - wobble / 2, high: 0.96, expected: 0.937, auroc: 0.96, sensitivity: 0.94, specificity: 0.9 },
      tests: [
        test('intensity: mean', 'input', 0.57, bright ? 0.68 : 0.57 + wobble / 3, bright ? 0.9 : 0.05, bright ? 0.00001 : 0.6, bright ? 'alarm' : 'steady'), test('intensity: 95 % quantile', 'input', 0.81, bright ? 0.91 : 0.81, bright ? 0.8 : 0.04, bright ? 0.00002 : 0.8, bright ? 'alarm' : 'steady'),
        test('detail', 'input', 0.031, 0.0312, 0.06, 1), test('embedding: mean of all components', 'embedding', 0, bright ? 0.7 : 0.06, bright ? 0.7 : 0.06, bright ? 0.00001 : 0.7, bright ? 'alarm' : 'steady'), test('distance of embedding', 'embedding', 31, 32, 0.06, age === 5 ? 0.006 : 0.9, age === 5 ? 'warning' : 'steady'),
        test('score: pneumonia', 'score', 0.71, 0.7 + wobble, 0.05, 1), test('findings: share of pneumonia', 'score', 0.74, 0.75, 0.02, 1), { ...test('expected accuracy', 'performance', 0.937, 0.93, 0.007, 1), method: 'one-sided z test' }, { ...test('inputs that are unusual', 'quality', 0.01, 0.012, 0.002, 1), method: "Fisher's exact test" },
      ],
    };
  };
  const watchDays = Array.from({ length: 12 }, (_, age) => watchedDay(age, age < 2));
  const watchAlarms = watchDays[0].tests.filter((test) => test.state === 'alarm').map((measured, at) => ({ id: `w${at}`, model: 'pneumonia-chest-xray', version: 3, test: measured.name, state: 'open', first_day: watchDays[1].day, last_day: watchDays[0].day, measured, raised: new Date(now() - 86_400_000).toISOString(), acknowledged: null }));
  let watchReference = { source: 'validation', cases: 524, reason: '', set_by: '', time: null, until: null, expected_accuracy: 0.937 };
  on('GET', '/api/v1/watch/alarms', 'models:read', () => ({ items: watchAlarms.filter((alarm) => alarm.state !== 'over') }));
  on('POST', '/api/v1/watch/alarms/:id/acknowledge', 'models:write', (c) => {
    const alarm = watchAlarms.find((one) => one.id === c.params.id) ?? fail(404, 'not_found', 'there is no such alarm');
    if (!c.body.comment) fail(400, 'invalid', 'acknowledgement: comment is missing');
    Object.assign(alarm, { state: 'acknowledged', acknowledged: { by: c.user.name, time: new Date(now()).toISOString(), comment: c.body.comment } });
    return alarm;
  });
  on('GET', '/api/v1/models/:name/:version/watch', 'models:read', (c) => {
    const version = versionOf(c.params.name, c.params.version);
    const watched = c.params.name === 'pneumonia-chest-xray' && version.version === 3;
    return { model: c.params.name, version: version.version, stage: version.stage, reference: watched ? watchReference : null, rules: { alarm_level: 0.001, warning_level: 0.01, min_distance: 0.1, min_share: 0.05, min_cases: 50 }, days: watched ? watchDays.slice(0, Number(c.query.get('days') ?? 30)) : [], alarms: watched ? watchAlarms : [] };
  });
  on('POST', '/api/v1/models/:name/:version/watch/reference', 'models:promote', (c) => {
    watchReference = { ...watchReference, source: c.body.bundle ? 'validation' : 'chosen days', cases: c.body.bundle ? 524 : 1180, reason: c.body.reason, set_by: c.user.name, time: new Date(now()).toISOString() };
    for (const alarm of watchAlarms) alarm.state = 'over';
    return { source: watchReference.source, cases: watchReference.cases };
  });
  on('POST', '/api/v1/watch/drills', 'models:write', (c) => {
    const noticed = Math.abs(c.body.brightness) >= 0.02 || c.body.noise > 0;
    const week = (state) => Array.from({ length: 7 }, () => ({ state, cases: 100, tests: [] }));
    const made = job(randomUUID(), 'watch-drill', 'succeeded', c.body, 0);
    made.output = /** @type {any} */ ({ dataset: 'pneumonia-mnist', split: c.body.split, samples: 524, per_day: 100, unchanged: week('steady'), changed: week(noticed ? 'alarm' : 'steady'), noticed_on: noticed ? 1 : null, false_alarms: 0 });
    state.jobs.unshift(made);
    c.status = 202;
    return { job: publicJob(made) };
  });

  function predict(c, name, number, image, blinded) {
    if (image.length === 0) fail(400, 'invalid', 'image: empty body');
    if (image.toString('latin1', 1, 4) !== 'PNG' && image[0] !== 0xff && image.toString('latin1', 1, 6) !== 'NUMPY') fail(400, 'invalid', 'image: neither PNG, JPEG nor NPY');
    const version = versionOf(name, number);
    if (version.stage === 'retired') fail(409, 'precondition', 'this version is retired');
    const hash = createHash('sha256').update(image).digest('hex');
    const nodule = name === 'lung-nodule-ct';
    const probability = 0.05 + 0.93 * Math.min(1, (parseInt(hash.slice(0, 4), 16) / 65535) * 0.3 + (image.length % 2 === 0 || nodule ? 0.58 : 0.1));
    const classes = nodule ? nodules : ['normal', 'pneumonia'];
    const low = Math.floor(probability * 10) / 10;
    const n = 118;
    const hits = Math.round(n * Math.min(0.98, low + 0.07));
    const prediction = {
      id: randomUUID(), created: new Date(now()).toISOString(), created_by: c.user.name,
      model: { name, version: version.version, hash: version.id, stage: version.stage, intended_use: model(version).card.intended_use, engine: 'openvino 2026.3 (CPU)', classes },
      input_sha256: hash, outputs: [{ label: classes[1], probability }], probability, threshold: 0.62, finding: classes[probability >= 0.62 ? 1 : 0], positive: probability >= 0.62,
      uncertainty: { kind: 'validation-calibration', class: classes[1], cases: n, positives: hits, observed: hits / n, low: Math.max(0, hits / n - 0.07), high: Math.min(1, hits / n + 0.05), level: 0.95, score_low: low, score_high: low + 0.1, outside: false, text: '' },
      blinded, warnings: [], duration_ms: 9, image, verdicts: [],
    };
    if (name === 'nodule-outline') Object.assign(prediction, outlineAnswer(image));
    if (name === 'nodule-boxes') Object.assign(prediction, boxAnswer(prediction, image));
    if (name === 'chest-findings') Object.assign(prediction, labelAnswer(prediction));
    if (name === 'nodule-size') { Object.assign(prediction, numberAnswer(prediction)); for (const key of ['outputs', 'probability', 'threshold', 'positive']) delete prediction[key]; }
    state.predictions.unshift(prediction);
    record(c, 'C', 'prediction.create', 'prediction', prediction.id);
    c.status = 201;
    return publicPrediction(prediction);
  }
  function labelAnswer(prediction) {
    const labels = [['nodule', 0.83, 0.41], ['effusion', 0.12, 0.5], ['bulla', 0.64, 0.38]].map(([label, probability, threshold]) => ({ label, probability, threshold, positive: probability >= threshold, uncertainty: { ...prediction.uncertainty, class: label } }));
    return {
      task: 'multi_label', labels, outputs: labels.map(({ label, probability }) => ({ label, probability })), probability: 0.83, threshold: null, finding: 'nodule, bulla', positive: undefined,
      model: { ...prediction.model, classes: ['nodule', 'effusion', 'bulla'] }, uncertainty: { kind: 'by-label', text: '', familiarity: { state: 'usual' } },
    };
  }
  function numberAnswer(prediction) {
    return {
      task: 'regression', number: { kind: 'number', name: 'nodule diameter', value: 12.3456, unit: 'mm' }, finding: 'nodule diameter', model: { ...prediction.model, classes: ['nodule diameter'] },
      uncertainty: { kind: 'conformal-interval', coverage: 0.9, low: 9.1234, high: 15.5678, half_width: 3.2222, cases: 100, text: '', members: { count: 5, low: 11.2, high: 13.1, sd: 0.7 }, familiarity: { state: 'usual' } },
    };
  }
  // Two boxes, as a node gives them.
  function boxAnswer(prediction, image) {
    const [width, height] = [image.readUInt32BE(16), image.readUInt32BE(20)];
    const like = (low, high, hits) => ({ kind: 'validation-marks', marks: 24, hits, observed: hits / 24, low: hits / 24 - 0.15, high: Math.min(1, hits / 24 + 0.03), level: 0.95, score_low: low, score_high: high, outside: false, text: '' });
    const box = (score, x, y, w, h, uncertainty) => ({ label: 'nodule', score, low: [y * height, x * width], high: [(y + h) * height, (x + w) * width], size_mm: [h * height * 0.7, w * width * 0.7], uncertainty });
    const { positive: _p, ...rest } = prediction;
    return {
      ...rest, positive: undefined, task: 'boxes', outputs: [{ label: 'nodule', probability: 0.94 }], probability: 0.94, threshold: 0.42, finding: 'nodule', model: { ...prediction.model, classes: ['none', 'nodule'] },
      uncertainty: { kind: 'by-box', images: 100, findings: 83, found: 77, false_marks: 6, text: '', familiarity: { state: 'usual' } },
      boxes: {
        kind: 'boxes', shape: [height, width], spacing_mm: [0.7, 0.7], threshold: 0.42, slice: null, largest: [{ label: 'nodule', score: 0.94 }],
        boxes: [box(0.94, 0.3, 0.35, 0.2, 0.15, like(0.8, 0.97, 23)), box(0.51, 0.6, 0.55, 0.12, 0.12, like(0.42, 0.79, 15))],
      },
    };
  }
  // A cross over the middle third of the picture, as a node gives an outline.
  function outlineAnswer(image) {
    const [width, height] = [image.readUInt32BE(16), image.readUInt32BE(20)];
    const at = (share, side) => Math.round(share * side);
    const [l, a, b, r] = [1 / 3, 4 / 9, 5 / 9, 2 / 3].map((share) => at(share, width));
    const [top, c, d, bottom] = [1 / 3, 4 / 9, 5 / 9, 2 / 3].map((share) => at(share, height));
    const line = [[a, top], [b, top], [b, c], [r, c], [r, d], [b, d], [b, bottom], [a, bottom], [a, d], [l, d], [l, c], [a, c]];
    const points = (b - a) * (bottom - top) + (r - l) * (d - c) - (b - a) * (d - c);
    const hash = createHash('sha256').update('mask').digest('hex');
    return {
      outputs: [{ label: 'nodule', probability: 0.97 }], probability: 0.97, threshold: 0.4, finding: 'nodule', positive: true,
      model: { name: 'nodule-outline', version: 1, hash, stage: 'candidate', intended_use: 'Research use only: to outline nodules on one axial CT slice, as a second reader.', engine: 'openvino 2026.3 (CPU)', classes: ['background', 'nodule'] },
      uncertainty: { kind: 'validation-dice', cases: 40, median: 0.91, low: 0.83, high: 0.95, level: 0.8, sure: 0.93, sure_low: 0.9, sure_high: 0.96, outside: false, text: '', familiarity: { state: 'usual' } },
      outlines: {
        kind: 'outlines', shape: [height, width], spacing_mm: [0.7, 0.7], mask_sha256: hash, probabilities_sha256: hash, slice: null,
        regions: [{ label: 'nodule', points, size: points * 0.49, unit: 'mm2', parts: 1, mean_probability: 0.93, doubtful: 0.12, largest: 0.97 }], contours: [{ label: 'nodule', lines: [line] }],
      },
    };
  }
  function publicPrediction(p) {
    const { image: _i, verdicts, ...rest } = p;
    const verdict = verdicts[verdicts.length - 1] ?? null;
    if (p.blinded && !verdict) {
      const { outputs: _o, probability: _p, threshold: _t, uncertainty: _u, positive: _s, boxes: _b, ...covered } = rest;
      return { ...covered, hidden: true };
    }
    return { ...rest, verdict };
  }
  on('POST', '/api/v1/models/:name/predictions', 'predictions:create', (c) => predict(c, c.params.name, c.query.get('version') ?? 0, c.raw, false));
  on('POST', '/api/v1/reads', 'predictions:create', (c) => {
    const form = multipart(c.raw, c.request.headers['content-type'] ?? '');
    return predict(c, form.model?.toString(), form.version?.toString(), form.image ?? Buffer.alloc(0), true);
  });
  on('GET', '/api/v1/predictions', 'predictions:read', (c) => {
    const all = state.predictions.filter((p) => !c.query.get('model') || p.model.name === c.query.get('model'));
    const start = Number(c.query.get('cursor') ?? 0);
    const limit = Number(c.query.get('limit') ?? 25);
    return { items: all.slice(start, start + limit).map(publicPrediction), next: start + limit < all.length ? String(start + limit) : null };
  });
  const predictionOf = (c) => state.predictions.find((p) => p.id === c.params.id) ?? fail(404, 'not_found', 'no such prediction');
  on('GET', '/api/v1/predictions/:id', 'predictions:read', (c) => publicPrediction(predictionOf(c)));
  on('GET', '/api/v1/predictions/:id/image.png', 'predictions:read', (c) => { c.type = 'image/png'; return predictionOf(c).image; });
  on('GET', '/api/v1/predictions/:id/verdicts', 'predictions:read', (c) => ({ items: predictionOf(c).verdicts }));
  on('PUT', '/api/v1/predictions/:id/verdicts/:finding', 'feedback:write', (c) => {
    const p = predictionOf(c);
    if (!p.model.classes.includes(c.params.finding) && !(p.labels && c.params.finding === p.finding)) fail(404, 'not_found', 'the model has no finding of that name');
    if (c.body.agree === null && !c.body.label && !c.body.comment) fail(400, 'invalid', 'a verdict needs a label, an agreement or a comment');
    const verdict = { finding: c.params.finding, revision: p.verdicts.length + 1, agree: c.body.agree, label: c.body.label, comment: c.body.comment, author: c.user.id, author_name: c.user.name, time: new Date(now()).toISOString(), saw_prediction_first: !(p.blinded && p.verdicts.length === 0) };
    if (c.body.label) verdict.agree = c.body.label === p.finding;
    else if (c.body.agree === true) verdict.label = p.finding;
    p.verdicts.push(verdict);
    record(c, 'C', 'verdict.create', 'prediction', p.id);
    return verdict;
  });
  on('POST', '/api/v1/feedback/export', 'datasets:write', (c) => { const made = job(randomUUID(), 'feedback-export', 'succeeded', c.body, 0); state.jobs.unshift(made); c.status = 202; return { job: publicJob(made) }; });

  archiveRoutes({ on, fail, state, record });
  labellingRoutes({ on, fail, state, record, job: (kind, input) => { const made = job(randomUUID(), kind, 'succeeded', input, 0); state.jobs.unshift(made); return publicJob(made); } });
  truthRoutes({ on, fail, state, record, now });

  async function handle(request, response) {
    const url = new URL(request.url ?? '/', 'http://node');
    const requestId = randomBytes(8).toString('hex');
    const c = { request, response, query: url.searchParams, headers: {}, status: 200, type: 'application/json', params: {}, body: {}, raw: Buffer.alloc(0), requestId, user: null, session: null, sessionId: '', streaming: false };
    response.setHeader('X-Content-Type-Options', 'nosniff');
    response.setHeader('X-Request-Id', requestId);
    if (!/^\/(api|dicom-web|shared\/dicom-web)\/|^\/shared\/open$/.test(url.pathname)) { serveStatic(url.pathname, response); return; }
    try {
      c.raw = await readBody(request);
      const match = find(request.method, url.pathname);
      if (!match) fail(404, 'not_found', 'no such route');
      c.params = match.params;
      c.sessionId = /aceso_session=([0-9a-f]+)/.exec(request.headers.cookie ?? '')?.[1] ?? '';
      c.session = state.sessions.get(c.sessionId) ?? null;
      c.user = c.session?.user ?? null;
      if (match.route.scope) {
        if (!c.session) fail(401, 'unauthenticated', 'sign in');
        if (request.method !== 'GET' && request.headers['x-csrf-token'] !== c.session.csrf) fail(403, 'denied', 'CSRF token missing or wrong');
        if (!scopesOf(c.user.roles).includes(match.route.scope)) fail(403, 'denied', `needs ${match.route.scope}`);
      }
      if (/json/.test(request.headers['content-type'] ?? '') && c.raw.length > 0) c.body = JSON.parse(c.raw.toString());
      const result = await match.route.handler(c);
      if (c.streaming) return;
      response.writeHead(c.status, { 'Content-Type': c.type, 'Cache-Control': 'no-store', ...c.headers });
      response.end(c.status === 204 ? undefined : Buffer.isBuffer(result) || typeof result === 'string' ? result : JSON.stringify(result ?? {}));
    } catch (error) {
      const problem = error instanceof Problem ? error : new Problem(500, 'internal', String(error));
      response.writeHead(problem.status, { 'Content-Type': 'application/problem+json', ...problem.headers });
      response.end(JSON.stringify({ type: 'about:blank', title: problem.code, status: problem.status, detail: problem.message, code: problem.code, request_id: requestId }));
    }
  }
  function find(method, path) {
    const parts = path.split('/').slice(1).map(decodeURIComponent);
    for (const route of routes) {
      if (route.method !== method || route.parts.length !== parts.length) continue;
      const params = {};
      if (route.parts.every((part, i) => (part.startsWith(':') ? ((params[part.slice(1)] = parts[i]), true) : part === parts[i]))) return { route, params };
    }
    return null;
  }
  function serveStatic(path, response) {
    if (/^\/ohif(\/|$)/.test(path)) { response.writeHead(404, { 'Content-Type': 'text/html' }); response.end(); return; }   // not installed
    let file = join(dist, normalize(path).replace(/^(\.\.[/\\])+/, ''));
    if (!existsSync(file) || statSync(file).isDirectory()) file = join(dist, 'index.html');
    const type = types[extname(file)] ?? 'application/octet-stream';
    if (file.endsWith('index.html')) {
      const nonce = randomBytes(16).toString('base64');
      response.writeHead(200, { 'Content-Type': type, 'Content-Security-Policy': policy(nonce), 'Cache-Control': 'no-store', 'Referrer-Policy': 'no-referrer', 'Cross-Origin-Opener-Policy': 'same-origin' });
      response.end(readFileSync(file, 'utf8').replaceAll('__CSP_NONCE__', nonce));
      return;
    }
    response.writeHead(200, { 'Content-Type': type, 'Content-Security-Policy': "default-src 'none'; frame-ancestors 'none'", 'Cache-Control': 'no-cache' });
    createReadStream(file).pipe(response);
  }

  const server = createServer((request, response) => void handle(request, response));
  await new Promise((resolve) => server.listen(port, '127.0.0.1', () => resolve(undefined)));
  const address = server.address();
  const url = `http://127.0.0.1:${typeof address === 'object' && address ? address.port : port}`;
  return { url, state, endSessions: () => state.sessions.clear(), resetThrottle: () => { failures = 0; }, stop: () => new Promise((resolve) => { for (const s of streams) s.response.end(); server.close(() => resolve(undefined)); server.closeAllConnections(); }) };
}

function samples(dataset) {
  const list = [];
  for (const [split, counts] of Object.entries(dataset.counts)) {
    const total = Object.values(counts).reduce((a, b) => a + b, 0);
    for (let i = 0; i < Math.min(total, 200); i += 1) {
      const label = (i * 7 + (i >> 2)) % dataset.classes.length;
      list.push({ index: list.length, id: `${split}/${String(i).padStart(6, '0')}`, split, label, class: dataset.classes[label] });
    }
  }
  return list;
}
async function readBody(request) {
  const chunks = [];
  for await (const piece of request) chunks.push(piece);
  return Buffer.concat(chunks);
}
function multipart(raw, type) {
  const boundary = /boundary=(.+)$/.exec(type)?.[1] ?? '';
  const fields = {};
  let at = raw.indexOf(`--${boundary}`);
  while (at >= 0) {
    const start = raw.indexOf('\r\n\r\n', at);
    const next = raw.indexOf(`\r\n--${boundary}`, at + boundary.length);
    if (start < 0 || next < 0) break;
    const name = /name="([^"]+)"/.exec(raw.toString('latin1', at, start))?.[1];
    if (name) fields[name] = raw.subarray(start + 4, next);
    at = next + 2;
  }
  return fields;
}
