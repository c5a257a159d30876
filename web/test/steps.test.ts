import { describe, expect, it } from 'vitest';
import { nameOf, noWords, physicianOf, toFilter, today, toStep } from '../src/pages/scheduling/steps';

describe('a procedure step from a form', () => {
  it('has names as person names (PS3.5 6.2.1), whatever separators were typed', () => {
    expect(nameOf('Wang', 'Xiao Dong', '王 小东')).toBe('Wang^Xiao Dong=王^小东');
    expect(nameOf('Madonna', '')).toBe('Madonna');
    expect(nameOf('', '', '王小东')).toBe('=王小东');
    expect(nameOf('Do^e', 'Ja=ne\\')).toBe('Do e^Ja ne');
    expect([physicianOf('Moreau, Claire'), physicianOf('Moreau Claire Anne'), physicianOf('')]).toEqual(['Moreau^Claire', 'Moreau^Claire Anne', '']);
  });
  it('has dates and times as the node takes them, and nothing that was left empty', () => {
    expect(toStep({ ...noWords, family: 'Doe', given: 'Jane', patientId: ' 7 ', modality: 'CT', date: '2026-01-31', time: '09:05' })).toEqual({ patient_name: 'Doe^Jane', patient_id: '7', modality: 'CT', date: '20260131', time: '0905' });
  });
  it('is searched for by what is no patient', () => expect(toFilter({ date: '2026-01-31', modality: 'CT', station: ' CT1 ', state: '' })).toEqual({ date: '20260131', modality: 'CT', station_ae: 'CT1', state: '' }));
  it('today is the day of this place', () => expect(today(new Date(2026, 0, 5, 23, 59))).toBe('2026-01-05'));
});
