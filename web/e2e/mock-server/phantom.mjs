// Parametric chest-CT phantom (lungs, vessels, a smooth or spiculated nodule, noise) as an 8-bit grey PNG. Deterministic in the seed.
import { deflateSync } from 'node:zlib';

export function generator(seed) {
  let state = (seed * 2654435761) >>> 0 || 1;
  return () => {
    state ^= state << 13; state >>>= 0;
    state ^= state >>> 17;
    state ^= state << 5; state >>>= 0;
    return state / 4294967296;
  };
}

const inside = (x, y, cx, cy, rx, ry, turn = 0) => {
  const [dx, dy] = [x - cx, y - cy];
  const [c, s] = [Math.cos(turn), Math.sin(turn)];
  const [u, v] = [(dx * c + dy * s) / rx, (-dx * s + dy * c) / ry];
  return u * u + v * v;
};
const soft = (d, width) => 1 / (1 + Math.exp((d - 1) / width));
const mix = (a, b, k) => a + (b - a) * k;

// nodule: 'none' | 'smooth' | 'spiculated'. Grey values follow a lung window.
export function phantom(options = {}) {
  const { size = 256 } = options;
  return png(phantomGrey(options), size, size);
}
export function phantomGrey({ seed = 1, size = 256, nodule = 'none', noise = 9 } = {}) {
  const random = generator(seed);
  const pixels = new Uint8Array(size * size);
  const jitter = (amount) => (random() - 0.5) * amount;
  const shape = { w: 0.43 + jitter(0.03), h: 0.34 + jitter(0.03), lx: 0.305 + jitter(0.02), rx: 0.685 + jitter(0.02), ly: 0.5 + jitter(0.02) };
  const vessels = [];
  for (let side = 0; side < 2; side += 1) {
    const root = side === 0 ? [0.43, 0.5] : [0.57, 0.5];
    for (let branch = 0; branch < 9; branch += 1) {
      let [x, y] = root;
      let angle = (side === 0 ? Math.PI : 0) + jitter(2.9);
      let radius = 0.012 + random() * 0.006;
      for (let step = 0; step < 90; step += 1) {
        vessels.push([x, y, radius]);
        x += Math.cos(angle) * 0.0028; y += Math.sin(angle) * 0.0028;
        angle += jitter(0.26);
        radius *= 0.984;
      }
    }
  }
  const onRight = random() > 0.4;
  const lesion = { x: (onRight ? shape.rx + 0.055 : shape.lx - 0.05) + jitter(0.07), y: shape.ly + jitter(0.18), r: 0.036 + random() * 0.018 };
  const spikes = Array.from({ length: 13 }, (_, i) => ({ angle: (i / 13) * 2 * Math.PI + jitter(0.3), length: lesion.r * (1.5 + random() * 0.9) }));
  const field = new Float32Array(size * size);
  for (let j = 0; j < size; j += 1) {
    for (let i = 0; i < size; i += 1) {
      const [x, y] = [(i + 0.5) / size, (j + 0.5) / size];
      let grey = 4;
      const body = inside(x, y, 0.5, 0.52, shape.w, shape.h);
      grey = mix(grey, 108, soft(body, 0.012));
      grey = mix(grey, 150, soft(inside(x, y, 0.5, 0.52, shape.w - 0.035, shape.h - 0.035), 0.02));
      const ring = Math.abs(Math.sqrt(inside(x, y, 0.5, 0.515, shape.w - 0.055, shape.h - 0.05)) - 1);
      const rib = Math.max(0, Math.sin(Math.atan2(y - 0.52, x - 0.5) * 11 + seed) - 0.1);
      grey = mix(grey, 232, Math.max(0, 1 - ring / 0.035) * Math.min(1, rib * 2.2) * 0.9);
      for (const [cx, turn] of [[shape.lx, 0.13], [shape.rx, -0.13]]) {
        const lung = inside(x, y, cx, shape.ly, 0.148, 0.215, turn);
        const nearHeart = cx > 0.5 ? inside(x, y, 0.55, 0.47, 0.12, 0.115) : 9;
        grey = mix(grey, 34 + 10 * (y - 0.4), soft(lung, 0.035) * (1 - soft(nearHeart, 0.06)));
      }
      grey = mix(grey, 176, soft(inside(x, y, 0.5, 0.74, 0.052, 0.04), 0.08));
      grey = mix(grey, 238, soft(inside(x, y, 0.5, 0.715, 0.047, 0.032), 0.1) * 0.9);
      grey = mix(grey, 172, soft(inside(x, y, 0.535, 0.46, 0.075, 0.085), 0.1) * 0.75);
      grey = mix(grey, 196, soft(inside(x, y, 0.49, 0.43, 0.028, 0.028), 0.1) * 0.8);
      grey = mix(grey, 18, soft(inside(x, y, 0.47, 0.53, 0.014, 0.014), 0.12) * 0.9);
      field[j * size + i] = grey;
    }
  }
  const stamp = (cx, cy, radius, value, strength = 1) => {
    const reach = Math.ceil(radius * 2.2 * size);
    const [ci, cj] = [Math.round(cx * size), Math.round(cy * size)];
    for (let j = Math.max(0, cj - reach); j <= Math.min(size - 1, cj + reach); j += 1) {
      for (let i = Math.max(0, ci - reach); i <= Math.min(size - 1, ci + reach); i += 1) {
        const d = Math.hypot((i + 0.5) / size - cx, (j + 0.5) / size - cy) / radius;
        const k = soft(d, 0.22) * strength;
        const index = j * size + i;
        if (value > field[index]) field[index] = mix(field[index], value, k);
      }
    }
  };
  for (const [x, y, r] of vessels) stamp(x, y, Math.max(r * 0.55, 0.0028), 118, 0.45);
  if (nodule !== 'none') {
    stamp(lesion.x, lesion.y, lesion.r, 168);
    if (nodule === 'spiculated') {
      for (const spike of spikes) {
        for (let k = 0; k <= 24; k += 1) stamp(lesion.x + Math.cos(spike.angle) * spike.length * (k / 24), lesion.y + Math.sin(spike.angle) * spike.length * (k / 24), 0.0048 * (1.25 - k / 24), 138, 0.5);
      }
    }
  }
  for (let index = 0; index < field.length; index += 1) {
    const gauss = Math.sqrt(-2 * Math.log(random() + 1e-9)) * Math.cos(2 * Math.PI * random());
    pixels[index] = Math.max(0, Math.min(255, field[index] + gauss * noise));
  }
  return pixels;
}

const crcTable = Array.from({ length: 256 }, (_, n) => {
  let c = n;
  for (let k = 0; k < 8; k += 1) c = c & 1 ? 0xedb88320 ^ (c >>> 1) : c >>> 1;
  return c >>> 0;
});
function chunk(type, data) {
  const out = Buffer.alloc(12 + data.length);
  out.writeUInt32BE(data.length, 0);
  out.write(type, 4, 'latin1');
  data.copy(out, 8);
  let c = 0xffffffff;
  for (const byte of out.subarray(4, 8 + data.length)) c = crcTable[(c ^ byte) & 255] ^ (c >>> 8);
  out.writeUInt32BE((c ^ 0xffffffff) >>> 0, 8 + data.length);
  return out;
}
export function png(grey, width, height) {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 0, 0, 0, 0], 8);
  const rows = Buffer.alloc((width + 1) * height);
  for (let y = 0; y < height; y += 1) rows.set(grey.subarray(y * width, (y + 1) * width), y * (width + 1) + 1);
  return Buffer.concat([Buffer.from([137, 80, 78, 71, 13, 10, 26, 10]), chunk('IHDR', header), chunk('IDAT', deflateSync(rows, { level: 6 })), chunk('IEND', Buffer.alloc(0))]);
}
