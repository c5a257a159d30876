// The image on black with zoom, move, window and level. Pixels never leave the page; the canvas shows what the file or the node gave.
import { ActionIcon, Box, Group, Slider, Text, Tooltip, VisuallyHidden } from '@mantine/core';
import { Contrast, Maximize, RotateCcw, Sun, SunMoon, ZoomIn, ZoomOut } from 'lucide-react';
import { forwardRef, useCallback, useEffect, useId, useImperativeHandle, useRef, useState, type KeyboardEvent, type PointerEvent, type ReactNode } from 'react';
import { useI18n } from '../../i18n';
import { applyTable, fullWindow, lookupTable, zoomAt, type View, type WindowLevel } from '../../lib/window';
import './viewer.css';

export interface ViewerHandle { zoom: (factor: number) => void; fit: () => void; reset: () => void; invert: () => void; window: (dWidth: number, dLevel: number) => void; pan: (dx: number, dy: number) => void }
// `text` stands over the first corner.
export interface Mark { color: string; lines: [number, number][][]; text?: string }
interface Props { source: Blob | string | null; overlay?: ReactNode; marks?: Mark[]; onError?: () => void }
const fitView: View = { zoom: 1, x: 0, y: 0 };
const clamp = (value: number, low: number, high: number) => Math.min(high, Math.max(low, value));

