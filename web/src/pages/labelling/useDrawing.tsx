// Boxes by dragging, outlines by polygon and brush, several objects with a class each, undo and redo.
import { useEffect, useMemo, useRef, useState, type PointerEvent } from 'react';
import { areaOf, begin, boxOf, contains, fillPolygon, handleAt, handles, isBox, moveBox, outlinePath, redo, resizeBox, step, stroke, undo, type Box, type Drawn, type DrawnMask, type Handle, type History, type Vertex } from '../../lib/drawing';
import type { Point, StageTool } from './LabelStage';

export type DrawTool = 'box' | 'polygon' | 'brush' | 'erase' | 'window';
export const classColors = ['#ffd43b', '#74c0fc', '#ff8787', '#8ce99a', '#eebefa', '#ffa94d', '#66d9e8', '#d8f5a2'];
const grip = 7;   // screen pixels from a handle

interface Options { width: number; height: number; outlines: boolean; label: string; editable: boolean }
type Gesture = { kind: 'new'; from: Vertex; to: Vertex } | { kind: 'move'; id: number; from: Vertex; box: Box; now: Box } | { kind: 'resize'; id: number; handle: Handle; box: Box; now: Box } | { kind: 'paint'; mask: Uint8Array; id: number; last: Vertex; label: string };

export function useDrawing({ width, height, outlines, label, editable }: Options) {
  const [history, setHistory] = useState<History<Drawn[]>>(() => begin<Drawn[]>([]));
  const [selected, setSelected] = useState<number | null>(null);
  const [tool, setTool] = useState<DrawTool>(outlines ? 'polygon' : 'box');
  const [radius, setRadius] = useState(4);
  const [corners, setCorners] = useState<Vertex[]>([]);
  const [pointer, setPointer] = useState<Vertex | null>(null);
  const [gesture, setGesture] = useState<Gesture | null>(null);
  const live = useRef<Gesture | null>(null);
  const ids = useRef(1);
  const dirty = useRef(false);
  const objects = history.now;
  const scaleNow = useRef(1);

  const put = (next: Drawn[]) => { dirty.current = true; setHistory((old) => step(old, next)); };
  const load = (next: Drawn[]) => { ids.current = next.reduce((most, one) => Math.max(most, one.id + 1), 1); setHistory(begin(next)); setSelected(null); setCorners([]); setGesture(null); live.current = null; dirty.current = false; };
  const replace = (next: Drawn[]) => { ids.current = next.reduce((most, one) => Math.max(most, one.id + 1), ids.current); put(next); setSelected(null); setCorners([]); };
  const remove = (id: number | null) => { if (id === null || !editable) return; put(objects.filter((one) => one.id !== id)); setSelected(null); };
  const clear = () => { if (editable && objects.length > 0) put([]); setSelected(null); setCorners([]); };
  const relabel = (name: string) => { if (editable && selected !== null && objects.some((one) => one.id === selected && one.label !== name)) put(objects.map((one) => (one.id === selected ? { ...one, label: name } : one))); };
  const back = () => { if (corners.length > 0) setCorners(corners.slice(0, -1)); else { dirty.current = true; setHistory(undo); setSelected(null); } };
  const forth = () => { dirty.current = true; setHistory(redo); setSelected(null); };
  const closePolygon = () => {
    if (corners.length < 3) { setCorners([]); return; }
    const mask = new Uint8Array(width * height);
    fillPolygon(mask, width, height, corners, 1);
    setCorners([]);
    if (areaOf(mask) === 0) return;
    const id = ids.current++;
    put([...objects, { id, label, mask }]);
    setSelected(id);
  };
  useEffect(() => { setCorners([]); }, [tool]);

  const chosen = objects.find((one) => one.id === selected);
  const set = (next: Gesture | null) => { live.current = next; setGesture(next); };

  const stageTool: StageTool | undefined = tool === 'window' || !editable ? undefined : {
    cursor: tool === 'brush' || tool === 'erase' ? 'none' : 'crosshair',
    down: (point: Point, _event: PointerEvent, scale: number) => {
      scaleNow.current = scale;
      if (tool === 'polygon') {
        const first = corners[0];
        if (first && corners.length > 2 && Math.hypot(first.x - point.x, first.y - point.y) * scale < grip + 2) closePolygon();
        else setCorners([...corners, point]);
        return;
      }
      if (tool === 'brush' || tool === 'erase') {
        // The brush goes on with the chosen outline of this class; erasing takes from the chosen one, or from what lies under it.
        const under = [...objects].reverse().find((one): one is DrawnMask => !isBox(one) && one.mask[Math.floor(point.y) * width + Math.floor(point.x)] === 1);
        const target = chosen && !isBox(chosen) && (tool === 'erase' || chosen.label === label) ? chosen : tool === 'erase' ? under : undefined;
        if (tool === 'erase' && !target) return;
        const mask = target && !isBox(target) ? target.mask.slice() : new Uint8Array(width * height);
        stroke(mask, width, height, point, point, radius, tool === 'brush' ? 1 : 0);
        set({ kind: 'paint', mask, id: target?.id ?? ids.current++, last: point, label: target?.label ?? label });
        return;
      }
      if (chosen && isBox(chosen)) {
        const handle = handles.find((h) => { const at = handleAt(chosen.box, h); return Math.hypot(at.x - point.x, at.y - point.y) * scale < grip; });
        if (handle) { set({ kind: 'resize', id: chosen.id, handle, box: chosen.box, now: chosen.box }); return; }
      }
      const hit = chosen && isBox(chosen) && contains(chosen.box, point) ? chosen : undefined;
      if (hit) { set({ kind: 'move', id: hit.id, from: point, box: hit.box, now: hit.box }); return; }
      set({ kind: 'new', from: point, to: point });
    },
    move: (point: Point, _event: PointerEvent, scale: number) => {
      scaleNow.current = scale;
      setPointer(point);
      const now = live.current;
      if (!now) return;
      if (now.kind === 'new') set({ ...now, to: point });
      else if (now.kind === 'move') set({ ...now, now: moveBox(now.box, point.x - now.from.x, point.y - now.from.y, width, height) });
      else if (now.kind === 'resize') set({ ...now, now: resizeBox(now.box, now.handle, point, width, height) });
      else { stroke(now.mask, width, height, now.last, point, radius, tool === 'brush' ? 1 : 0); set({ ...now, last: point }); }
    },
    up: (point: Point) => {
      const now = live.current;
      set(null);
      if (!now) return;
      if (now.kind === 'new') {
        const box = Math.hypot(point.x - now.from.x, point.y - now.from.y) * scaleNow.current < 4 ? null : boxOf(now.from, point, width, height);
        if (box) { const id = ids.current++; put([...objects, { id, label, box }]); setSelected(id); return; }
        const hit = [...objects].filter(isBox).filter((one) => contains(one.box, point)).sort((a, b) => size(a.box) - size(b.box))[0];
        setSelected(hit?.id ?? null);
      } else if (now.kind === 'move' || now.kind === 'resize') {
        if (now.now.some((value, i) => value !== now.box[i])) put(objects.map((one) => (one.id === now.id ? { ...one, box: now.now.map((v) => Math.round(v * 2) / 2) as Box } : one)));
      } else {
        const empty = areaOf(now.mask) === 0;
        const known = objects.some((one) => one.id === now.id);
        put(empty ? objects.filter((one) => one.id !== now.id) : known ? objects.map((one) => (one.id === now.id ? { id: now.id, label: now.label, mask: now.mask } : one)) : [...objects, { id: now.id, label: now.label, mask: now.mask }]);
        setSelected(empty ? null : now.id);
      }
    },
  };

  const shown = useMemo(() => {
    if (!gesture) return objects;
    if (gesture.kind === 'move' || gesture.kind === 'resize') return objects.map((one) => (one.id === gesture.id ? { ...one, box: gesture.now } : one));
    if (gesture.kind === 'paint') { const rest = objects.filter((one) => one.id !== gesture.id); return [...rest, { id: gesture.id, label: gesture.label, mask: gesture.mask, live: true }]; }
    return objects;
  }, [gesture, objects]);
  const rubber = gesture?.kind === 'new' ? boxOf(gesture.from, gesture.to, width, height) : null;
  return { objects, shown, rubber, corners, pointer, selected, setSelected, tool, setTool, radius, setRadius, stageTool, load, replace, remove, clear, relabel, back, forth, closePolygon, dirty, canUndo: history.past.length > 0 || corners.length > 0, canRedo: history.future.length > 0 };
}
const size = (box: Box) => (box[2] - box[0]) * (box[3] - box[1]);

