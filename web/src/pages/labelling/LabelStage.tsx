// The case on black: window and level at full depth, zoom and move, slices of a volume. What is drawn on it comes as children, in pixels of the image.
import { ActionIcon, Group, Loader, Slider, Text, Tooltip, VisuallyHidden } from '@mantine/core';
import { Maximize, RotateCcw, SunMoon, ZoomIn, ZoomOut } from 'lucide-react';
import { forwardRef, useCallback, useEffect, useId, useImperativeHandle, useRef, useState, type PointerEvent, type ReactNode } from 'react';
import { useI18n } from '../../i18n';
import { paint, type Pixels, type Tone } from '../../lib/npy';
import { zoomAt, type View } from '../../lib/window';
import '../../components/viewer/viewer.css';

export interface StageHandle { zoom: (factor: number) => void; fit: () => void; invert: () => void; reset: () => void; widen: (factor: number) => void; brighten: (share: number) => void }
export interface Point { x: number; y: number }
// A drawing tool: gets points in pixels of the image; `scale` is how many screen pixels one of them takes.
export interface StageTool { cursor: string; down: (point: Point, event: PointerEvent, scale: number) => void; move: (point: Point, event: PointerEvent, scale: number) => void; up: (point: Point, event: PointerEvent) => void }
interface Props { pixels: Pixels | null; failed?: boolean; slices: number; slice: number; onSlice: (slice: number) => void; tool?: StageTool; children?: (scale: number) => ReactNode; readout?: string }
const fitView: View = { zoom: 1, x: 0, y: 0 };