export const ImageViewer = forwardRef<ViewerHandle, Props>(function ImageViewer({ source, overlay, marks, onError }, ref) {
  const { t } = useI18n();
  const helpId = useId();
  const frame = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const work = useRef<HTMLCanvasElement | null>(null);
  const [pixels, setPixels] = useState<ImageData | null>(null);
  const [view, setView] = useState<View>(fitView);
  const [tone, setTone] = useState<WindowLevel>(fullWindow);
  const [size, setSize] = useState({ width: 0, height: 0 });
  const drag = useRef<{ x: number; y: number; tone: boolean } | null>(null);
  const touches = useRef(new Map<number, { x: number; y: number }>());
  const report = useRef(onError);
  report.current = onError;

  useEffect(() => {
    let stale = false;
    setPixels(null);
    setView(fitView);
    setTone(fullWindow);
    if (source === null) return undefined;
    decode(source).then((data) => { if (!stale) setPixels(data); }, () => { if (!stale) report.current?.(); });
    return () => { stale = true; };
  }, [source]);

  useEffect(() => {
    const element = frame.current;
    if (!element || typeof ResizeObserver === 'undefined') return undefined;
    const observer = new ResizeObserver(([entry]) => { if (entry) setSize({ width: entry.contentRect.width, height: entry.contentRect.height }); });
    observer.observe(element);
    return () => observer.disconnect();
  }, []);

  useEffect(() => {
    if (!pixels) { work.current = null; return; }
    const buffer = work.current ?? document.createElement('canvas');
    buffer.width = pixels.width;
    buffer.height = pixels.height;
    const context = buffer.getContext('2d');
    if (!context) return;
    const shown = context.createImageData(pixels.width, pixels.height);
    applyTable(pixels.data, shown.data, lookupTable(tone));
    context.putImageData(shown, 0, 0);
    work.current = buffer;
  }, [pixels, tone]);

  useEffect(() => {
    const target = canvas.current;
    const context = target?.getContext('2d');
    if (!target || !context) return;
    const ratio = window.devicePixelRatio || 1;
    target.width = Math.round(size.width * ratio);
    target.height = Math.round(size.height * ratio);
    context.fillStyle = '#000';
    context.fillRect(0, 0, target.width, target.height);
    if (!pixels || !work.current || size.width === 0) return;
    const scale = Math.min(size.width / pixels.width, size.height / pixels.height) * 0.96 * view.zoom * ratio;
    context.imageSmoothingEnabled = scale < 6;
    context.imageSmoothingQuality = 'high';
    context.translate(target.width / 2 + view.x * ratio, target.height / 2 + view.y * ratio);
    context.scale(scale, scale);
    context.drawImage(work.current, -pixels.width / 2, -pixels.height / 2);
    context.translate(-pixels.width / 2, -pixels.height / 2);
    for (const mark of marks ?? []) strokeMark(context, mark, ratio / scale);
  }, [pixels, tone, view, size, marks]);

  const zoom = useCallback((factor: number) => setView((v) => zoomAt(v, factor, 0, 0)), []);
  const pan = useCallback((dx: number, dy: number) => setView((v) => ({ ...v, x: v.x + dx, y: v.y + dy })), []);
  const shiftTone = useCallback((dWidth: number, dLevel: number) => setTone((s) => ({ ...s, width: clamp(s.width + dWidth, 2, 512), level: clamp(s.level + dLevel, 0, 255) })), []);
  const invert = useCallback(() => setTone((s) => ({ ...s, invert: !s.invert })), []);
  const fit = useCallback(() => setView(fitView), []);
  const reset = useCallback(() => { setView(fitView); setTone(fullWindow); }, []);
  useImperativeHandle(ref, () => ({ zoom, fit, reset, invert, window: shiftTone, pan }), [zoom, fit, reset, invert, shiftTone, pan]);

  // React listens to wheel passively; zooming must stop the page from scrolling.
  useEffect(() => {
    const element = frame.current;
    if (!element) return undefined;
    const onWheel = (event: WheelEvent) => {
      event.preventDefault();
      const box = element.getBoundingClientRect();
      setView((v) => zoomAt(v, Math.exp(-event.deltaY * 0.0016), event.clientX - box.left - box.width / 2, event.clientY - box.top - box.height / 2));
    };
    element.addEventListener('wheel', onWheel, { passive: false });
    return () => element.removeEventListener('wheel', onWheel);
  }, []);

  function onPointerDown(event: PointerEvent<HTMLDivElement>) {
    if ((event.target as HTMLElement).closest('button')) return;
    event.currentTarget.setPointerCapture(event.pointerId);
    touches.current.set(event.pointerId, { x: event.clientX, y: event.clientY });
    drag.current = { x: event.clientX, y: event.clientY, tone: event.shiftKey || event.button === 2 };
  }
  function onPointerMove(event: PointerEvent<HTMLDivElement>) {
    const before = touches.current.get(event.pointerId);
    if (!before || !drag.current) return;
    if (touches.current.size === 2) {
      const other = [...touches.current.entries()].find(([id]) => id !== event.pointerId)?.[1];
      if (other) {
        const was = Math.hypot(before.x - other.x, before.y - other.y);
        const is = Math.hypot(event.clientX - other.x, event.clientY - other.y);
        if (was > 0) zoom(is / was);
      }
    } else if (drag.current.tone) {
      shiftTone(event.clientX - drag.current.x, drag.current.y - event.clientY);
    } else {
      pan(event.clientX - drag.current.x, event.clientY - drag.current.y);
    }
    drag.current = { ...drag.current, x: event.clientX, y: event.clientY };
    touches.current.set(event.pointerId, { x: event.clientX, y: event.clientY });
  }
  function onPointerUp(event: PointerEvent<HTMLDivElement>) {
    touches.current.delete(event.pointerId);
    if (touches.current.size === 0) drag.current = null;
  }
  function onKeyDown(event: KeyboardEvent) {
    const step = 32;
    const moves: Record<string, [number, number]> = { ArrowLeft: [step, 0], ArrowRight: [-step, 0], ArrowUp: [0, step], ArrowDown: [0, -step] };
    const move = moves[event.key];
    if (move) { event.preventDefault(); pan(...move); }
  }

  const tools = [
    { label: t('viewer.zoomOut'), icon: ZoomOut, act: () => zoom(1 / 1.25) }, { label: t('viewer.zoomIn'), icon: ZoomIn, act: () => zoom(1.25) }, { label: t('viewer.fit'), icon: Maximize, act: fit },
    { label: t('viewer.invert'), icon: SunMoon, act: invert, pressed: tone.invert }, { label: t('viewer.reset'), icon: RotateCcw, act: reset },
  ];
  return (
    <div className="viewer">
      <div ref={frame} className="viewer-frame" tabIndex={0} role="group" aria-label={t('viewer.label')} aria-describedby={helpId} onKeyDown={onKeyDown} data-ready={pixels ? 'true' : 'false'} data-marks={marks?.reduce((sum, mark) => sum + mark.lines.length, 0) ?? 0}
        onPointerDown={onPointerDown} onPointerMove={onPointerMove} onPointerUp={onPointerUp} onPointerCancel={onPointerUp} onDoubleClick={fit} onContextMenu={(event) => event.preventDefault()}>
        <canvas ref={canvas} role="img" aria-label={pixels ? `${t('viewer.image')}, ${t('viewer.pixels', { width: pixels.width, height: pixels.height })}` : t('viewer.label')} />
        {overlay}
        {pixels && <Text className="viewer-readout num" aria-hidden="true">{t('viewer.pixels', { width: pixels.width, height: pixels.height })}  ·  {Math.round(view.zoom * 100)}%  ·  W {Math.round(tone.width)} L {Math.round(tone.level)}</Text>}
      </div>
      <VisuallyHidden id={helpId}>{t('viewer.help')}</VisuallyHidden>
      <Group className="viewer-tools" gap="md" role="toolbar" aria-label={t('viewer.adjust')}>
        <Group gap={4} wrap="nowrap">
          {tools.map((tool) => (
            <Tooltip key={tool.label} label={tool.label}>
              <ActionIcon variant={tool.pressed ? 'light' : 'subtle'} color={tool.pressed ? 'aceso' : 'gray'} size="lg" aria-label={tool.label} aria-pressed={tool.pressed} disabled={!pixels} onClick={tool.act}><tool.icon size={18} /></ActionIcon>
            </Tooltip>
          ))}
        </Group>
        <Group gap="md" flex="1 1 280px" wrap="nowrap" className="viewer-sliders">
          <ToneSlider label={t('viewer.windowLevel')} icon={<Sun size={16} aria-hidden />} min={0} max={255} value={255 - tone.level} disabled={!pixels} onChange={(value) => setTone((s) => ({ ...s, level: 255 - value }))} />
          <ToneSlider label={t('viewer.windowWidth')} icon={<Contrast size={16} aria-hidden />} min={0} max={510} value={512 - tone.width} disabled={!pixels} onChange={(value) => setTone((s) => ({ ...s, width: 512 - value }))} />
        </Group>
      </Group>
    </div>
  );
});

