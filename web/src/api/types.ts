// Shapes of /api/v1. Fields a node may leave out are optional; readers in lib/ turn evaluation and uncertainty into what the pages show.
export type Scope =
  | 'users:read' | 'users:write' | 'audit:read' | 'datasets:read' | 'datasets:write' | 'models:read' | 'models:write' | 'models:promote' | 'models:accept'
  | 'predictions:create' | 'predictions:read' | 'feedback:write' | 'jobs:read' | 'jobs:write' | 'tokens:write'
  | 'archive:read' | 'archive:write' | 'archive:delete' | 'self';
export const allScopes: Scope[] = ['users:read', 'users:write', 'audit:read', 'datasets:read', 'datasets:write', 'models:read', 'models:write', 'models:promote', 'models:accept',
  'predictions:create', 'predictions:read', 'feedback:write', 'jobs:read', 'jobs:write', 'tokens:write', 'archive:read', 'archive:write', 'archive:delete', 'self'];
export type Role = 'admin' | 'clinician' | 'scientist' | 'auditor';
export const allRoles: Role[] = ['admin', 'clinician', 'scientist', 'auditor'];

export interface SessionUser { id: string; name: string; roles: Role[]; scopes: string[]; totp?: boolean }
export interface Session { user: SessionUser; csrf_token: string; expires: string }
export interface User { id: string; name: string; roles: Role[]; disabled?: boolean; totp?: boolean; created?: string; last_login?: string | null }
export interface Token { id: string; name: string; scopes: string[]; created?: string; expires?: string | null; last_used?: string | null }
export interface Page<T> { items: T[]; next?: string | null }

export interface AuditItem {
  sequence: number; time: string; action: string; event: string; outcome: string; agent_id?: string; agent_name?: string; source_address?: string;
  entity_type?: string; entity_id?: string; request_id?: string; detail?: unknown; hash?: string;
}
export interface AuditVerification { ok: boolean; checked: number; head?: { sequence: number; hash: string } | null; first_bad?: number | null; reason?: string }

export interface SetAside { id: string; reason: string }
export interface Dataset {
  name: string; sha256: string; kind: string; classes: string[]; counts: Record<string, Record<string, number>>; splits?: Record<string, number>; task?: string; unit?: string; shape?: number[]; dtype?: string;
  licence?: string; label_source?: string; source?: string; warnings?: string[]; set_aside?: SetAside[]; intensity?: Record<string, number>; created?: string;
}
export interface Sample { index: number; id: string; split: string; label: number; class: string }

export type JobState = 'queued' | 'running' | 'succeeded' | 'failed' | 'cancelled';
export interface Progress { phase?: string; done?: number; total?: number; values?: [string, string][] | Record<string, string>; seconds_left?: number }
export interface Job {
  id: string; kind: string; state: JobState; input?: Record<string, unknown> | null; output?: Record<string, unknown> | null; error?: string | null; progress?: Progress | null;
  created_by?: string; attempt?: number; created: string; updated: string; trials?: Trial[];
}
export interface Trial {
  trial: number; state: 'waiting' | 'promoted' | 'stopped' | 'failed' | 'finished'; rung: number; epochs: number; best_epoch?: number; metric?: string; figure: number | null; seconds?: number; values: Record<string, unknown>; error?: string;
}
export interface SearchRecord { method: string; metric: string; best: number; best_config: string; results: Trial[]; rungs: number[] }
export interface Epoch {
  trial?: number;
  epoch: number; train_loss?: number; validation_loss?: number; validation_auc?: number; validation_accuracy?: number; validation_rmse?: number; validation_ap?: number | null; images_per_second?: number; seconds?: number;
}
export interface TrainingConfig {
  architecture: string; epochs: number; batch: number; learning_rate: number; seed: number; flip: boolean; patience: number; image_size: number;
  search?: { trials: number; min_epochs?: number; parameters: Record<string, Record<string, unknown[]>> };
}
export interface Architecture { name: string; description?: string; title?: string; parameters?: number }

export interface Experiment { experiment_id: string; name: string; lifecycle_stage: string }
export interface RunMetric { key: string; value: number | string; timestamp?: number; step?: number; run_id?: string }
export interface RunRecord {
  info: { run_id: string; run_name: string; user_id: string; status: string; experiment_id: string; start_time: number; end_time?: number };
  data: { metrics: RunMetric[]; params: { key: string; value: string }[]; tags: { key: string; value: string }[] };
}

