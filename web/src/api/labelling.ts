// Labelling projects: their shapes and calls.
import { del, get, getBytes, post, put } from './client';
import type { SentObject } from '../lib/drawing';
import type { Accepted } from './endpoints';
import type { Page } from './types';

export type LabellingState = 'reading' | 'adjudication' | 'finishing' | 'finished';
export type LabelTask = 'classes' | 'boxes' | 'outlines';
export type CannotTell = 'quality' | 'not_shown' | 'other';
export interface LabellingProject {
  id: string; name: string; dataset: string; task: LabelTask; classes: string[]; ordered: boolean; instructions: string; selection: { by: string; count?: number }; seed: number | null; cases: number; state: LabellingState;
  readers: { name: string; done: number; submitted: boolean }[]; adjudicator: { name: string; done: number; disagreements: number | null };
  part: 'reader' | 'adjudicator' | null; ended_why: string | null; result: string | null; created: string; created_by: string;
}
export interface NewLabelling {
  name: string; dataset: string; task?: LabelTask; classes?: string[]; ordered?: boolean; instructions?: string; readers: string[]; adjudicator: string; select?: { by: string; count?: number }; seed?: number;
}
export interface LabelAnswer { class: string | null; cannot_tell: CannotTell | null; comment: string; objects?: SentObject[]; revision?: number; duration_ms?: number; time?: string }
export type DrawnReading = LabelAnswer & { reader: string };
export type GivenAnswer = ({ class: string } | { objects: SentObject[] } | { cannot_tell: CannotTell; comment?: string }) & { duration_ms?: number };
// answers: null where none was given, '' where the class cannot be told.
export interface LabelWork { total: number; done: number; next: number | null; answers: (string | null)[]; open: boolean; submitted?: boolean }
export interface LabelCase {
  place: number; kind: 'image' | 'volume'; slices: number; height: number; width: number; channels: number; dtype: string; spacing_mm: [number, number] | null; answer: LabelAnswer | null;
  readings?: DrawnReading[];
}
export interface KappaFigure { value: number | null; low?: number | null; high?: number | null; standard_error?: number; why?: string }
export interface MeanFigure { n: number; mean: number | null; low: number | null; high: number | null }
export interface ReaderPair {
  a: string; b: string; cases: number; cannot_tell: number; raw: { agreed: number; value: number | null; low?: number; high?: number }; kappa: KappaFigure; kappa_with_cannot_tell?: KappaFigure; kappa_linear?: KappaFigure; kappa_quadratic?: KappaFigure;
  categories: string[]; table: number[][]; classes: { class: string; agreement: number | null; kappa: KappaFigure; dice?: MeanFigure }[];
  // Of boxes, matched at an IoU of 0.5, and of outlines.
  boxes?: { matched: number; only_a: number; only_b: number; f1: number | null; iou: MeanFigure }; dice?: MeanFigure;
}
export interface LabelAgreement {
  cases: number; read_by_all: number; agreed: number; disagreed: number; adjudicated: number; undecided: number; cannot_tell: number; task: LabelTask; classes: string[]; mean_kappa: number | null; pairs: ReaderPair[];
  readers: { name: string; cannot_tell: number; changed: number; median_seconds: number | null }[];
}
export type LabelPart = 'reading' | 'adjudication';

const base = '/api/v1/labelling/projects';
const at = (id: string, rest = '') => `${base}/${encodeURIComponent(id)}${rest}`;
export const labelling = {
  projects: () => get<Page<LabellingProject>>(base),
  project: (id: string) => get<LabellingProject>(at(id)),
  create: (project: NewLabelling) => post<LabellingProject>(base, project),
  remove: (id: string) => del<void>(at(id)),
  endReading: (id: string, reason: string) => post<LabellingProject>(at(id, '/end-reading'), { reason }),
  finish: (id: string, how: { as?: string; leave_undecided?: boolean; keep_others?: boolean }) => post<Accepted>(at(id, '/finish'), how),
  work: (id: string, part: LabelPart) => get<LabelWork>(at(id, `/${part}`)),
  caseOf: (id: string, part: LabelPart, place: number) => get<LabelCase>(at(id, `/${part}/${place}`)),
  answer: (id: string, part: LabelPart, place: number, answer: GivenAnswer) => put<LabelAnswer>(at(id, `/${part}/${place}`), answer),
  pixels: async (id: string, part: LabelPart, place: number, slice: number, signal?: AbortSignal) =>
    (await getBytes(at(id, `/${part}/${place}/pixels.npy?slice=${slice}`), 'application/x-npy', signal)).arrayBuffer(),
  submit: (id: string) => post<LabelWork>(at(id, '/submit'), {}),
  agreement: (id: string) => get<LabelAgreement>(at(id, '/agreement')),
  table: (id: string, kind: 'csv' | 'json') => at(id, `/labels.${kind}`),
};
