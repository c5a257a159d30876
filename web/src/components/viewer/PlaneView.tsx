// One plane through a volume: sampled at the pixels of the screen, in millimetres, under one window with the other planes.
import { useEffect, useMemo, useRef, useState, type KeyboardEvent, type PointerEvent } from 'react';
import { useI18n } from '../../i18n';
import { directionLetters, oppositeLetters, type Triple } from '../../lib/stack';
import { atIndex, blendMask, countOf, gridOf, indexAt, planeNames, planes, sample, sampleMask, settle, shade, valueAt, type PlaneName, type Samples, type Volume } from '../../lib/volume';
import { zoomAt, type View } from '../../lib/window';
import type { Mask } from './painter';

export type PlaneTool = 'cross' | 'window' | 'pan' | 'zoom';
interface Props {
  name: PlaneName; volume: Volume; data: Samples; at: Triple; move: (at: Triple) => void; view: View; setView: (change: (view: View) => View, all: boolean) => void;
  window: { center: number; width: number }; tone: (dx: number, dy: number) => void; invert: boolean; tool: PlaneTool; lines: boolean;
  masks: (Mask[] | undefined)[]; onKey: (event: KeyboardEvent, scroll: (by: number) => void, ends: (last: boolean) => void) => void; words: string; help: string; children?: React.ReactNode;
}
// More samples than this a picture are drawn at half the resolution: a plane must follow the hand.
const mostSamples = 900_000;

export function lettersAt(axis: number, value: number): string {
  const direction: Triple = [0, 0, 0];
  direction[axis] = value < 0 ? -1 : 1;
  return `${directionLetters(direction)} ${Math.abs(value).toFixed(1)} mm`;
}

