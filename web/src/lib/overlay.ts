// What algorithms drew, as the viewer shows it over an image: segments (PS3.3 C.8.20) and graphics of presentation states (C.10.5).
import { items, number, numbers, text, texts, type DicomObject } from './dicom';
import type { Point } from './measure';

const tag = {
  sop: '00080018', rows: '00280010', columns: '00280011', allocated: '00280100', frames: '00280008', segmentationType: '00620001', maximum: '0062000E', segments: '00620002', segmentNumber: '00620004', segmentLabel: '00620005', lab: '0062000D',
  perFrame: '52009230', identification: '0062000A', referencedSegment: '0062000B', derivation: '00089124', source: '00082112', referencedSop: '00081155', series: '00081115', seriesUid: '0020000E',
  annotations: '00700001', images: '00081140', objects: '00700009', texts: '00700008', type: '00700023', data: '00700022', units: '00700005', words: '00700006', anchor: '00700014',
} as const;

export interface SegmentFrame { sop: string; frame: number; of: string; label: string; color: [number, number, number]; rows: number; columns: number; bits: number; half: number }

// Frames of a segmentation that lie on images of `series`; `of` is the image.
export function segmentFrames(object: DicomObject, series: string): SegmentFrame[] {
  if (!items(object, tag.series).some((one) => text(one, tag.seriesUid) === series)) return [];
  const segments = new Map(items(object, tag.segments).map((one) => [number(one, tag.segmentNumber) ?? 0, one]));
  const [rows, columns] = [number(object, tag.rows) ?? 0, number(object, tag.columns) ?? 0];
  return items(object, tag.perFrame).flatMap((group, index) => {
    const segment = segments.get(number(items(group, tag.identification)[0], tag.referencedSegment) ?? 0);
    const of = text(items(items(group, tag.derivation)[0], tag.source)[0], tag.referencedSop);
    if (!segment || !of || rows === 0 || columns === 0) return [];
    const lab = numbers(segment, tag.lab);
    return [{
      sop: text(object, tag.sop), frame: index + 1, of, label: text(segment, tag.segmentLabel), color: lab.length === 3 ? labToRgb(lab as [number, number, number]) : [220, 60, 60],
      rows, columns, bits: number(object, tag.allocated) ?? 1, half: (number(object, tag.maximum) ?? 255) / 2,
    }];
  });
}

// One byte a pixel, 1 where the segment is. Single bits come packed, the first pixel in the lowest (PS3.5 8.1.1).
export function segmentBits(bytes: ArrayBuffer, frame: Pick<SegmentFrame, 'rows' | 'columns' | 'bits' | 'half'>): Uint8Array | null {
  const count = frame.rows * frame.columns;
  const data = new Uint8Array(bytes);
  if (data.length < (frame.bits === 1 ? Math.ceil(count / 8) : count)) return null;
  const out = new Uint8Array(count);
  for (let i = 0; i < count; i += 1) out[i] = frame.bits === 1 ? (data[i >> 3]! >> (i & 7)) & 1 : Number(data[i]! >= frame.half && data[i]! > 0);
  return out;
}

// Recommended Display CIELab Value (PS3.3 C.10.7.1.1) to sRGB, D65.
export function labToRgb(lab: [number, number, number]): [number, number, number] {
  const [l, a, b] = [(lab[0] / 65535) * 100, (lab[1] / 65535) * 255 - 128, (lab[2] / 65535) * 255 - 128];
  const fy = (l + 16) / 116;
  const back = (t: number) => (t ** 3 > 216 / 24389 ? t ** 3 : (116 * t - 16) / (24389 / 27));
  const [x, y, z] = [back(fy + a / 500) * 0.95047, back(fy), back(fy - b / 200) * 1.08883];
  const linear = [3.2404542 * x - 1.5371385 * y - 0.4985314 * z, -0.969266 * x + 1.8760108 * y + 0.041556 * z, 0.0556434 * x - 0.2040259 * y + 1.0572252 * z];
  return linear.map((v) => Math.round(255 * Math.min(1, Math.max(0, v <= 0.0031308 ? 12.92 * v : 1.055 * v ** (1 / 2.4) - 0.055)))) as [number, number, number];
}

export interface Graphic { kind: 'point' | 'polyline' | 'ellipse'; points: Point[] }
export interface Annotation { graphics: Graphic[]; words: { at: Point; text: string }[] }

// By image. Points in pixels of the image with (0, 0) at the corner of the first; DICOM has (0.5, 0.5) there. Graphics in units of the screen stay out.
export function annotationsOf(object: DicomObject): Map<string, Annotation> {
  const out = new Map<string, Annotation>();
  for (const item of items(object, tag.annotations)) {
    const graphics = items(item, tag.objects).flatMap(graphicOf);
    const words = items(item, tag.texts).flatMap((one) => { const [x, y] = numbers(one, tag.anchor); return x !== undefined && y !== undefined ? [{ at: { x: x - 0.5, y: y - 0.5 }, text: texts(one, tag.words).join(' ') }] : []; });
    if (graphics.length === 0 && words.length === 0) continue;
    for (const image of items(item, tag.images)) {
      const sop = text(image, tag.referencedSop);
      const known = out.get(sop) ?? { graphics: [], words: [] };
      out.set(sop, { graphics: [...known.graphics, ...graphics], words: [...known.words, ...words] });
    }
  }
  return out;
}

const kinds: Record<string, Graphic['kind']> = { POINT: 'point', POLYLINE: 'polyline', ELLIPSE: 'ellipse', CIRCLE: 'ellipse' };
function graphicOf(object: DicomObject): Graphic[] {
  const name = text(object, tag.type);
  const kind = kinds[name];
  const data = numbers(object, tag.data);
  if (!kind || text(object, tag.units) !== 'PIXEL' || data.length < 2) return [];
  const points = Array.from({ length: data.length >> 1 }, (_, n) => ({ x: data[2 * n]! - 0.5, y: data[2 * n + 1]! - 0.5 }));
  if (name !== 'CIRCLE') return [{ kind, points }];
  const [centre, edge] = points;   // as the ends of two axes
  if (!centre || !edge) return [];
  const r = Math.hypot(edge.x - centre.x, edge.y - centre.y);
  return [{ kind, points: [{ x: centre.x - r, y: centre.y }, { x: centre.x + r, y: centre.y }, { x: centre.x, y: centre.y - r }, { x: centre.x, y: centre.y + r }] }];
}

// The outline of a graphic as points of the image, ellipses as 48 corners.
export function outline(graphic: Graphic): Point[] {
  const [a, b, c, d] = graphic.points;
  if (graphic.kind !== 'ellipse' || !a || !b || !c || !d) return graphic.points;
  const centre = { x: (a.x + b.x) / 2, y: (a.y + b.y) / 2 };
  return Array.from({ length: 49 }, (_, n) => {
    const [cos, sin] = [Math.cos((n * Math.PI) / 24) / 2, Math.sin((n * Math.PI) / 24) / 2];
    return { x: centre.x + cos * (b.x - a.x) + sin * (d.x - c.x), y: centre.y + cos * (b.y - a.y) + sin * (d.y - c.y) };
  });
}
