// The slices of a series at full bit depth: scroll, window, zoom, move, measure, cine. Values are windowed here, on what the node decoded.
import { ActionIcon, Alert, Button, Divider, Group, Loader, NumberInput, Popover, Text, VisuallyHidden } from '@mantine/core';
import { Box, Circle, CircleHelp, Contrast, Eraser, Flame, Hand, Lasso, Maximize, Pause, Play, RotateCcw, Ruler, Sparkles, SquareDashed, SunMoon, TriangleRight, ZoomIn, type LucideIcon } from 'lucide-react';
import { memo, useCallback, useEffect, useId, useMemo, useReducer, useRef, useState, type KeyboardEvent, type PointerEvent, type ReactNode } from 'react';
import { useI18n, type Key } from '../../i18n';
import { toImage, type Measurement, type Placement, type Point } from '../../lib/measure';
import { edgeLetters, fullRange, presets, type Frame } from '../../lib/stack';
import type { Annotation } from '../../lib/overlay';
import { zoomAt, type View } from '../../lib/window';
import { errorText } from '../feedback';
import { boxOf } from '../../lib/drawing';
import { outlineOf, type Shape } from '../../lib/marks';
import { AiLayer } from './AiLayer';
import { PresetMenu, ToolButton } from './controls';
import { DrawnMarks, type DrawnMark } from './DrawnMarks';
import { FrameStore, type Load, type Picture } from './frameStore';
import { follow, moveBetween, type Link } from './link';
import { MarkLayer } from './MarkLayer';
import { Painter, type Mask } from './painter';
import './viewer.css';

export interface PatientWords { name: string; lines: string[]; study: string[] }
interface Props { frames: Frame[]; load: Load; modality: string; words: PatientWords; overlay?: AiOverlay; note?: ReactNode; link?: Link; drawing?: Drawing; start?: number; openPlanes?: (index: number, loaded: Map<Frame, Picture>) => void }   // start: the image to begin with; openPlanes: shows the series in three planes, beginning with what is loaded
// What models drew: segments by "image/frame", graphics and maps of influence by image. A map covers the image, so it is off until asked for.
export interface AiOverlay { masks: Map<string, Mask[]>; annotations: Map<string, Annotation>; maps: Map<string, { bitmap: ImageBitmap; words: string }> }
// What people drew. shape: takes a new box or outline, when the person may draw; goTo: the image to be shown; look: told of the image that is.
export interface Drawing { marks: DrawnMark[]; shape?: (frame: Frame, shape: Shape) => void; goTo: { sop: string; frame: number } | null; look: (frame: Frame) => void }
const nothingDrawn: AiOverlay = { masks: new Map(), annotations: new Map(), maps: new Map() };
type Tool = 'window' | 'pan' | 'zoom' | 'ruler' | 'angle' | 'region' | 'box' | 'outline';
const tools: { tool: Tool; icon: LucideIcon; label: Key; key: string }[] = [
  { tool: 'window', icon: Contrast, label: 'stack.window', key: 'W' }, { tool: 'pan', icon: Hand, label: 'stack.pan', key: 'P' }, { tool: 'zoom', icon: ZoomIn, label: 'stack.zoom', key: 'Z' }, { tool: 'ruler', icon: Ruler, label: 'stack.ruler', key: 'M' }, { tool: 'angle', icon: TriangleRight, label: 'stack.angle', key: 'G' }, { tool: 'region', icon: Circle, label: 'stack.region', key: 'R' },
];
const drawTools: typeof tools = [{ tool: 'box', icon: SquareDashed, label: 'marks.drawBox', key: 'B' }, { tool: 'outline', icon: Lasso, label: 'marks.drawOutline', key: 'O' }];
const keys: [string, Key][] = [['↑ ↓', 'stack.keys.scroll'], ['PgUp PgDn', 'stack.keys.page'], ['Home End', 'stack.keys.ends'], ['W P Z M G R', 'stack.keys.tools'], ['1 – 5', 'stack.keys.presets'], ['← →', 'stack.keys.width'], ['Shift ↑ ↓', 'stack.keys.level'], ['+ − 0', 'stack.keys.zoom'], ['I', 'stack.keys.invert'], ['Space', 'stack.keys.cine'], ['A', 'stack.keys.overlay'], ['H', 'stack.keys.map'], ['V', 'stack.keys.planes'], ['Del', 'stack.keys.erase']];
const fitView: View = { zoom: 1, x: 0, y: 0 };
const clamp = (value: number, low: number, high: number) => Math.min(high, Math.max(low, value));