function ToneSlider({ label, icon, ...rest }: { label: string; icon: ReactNode; min: number; max: number; value: number; disabled: boolean; onChange: (value: number) => void }) {
  return (
    <Tooltip label={label} position="top">
      <Group gap={8} wrap="nowrap" flex={1} miw={0}>
        {icon}
        <Box flex={1} miw={60}><Slider size="sm" label={null} color="gray" thumbLabel={label} {...rest} /></Box>
      </Group>
    </Tooltip>
  );
}

const maxPixels = 64_000_000;

async function decode(source: Blob | string): Promise<ImageData> {
  const url = typeof source === 'string' ? source : URL.createObjectURL(source);
  try {
    const image = new Image();
    image.decoding = 'async';
    await new Promise<void>((resolve, reject) => {
      image.onload = () => resolve();
      image.onerror = () => reject(new Error('undecodable'));
      image.src = url;
    });
    const [width, height] = [image.naturalWidth, image.naturalHeight];
    if (width === 0 || height === 0 || width * height > maxPixels) throw new Error('undecodable');
    const buffer = document.createElement('canvas');
    buffer.width = width;
    buffer.height = height;
    const context = buffer.getContext('2d', { willReadFrequently: true });
    if (!context) throw new Error('no canvas');
    context.drawImage(image, 0, 0);
    return context.getImageData(0, 0, width, height);
  } finally {
    if (typeof source !== 'string') URL.revokeObjectURL(url);
  }
}

// A dark line below a bright one, so that it is seen on any grey. `unit` is one CSS pixel in the image's own.
function strokeMark(context: CanvasRenderingContext2D, mark: Mark, unit: number) {
  context.beginPath();
  for (const line of mark.lines) {
    line.forEach(([x, y], index) => { if (index === 0) context.moveTo(x, y); else context.lineTo(x, y); });
    context.closePath();
  }
  context.lineJoin = 'round';
  context.strokeStyle = '#000';
  context.lineWidth = 3.5 * unit;
  context.stroke();
  context.strokeStyle = mark.color;
  context.lineWidth = 1.75 * unit;
  context.stroke();
  const corner = mark.lines[0]?.[0];
  if (!mark.text || !corner) return;
  context.font = `600 ${13 * unit}px system-ui, sans-serif`;
  context.textBaseline = 'bottom';
  context.strokeStyle = '#000';
  context.lineWidth = 3 * unit;
  context.strokeText(mark.text, corner[0], corner[1] - 3 * unit);
  context.fillStyle = mark.color;
  context.fillText(mark.text, corner[0], corner[1] - 3 * unit);
}
