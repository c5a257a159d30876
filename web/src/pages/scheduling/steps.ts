// What is searched for among procedure steps, and how a form becomes one.
import type { NewStep, PerformedState, ScheduledState, StepFilter } from '../../api/types';
import { compactDate } from '../../lib/dicom';

export const scheduledStates: ScheduledState[] = ['scheduled', 'started', 'completed', 'discontinued'];
export const performedStates: PerformedState[] = ['in_progress', 'completed', 'discontinued'];
export const stateColor: Record<ScheduledState | PerformedState, string> = { scheduled: 'gray', started: 'blue', in_progress: 'blue', completed: 'aceso', discontinued: 'orange' };

export interface StepSearch { date: string; modality: string; station: string; state: string }
export function toFilter(search: StepSearch): StepFilter {
  return { date: search.date ? compactDate(search.date) : '', modality: search.modality, station_ae: search.station.trim(), state: search.state };
}
// Of this place, as a date field has it.
export function today(now = new Date()): string {
  const two = (n: number) => String(n).padStart(2, '0');
  return `${now.getFullYear()}-${two(now.getMonth() + 1)}-${two(now.getDate())}`;
}

export interface StepWords {
  family: string; given: string; characters: string; patientId: string; issuer: string; birth: string; sex: string; accession: string; referring: string;
  modality: string; station: string; date: string; time: string; procedure: string; procedureId: string; description: string; physician: string; location: string;
}
export const noWords: StepWords = { family: '', given: '', characters: '', patientId: '', issuer: '', birth: '', sex: '', accession: '', referring: '', modality: '', station: '', date: '', time: '', procedure: '', procedureId: '', description: '', physician: '', location: '' };

// A person name of its groups (PS3.5 6.2.1.1): "Wang^XiaoDong=王^小东". Separators that were typed are no separators.
export function nameOf(family: string, given: string, characters = ''): string {
  const clean = (text: string) => text.replace(/[\^=\\]/g, ' ').trim();
  const alphabetic = [clean(family), clean(given)].join('^').replace(/\^$/, '');
  const ideographic = clean(characters).replace(/\s+/g, '^');
  return ideographic ? `${alphabetic}=${ideographic}` : alphabetic;
}
// "Moreau, Claire" or "Moreau Claire": the family name first.
export function physicianOf(text: string): string {
  const [family = '', ...rest] = text.includes(',') ? text.split(',') : text.trim().split(/\s+/);
  return nameOf(family, rest.join(' '));
}
export function toStep(words: StepWords): NewStep {
  const step: NewStep = {
    patient_name: nameOf(words.family, words.given, words.characters), patient_id: words.patientId.trim(), issuer: words.issuer.trim(), birth_date: compactDate(words.birth), sex: words.sex, accession: words.accession.trim(), referring_physician: physicianOf(words.referring), modality: words.modality,
    station_ae: words.station.trim(), date: compactDate(words.date), time: words.time.replace(':', ''), procedure: words.procedure.trim(), procedure_id: words.procedureId.trim(), description: words.description.trim(), physician: physicianOf(words.physician), location: words.location.trim(),
  };
  return Object.fromEntries(Object.entries(step).filter(([, value]) => value !== ''));
}
