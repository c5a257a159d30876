// Window and level on 8-bit grey: `level` is the grey shown as middle, `width` the span from black to white (DICOM PS3.3 C.11.2.1.2.1, linear).
export interface WindowLevel { width: number; level: number; invert: boolean }
export const fullWindow: WindowLevel = { width: 256, level: 128, invert: false };

export function lookupTable({ width, level, invert }: WindowLevel): Uint8ClampedArray {
  const table = new Uint8ClampedArray(256);
  const span = Math.max(width, 2) - 1;
  for (let grey = 0; grey < 256; grey += 1) {
    const y = ((grey - (level - 0.5)) / span + 0.5) * 255;
    table[grey] = invert ? 255 - y : y;
  }
  return table;
}

export function applyTable(source: Uint8ClampedArray, target: Uint8ClampedArray, table: Uint8ClampedArray) {
  for (let i = 0; i < source.length; i += 4) {
    target[i] = table[source[i]!]!;
    target[i + 1] = table[source[i + 1]!]!;
    target[i + 2] = table[source[i + 2]!]!;
    target[i + 3] = source[i + 3]!;
  }
}

export interface View { zoom: number; x: number; y: number }
export const minZoom = 0.25;
export const maxZoom = 16;

// Zoom about a point of the canvas given from its centre, so that what lies under the pointer stays there. zoom 1 fits the image.
export function zoomAt(view: View, factor: number, px: number, py: number): View {
  const zoom = Math.min(maxZoom, Math.max(minZoom, view.zoom * factor));
  const k = zoom / view.zoom;
  return { zoom, x: px - (px - view.x) * k, y: py - (py - view.y) * k };
}