export type Stage = 'candidate' | 'shadow' | 'live' | 'retired' | 'recalled';
// Those that somebody can choose; a recall is another thing.
export const allStages: Exclude<Stage, 'recalled'>[] = ['candidate', 'shadow', 'live', 'retired'];
// Of the requests that name no version, for a version beside the live one.
export interface ModelShare { mode: 'canary' | 'shadow'; percent: number; since?: string; by?: string }
export interface ModelVersion { version: number; stage: Stage; id: string; created: string; auroc?: number | null; dataset?: string; share?: ModelShare | null }
export interface ModelEntry { name: string; versions: ModelVersion[] }
export interface Card {
  name: string; intended_use: string; limitations: string; data?: string; classes: string[]; threshold: number; thresholds?: number[]; created?: string; created_by?: string;
}
export interface Limits {
  modalities?: string[]; views?: string[]; body_parts?: string[]; age_min_years?: number; age_max_years?: number; spacing_min_mm?: number; spacing_max_mm?: number; side_min?: number; side_max?: number;
}
export interface Port { name: string; dtype: string; shape: number[]; kind?: string; meaning?: string; labels?: string[] }
export interface ModelDetail {
  name: string; version: number; stage: Stage; id: string; created?: string; card: Card; share?: ModelShare | null;
  signature?: { inputs?: Port[]; outputs?: Port[]; preprocessing?: Record<string, unknown> };
  evaluation?: Record<string, unknown> | null; limits?: Limits | null;
  training?: { search?: SearchRecord; history?: Epoch[]; engine?: string; seconds?: number; config?: Record<string, unknown>; best_epoch?: number; dataset_sha256?: string; peak_rss_bytes?: number } & Record<string, unknown> | null;
  files?: Record<string, string>; signed_by?: string; dataset?: string; architecture?: string;
}

export interface GateFigure { figure: string; at_least?: number; at_most?: number; bound: boolean }
export interface Gate { figures: GateFigure[]; min_cases: number; reason: string; by: string; time: string }
export interface Acceptance { id: string; evaluation: string; dataset: string; split: string; samples?: number | null; statement: string; signer: { id: string; name: string }; time: string; valid: boolean }
export interface Evaluated { id: string; dataset: string; split: string; time: string; samples?: number | null; seen_in_training?: number | null; metrics?: Record<string, number | { value?: number | null; low?: number; high?: number } | null> | null }
export interface Approval { ready: boolean; missing: string[]; needs_acceptance: boolean; gate: Gate | null; acceptance: Acceptance | null; acceptances: Acceptance[]; evaluations: Evaluated[] }
// An answer that waits for a verdict; what the model found is not told.
export interface ReviewItem { prediction: string; version: number; created: string; ambiguity: number; why: string }
export interface Improvement {
  model: string; live: number; dataset: string; ready: boolean; missing: string[]; min_labels: number; jobs: Job[];
  labels: { known: number; new: number; changed: number; disagreed: number; unlabelled: number; by_class: Record<string, number>; by_source: Record<string, number> };
}
export interface ImprovementCheck { on: string; dataset: string; samples?: number; passed: boolean; text: string; difference?: { value: number; low: number; high: number }; figures?: { new: { value?: number } | null; live: { value?: number } | null } }
export interface ImprovementOutcome { model: string; live: number; version: number; dataset: string; own_dataset: string | null; data: { added: number; own: number }; checks: ImprovementCheck[]; passed: boolean; stage: string; waits_for: string | null; evaluation_job?: string }
export interface Recall { reason: string; by: string; time: string; affected: { predictions: number; asked_by: number; first: string | null; last: string | null } }
export interface RecalledStudy {
  patient?: Patient; accession?: string; date?: string; description?: string;
  analysis: { id: string; study: string; finding: string; positive: boolean; answered: string; judged_by: string | null; results: string[] };
}

export type WatchState = 'waiting' | 'steady' | 'warning' | 'alarm' | 'reference';
export interface WatchTest { name: string; group: string; method: string; reference: number; current: number; effect: number; p_value: number | null; p_adjusted: number | null; state: WatchState }
export interface WatchPerformance { accuracy: number; low: number; high: number; expected: number; auroc: number | null; sensitivity: number | null; specificity: number | null }
export interface WatchDay {
  day: string; from: string; answers: number; cases: number; state: WatchState; tests: WatchTest[]; performance: WatchPerformance | null;
  readers: { verdicts: number; agreed: number; low: number; high: number } | null;
}
export interface WatchAlarm {
  id: string; model: string; version: number; test: string; state: 'open' | 'acknowledged' | 'over'; first_day: string; last_day: string; measured: WatchTest; raised: string;
  acknowledged: { by: string; time: string; comment: string } | null;
}
export interface WatchReport {
  model: string; version: number; stage: Stage;
  reference: { source: string; cases: number; reason: string; set_by: string; time: string | null; until: string | null; expected_accuracy: number | null } | null;
  rules: { alarm_level: number; warning_level: number; min_distance: number; min_share: number; min_cases: number }; days: WatchDay[]; alarms: WatchAlarm[];
}
export interface DrillVerdict { state: WatchState; cases: number; tests: WatchTest[] }
export interface DrillResult { dataset: string; split: string; samples: number; per_day: number; unchanged: DrillVerdict[]; changed: DrillVerdict[]; noticed_on: number | null; false_alarms: number }

