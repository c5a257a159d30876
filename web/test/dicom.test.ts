import { describe, expect, it } from 'vitest';
import { storeAnswer, type StoreAnswer } from '../src/api/dicomweb';
import { ageAt, dicomDate, dicomTime, numbers, pathToUid, personName, texts, uidToPath } from '../src/lib/dicom';
import { importFiles, isOffered, type ImportState } from '../src/pages/studies/importing';
import { linkedAccession, noFilter, sortBy, startState, toSearch } from '../src/pages/studies/search';

describe('DICOM values as people read them', () => {
  it('writes names by their component groups (PS3.5 6.2.1)', () => {
    expect(personName('Doe^Jane^Q^Dr^MD', 'en')).toBe('Doe, Dr Jane Q MD');
    expect(personName('Wang^XiaoDong=王^小东=', 'en')).toBe('Wang, XiaoDong (王小东)');
    expect(personName('Wang^XiaoDong=王^小东=', 'zh')).toBe('王小东');
    expect(personName('Doe', 'zh')).toBe('Doe');
    expect(personName('', 'en')).toBe('');
  });
  it('writes dates as they stand, in no time zone', () => {
    expect(dicomDate('20240131', 'en')).toBe('31 Jan 2024');
    expect(dicomDate('2024.01.31', 'en')).toBe('31 Jan 2024');
    expect(dicomDate('', 'en')).toBe('–');
    expect(dicomDate('some day', 'en')).toBe('some day');
    expect(dicomTime('101559.123')).toBe('10:15');
  });
  it('takes the age that was written, else that between birth and study', () => {
    expect(ageAt('058Y', '', '20240101')).toEqual({ value: 58, unit: 'Y' });
    expect(ageAt('003M', '20231001', '20240101')).toEqual({ value: 3, unit: 'M' });
    expect(ageAt('', '19600615', '20240614')).toEqual({ value: 63, unit: 'Y' });
    expect(ageAt('', '19600615', '20240615')).toEqual({ value: 64, unit: 'Y' });
    expect(ageAt('', '20250101', '20240615')).toBeNull();
  });
  it('reads the JSON model: names, numbers as text, empty elements', () => {
    const object = { '00100010': { vr: 'PN', Value: [{ Alphabetic: 'A^B', Ideographic: '王' }] }, '00280030': { vr: 'DS', Value: ['0.5', 0.25, 'x'] }, '00080050': { vr: 'SH' } };
    expect(texts(object, '00100010')).toEqual(['A^B=王']);
    expect(numbers(object, '00280030')).toEqual([0.5, 0.25]);
    expect(texts(object, '00080050')).toEqual([]);
  });
  it('puts UIDs into addresses without dots and reads nothing else back', () => {
    expect(pathToUid(uidToPath('1.2.840.10008'))).toBe('1.2.840.10008');
    expect(pathToUid('Doe-Jane')).toBe('');
  });
});

describe('the search', () => {
  it('asks for what is filled in only', () => {
    expect(toSearch(startState)).toEqual({ order: 'date', ascending: false, offset: 0, limit: 50 });
    expect(toSearch({ ...startState, page: 2, filter: { ...noFilter, patient: ' doe ', from: '2024-01-31', modalities: ['CT'] } })).toEqual({ order: 'date', ascending: false, offset: 100, limit: 50, patient: 'doe', from: '20240131', modalities: ['CT'] });
  });
  it('turns a column round when it is chosen again', () => {
    const byName = sortBy({ ...startState, page: 3 }, 'patient');
    expect(byName).toMatchObject({ order: 'patient', ascending: true, page: 0 });
    expect(sortBy(byName, 'patient').ascending).toBe(false);
    expect(sortBy(byName, 'instances').ascending).toBe(false);
  });
  it('reads a linked accession number from query or fragment', () => {
    expect(linkedAccession('?accession=A%201', '')).toBe('A 1');
    expect(linkedAccession('', '#accession=B2')).toBe('B2');
    expect(linkedAccession('', '')).toBe('');
  });
});

describe('storing files', () => {
  const file = (name: string, size = 10) => new File([new Uint8Array(size)], name);
  it('reads what a node answers (PS3.18 10.5.3)', () => {
    const answer = storeAnswer({
      '00081199': { vr: 'SQ', Value: [{ '00081190': { vr: 'UR', Value: ['http://n/dicom-web/studies/1.2/series/1.3/instances/1.4'] } }] },
      '00081198': { vr: 'SQ', Value: [{ '00081197': { vr: 'US', Value: [0xc000] }, '00000902': { vr: 'LO', Value: ['no DICOM'] } }] },
    });
    expect(answer).toEqual({ studies: ['1.2'], refused: [{ reason: 0xc000, comment: 'no DICOM' }] });
  });
  it('sends each file once, a few at a time, and says which were refused', async () => {
    let flying = 0;
    let most = 0;
    const seen: ImportState[] = [];
    const store = async (blob: Blob, options: { onProgress?: (fraction: number) => void }): Promise<StoreAnswer> => {
      flying += 1;
      most = Math.max(most, flying);
      await Promise.resolve();
      options.onProgress?.(0.5);
      flying -= 1;
      const { name } = blob as File;
      if (name === 'lost.dcm') throw new Error('connection');
      return name === 'bad.dcm' ? { studies: [], refused: [{ reason: 0xc000, comment: 'no' }] } : { studies: ['1.2'], refused: [] };
    };
    const files = [...Array.from({ length: 9 }, (_, i) => file(`${i}.dcm`)), file('bad.dcm'), file('lost.dcm'), file('.DS_Store'), file('DICOMDIR')];
    const end = await importFiles(files, store, (state) => seen.push(state), new AbortController().signal);
    expect(end).toMatchObject({ files: 11, finished: 11, stored: 9, studies: ['1.2'], bytes: 110, sent: 110 });
    expect(end.refused.map((item) => item.name).sort()).toEqual(['bad.dcm', 'lost.dcm']);
    expect(most).toBeLessThanOrEqual(4);
    expect(most).toBeGreaterThan(1);
    expect(seen.at(-1)?.finished).toBe(11);
  });
  it('stops where it is told to', async () => {
    const abort = new AbortController();
    let sent = 0;
    const store = async (): Promise<StoreAnswer> => { sent += 1; abort.abort(); return { studies: [], refused: [] }; };
    await importFiles(Array.from({ length: 50 }, (_, i) => file(`${i}`)), store, () => undefined, abort.signal);
    expect(sent).toBeLessThanOrEqual(4);
  });
  it('leaves out what no archive wants', () => {
    expect(['IM0001', 'a.dcm', 'DICOMDIR', '.hidden', 'Thumbs.db'].filter(isOffered)).toEqual(['IM0001', 'a.dcm']);
  });
});
