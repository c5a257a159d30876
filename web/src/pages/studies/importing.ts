// Sends files to the archive, a few at a time: one request a file costs little and says exactly which one was refused and why.
import type { StoreAnswer } from '../../api/dicomweb';
import type { UploadOptions } from '../../api/client';

export interface RefusedFile { name: string; error: unknown; comment: string }   // error: a DICOM failure reason (number), or what the request met
export interface ImportState { files: number; finished: number; bytes: number; sent: number; stored: number; studies: string[]; refused: RefusedFile[] }
type Store = (file: Blob, options: UploadOptions) => Promise<StoreAnswer>;
const together = 4;
const everyMs = 100;   // of telling about progress

// Folders bring what no archive wants: hidden files and directories of removable media (PS3.10 8.6).
export const isOffered = (name: string): boolean => !/^(\.|DICOMDIR$|Thumbs\.db$|desktop\.ini$)/i.test(name);

export async function importFiles(all: File[], store: Store, tell: (state: ImportState) => void, signal: AbortSignal): Promise<ImportState> {
  const files = all.filter((file) => isOffered(file.name));
  const studies = new Set<string>();
  const state: ImportState = { files: files.length, finished: 0, bytes: files.reduce((sum, file) => sum + file.size, 0), sent: 0, stored: 0, studies: [], refused: [] };
  let told = 0;
  const report = (always = false) => {
    const now = Date.now();
    if (!always && now - told < everyMs) return;
    told = now;
    tell({ ...state, studies: [...studies], refused: [...state.refused] });
  };
  report(true);
  let next = 0;
  const worker = async () => {
    for (let file = files[next++]; file && !signal.aborted; file = files[next++]) {
      const name = file.name;
      let counted = 0;
      const sent = (bytes: number) => { state.sent += bytes - counted; counted = bytes; };
      try {
        const size = file.size;
        const answer = await store(file, { signal, onProgress: (fraction) => { sent(fraction * size); report(); } });
        answer.studies.forEach((uid) => studies.add(uid));
        if (answer.refused.length > 0) state.refused.push(...answer.refused.map((item) => ({ name, error: item.reason, comment: item.comment })));
        else state.stored += 1;
      } catch (error) {
        if (signal.aborted) return;
        state.refused.push({ name, error, comment: '' });
      }
      sent(file.size);
      state.finished += 1;
      report();
    }
  };
  await Promise.all(Array.from({ length: Math.min(together, files.length) }, worker));
  report(true);
  return { ...state, studies: [...studies] };
}
