// DICOMweb of this node (PS3.18): series and metadata, pictures, frames; storing files one by one, so that each refusal names its file.
import { items, number, text, tags, type DicomObject } from '../lib/dicom';
import { del, getBytes, upload, type UploadOptions } from './client';

let root = '/dicom-web/studies';
// Who came by a link reads the study that it shows, and nothing else.
export function readShared(): void { root = '/shared/dicom-web/studies'; }
const part = encodeURIComponent;
const instance = (study: string, series: string, sop: string) => `${root}/${part(study)}/series/${part(series)}/instances/${part(sop)}`;
const json = 'application/dicom+json';

async function objects(path: string, signal?: AbortSignal): Promise<DicomObject[]> {
  const response = await getBytes(path, json, signal);
  return response.status === 204 ? [] : ((await response.json()) as DicomObject[]);
}

export interface Series { uid: string; modality: string; number: number | null; description: string; bodyPart: string; instances: number; date: string }
function seriesOf(object: DicomObject): Series {
  return {
    uid: text(object, tags.seriesUid), modality: text(object, tags.modality), number: number(object, tags.seriesNumber) ?? null, description: text(object, tags.seriesDescription), bodyPart: text(object, tags.bodyPart),
    instances: number(object, tags.seriesInstances) ?? 0, date: text(object, tags.seriesDate),
  };
}

export interface Refusal { reason: number; comment: string }
export interface StoreAnswer { studies: string[]; refused: Refusal[] }

export const dicomweb = {
  series: async (study: string, signal?: AbortSignal): Promise<Series[]> =>
    (await objects(`${root}/${part(study)}/series`, signal)).map(seriesOf).sort((a, b) => (a.number ?? 1e9) - (b.number ?? 1e9) || a.uid.localeCompare(b.uid)),
  thumbnail: async (study: string, series: string, signal?: AbortSignal): Promise<Blob> => (await getBytes(`${root}/${part(study)}${series ? `/series/${part(series)}` : ''}/thumbnail`, 'image/jpeg', signal)).blob(),
  metadata: (study: string, series: string, signal?: AbortSignal) => objects(`${root}/${part(study)}/series/${part(series)}/metadata`, signal),
  // Decoded by the node where it was compressed: explicit little endian, every stored bit.
  frame: async (study: string, series: string, sop: string, frame: number, signal?: AbortSignal): Promise<ArrayBuffer> =>
    (await getBytes(`${instance(study, series, sop)}/frames/${frame}`, 'application/octet-stream; transfer-syntax=1.2.840.10008.1.2.1', signal)).arrayBuffer(),
  rendered: async (study: string, series: string, sop: string, frame: number, signal?: AbortSignal): Promise<Blob> => (await getBytes(`${instance(study, series, sop)}/frames/${frame}/rendered`, 'image/png', signal)).blob(),
  deleteStudy: (study: string) => del<void>(`${root}/${part(study)}`),
  store: async (file: Blob, options: UploadOptions = {}): Promise<StoreAnswer> =>
    storeAnswer(await upload<DicomObject>(root, file, { ...options, contentType: 'application/dicom', accept: json, accepts: [409] })),
};

// Is the OHIF viewer installed on this node?
export async function viewerInstalled(): Promise<boolean> {
  try {
    return (await fetch('/ohif/', { method: 'HEAD', cache: 'no-store' })).ok;
  } catch {
    return false;
  }
}
export const viewerAddress = (study: string): string => `/ohif/viewer?StudyInstanceUIDs=${part(study)}`;

export function storeAnswer(answer: DicomObject): StoreAnswer {
  const studies = items(answer, tags.referencedSops).map((item) => /\/studies\/([0-9.]+)\//.exec(text(item, tags.retrieveUrl))?.[1] ?? '').filter(Boolean);
  const refused = items(answer, tags.failedSops).map((item) => ({ reason: number(item, tags.failureReason) ?? 0x0110, comment: text(item, tags.errorComment) }));
  return { studies: [...new Set(studies)], refused };
}
