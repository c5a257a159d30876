// What is searched for on the Studies page. It is patient data, so it lives in memory for this session: in no address, no storage.
import type { StudyOrder, StudySearch } from '../../api/types';
import { compactDate } from '../../lib/dicom';

export interface Filter { patient: string; accession: string; from: string; to: string; modalities: string[] }
export interface SearchState { filter: Filter; order: StudyOrder; ascending: boolean; page: number }
export const noFilter: Filter = { patient: '', accession: '', from: '', to: '', modalities: [] };
export const startState: SearchState = { filter: noFilter, order: 'date', ascending: false, page: 0 };
export const pageSize = 50;
export const isFiltered = (filter: Filter): boolean => Boolean(filter.patient.trim() || filter.accession.trim() || filter.from || filter.to || filter.modalities.length);

export function toSearch({ filter, order, ascending, page }: SearchState): StudySearch {
  const search: StudySearch = { order, ascending, offset: page * pageSize, limit: pageSize };
  if (filter.patient.trim()) search.patient = filter.patient.trim();
  if (filter.accession.trim()) search.accession = filter.accession.trim();
  if (filter.from) search.from = compactDate(filter.from);
  if (filter.to) search.to = compactDate(filter.to);
  if (filter.modalities.length) search.modalities = filter.modalities;
  return search;
}

// A column that is chosen again turns round; dates and counts start with the newest and most.
export function sortBy(state: SearchState, order: StudyOrder): SearchState {
  const ascending = state.order === order ? !state.ascending : !['date', 'received', 'instances'].includes(order);
  return { ...state, order, ascending, page: 0 };
}

// "/studies?accession=A1", or "#accession=A1", which not even the node sees.
export function linkedAccession(search: string, hash: string): string {
  return (new URLSearchParams(search.replace(/^\?/, '')).get('accession') ?? new URLSearchParams(hash.replace(/^#/, '')).get('accession') ?? '').trim();
}