export function StackViewer({ frames, load, modality, words, overlay: drawn = nothingDrawn, note, link, drawing, start, openPlanes }: Props) {
  const { t } = useI18n();
  const helpId = useId();
  const stage = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const painter = useMemo(() => new Painter(), []);
  const [version, bump] = useReducer((n: number) => n + 1, 0);
  const store = useRef<FrameStore | null>(null);
  const [index, setIndex] = useState(0);
  const standing = useRef(0);
  const shownLast = useRef(-1);
  const linkedAt = useRef<number | null>(null);
  const me = useMemo(() => Symbol('viewer'), []);
  const [view, setView] = useState<View>(fitView);
  const [voi, setVoi] = useState<{ center: number; width: number } | null>(null);
  const [invert, setInvert] = useState(false);
  const [tool, setTool] = useState<Tool>('window');
  const [size, setSize] = useState({ width: 0, height: 0 });
  const [cine, setCine] = useState(false);
  const [fps, setFps] = useState(15);
  const [marks, setMarks] = useState<Measurement[]>([]);
  const [overlay, setOverlay] = useState(true);
  const [mapShown, setMapShown] = useState(false);
  const [pointer, setPointer] = useState<Point | null>(null);
  const [trace, setTrace] = useState<Point[] | null>(null);   // of a box its corners, of an outline its line
  const shape = drawing?.shape;
  const usable = shape ? [...tools, ...drawTools] : tools;
  const open = useRef(0);   // an angle that waits for its second arm
  const drag = useRef<{ x: number; y: number; tool: Tool; mark: number } | null>(null);
  const touches = useRef(new Map<number, Point>());
  const nextMark = useRef(1);

  useEffect(() => {
    const made = new FrameStore(frames, load, bump);
    store.current = made;
    shownLast.current = -1;
    const middle = start ?? Math.floor((frames.length - 1) / 2);
    setIndex(middle); linkedAt.current = null; setView(fitView); setVoi(null); setInvert(false); setMarks([]); setCine(false); setFps(clamp(Math.round(frames[0]?.fps ?? 15), 1, 60));
    made.want(middle);
    return () => { made.stop(); store.current = null; };
  }, [frames, load, start]);
  useEffect(() => { store.current?.want(index); }, [index]);
  useEffect(() => {
    const element = stage.current;
    if (!element || typeof ResizeObserver === 'undefined') return undefined;
    const observer = new ResizeObserver(([entry]) => { if (entry) setSize({ width: entry.contentRect.width, height: entry.contentRect.height }); });
    observer.observe(element);
    return () => observer.disconnect();
  }, []);

  // While the wanted image is on its way, the last one stands, under its own number; those between are shown as they come.
  const wanted = Math.min(index, frames.length - 1);
  const seen = Math.min(store.current?.nearest(shownLast.current, wanted) ?? wanted, frames.length - 1);
  shownLast.current = seen;
  const frame = frames[seen]!;
  const picture = store.current?.get(seen);
  const ready = store.current?.get(wanted) !== undefined;
  const failure = store.current?.error(wanted);
  const shown = useMemo(() => voi ?? frame.windows[0] ?? (picture?.samples ? fullRange(picture.samples, frame) : null), [voi, frame, picture]);
  const placement: Placement = useMemo(() => {
    const fit = Math.min(size.width / frame.columns, size.height / (frame.rows * frame.aspect));
    return { scale: Math.max(1e-6, fit * view.zoom), aspect: frame.aspect, x: size.width / 2 + view.x, y: size.height / 2 + view.y, columns: frame.columns, rows: frame.rows };
  }, [frame, size, view]);
  const mine = useMemo(() => drawn.masks.get(`${frame.sop}/${frame.frame}`) ?? [], [drawn, frame]);
  const annotation = drawn.annotations.get(frame.sop);
  const map = drawn.maps.get(frame.sop);
  const over = overlay && mapShown ? map?.bitmap ?? null : null;
  const anyDrawn = drawn.masks.size + drawn.annotations.size + drawn.maps.size > 0;

  useEffect(() => {
    if (canvas.current && size.width > 0) painter.draw(canvas.current, size, placement, picture ?? null, frame, shown, invert, overlay ? mine : [], over);
  }, [painter, size, placement, picture, frame, shown, invert, overlay, mine, over, version]);

  standing.current = Math.min(index, frames.length - 1);
  // What a person does here is told to linked viewers; what they tell moves this one and goes no further.
  const go = useCallback((to: number) => {
    const [before, after] = [standing.current, clamp(to, 0, frames.length - 1)];
    if (after === before) return;
    standing.current = after;
    linkedAt.current = null;
    setIndex(after);
    link?.tell(moveBetween(me, frames, before, after));
  }, [frames, link, me]);
  useEffect(() => link?.hear((move) => {
    if (move.from === me) return;
    const next = follow(frames, standing.current, linkedAt.current, move);
    if (!next) return;
    standing.current = next.index;
    linkedAt.current = next.at;
    setIndex(next.index);
  }), [frames, link, me]);
  const { goTo, look } = drawing ?? { goTo: null, look: undefined };
  useEffect(() => {
    const at = goTo ? frames.findIndex((one) => one.sop === goTo.sop && one.frame === goTo.frame) : -1;
    if (at >= 0) go(at);
  }, [goTo, frames, go]);
  useEffect(() => look?.(frame), [look, frame]);
  const scroll = useCallback((by: number) => go(standing.current + by), [go]);
  const zoom = useCallback((factor: number) => setView((v) => zoomAt(v, factor, 0, 0)), []);
  const tone = (dx: number, dy: number) => {
    if (!shown) return;
    // A step of the pointer is a share of the window: a brain's 80 units want finer steps than a bone's 2500.
    const step = Math.max(Math.abs(frame.slope), shown.width / 300);
    setVoi((before) => { const from = before ?? shown; return { width: Math.max(Math.abs(frame.slope), from.width + dx * step), center: from.center + dy * step }; });
  };

  // Cine: one frame at a time, never past one that has not come yet.
  useEffect(() => {
    if (!cine || frames.length < 2) return undefined;
    const timer = window.setInterval(() => setIndex((i) => { const next = (i + 1) % frames.length; store.current?.want(next); return store.current?.get(next) ? next : i; }), 1000 / fps);
    return () => window.clearInterval(timer);
  }, [cine, fps, frames.length]);

  // React listens to wheel passively; scrolling slices must not scroll the page.
  useEffect(() => {
    const element = stage.current;
    if (!element) return undefined;
    let rest = 0;
    const onWheel = (event: WheelEvent) => {
      event.preventDefault();
      if (event.ctrlKey || event.metaKey) {
        const box = element.getBoundingClientRect();
        setView((v) => zoomAt(v, Math.exp(-event.deltaY * 0.0016), event.clientX - box.left - box.width / 2, event.clientY - box.top - box.height / 2));
        return;
      }
      rest += event.deltaMode === 0 ? event.deltaY / 60 : event.deltaY;
      const steps = Math.trunc(rest) || (Math.abs(event.deltaY) >= 60 ? Math.sign(event.deltaY) : 0);
      if (steps !== 0) { rest = 0; scroll(steps); }
    };
    element.addEventListener('wheel', onWheel, { passive: false });
    return () => element.removeEventListener('wheel', onWheel);
  }, [scroll]);

  const local = (event: PointerEvent<HTMLElement>): Point => { const box = event.currentTarget.getBoundingClientRect(); return { x: event.clientX - box.left, y: event.clientY - box.top }; };
  function onPointerDown(event: PointerEvent<HTMLDivElement>) {
    if ((event.target as HTMLElement).closest('button')) return;
    event.currentTarget.setPointerCapture(event.pointerId);
    event.currentTarget.focus({ preventScroll: true });
    touches.current.set(event.pointerId, { x: event.clientX, y: event.clientY });
    const used: Tool = event.button === 2 ? 'zoom' : event.button === 1 || event.shiftKey ? 'pan' : tool;
    let mark = 0;
    if (used === 'angle' && open.current) {
      open.current = 0;   // the second arm ends here
      drag.current = null;
      return;
    }
    if (used === 'box' || used === 'outline') {
      const at = toImage(placement, local(event));
      setTrace(touches.current.size > 1 ? null : [at, at]);
    }
    if (used === 'ruler' || used === 'region' || used === 'angle') {
      mark = nextMark.current++;
      const at = toImage(placement, local(event));
      setMarks((all) => [...all, { id: mark, kind: used, sop: frame.sop, frame: frame.frame, a: at, b: at }]);
    }
    drag.current = { x: event.clientX, y: event.clientY, tool: used, mark };
  }
  function onPointerMove(event: PointerEvent<HTMLDivElement>) {
    const at = local(event);
    setPointer(at);
    const before = touches.current.get(event.pointerId);
    const held = drag.current;
    if (open.current && !held) setMarks((all) => all.map((mark) => (mark.id === open.current ? { ...mark, c: toImage(placement, at) } : mark)));
    if (!before || !held) return;
    const [dx, dy] = [event.clientX - held.x, event.clientY - held.y];
    if (touches.current.size === 2) {
      setTrace(null);
      const other = [...touches.current.entries()].find(([id]) => id !== event.pointerId)?.[1];
      if (other) { const was = Math.hypot(before.x - other.x, before.y - other.y); if (was > 0) zoom(Math.hypot(event.clientX - other.x, event.clientY - other.y) / was); }
    } else if (held.mark) setMarks((all) => all.map((mark) => (mark.id === held.mark ? { ...mark, b: toImage(placement, at) } : mark)));
    else if (held.tool === 'box') setTrace((line) => line && [line[0]!, toImage(placement, at)]);
    else if (held.tool === 'outline') setTrace((line) => line && [...line, toImage(placement, at)]);
    else if (held.tool === 'pan') setView((v) => ({ ...v, x: v.x + dx, y: v.y + dy }));
    else if (held.tool === 'zoom') zoom(Math.exp(-dy * 0.006));
    else tone(dx, dy);
    drag.current = { ...held, x: event.clientX, y: event.clientY };
    touches.current.set(event.pointerId, { x: event.clientX, y: event.clientY });
  }
  function onPointerUp(event: PointerEvent<HTMLDivElement>) {
    touches.current.delete(event.pointerId);
    const held = drag.current;
    if (touches.current.size > 0) return;
    if (trace && held && shape) {
      const way = Math.max(...trace.map((point) => Math.hypot(point.x - trace[0]!.x, point.y - trace[0]!.y))) * placement.scale;
      const box = held.tool === 'box' && way > 4 ? boxOf(trace[0]!, trace[1]!, frame.columns, frame.rows) : null;
      const runs = held.tool === 'outline' && way > 4 ? outlineOf(trace, frame.columns, frame.rows) : null;
      if (box || runs) shape(frame, { box, runs });
    }
    setTrace(null);
    // A click without a way measures nothing.
    const moved = held ? marks.find((mark) => mark.id === held.mark) : undefined;
    if (moved?.kind === 'angle' && Math.hypot(moved.b.x - moved.a.x, moved.b.y - moved.a.y) * placement.scale > 3) open.current = moved.id;
    if (held?.mark) setMarks((all) => all.filter((mark) => mark.id !== held.mark || Math.hypot(mark.b.x - mark.a.x, mark.b.y - mark.a.y) * placement.scale > 3));
    drag.current = null;
  }
  const planes = () => openPlanes?.(seen, store.current?.take() ?? new Map<Frame, Picture>());
  const reset = () => { setView(fitView); setVoi(null); setInvert(false); };
  const erase = () => { open.current = 0; eraseLast(); };
  const eraseLast = () => setMarks((all) => { const last = all.filter((mark) => mark.sop === frame.sop && mark.frame === frame.frame).at(-1); return last ? all.filter((mark) => mark !== last) : []; });
  const offered = presets[modality] ?? [];

  function onKeyDown(event: KeyboardEvent) {
    if (event.ctrlKey || event.metaKey || event.altKey || (event.target as HTMLElement).closest('input')) return;
    const acts: Record<string, () => void> = {
      ArrowDown: () => (event.shiftKey ? tone(0, -10) : scroll(1)), ArrowUp: () => (event.shiftKey ? tone(0, 10) : scroll(-1)), ArrowLeft: () => tone(-10, 0), ArrowRight: () => tone(10, 0), PageDown: () => scroll(10), PageUp: () => scroll(-10), Home: () => go(0), End: () => go(frames.length - 1),
      '+': () => zoom(1.25), '=': () => zoom(1.25), '-': () => zoom(0.8), 0: () => setView(fitView), i: () => setInvert((on) => !on), a: () => setOverlay((on) => !on), h: () => { setMapShown((on) => !on || !overlay); setOverlay(true); }, ' ': () => setCine((on) => !on), v: planes, Delete: erase, Backspace: erase,
      ...Object.fromEntries(usable.map((entry) => [entry.key.toLowerCase(), () => setTool(entry.tool)])), ...Object.fromEntries(offered.map((preset, at) => [String(at + 1), () => setVoi(preset)])),
    };
    const act = acts[event.key] ?? acts[event.key.toLowerCase()];
    if (act) { event.preventDefault(); act(); }
  }

  // Buttons keep their commands by name, so that a new slice does not draw the whole toolbar anew.
  const commands: Record<string, () => void> = { invert: () => setInvert((on) => !on), fit: () => setView(fitView), reset, erase, overlay: () => setOverlay((on) => !on), map: () => { setMapShown((on) => !on || !overlay); setOverlay(true); }, cine: () => setCine((on) => !on), planes, ...Object.fromEntries(usable.map((entry) => [entry.tool, () => setTool(entry.tool)])) };
  const latest = useRef(commands);
  latest.current = commands;
  const run = useCallback((command: string) => latest.current[command]?.(), []);

  const edges = edgeLetters(frame);
  const at = pointer && size.width > 0 ? toImage(placement, pointer) : null;
  const [px, py] = at ? [Math.floor(at.x), Math.floor(at.y)] : [-1, -1];
  const under = picture?.samples && px >= 0 && py >= 0 && px < frame.columns && py < frame.rows ? picture.samples[py * frame.columns + px]! * frame.slope + frame.intercept : null;
  const values = { n: seen + 1, total: frames.length };
  return (
    <div className="viewer stack-viewer">
      <div ref={stage} className="viewer-frame stack-stage" data-tool={tool} tabIndex={0} role="application" aria-roledescription={t('viewer.label')} aria-label={`${words.name}, ${t('stack.image', values)}`} aria-describedby={helpId} data-ready={ready ? 'true' : 'false'} data-index={index} data-shown={seen}
        onKeyDown={onKeyDown} onPointerDown={onPointerDown} onPointerMove={onPointerMove} onPointerUp={onPointerUp} onPointerCancel={onPointerUp} onPointerLeave={() => setPointer(null)} onContextMenu={(event) => event.preventDefault()}>
        <canvas ref={canvas} aria-hidden="true" />
        {picture && size.width > 0 && <MarkLayer marks={marks.filter((mark) => mark.sop === frame.sop && mark.frame === frame.frame)} frame={frame} samples={picture.samples} placement={placement} size={size} />}
        {drawing && picture && size.width > 0 && <DrawnMarks marks={drawing.marks.filter((mark) => mark.sop === frame.sop && mark.frame === frame.frame)} trace={trace && tool === 'box' ? corners(trace) : trace} placement={placement} size={size} />}
        {overlay && annotation && picture && size.width > 0 && <AiLayer annotation={annotation} placement={placement} size={size} />}
        {edges && <div aria-hidden="true"><span className="edge edge-top">{edges.top}</span><span className="edge edge-bottom">{edges.bottom}</span><span className="edge edge-left">{edges.left}</span><span className="edge edge-right">{edges.right}</span></div>}
        <div className="corner corner-tl" aria-hidden="true"><strong>{words.name}</strong>{words.lines.map((line) => <span key={line}>{line}</span>)}</div>
        <div className="corner corner-tr" aria-hidden="true">{words.study.map((line) => <span key={line}>{line}</span>)}</div>
        <div className="corner corner-bl num" aria-hidden="true">
          <span data-testid="stack-position">{t('stack.image', values)}{frame.location !== null ? ` · ${frame.location.toFixed(1)} mm` : ''}</span>
          <span data-testid="stack-window">{shown && frame.grey ? `W ${Math.round(shown.width)} L ${Math.round(shown.center)} · ` : ''}{Math.round(placement.scale * 100)}%</span>
          <span data-testid="stack-value">{under !== null ? `${Number.isInteger(under) ? under : under.toFixed(2)} ${frame.unit}` : '\u00a0'}</span>
        </div>
        <div className="corner corner-br">
          {overlay && (mine.length > 0 || annotation || over) && <span className="mark-ai">{t('stack.aiMark')}</span>}
          {overlay && [...new Set(mine.map((mask) => mask.label))].map((label) => <span key={label}>{label}</span>)}
          {over && map && <span>{map.words}</span>}
          {frame.lossy !== null && <span className="mark-lossy">{t('stack.lossy')}{frame.lossy ? ` ${frame.lossy}` : ''}</span>}
          {frame.spacingAt === 'detector' && <span>{t('stack.atDetector')}</span>}
          {frame.spacingAt === null && <span>{t('stack.uncalibrated')}</span>}
        </div>
        {!ready && failure === undefined && <div className="stack-wait"><Loader color="gray" type="dots" aria-label={t('app.loading')} /></div>}
        {failure !== undefined && <div className="stack-wait"><Alert color="red" role="alert" title={t('stack.failed')}>{errorText(failure, t)}<br /><Button size="compact-sm" mt={6} variant="default" onClick={() => { store.current?.want(index); bump(); }}>{t('common.retry')}</Button></Alert></div>}
      </div>
      <VisuallyHidden id={helpId}>{t('stack.help')}</VisuallyHidden>
      <Group className="viewer-tools" gap="xs" role="toolbar" aria-label={t('viewer.adjust')}>
        <Group gap={2} wrap="nowrap">{usable.map((entry) => <ToolButton key={entry.tool} label={`${t(entry.label)} (${entry.key})`} icon={entry.icon} pressed={tool === entry.tool} command={entry.tool} run={run} />)}</Group>
        <Divider orientation="vertical" />
        <Group gap={2} wrap="nowrap">
          <ToolButton label={`${t('viewer.invert')} (I)`} icon={SunMoon} pressed={invert} command="invert" run={run} />
          <ToolButton label={`${t('viewer.fit')} (0)`} icon={Maximize} command="fit" run={run} />
          <ToolButton label={t('viewer.reset')} icon={RotateCcw} command="reset" run={run} />
          <ToolButton label={`${t('stack.erase')} (Del)`} icon={Eraser} command="erase" run={run} disabled={marks.length === 0} />
          {anyDrawn && <ToolButton label={`${t('stack.overlay')} (A)`} icon={Sparkles} pressed={overlay} command="overlay" run={run} />}
          {openPlanes && frames.length > 1 && <ToolButton label={`${t('planes.open')} (V)`} icon={Box} command="planes" run={run} />}
          {drawn.maps.size > 0 && <ToolButton label={`${t('stack.map')} (H)`} icon={Flame} pressed={overlay && mapShown} command="map" run={run} />}
        </Group>
        {(offered.length > 0 || frame.windows.length > 1) && <PresetMenu modality={modality} windows={JSON.stringify(frame.windows.slice(1))} disabled={!frame.grey} choose={setVoi} />}
        {frames.length > 1 && (
          <Group gap={6} wrap="nowrap" flex="1 1 240px" className="stack-scroll">
            <ToolButton label={`${t(cine ? 'stack.pause' : 'stack.play')} (Space)`} icon={cine ? Pause : Play} pressed={cine} command="cine" run={run} />
            <Rate fps={fps} setFps={setFps} />
            <input type="range" className="stack-slider" min={1} max={frames.length} value={index + 1} aria-label={t('stack.slice')} aria-valuetext={t('stack.image', { ...values, n: index + 1 })} onChange={(event) => go(Number(event.currentTarget.value) - 1)} />
          </Group>
        )}
        <Help draws={shape !== undefined} />
      </Group>
      {note}
    </div>
  );
}