export const LabelStage = forwardRef<StageHandle, Props>(function LabelStage({ pixels, failed, slices, slice, onSlice, tool, children, readout }, ref) {
  const { t } = useI18n();
  const helpId = useId();
  const frame = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const [view, setView] = useState<View>(fitView);
  const [chosen, setChosen] = useState<{ low: number; high: number } | null>(null);
  const [invert, setInvert] = useState(false);
  const [size, setSize] = useState({ width: 0, height: 0 });
  const drag = useRef<{ x: number; y: number; kind: 'tone' | 'pan' | 'tool' } | null>(null);
  const tone: Tone = { low: chosen?.low ?? pixels?.low ?? 0, high: chosen?.high ?? pixels?.high ?? 255, invert };
  const scale = pixels && size.width > 0 ? Math.min(size.width / pixels.width, size.height / pixels.height) * 0.97 * view.zoom : 1;
  const left = size.width / 2 + view.x - ((pixels?.width ?? 0) * scale) / 2;
  const top = size.height / 2 + view.y - ((pixels?.height ?? 0) * scale) / 2;

  useEffect(() => {
    const element = frame.current;
    if (!element || typeof ResizeObserver === 'undefined') return undefined;
    const observer = new ResizeObserver(([entry]) => { if (entry) setSize({ width: entry.contentRect.width, height: entry.contentRect.height }); });
    observer.observe(element);
    return () => observer.disconnect();
  }, []);

  // The canvas has the image's own size; the browser scales it.
  useEffect(() => {
    const target = canvas.current;
    const context = target?.getContext('2d');
    if (!target || !context || !pixels) return;
    target.width = pixels.width;
    target.height = pixels.height;
    const shown = context.createImageData(pixels.width, pixels.height);
    paint(pixels, { low: tone.low, high: tone.high, invert }, shown.data);
    context.putImageData(shown, 0, 0);
  }, [pixels, tone.low, tone.high, invert]);

  const zoom = useCallback((factor: number) => setView((v) => zoomAt(v, factor, 0, 0)), []);
  const fit = useCallback(() => setView(fitView), []);
  const span = Math.max(tone.high - tone.low, 1e-9);
  const range = pixels ? Math.max(pixels.high - pixels.low, 1e-9) : 1;
  const change = (width: number, centre: number) => { const half = Math.min(Math.max(width, range / 500), range * 8) / 2; setChosen({ low: centre - half, high: centre + half }); };
  const centre = (tone.low + tone.high) / 2;
  const reset = () => { setView(fitView); setChosen(null); setInvert(false); };
  useImperativeHandle(ref, () => ({ zoom, fit, invert: () => setInvert((on) => !on), reset, widen: (factor: number) => change(span * factor, centre), brighten: (share: number) => change(span, centre - share * range) }));

  const wheel = useRef<(event: WheelEvent) => void>(() => undefined);
  wheel.current = (event: WheelEvent) => {
    const box = frame.current?.getBoundingClientRect();
    if (!box) return;
    if (slices > 1 && !event.ctrlKey) onSlice(Math.min(slices - 1, Math.max(0, slice + Math.sign(event.deltaY))));
    else setView((v) => zoomAt(v, Math.exp(-event.deltaY * 0.0016), event.clientX - box.left - box.width / 2, event.clientY - box.top - box.height / 2));
  };
  useEffect(() => {
    const element = frame.current;
    if (!element) return undefined;
    const onWheel = (event: WheelEvent) => { event.preventDefault(); wheel.current(event); };
    element.addEventListener('wheel', onWheel, { passive: false });
    return () => element.removeEventListener('wheel', onWheel);
  }, []);

  function pointOf(event: PointerEvent): Point {
    const box = frame.current!.getBoundingClientRect();
    return { x: (event.clientX - box.left - left) / scale, y: (event.clientY - box.top - top) / scale };
  }
  function onPointerDown(event: PointerEvent<HTMLDivElement>) {
    if ((event.target as HTMLElement).closest('button')) return;
    event.currentTarget.setPointerCapture(event.pointerId);
    const kind = event.shiftKey || event.button === 1 ? 'pan' : event.button === 2 ? 'tone' : tool ? 'tool' : 'tone';
    drag.current = { x: event.clientX, y: event.clientY, kind };
    if (kind === 'tool' && pixels) tool?.down(pointOf(event), event, scale);
  }
  function onPointerMove(event: PointerEvent<HTMLDivElement>) {
    const before = drag.current;
    if (tool && pixels && (!before || before.kind === 'tool')) tool.move(pointOf(event), event, scale);
    if (!before || before.kind === 'tool') return;
    const [dx, dy] = [event.clientX - before.x, event.clientY - before.y];
    if (before.kind === 'pan') setView((v) => ({ ...v, x: v.x + dx, y: v.y + dy }));
    else change(span * Math.exp(dx * 0.006), centre + (dy * range) / 400);
    drag.current = { ...before, x: event.clientX, y: event.clientY };
  }
  function onPointerUp(event: PointerEvent<HTMLDivElement>) {
    if (drag.current?.kind === 'tool' && pixels) tool?.up(pointOf(event), event);
    drag.current = null;
  }

  const tools = [
    { label: t('viewer.zoomOut'), icon: ZoomOut, act: () => zoom(1 / 1.25), pressed: false }, { label: t('viewer.zoomIn'), icon: ZoomIn, act: () => zoom(1.25), pressed: false }, { label: t('viewer.fit'), icon: Maximize, act: fit, pressed: false },
    { label: t('viewer.invert'), icon: SunMoon, act: () => setInvert((on) => !on), pressed: invert }, { label: t('viewer.reset'), icon: RotateCcw, act: reset, pressed: false },
  ];
  return (
    <div className="viewer">
      <div ref={frame} className="viewer-frame label-frame" tabIndex={0} role="group" aria-label={t('viewer.label')} aria-describedby={helpId} data-ready={pixels ? 'true' : 'false'} style={{ cursor: tool?.cursor ?? 'crosshair' }}
        onPointerDown={onPointerDown} onPointerMove={onPointerMove} onPointerUp={onPointerUp} onPointerCancel={onPointerUp} onContextMenu={(event) => event.preventDefault()}>
        <canvas ref={canvas} role="img" aria-label={pixels ? `${t('viewer.image')}, ${t('viewer.pixels', { width: pixels.width, height: pixels.height })}` : t('viewer.label')}
          style={{ width: (pixels?.width ?? 0) * scale, height: (pixels?.height ?? 0) * scale, transform: `translate(${left}px, ${top}px)`, imageRendering: scale > 5 ? 'pixelated' : 'auto', visibility: pixels ? 'visible' : 'hidden' }} />
        {pixels && children && (
          <svg className="label-marks" width={pixels.width * scale} height={pixels.height * scale} viewBox={`0 0 ${pixels.width} ${pixels.height}`} style={{ transform: `translate(${left}px, ${top}px)` }} aria-hidden="true">{children(scale)}</svg>
        )}
        {!pixels && !failed && <div className="stack-wait"><Loader type="dots" color="gray" aria-hidden="true" /></div>}
        {failed && <div className="stack-wait"><Text c="#f0d9a8" role="alert">{t('labelling.noPixels')}</Text></div>}
        {pixels && <Text className="viewer-readout num" aria-hidden="true">{t('viewer.pixels', { width: pixels.width, height: pixels.height })}  ·  {Math.round(view.zoom * 100)}%  ·  W {figure(span)} L {figure(centre)}{readout ? `  ·  ${readout}` : ''}</Text>}
      </div>
      <VisuallyHidden id={helpId}>{t('labelling.stageHelp')}</VisuallyHidden>
      <Group className="viewer-tools" gap="md" role="toolbar" aria-label={t('viewer.adjust')}>
        <Group gap={4} wrap="nowrap">
          {tools.map((item) => (
            <Tooltip key={item.label} label={item.label}>
              <ActionIcon variant={item.pressed ? 'light' : 'subtle'} color={item.pressed ? 'aceso' : 'gray'} size="lg" aria-label={item.label} aria-pressed={item.pressed} disabled={!pixels} onClick={item.act}><item.icon size={18} /></ActionIcon>
            </Tooltip>
          ))}
        </Group>
        {slices > 1 && <Group gap="sm" flex="1 1 200px" wrap="nowrap"><Text size="sm" className="num nowrap">{t('labelling.slice', { n: slice + 1, total: slices })}</Text><Slider flex={1} size="sm" color="gray" label={null} min={0} max={slices - 1} value={slice} onChange={onSlice} thumbLabel={t('labelling.sliceSlider')} /></Group>}
      </Group>
    </div>
  );
});

const figure = (value: number) => (Math.abs(value) >= 10 ? String(Math.round(value)) : value.toPrecision(3));
