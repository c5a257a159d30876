// A series as a stack of frames: what the metadata say of each (PS3.3 C.7.6, functional groups of C.7.6.16), in the order of their place in the body.
import { items, number, numbers, text, texts, type DicomObject } from './dicom';

export type Triple = [number, number, number];
export interface Voi { center: number; width: number; label: string }
export interface Frame {
  sop: string; frame: number;                      // frame from 1
  rows: number; columns: number;
  grey: boolean;                                   // false: the node draws it (colour, palettes, look-up tables, single bits)
  bitsAllocated: number; bitsStored: number; highBit: number; signed: boolean; monochrome1: boolean;
  slope: number; intercept: number; unit: string;  // unit of the rescaled value, '' when nothing says it
  windows: Voi[]; curve: Curve; padding: number | null;
  spacing: [number, number] | null;                // millimetres between rows, between columns
  spacingAt: 'patient' | 'detector' | null;        // detector: of a projection image, without magnification (PS3.3 C.8.2.1)
  aspect: number;                                  // height of a pixel over its width
  row: Triple | null; column: Triple | null; position: Triple | null;
  edges: [string, string] | null;                  // Patient Orientation: direction of the rows, of the columns
  lossy: string | null;                            // how it was compressed with loss, '' when only that it was is known
  instance: number | null; location: number | null; fps: number | null;
}
export type Curve = 'linear' | 'linear_exact' | 'sigmoid';

const tag = {
  sop: '00080018', instance: '00200013', rows: '00280010', columns: '00280011', samples: '00280002', photometric: '00280004', allocated: '00280100', stored: '00280101', high: '00280102', representation: '00280103', frames: '00280008',
  spacing: '00280030', imagerSpacing: '00181164', aspect: '00280034', slope: '00281053', intercept: '00281052', rescaleType: '00281054', center: '00281050', width: '00281051', explanation: '00281055', voiFunction: '00281056', padding: '00280120',
  orientation: '00200037', position: '00200032', patientOrientation: '00200020', location: '00201041', lossy: '00282110', ratio: '00282112', method: '00282114', syntax: '00083002', modality: '00080060', modalityLut: '00283000', voiLut: '00283010',
  floatPixels: '7FE00008', doublePixels: '7FE00009', displayRate: '00082144', cineRate: '00180040', frameTime: '00181063',
  shared: '52009229', perFrame: '52009230', measures: '00289110', planeOrientation: '00209116', planePosition: '00209113', frameVoi: '00289132', transformation: '00289145',
} as const;

// Syntaxes whose images have lost something (PS3.5 10); others may or may not, which Lossy Image Compression says.
const lossySyntaxes: Record<string, string> = { '1.2.840.10008.1.2.4.50': 'JPEG', '1.2.840.10008.1.2.4.51': 'JPEG', '1.2.840.10008.1.2.4.81': 'JPEG-LS' };

function triple(values: number[], at = 0): Triple | null {
  const [x, y, z] = [values[at], values[at + 1], values[at + 2]];
  return x === undefined || y === undefined || z === undefined ? null : [x, y, z];
}

export function framesOf(object: DicomObject): Frame[] {
  const count = Math.max(1, number(object, tag.frames) ?? 1);
  const rows = number(object, tag.rows) ?? 0;
  const columns = number(object, tag.columns) ?? 0;
  if (rows <= 0 || columns <= 0) return [];
  const shared = items(object, tag.shared)[0];
  const perFrame = items(object, tag.perFrame);
  return Array.from({ length: count }, (_, index) => frameOf(object, index, rows, columns, shared, perFrame[index]));
}