// What is drawn, in pixels of the image; lines keep their width on the screen.
export function DrawnLayer({ objects, classes, width, height, scale, selected, dash }: { objects: Drawn[]; classes: string[]; width: number; height: number; scale: number; selected?: number | null; dash?: string }) {
  return (
    <g fill="none" strokeLinejoin="round">
      {objects.map((one) => <Shape key={one.id} one={one} color={classColors[Math.max(0, classes.indexOf(one.label)) % classColors.length]!} width={width} height={height} scale={scale} chosen={one.id === selected} dash={dash} />)}
    </g>
  );
}

function Shape({ one, color, width, height, scale, chosen, dash }: { one: Drawn; color: string; width: number; height: number; scale: number; chosen: boolean; dash?: string }) {
  const line = { vectorEffect: 'non-scaling-stroke' as const, strokeDasharray: dash };
  if (isBox(one)) {
    const [x, y, right, bottom] = one.box;
    const r = grip / 2 / scale;
    return (
      <g>
        <rect x={x} y={y} width={right - x} height={bottom - y} stroke="#000" strokeWidth={4} {...line} strokeDasharray={undefined} strokeOpacity={0.6} />
        <rect x={x} y={y} width={right - x} height={bottom - y} stroke={color} strokeWidth={chosen ? 2.5 : 1.75} {...line} data-box={one.label} />
        {chosen && handles.map((handle) => { const at = handleAt(one.box, handle); return <rect key={`${handle.x}/${handle.y}`} x={at.x - r} y={at.y - r} width={2 * r} height={2 * r} fill={color} stroke="#000" strokeWidth={1} vectorEffect="non-scaling-stroke" />; })}
      </g>
    );
  }
  return <MaskShape mask={one.mask} live={one.live === true} label={one.label} color={color} width={width} height={height} chosen={chosen} dash={dash} />;
}

function MaskShape({ mask, live, label, color, width, height, chosen, dash }: { mask: Uint8Array; live: boolean; label: string; color: string; width: number; height: number; chosen: boolean; dash?: string }) {
  const still = useMemo(() => (live ? '' : outlinePath(mask, width, height)), [mask, live, width, height]);
  const path = live ? outlinePath(mask, width, height) : still;
  return (
    <g>
      <path d={path} stroke="#000" strokeWidth={4} strokeOpacity={0.6} vectorEffect="non-scaling-stroke" />
      <path d={path} stroke={color} strokeWidth={chosen ? 2.5 : 1.75} strokeDasharray={dash} vectorEffect="non-scaling-stroke" data-outline={label} />
    </g>
  );
}