export interface Output { label: string; probability: number }
export interface Verdict {
  finding: string; revision: number; agree: boolean | null; label?: string | null; comment?: string | null; author?: string; author_name?: string; time: string; saw_prediction_first?: boolean;
}
export interface LabelAnswer { label: string; probability: number; threshold: number; positive: boolean; uncertainty?: Record<string, unknown> | null }
export interface NumberAnswer { name: string; value: number; unit: string }
export interface OutlineRegion { label: string; points: number; size: number | null; unit: string; parts: number; mean_probability: number; doubtful: number; largest: number }
export interface OutlineContours { label: string; lines: [number, number][][] }
export interface OutlineAnswer { kind: 'outlines'; shape: number[]; spacing_mm: number[] | null; mask_sha256: string; probabilities_sha256: string; regions: OutlineRegion[]; contours: OutlineContours[] | null; slice: number | null }
// Edges in pixels along (depth,) height, width.
export interface FoundBox { label: string; score: number; low: number[]; high: number[]; size_mm: number[] | null; uncertainty?: Record<string, unknown> | null }
export interface BoxAnswer { kind: 'boxes'; shape: number[]; spacing_mm: number[] | null; threshold: number; boxes: FoundBox[]; largest: { label: string; score: number }[]; slice: number | null }
export interface Prediction {
  id: string; created: string;
  model: { name: string; version: number; hash?: string; stage?: Stage; intended_use?: string; engine?: string; classes?: string[] };
  input_sha256?: string; outputs?: Output[]; probability?: number; threshold?: number | null; finding?: string; positive?: boolean; applicable?: boolean; reasons?: string[];
  uncertainty?: Record<string, unknown> | null; blinded?: boolean; hidden?: boolean; warnings?: string[]; verdict?: Verdict | null; created_by?: string; duration_ms?: number; outlines?: OutlineAnswer; boxes?: BoxAnswer;
  // Of models that answer with several labels, or with a number in place of a probability.
  labels?: LabelAnswer[]; number?: NumberAnswer;
  recalled?: { reason: string; time: string } | null;   // of the version that answered
}
export type ExplainMethod = 'gradcam' | 'integrated_gradients' | 'occlusion';
export interface Explanation { method: ExplainMethod; passed: boolean; label?: string; warning?: string; checks: { name: string; passed: boolean; value: number; limit: number; text: string }[] }
export interface About { name: string; version: string; build?: string; research_use?: boolean; engines?: (string | { name: string; version?: string })[] }