function frameOf(object: DicomObject, index: number, rows: number, columns: number, shared: DicomObject | undefined, own: DicomObject | undefined): Frame {
  // A functional group of the frame, else of all frames, else the object itself.
  const group = (name: string): DicomObject => items(own, name)[0] ?? items(shared, name)[0] ?? object;
  const measures = group(tag.measures);
  const voi = group(tag.frameVoi);
  const transformation = group(tag.transformation);
  const orientation = numbers(group(tag.planeOrientation), tag.orientation);
  const photometric = text(object, tag.photometric);
  const allocated = number(object, tag.allocated) ?? 16;
  const stored = number(object, tag.stored) ?? allocated;
  const signed = number(object, tag.representation) === 1;
  const windows = windowsOf(voi);
  const tables = items(object, tag.modalityLut).length > 0 || (windows.length === 0 && items(object, tag.voiLut).length > 0);
  const patientSpacing = numbers(measures, tag.spacing);
  const detectorSpacing = numbers(object, tag.imagerSpacing);
  const [down, across] = patientSpacing.length >= 2 ? patientSpacing : detectorSpacing;
  const spacing: [number, number] | null = down !== undefined && across !== undefined && down > 0 && across > 0 ? [down, across] : null;
  const [tall, wide] = numbers(object, tag.aspect);
  const slope = number(transformation, tag.slope) ?? 1;
  const unit = text(transformation, tag.rescaleType) || (text(object, tag.modality) === 'CT' ? 'HU' : '');
  const edges = texts(object, tag.patientOrientation);
  return {
    sop: text(object, tag.sop), frame: index + 1, rows, columns,
    grey: (photometric === 'MONOCHROME1' || photometric === 'MONOCHROME2') && (number(object, tag.samples) ?? 1) === 1 && (allocated === 8 || allocated === 16) && !tables && !object[tag.floatPixels] && !object[tag.doublePixels],
    bitsAllocated: allocated, bitsStored: stored, highBit: number(object, tag.high) ?? stored - 1, signed, monochrome1: photometric === 'MONOCHROME1',
    slope: slope === 0 ? 1 : slope, intercept: number(transformation, tag.intercept) ?? 0, unit: unit === 'US' ? '' : unit,
    windows, curve: curveOf(text(voi, tag.voiFunction)), padding: number(object, tag.padding) ?? null,
    spacing, spacingAt: spacing === null ? null : patientSpacing.length >= 2 ? 'patient' : 'detector',
    aspect: spacing ? spacing[0] / spacing[1] : tall && wide ? tall / wide : 1,
    row: triple(orientation), column: triple(orientation, 3), position: triple(numbers(group(tag.planePosition), tag.position)),
    edges: edges.length >= 2 ? [edges[0]!, edges[1]!] : null,
    lossy: lossOf(object), instance: number(object, tag.instance) ?? null, location: number(object, tag.location) ?? null, fps: rateOf(object),
  };
}

function windowsOf(voi: DicomObject): Voi[] {
  const widths = numbers(voi, tag.width);
  const labels = texts(voi, tag.explanation);
  return numbers(voi, tag.center).flatMap((center, index) => { const width = widths[index]; return width !== undefined && width > 0 ? [{ center, width, label: labels[index] ?? '' }] : []; });
}
const curveOf = (name: string): Curve => (name === 'LINEAR_EXACT' ? 'linear_exact' : name === 'SIGMOID' ? 'sigmoid' : 'linear');

function lossOf(object: DicomObject): string | null {
  const by = lossySyntaxes[text(object, tag.syntax)];
  if (text(object, tag.lossy) !== '01' && by === undefined) return null;
  const ratio = numbers(object, tag.ratio).map((value) => `${Math.round(value * 10) / 10}:1`);
  return [by ?? '', ratio.join(', ')].filter(Boolean).join(' ');
}
function rateOf(object: DicomObject): number | null {
  const milliseconds = number(object, tag.frameTime);
  const rate = number(object, tag.displayRate) ?? number(object, tag.cineRate) ?? (milliseconds && milliseconds > 0 ? 1000 / milliseconds : undefined);
  return rate !== undefined && rate > 0 ? rate : null;
}

export const cross = (a: Triple, b: Triple): Triple => [a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]];
export const dot = (a: Triple, b: Triple): number => a[0] * b[0] + a[1] * b[1] + a[2] * b[2];

// Parallel slices go by their place along the normal, from feet to head, right to left or front to back whichever they cross;
// everything else by instance and frame number.
export function makeStack(objects: DicomObject[]): Frame[] {
  const frames = objects.flatMap(framesOf);
  const first = frames[0];
  const byNumber = (a: Frame, b: Frame) => (a.instance ?? 0) - (b.instance ?? 0) || a.sop.localeCompare(b.sop) || a.frame - b.frame;
  if (!first?.row || !first.column) return frames.sort(byNumber);
  const normal = cross(first.row, first.column);
  const place = frames.map((frame) => (frame.row && frame.column && frame.position && dot(cross(frame.row, frame.column), normal) > 0.999 && dot(frame.row, first.row!) > 0.999 ? dot(frame.position, normal) : NaN));
  const distinct = new Set(place.map((value) => Math.round(value * 1000)));
  if (place.some(Number.isNaN) || distinct.size !== frames.length) return frames.sort(byNumber);
  // Axial stacks are read from the head down, as they are printed.
  const down = normal[2] > 0.5 ? -1 : 1;
  return frames.map((frame, index) => ({ frame, at: place[index]! })).sort((a, b) => down * (a.at - b.at)).map(({ frame }) => frame);
}

