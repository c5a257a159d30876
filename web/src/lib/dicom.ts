// What the pages read of DICOM: the JSON model (PS3.18 F.2), names, dates, UIDs in addresses.
import type { Language } from './format';

export interface DicomElement { vr: string; Value?: unknown[]; BulkDataURI?: string; InlineBinary?: string }
export type DicomObject = Record<string, DicomElement | undefined>;

export const tags = {
  modality: '00080060', seriesDescription: '0008103E', seriesNumber: '00200011', seriesUid: '0020000E', studyUid: '0020000D', sopInstanceUid: '00080018', sopClassUid: '00080016', seriesInstances: '00201209', bodyPart: '00180015',
  seriesDate: '00080021', retrieveUrl: '00081190', failedSops: '00081198', referencedSops: '00081199', failureReason: '00081197', errorComment: '00000902', referencedSopInstance: '00081155',
} as const;

export function texts(object: DicomObject | undefined, tag: string): string[] {
  return (object?.[tag]?.Value ?? []).map((value) => {
    if (typeof value === 'string') return value;
    if (typeof value === 'number') return String(value);
    const name = value as { Alphabetic?: string; Ideographic?: string; Phonetic?: string } | null;
    return name ? [name.Alphabetic ?? '', name.Ideographic ?? '', name.Phonetic ?? ''].join('=').replace(/=+$/, '') : '';
  });
}
export const text = (object: DicomObject | undefined, tag: string): string => texts(object, tag)[0]?.trim() ?? '';
// Numbers of any VR; DS and IS may come as text (PS3.18 F.2.3.1 lets both).
export function numbers(object: DicomObject | undefined, tag: string): number[] {
  return (object?.[tag]?.Value ?? []).map((value) => (typeof value === 'number' ? value : Number.parseFloat(String(value)))).filter(Number.isFinite);
}
export const number = (object: DicomObject | undefined, tag: string): number | undefined => numbers(object, tag)[0];
export const items = (object: DicomObject | undefined, tag: string): DicomObject[] => (object?.[tag]?.Value ?? []).filter((value): value is DicomObject => typeof value === 'object' && value !== null);

// "Wang^XiaoDong=王^小东" as people read it: the ideographic group in Chinese, else the alphabetic one (PS3.5 6.2.1).
export function personName(value: string, language: Language): string {
  const groups = value.split('=');
  const alphabetic = (groups[0] ?? '').split('^').map((part) => part.trim());
  const ideographic = (groups[1] ?? '').split('^').map((part) => part.trim()).filter(Boolean).join('');
  const [family = '', given = '', middle = '', prefix = '', suffix = ''] = alphabetic;
  const before = [prefix, given, middle].filter(Boolean).join(' ');
  const latin = [[family, before].filter(Boolean).join(', '), suffix].filter(Boolean).join(' ');
  if (language === 'zh' && ideographic) return ideographic;
  return ideographic && latin ? `${latin} (${ideographic})` : latin || ideographic;
}

// A date without a time has no time zone: it is shown as written.
export function dicomDate(value: string, language: Language): string {
  const match = /^(\d{4})[.]?(\d{2})[.]?(\d{2})$/.exec(value.trim());
  if (!match) return value.trim() || '–';
  const date = new Date(Date.UTC(Number(match[1]), Number(match[2]) - 1, Number(match[3])));
  return new Intl.DateTimeFormat(language === 'zh' ? 'zh-CN' : 'en-GB', { dateStyle: 'medium', timeZone: 'UTC' }).format(date);
}
export function dicomTime(value: string): string {
  const match = /^(\d{2})(\d{2})/.exec(value.replaceAll(':', '').trim());
  return match ? `${match[1]}:${match[2]}` : '';
}
export const compactDate = (iso: string): string => iso.replaceAll('-', '');

// Age at the study: as the device wrote it (PS3.5 6.2, AS), else from the birth date.
export function ageAt(age: string | undefined, birth: string, study: string): { value: number; unit: 'Y' | 'M' | 'W' | 'D' } | null {
  const written = /^(\d{3})([YMWD])$/.exec((age ?? '').trim());
  if (written) return { value: Number(written[1]), unit: written[2] as 'Y' };
  if (!/^\d{8}$/.test(birth) || !/^\d{8}$/.test(study) || study < birth) return null;
  const years = Number(study.slice(0, 4)) - Number(birth.slice(0, 4)) - (study.slice(4) < birth.slice(4) ? 1 : 0);
  return { value: years, unit: 'Y' };
}

// Pages of the application have no dot in their address, so that files and pages can be told apart; UIDs are digits and dots.
export const uidToPath = (uid: string): string => uid.replaceAll('.', '-');
export const pathToUid = (path: string): string => (/^[0-9-]{1,64}$/.test(path) ? path.replaceAll('-', '.') : '');
export const studyAddress = (uid: string): string => `/studies/${uidToPath(uid)}`;
export const patientAddress = (uidOfAStudy: string): string => `/patients/${uidToPath(uidOfAStudy)}`;
export const isUid = (text: string): boolean => /^[0-9]+(\.[0-9]+)*$/.test(text) && text.length <= 64;