export interface Patient { name: string; id: string; issuer: string; birth_date: string; sex: string; age?: string }
export interface Study {
  study_uid: string; patient: Patient; accession: string; date: string; time: string; description: string; referring_physician?: string; modalities: string[]; series: number; instances: number; received: string;
}
export interface Share { id: string; by: string; note: string; state: 'open' | 'expired' | 'revoked'; created_us: number; expires_us: number; opened: number; opened_us: number | null }
export type StudyOrder = 'date' | 'patient' | 'patient_id' | 'accession' | 'description' | 'received' | 'instances';
export interface StudySearch {
  patient?: string; same_patient_as?: string; study_uid?: string; accession?: string; description?: string; from?: string; to?: string; modalities?: string[]; order?: StudyOrder; ascending?: boolean; offset?: number; limit?: number;
}
export interface StudyList { total: number; offset: number; studies: Study[] }
export type PatientOrder = 'date' | 'patient' | 'patient_id' | 'studies';
export interface PatientSearch { patient?: string; order?: PatientOrder; ascending?: boolean; offset?: number; limit?: number }
export interface PatientRow { patient: Patient; studies: number; modalities: string[]; newest_date: string; newest_study_uid: string }
export interface PatientList { total: number; offset: number; patients: PatientRow[] }
export type ScheduledState = 'scheduled' | 'started' | 'completed' | 'discontinued';
// A procedure step on the worklist of a modality; fields that nobody gave are ''.
export interface ScheduledStep {
  id: string; state: ScheduledState; stored: boolean; patient_name: string; patient_id: string; issuer: string; birth_date: string; sex: string; accession: string; referring_physician: string; study_uid: string; procedure_id: string; procedure: string;
  modality: string; station_ae: string; date: string; time: string; physician: string; description: string; step_id: string; location: string;
  priors: Priors | null;   // null: the node fetches none
}
export type PriorsState = 'waiting' | 'fetching' | 'fetched' | 'none' | 'failed' | 'past' | 'no_rule';
// Earlier studies fetched before an appointment; `due` is local time, "2026-01-30T09:30". Studies under the same ID that are not, or not surely, the patient's are not fetched.
export interface Priors { state: PriorsState; reason: string; rule: string; due: string | null; known: number; here: number; not_theirs: number; updated_us: number | null }
export interface PriorStudyEntry { study: string; source: string; date: string; modalities: string; description: string; objects: number; here: number; disagreeing: ('issuer' | 'name' | 'birth_date' | 'patient_id')[]; unconfirmed: boolean; reason: string }
export interface PriorsDetail extends Priors { studies: PriorStudyEntry[] }
// What a reader drew on an image, or said of the whole of it. Boxes: left, top, right, bottom; runs: start, length, ... of pixels, row by row.
export interface MarkWords { finding: string; comment: string; box: [number, number, number, number] | null; runs: number[] | null }
export interface Mark extends MarkWords { id: string; series: string; instance: string; frame: number; rows: number; columns: number; by: string; mine: boolean; created_us: number; updated_us: number; revision: number; after_ai: boolean; after_others: boolean; withdrawn: boolean; reason: string }
export type NewStep = Partial<Omit<ScheduledStep, 'id' | 'state' | 'stored' | 'priors'>>;
export type PerformedState = 'in_progress' | 'completed' | 'discontinued';
// What a modality reported to have done (MPPS): of each series how many objects it named and how many are here.
export interface PerformedStep {
  id: string; uid: string; state: PerformedState; reporter: string; updated_us: number; studies: string[]; study: string | null; series: { series: string; instances: number; here: number }[];
  patient_name: string; patient_id: string; modality: string; station_ae: string; description: string; start_date: string; start_time: string; end_date: string; end_time: string;
}
export interface StepFilter { date?: string; modality?: string; station_ae?: string; state?: string }
export type AnalysisState = 'waiting' | 'running' | 'analysed' | 'failed' | 'not_applicable';
export type Urgency = 'high' | 'medium' | 'low';
export type WorklistRank = 'positive' | 'failed' | 'waiting' | 'negative' | 'not_applicable' | 'judged';
export interface WorklistItem extends Study { rank: WorklistRank; analysis: Analysis; analyses: number }
export interface Analysis {
  id?: string | null; own?: boolean; study?: string; positive?: boolean; urgency?: Urgency | null; classes?: string[]; map_note?: string;
  // The picture of a map of influence: its series and instance, and where the image lies in it (left, top, width, height).
  map?: { instance: string; series: string; method: string; label: string; warning: string; box: [number, number, number, number] } | null;
  judgement?: { agree: boolean; finding: string; comment: string; by: string; report: string; revision: number; at: string } | null;
  series?: string; instance?: string | null; rule?: string | null; state: AnalysisState; reason?: string | null; model?: { name: string; version: number | null; hash?: string | null; stage?: Stage; intended_use?: string | null } | null;
  probability?: number | null; interval?: [number, number] | null; threshold?: number | null; finding?: string | null; class?: string | null; uncertainty?: string | null; warnings?: string[]; prediction?: string | null; result_instances?: string[]; updated?: string | null;
}
export interface StudyState { study: string; state: AnalysisState; reason?: string | null }

// What became known of a case later; `label` is one of the model's classes.
export const truthKinds = ['pathology', 'follow_up', 'consensus', 'discharge'] as const;
export type TruthKind = (typeof truthKinds)[number];
export interface Truth { kind: TruthKind; revision: number; withdrawn: boolean; label: string | null; code: { scheme: string; value: string; meaning: string } | null; date: string | null; origin: string; comment: string; author_name: string; time: string }
export interface Truths { items: Truth[]; agreement: { kind: TruthKind; label: string; model_same: boolean | null; readers: { reader_name: string; same: boolean }[] }[]; classes: string[] }
export interface SameOf { same: number; of: number; interval: [number, number] | null }
export interface TruthAgreement { kinds: { kind: TruthKind; inputs: number; contradictory: number; readers: SameOf; model: SameOf; differ: string[] }[] }
