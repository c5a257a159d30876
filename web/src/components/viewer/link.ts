// Viewers that scroll together: what one moves through the body the others move too, in millimetres where they are parallel, else by images.
import { cross, dot, type Frame, type Triple } from '../../lib/stack';

export interface Move { from: symbol; frames: number; mm: number | null; normal: Triple | null }
export interface Link { tell: (move: Move) => void; hear: (listener: (move: Move) => void) => () => void }

export function makeLink(): Link {
  const listeners = new Set<(move: Move) => void>();
  return { tell: (move) => { for (const one of listeners) one(move); }, hear: (listener) => { listeners.add(listener); return () => { listeners.delete(listener); }; } };
}

export const normalOf = (frame: Frame): Triple | null => (frame.row && frame.column ? cross(frame.row, frame.column) : null);
// Millimetres along the normal; null without a place in the body.
export function placeOf(frame: Frame): number | null {
  const normal = normalOf(frame);
  return normal && frame.position ? dot(frame.position, normal) : null;
}

export function moveBetween(from: symbol, frames: Frame[], before: number, after: number): Move {
  const [a, b] = [placeOf(frames[before]!), placeOf(frames[after]!)];
  return { from, frames: after - before, mm: a !== null && b !== null ? b - a : null, normal: normalOf(frames[after]!) };
}

// Where a stack that stands at `at` (millimetres; null: at `index`) goes with a move: the nearest image, and the exact place for the next move. Null: planes that cross have no common way.
export function follow(frames: Frame[], index: number, at: number | null, move: Move): { index: number; at: number | null } | null {
  const last = frames.length - 1;
  const byFrames = { index: Math.min(last, Math.max(0, index + move.frames)), at: null };
  const own = normalOf(frames[index]!);
  const here = at ?? placeOf(frames[index]!);
  if (move.mm === null || !move.normal || !own || here === null) return byFrames;
  const along = dot(own, move.normal);
  if (Math.abs(along) < 0.99) return null;
  const target = here + move.mm * Math.sign(along);
  let best = index;
  let nearest = Infinity;
  frames.forEach((frame, n) => { const place = placeOf(frame); if (place !== null && Math.abs(place - target) < nearest) { nearest = Math.abs(place - target); best = n; } });
  return { index: best, at: target };
}
