// Every call of /api/v1 by name.
import { del, get, patch, post, put, request, setCsrfToken, upload, type UploadOptions } from './client';
import type { About, Analysis, Approval, Architecture, AuditItem, AuditVerification, Dataset, Experiment, ExplainMethod, Improvement, Job, Mark, MarkWords, ModelDetail, ModelEntry, NewStep, Page, PatientList, PatientSearch, PerformedStep, Prediction, PriorsDetail, Recall, RecalledStudy, ReviewItem, Role, RunMetric, RunRecord, Sample, ScheduledStep, Session, Share, Stage, StepFilter, Study, StudyList, StudySearch, StudyState, Token, TrainingConfig, Truth, TruthAgreement, TruthKind, Truths, User, Verdict, WatchAlarm, WatchReport, WorklistItem } from './types';

const v1 = '/api/v1';
const mlflow = '/api/2.0/mlflow';
const part = encodeURIComponent;

export const api = {
  about: () => get<About>(`${v1}/about`),
  setupNeeded: () => get<{ needed: boolean }>(`${v1}/setup`),
  setup: (token: string, name: string, password: string) => post<unknown>(`${v1}/setup`, { token, name, password }),
  session: async () => remember(await get<Session>(`${v1}/session`)),
  signIn: async (name: string, password: string, totp?: string) => remember(await post<Session>(`${v1}/session`, { name, password, ...(totp ? { totp } : {}) })),
  signOut: () => del<void>(`${v1}/session`),
  changePassword: (oldPassword: string, newPassword: string) => post<void>(`${v1}/session/password`, { old: oldPassword, new: newPassword }),
  beginTotp: () => post<{ secret: string; otpauth_uri: string }>(`${v1}/session/totp`, {}),
  confirmTotp: (code: string) => put<void>(`${v1}/session/totp`, { code }),
  removeTotp: (password: string) => del<void>(`${v1}/session/totp`, { password }),

  users: () => get<Page<User>>(`${v1}/users`),
  createUser: (name: string, password: string, roles: Role[]) => post<User>(`${v1}/users`, { name, password, roles }),
  changeUser: (id: string, change: { roles?: Role[]; disabled?: boolean; password?: string }) => patch<User>(`${v1}/users/${part(id)}`, change),
  deleteUser: (id: string) => del<void>(`${v1}/users/${part(id)}`),
  tokens: () => get<Page<Token>>(`${v1}/tokens`),
  createToken: (name: string, scopes: string[], expiresDays: number) => post<{ id: string; token: string }>(`${v1}/tokens`, { name, scopes, expires_days: expiresDays }),
  deleteToken: (id: string) => del<void>(`${v1}/tokens/${part(id)}`),
  audit: (query: Record<string, string | number | undefined>) => get<Page<AuditItem>>(`${v1}/audit`, query),
  verifyAudit: () => get<AuditVerification>(`${v1}/audit/verify`),

  datasets: () => get<Page<Dataset>>(`${v1}/datasets`),
  dataset: (name: string) => get<Dataset>(`${v1}/datasets/${part(name)}`),
  samples: (name: string, query: Record<string, string | number | undefined>) => get<Page<Sample>>(`${v1}/datasets/${part(name)}/samples`, query),
  sampleImage: (name: string, index: number) => `${v1}/datasets/${part(name)}/samples/${index}/image.png`,
  importDataset: (file: File, query: Record<string, string | undefined>, options: UploadOptions) =>
    upload<Accepted>(`${v1}/datasets`, file, { ...options, query, contentType: 'application/octet-stream' }),
  deleteDataset: (name: string) => del<void>(`${v1}/datasets/${part(name)}`),

  jobs: (query: Record<string, string | number | undefined> = {}) => get<Page<Job>>(`${v1}/jobs`, query),
  job: (id: string) => get<Job>(`${v1}/jobs/${part(id)}`),
  cancelJob: (id: string) => post<unknown>(`${v1}/jobs/${part(id)}/cancel`, {}),
  jobEvents: (id: string) => `${v1}/jobs/${part(id)}/events`,
  architectures: () => get<Page<Architecture | string>>(`${v1}/architectures`),
  train: (name: string, dataset: string, config: TrainingConfig) => post<Accepted>(`${v1}/training`, { name, dataset, config }),

  experiments: () => get<{ experiments?: Experiment[] }>(`${mlflow}/experiments/search`, { max_results: 1000 }),
  runs: (experiment_ids: string[], filter: string, order_by: string[]) => post<{ runs?: RunRecord[]; next_page_token?: string }>(`${mlflow}/runs/search`, { experiment_ids, filter, order_by, max_results: 200 }),
  metricHistory: (runs: string[], metric: string) => get<{ metrics: RunMetric[] }>(`${mlflow}/metrics/get-history-bulk-interval?${new URLSearchParams([...runs.map((id) => ['run_ids', id]), ['metric_key', metric], ['max_results', '400']]).toString()}`),

  models: () => get<Page<ModelEntry>>(`${v1}/models`),
  model: (name: string, version: number) => get<ModelDetail>(`${v1}/models/${part(name)}/${version}`),
  reportUrl: (name: string, version: number) => `${v1}/models/${part(name)}/${version}/report.html`,
  watch: (name: string, version: number, days: number) => get<WatchReport>(`${v1}/models/${part(name)}/${version}/watch`, { days }),
  watchAlarms: () => get<Page<WatchAlarm>>(`${v1}/watch/alarms`),
  acknowledgeAlarm: (id: string, comment: string) => post<WatchAlarm>(`${v1}/watch/alarms/${part(id)}/acknowledge`, { comment }),
  setWatchReference: (name: string, version: number, request: { days: number; reason: string } | { bundle: true; reason: string }) => post<unknown>(`${v1}/models/${part(name)}/${version}/watch/reference`, request),
  drill: (request: { model: string; version: number; split: string; brightness: number; contrast: number; noise: number }) => post<Accepted>(`${v1}/watch/drills`, request),
  approval: (name: string, version: number) => get<Approval>(`${v1}/models/${part(name)}/${version}/approval`),
  review: (name: string, limit: number) => get<Page<ReviewItem> & { waiting: number; considered: number }>(`${v1}/models/${part(name)}/review`, { limit }),
  improvement: (name: string) => get<Improvement>(`${v1}/models/${part(name)}/improvement`),
  improve: (name: string, request: { start: string; hold_out: number; margin: number; promote: string }) => post<Accepted>(`${v1}/models/${part(name)}/improvement`, request),
  setGate: (name: string, gate: { figures: unknown[]; min_cases: number; reason: string }) => put<unknown>(`${v1}/models/${part(name)}/gate`, gate),
  accept: (name: string, version: number, request: { evaluation: string; own_cases: boolean; unseen: boolean; statement: string }) => post<unknown>(`${v1}/models/${part(name)}/${version}/acceptances`, request),
  recall: (name: string, version: number, reason: string) => post<Recall>(`${v1}/models/${part(name)}/${version}/recall`, { reason }),
  recallOf: (name: string, version: number) => get<Recall>(`${v1}/models/${part(name)}/${version}/recall`),
  // All of them: a list of whom to call that ends early is worse than none.
  recalledStudies: async (name: string, version: number) => {
    const items: RecalledStudy[] = [];
    let cursor: string | undefined;
    let pending = false;
    do {
      const page = await get<Page<RecalledStudy> & { pending: boolean }>(`${v1}/archive/recalled`, { model: name, version, limit: 500, cursor });
      items.push(...page.items);
      pending = page.pending;
      cursor = page.next ?? undefined;
    } while (cursor !== undefined);
    return { items, pending };
  },
  promote: (name: string, version: number, stage: Stage) => post<unknown>(`${v1}/models/${part(name)}/${version}/promote`, { stage }),

  predict: (name: string, version: number, image: Blob, options: UploadOptions = {}) =>
    upload<Prediction>(`${v1}/models/${part(name)}/predictions`, image, { ...options, query: { version }, contentType: imageType(image) }),
  read: (name: string, version: number, image: Blob, options: UploadOptions = {}) => {
    const form = new FormData();
    form.set('model', name);
    form.set('version', String(version));
    form.set('image', image, 'image');
    return upload<Prediction>(`${v1}/reads`, form, options);
  },
  predictions: (query: Record<string, string | number | undefined>) => get<Page<Prediction>>(`${v1}/predictions`, query),
  prediction: (id: string) => get<Prediction>(`${v1}/predictions/${part(id)}`),
  predictionImage: (id: string) => `${v1}/predictions/${part(id)}/image.png`,
  explain: (id: string, method: ExplainMethod) => post<Accepted>(`${v1}/predictions/${part(id)}/explanations`, { method }),
  explanation: (id: string) => get<Job>(`${v1}/explanations/${part(id)}`),
  explanationOverlay: (id: string) => `${v1}/explanations/${part(id)}/overlay.png`,
  verdicts: (id: string) => get<Page<Verdict>>(`${v1}/predictions/${part(id)}/verdicts`),
  giveVerdict: (id: string, finding: string, verdict: { agree: boolean | null; label: string; comment: string }) =>
    request<Verdict>('PUT', `${v1}/predictions/${part(id)}/verdicts/${part(finding)}`, { json: verdict }),
  // Keys of a search are patient data: they travel in the body.
  studies: (search: StudySearch, signal?: AbortSignal) => request<StudyList>('POST', `${v1}/archive/studies/search`, { json: search, signal }),
  patients: (search: PatientSearch, signal?: AbortSignal) => request<PatientList>('POST', `${v1}/archive/patients/search`, { json: search, signal }),
  // UIDs alone: at most 100 studies.
  analysisStates: (studies: string[], signal?: AbortSignal) => request<{ studies: StudyState[] }>('GET', `${v1}/archive/analyses/states?${studies.map((uid) => `study=${part(uid)}`).join('&')}`, { signal }),
  analyse: (study: string) => post<{ analyses: Analysis[] }>(`${v1}/archive/studies/${part(study)}/analyses`, {}),
  analyses: (study: string) => get<{ analyses: Analysis[] }>(`${v1}/archive/studies/${part(study)}/analyses`),
  judge: (analysis: string, words: { agree: boolean; label?: string; comment?: string }) => post<Analysis>(`${v1}/archive/analyses/${part(analysis)}/judgement`, words),
  worklist: (cursor: string, signal?: AbortSignal) => request<Page<WorklistItem>>('GET', `${v1}/archive/worklist${cursor ? `?cursor=${part(cursor)}` : ''}`, { signal }),
  // No filter of these is of a patient.
  scheduledSteps: (filter: StepFilter, signal?: AbortSignal) => request<{ total: number; items: ScheduledStep[] }>('GET', `${v1}/archive/modality-worklist${words({ ...filter, limit: '500' })}`, { signal }),
  schedule: (step: NewStep) => post<ScheduledStep>(`${v1}/archive/modality-worklist`, step),
  marks: (study: string, signal?: AbortSignal) => request<{ items: Mark[]; withheld: number }>('GET', `${v1}/archive/studies/${part(study)}/marks`, { signal }),
  addMark: (study: string, mark: MarkWords & { instance: string; frame: number }) => post<Mark>(`${v1}/archive/studies/${part(study)}/marks`, mark),
  reviseMark: (study: string, id: string, mark: MarkWords) => patch<Mark>(`${v1}/archive/studies/${part(study)}/marks/${part(id)}`, mark),
  withdrawMark: (study: string, id: string) => post<Mark>(`${v1}/archive/studies/${part(study)}/marks/${part(id)}/withdrawal`, {}),
  markHistory: (study: string, id: string, signal?: AbortSignal) => request<{ items: Mark[] }>('GET', `${v1}/archive/studies/${part(study)}/marks/${part(id)}/history`, { signal }),
  findings: (signal?: AbortSignal) => request<{ findings: string[] }>('GET', `${v1}/archive/findings`, { signal }),
  priors: (step: string, signal?: AbortSignal) => request<PriorsDetail>('GET', `${v1}/archive/modality-worklist/${part(step)}/priors`, { signal }),
  fetchPriors: (step: string) => post<PriorsDetail>(`${v1}/archive/modality-worklist/${part(step)}/priors`, {}),
  unschedule: (id: string) => del<void>(`${v1}/archive/modality-worklist/${part(id)}`),
  performedSteps: (filter: StepFilter, cursor: string, signal?: AbortSignal) => request<{ items: PerformedStep[]; next: string | null }>('GET', `${v1}/archive/performed-steps${words({ ...filter, cursor })}`, { signal }),
  shares: (study: string) => get<{ items: Share[] }>(`${v1}/archive/studies/${part(study)}/shares`),
  share: (study: string, hours: number, note: string) => post<{ id: string; token: string; expires_us: number }>(`${v1}/archive/studies/${part(study)}/shares`, { hours, note }),
  revokeShare: (study: string, id: string) => del<void>(`${v1}/archive/studies/${part(study)}/shares/${part(id)}`),
  openShare: (token: string) => post<{ study: Study; expires_us: number; by: string }>('/shared/open', token ? { token } : {}),
  exportFeedback: (model: string, name: string, truth: string[]) => post<Accepted>(`${v1}/feedback/export`, { model, name, truth }),
  truths: (id: string) => get<Truths>(`${v1}/predictions/${part(id)}/truths`),
  giveTruth: (id: string, kind: TruthKind, truth: Record<string, unknown>) => put<Truth>(`${v1}/predictions/${part(id)}/truths/${kind}`, truth),
  truthAgreement: (model: string) => get<TruthAgreement>(`${v1}/models/${part(model)}/truths`),
};

// A query of the words that are there.
function words(given: object): string {
  const query = new URLSearchParams(Object.entries(given).filter((entry): entry is [string, string] => typeof entry[1] === 'string' && entry[1] !== '')).toString();
  return query ? `?${query}` : '';
}

export type Accepted = { job?: Job | string; id?: string };
export function acceptedJobId(answer: Accepted): string | undefined {
  return typeof answer.job === 'string' ? answer.job : answer.job?.id ?? answer.id;
}

function remember(session: Session): Session {
  setCsrfToken(session.csrf_token);
  return session;
}

function imageType(image: Blob): string {
  return image.type === 'image/png' || image.type === 'image/jpeg' ? image.type : 'application/octet-stream';
}