const Rate = memo(function Rate({ fps, setFps }: { fps: number; setFps: (fps: number) => void }) {
  const { t } = useI18n();
  return <NumberInput size="xs" w={64} min={1} max={60} value={fps} onChange={(value) => { if (typeof value === 'number') setFps(clamp(value, 1, 60)); }} aria-label={t('stack.fps')} hideControls suffix="/s" allowDecimal={false} />;
});

// A box as a line around it.
const corners = ([a, b]: Point[]): Point[] => (a && b ? [a, { x: b.x, y: a.y }, b, { x: a.x, y: b.y }, a] : []);
const drawKeys: [string, Key][] = [['B O', 'stack.keys.draw']];

const Help = memo(function Help({ draws }: { draws: boolean }) {
  const { t } = useI18n();
  return (
    <Popover width={300} position="top-end" withArrow trapFocus returnFocus>
      <Popover.Target><ActionIcon variant="subtle" color="gray" size="lg" aria-label={t('diagnose.shortcuts')}><CircleHelp size={18} /></ActionIcon></Popover.Target>
      <Popover.Dropdown><Text size="sm" mb={8}>{t('stack.help')}</Text><dl className="definition stack-keys">{(draws ? [...keys, ...drawKeys] : keys).map(([key, label]) => <div key={key} className="definition-row"><dt>{key}</dt><dd>{t(label)}</dd></div>)}</dl></Popover.Dropdown>
    </Popover>
  );
});