export function PlaneView({ name, volume, data, at, move, view, setView, window: shown, tone, invert, tool, lines, masks, onKey, words, help, children }: Props) {
  const { t } = useI18n();
  const stage = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const [size, setSize] = useState({ width: 0, height: 0 });
  const [pointer, setPointer] = useState<{ x: number; y: number } | null>(null);
  const drag = useRef<{ x: number; y: number; tool: PlaneTool } | null>(null);
  const plane = planes[name];
  const [right, down, onward] = plane.axes;
  const centre = useMemo(() => volume.low.map((low, axis) => (low + volume.high[axis]!) / 2) as Triple, [volume]);
  const extent = (axis: number) => volume.high[axis]! - volume.low[axis]!;
  // Screen pixels to a millimetre, the same both ways.
  const scale = Math.max(1e-6, Math.min(size.width / extent(right), size.height / extent(down)) * view.zoom);
  const count = countOf(volume, plane);
  const index = indexAt(volume, plane, at);
  // The centre of the volume, on this plane, stands in the middle of the stage, moved by the view.
  const held: Triple = [...centre];
  held[onward] = at[onward]!;
  const middle = { x: size.width / 2 + view.x, y: size.height / 2 + view.y };
  const toPlace = (x: number, y: number): Triple => held.map((value, axis) => value + (plane.right[axis]! * (x - middle.x) + plane.down[axis]! * (y - middle.y)) / scale) as Triple;
  const sign = (axis: number) => plane.right[axis]! + plane.down[axis]!;
  const cross = { x: middle.x + sign(right) * (at[right]! - held[right]!) * scale, y: middle.y + sign(down) * (at[down]! - held[down]!) * scale };

  useEffect(() => {
    const element = stage.current;
    if (!element || typeof ResizeObserver === 'undefined') return undefined;
    const observer = new ResizeObserver(([entry]) => { if (entry) setSize({ width: entry.contentRect.width, height: entry.contentRect.height }); });
    observer.observe(element);
    return () => observer.disconnect();
  }, []);

  // Buffers are kept while the stage keeps its size.
  const buffers = useMemo(() => {
    const ratio = globalThis.devicePixelRatio || 1;
    const full = { width: Math.max(1, Math.round(size.width * ratio)), height: Math.max(1, Math.round(size.height * ratio)) };
    const less = full.width * full.height > mostSamples ? 2 : 1;
    const [width, height] = [Math.ceil(full.width / less), Math.ceil(full.height / less)];
    return { ratio: ratio / less, less, full, width, height, values: new Float32Array(width * height), mask: new Uint8Array(width * height), work: document.createElement('canvas') };
  }, [size]);
  const labels = useMemo(() => { const all = new Map<string, [number, number, number]>(); for (const slice of masks) for (const mask of slice ?? []) all.set(mask.label, mask.color); return [...all]; }, [masks]);
  const grid = size.width > 0 ? gridOf(plane, held, middle.x * buffers.ratio, middle.y * buffers.ratio, buffers.width, buffers.height, 1 / (scale * buffers.ratio)) : null;
  useEffect(() => {
    const target = canvas.current;
    const context = target?.getContext('2d');
    if (!target || !context || !grid) return;
    const { values, mask, work, width, height, less, full } = buffers;
    sample(volume, data, grid, values);
    const image = context.createImageData(width, height);
    shade(values, volume.frames[0]!, shown, invert, new Uint32Array(image.data.buffer));
    for (const [label, color] of labels) if (sampleMask(volume, masks, label, grid, mask)) blendMask(image.data, mask, width, height, color, Math.max(1, Math.round(buffers.ratio * 1.5)));
    if (target.width !== full.width || target.height !== full.height) { target.width = full.width; target.height = full.height; }
    if (less === 1) { context.putImageData(image, 0, 0); return; }
    work.width = width;
    work.height = height;
    work.getContext('2d')?.putImageData(image, 0, 0);
    context.drawImage(work, 0, 0, width * less, height * less);
    // `grid` is made anew each time; what it is made of stands here.
  }, [buffers, volume, data, at[onward], view, shown, invert, labels, masks, name]);

  const scroll = (by: number) => move(atIndex(volume, plane, at, index + by));
  const latest = useRef({ scroll, setView });
  latest.current = { scroll, setView };
  useEffect(() => {
    const element = stage.current;
    if (!element) return undefined;
    let rest = 0;
    const onWheel = (event: WheelEvent) => {
      event.preventDefault();
      if (event.ctrlKey || event.metaKey) {
        const box = element.getBoundingClientRect();
        latest.current.setView((v) => zoomAt(v, Math.exp(-event.deltaY * 0.0016), event.clientX - box.left - box.width / 2, event.clientY - box.top - box.height / 2), false);
        return;
      }
      rest += event.deltaMode === 0 ? event.deltaY / 60 : event.deltaY;
      const steps = Math.trunc(rest) || (Math.abs(event.deltaY) >= 60 ? Math.sign(event.deltaY) : 0);
      if (steps !== 0) { rest = 0; latest.current.scroll(steps); }
    };
    element.addEventListener('wheel', onWheel, { passive: false });
    return () => element.removeEventListener('wheel', onWheel);
  }, []);

  const local = (event: PointerEvent<HTMLElement>) => { const box = event.currentTarget.getBoundingClientRect(); return { x: event.clientX - box.left, y: event.clientY - box.top }; };
  const put = (point: { x: number; y: number }) => { const place = settle(volume, toPlace(point.x, point.y)); place[onward] = at[onward]!; move(place); };
  function onPointerDown(event: PointerEvent<HTMLDivElement>) {
    event.currentTarget.setPointerCapture(event.pointerId);
    event.currentTarget.focus({ preventScroll: true });
    const used: PlaneTool = event.button === 2 ? 'zoom' : event.button === 1 || event.shiftKey ? 'pan' : tool;
    drag.current = { x: event.clientX, y: event.clientY, tool: used };
    if (used === 'cross') put(local(event));
  }
  function onPointerMove(event: PointerEvent<HTMLDivElement>) {
    const here = local(event);
    setPointer(here);
    const before = drag.current;
    if (!before) return;
    const [dx, dy] = [event.clientX - before.x, event.clientY - before.y];
    if (before.tool === 'cross') put(here);
    else if (before.tool === 'pan') setView((v) => ({ ...v, x: v.x + dx, y: v.y + dy }), false);
    else if (before.tool === 'zoom') setView((v) => zoomAt(v, Math.exp(-dy * 0.006), 0, 0), true);
    else tone(dx, dy);
    drag.current = { ...before, x: event.clientX, y: event.clientY };
  }
  const onPointerUp = () => { drag.current = null; };

  const under = pointer ? valueAt(volume, data, toPlace(pointer.x, pointer.y)) : null;
  const unit = volume.frames[0]!.unit;
  const others = planeNames.filter((one) => one !== name);
  const colorOf = (axis: number) => others.find((one) => planes[one].axes[2] === axis)!;
  const position = lettersAt(onward, at[onward]!);
  const gap = 14;
  return (
    <div className={`plane plane-${name}`} role="group" aria-label={t(`planes.${name}`)}>
      <div ref={stage} className="viewer-frame plane-stage" data-tool={tool} data-plane={name} data-index={index} tabIndex={0} role="application" aria-roledescription={t('viewer.label')} aria-label={`${words}, ${t(`planes.${name}`)}, ${position}`} aria-describedby={help}
        onKeyDown={(event) => onKey(event, scroll, (last) => move(atIndex(volume, plane, at, last ? count - 1 : 0)))} onPointerDown={onPointerDown} onPointerMove={onPointerMove} onPointerUp={onPointerUp} onPointerCancel={onPointerUp} onPointerLeave={() => setPointer(null)} onContextMenu={(event) => event.preventDefault()}>
        <canvas ref={canvas} aria-hidden="true" />
        {lines && size.width > 0 && (
          <svg className="marks plane-lines" width={size.width} height={size.height} aria-hidden="true">
            <g className={`line-${colorOf(right)}`}><line x1={cross.x} y1={0} x2={cross.x} y2={cross.y - gap} /><line x1={cross.x} y1={cross.y + gap} x2={cross.x} y2={size.height} /></g>
            <g className={`line-${colorOf(down)}`}><line x1={0} y1={cross.y} x2={cross.x - gap} y2={cross.y} /><line x1={cross.x + gap} y1={cross.y} x2={size.width} y2={cross.y} /></g>
          </svg>
        )}
        <div aria-hidden="true"><span className="edge edge-top">{oppositeLetters(directionLetters(plane.down))}</span><span className="edge edge-bottom">{directionLetters(plane.down)}</span><span className="edge edge-left">{oppositeLetters(directionLetters(plane.right))}</span><span className="edge edge-right">{directionLetters(plane.right)}</span></div>
        {children}
        <div className="corner corner-bl num" aria-hidden="true">
          <span className={`plane-name name-${name}`}>{t(`planes.${name}`)}</span>
          <span data-testid={`plane-position-${name}`}>{position}</span>
          <span data-testid={`plane-value-${name}`}>{under !== null ? `${Number.isInteger(under) ? under : under.toFixed(2)} ${unit}` : ' '}</span>
        </div>
      </div>
      <input type="range" className="stack-slider plane-slider" min={1} max={count} value={index + 1} aria-label={t(`planes.${name}`)} aria-valuetext={position} onChange={(event) => move(atIndex(volume, plane, at, Number(event.currentTarget.value) - 1))} />
    </div>
  );
}