// Letters of a direction in the patient (PS3.3 C.7.6.1.1.1): the main one first, others where they matter.
export function directionLetters(direction: Triple): string {
  const names: [number, string, string][] = [[direction[0], 'L', 'R'], [direction[1], 'P', 'A'], [direction[2], 'H', 'F']];
  return names.filter(([value]) => Math.abs(value) > 0.1).sort((a, b) => Math.abs(b[0]) - Math.abs(a[0])).map(([value, plus, minus]) => (value > 0 ? plus : minus)).join('');
}
const opposite: Record<string, string> = { L: 'R', R: 'L', A: 'P', P: 'A', H: 'F', F: 'H' };
export const oppositeLetters = (letters: string): string => [...letters].map((letter) => opposite[letter] ?? letter).join('');
export interface Edges { left: string; right: string; top: string; bottom: string }
export function edgeLetters(frame: Frame): Edges | null {
  const [right, bottom] = frame.row && frame.column ? [directionLetters(frame.row), directionLetters(frame.column)] : frame.edges ?? ['', ''];
  return right || bottom ? { left: oppositeLetters(right), right, top: oppositeLetters(bottom), bottom } : null;
}

// Stored words as values: the bits that are stored, with their sign. Little endian, as the node was asked for.
export function decodeSamples(bytes: ArrayBuffer, frame: Frame): Int16Array | Uint16Array | null {
  const count = frame.rows * frame.columns;
  const wide = frame.bitsAllocated === 16;
  if (bytes.byteLength < count * (wide ? 2 : 1)) return null;
  // All sixteen bits are stored: the words are the values.
  if (wide && frame.bitsStored === 16 && frame.highBit === 15) return frame.signed ? new Int16Array(bytes, 0, count) : new Uint16Array(bytes, 0, count);
  const words = wide ? new Uint16Array(bytes, 0, count) : new Uint8Array(bytes, 0, count);
  const out = frame.signed ? new Int16Array(count) : new Uint16Array(count);
  const drop = frame.highBit + 1 - frame.bitsStored;
  const up = 32 - frame.bitsStored;
  for (let i = 0; i < count; i += 1) {
    const word = words[i]! >>> drop;
    out[i] = frame.signed ? (word << up) >> up : (word << up) >>> up;
  }
  return out;
}

// From black, 0, to white, 1, of a rescaled value (PS3.3 C.11.2.1.2 and C.11.2.1.3).
export function greyOf(x: number, curve: Curve, { center, width }: { center: number; width: number }): number {
  if (curve === 'sigmoid') return 1 / (1 + Math.exp((-4 * (x - center)) / width));
  const y = curve === 'linear_exact' ? (x - center) / width + 0.5 : (x - (center - 0.5)) / Math.max(width - 1, 1e-6) + 0.5;
  return Math.min(1, Math.max(0, y));
}
// One grey of 0 to 255 for each stored value from `low`.
export function voiTable(low: number, high: number, frame: Pick<Frame, 'slope' | 'intercept' | 'monochrome1' | 'curve'>, window: { center: number; width: number }, invert: boolean): Uint8ClampedArray {
  const table = new Uint8ClampedArray(high - low + 1);
  const dark = frame.monochrome1 !== invert;
  for (let stored = low; stored <= high; stored += 1) {
    const y = greyOf(stored * frame.slope + frame.intercept, frame.curve, window);
    table[stored - low] = Math.round(255 * (dark ? 1 - y : y));
  }
  return table;
}

export function rangeOf(samples: ArrayLike<number>): [number, number] {
  let low = Infinity;
  let high = -Infinity;
  for (let i = 0; i < samples.length; i += 1) {
    const value = samples[i]!;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  return [low, high];
}
// Everything there is, for images that name no window; padding is no image.
export function fullRange(samples: ArrayLike<number>, frame: Frame): { center: number; width: number } {
  let [low, high] = [Infinity, -Infinity];
  for (let i = 0; i < samples.length; i += 1) {
    const value = samples[i]!;
    if (value === frame.padding) continue;
    if (value < low) low = value;
    if (value > high) high = value;
  }
  if (low > high) return { center: 0, width: 1 };
  const [a, b] = [low * frame.slope + frame.intercept, high * frame.slope + frame.intercept];
  return { center: (a + b + 1) / 2, width: Math.max(1, Math.abs(b - a) + 1) };
}

// Of CT, in Hounsfield units: what OHIF's viewer offers (extensions/cornerstone, windowLevelPresets, 3.x), so that both viewers of a node agree.
export const presets: Record<string, { key: 'softTissue' | 'lung' | 'liver' | 'bone' | 'brain'; width: number; center: number }[]> = {
  CT: [{ key: 'softTissue', width: 400, center: 40 }, { key: 'lung', width: 1500, center: -600 }, { key: 'liver', width: 150, center: 90 }, { key: 'bone', width: 2500, center: 480 }, { key: 'brain', width: 80, center: 40 }],
};
