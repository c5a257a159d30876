// A series as a volume in three planes that a cross-hair links. What is no volume says why not.
import { Alert, Button, Divider, Group, Popover, Progress, Text, VisuallyHidden, ActionIcon } from '@mantine/core';
import { CircleHelp, Contrast, Crosshair, Hand, Layers, Maximize, RotateCcw, Sparkles, SunMoon, ZoomIn, type LucideIcon } from 'lucide-react';
import { useCallback, useEffect, useId, useMemo, useRef, useState, type KeyboardEvent } from 'react';
import { useI18n, type Key } from '../../i18n';
import { fullRange, presets, type Frame, type Triple } from '../../lib/stack';
import { masksBySlice, middleOf, mostBytes, planeNames, sliceAt, valueAt, volumeOf, type PlaneName, type Samples, type Volume } from '../../lib/volume';
import { zoomAt, type View } from '../../lib/window';
import { errorText } from '../feedback';
import { PresetMenu, ToolButton } from './controls';
import type { Load } from './frameStore';
import { lettersAt, PlaneView, type PlaneTool } from './PlaneView';
import type { AiOverlay, PatientWords } from './StackViewer';
import { loadVolume } from './volumeStore';
import './viewer.css';

interface Props { frames: Frame[]; load: Load; modality: string; words: PatientWords; overlay?: AiOverlay; start?: number; here?: (frame: Frame) => boolean; close: (index: number) => void }
const tools: { tool: PlaneTool; icon: LucideIcon; label: Key; key: string }[] = [
  { tool: 'cross', icon: Crosshair, label: 'planes.cross', key: 'C' }, { tool: 'window', icon: Contrast, label: 'stack.window', key: 'W' }, { tool: 'pan', icon: Hand, label: 'stack.pan', key: 'P' }, { tool: 'zoom', icon: ZoomIn, label: 'stack.zoom', key: 'Z' },
];
const keys: [string, Key][] = [['↑ ↓', 'planes.keys.scroll'], ['PgUp PgDn', 'planes.keys.page'], ['Home End', 'planes.keys.ends'], ['C W P Z', 'planes.keys.tools'], ['1 – 5', 'stack.keys.presets'], ['← →', 'stack.keys.width'], ['Shift ↑ ↓', 'stack.keys.level'], ['+ − 0', 'stack.keys.zoom'], ['I', 'stack.keys.invert'], ['A', 'stack.keys.overlay'], ['X', 'planes.keys.lines'], ['V', 'planes.keys.slices']];
const fitView: View = { zoom: 1, x: 0, y: 0 };

export function MprViewer(props: Props) {
  const { frames, close, start } = props;
  const { t } = useI18n();
  const made = useMemo(() => volumeOf(frames), [frames]);
  const back = <Button size="compact-sm" variant="default" onClick={() => close(start ?? 0)}>{t('planes.slices')}</Button>;
  if ('refusal' in made) {
    return <div className="viewer mpr"><div className="mpr-wait"><Alert color="yellow" role="alert" title={t('planes.notAVolume')}>{t(`planes.why.${made.refusal.why}`, made.refusal.values)}<br /><Group mt={8}>{back}</Group></Alert></div></div>;
  }
  return <Loading {...props} volume={made.volume} />;
}

function Loading(props: Props & { volume: Volume }) {
  const { volume, load, start, close, here } = props;
  const { t } = useI18n();
  const [done, setDone] = useState(0);
  const [data, setData] = useState<Samples | null>(null);
  const [failure, setFailure] = useState<unknown>(undefined);
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    const controller = new AbortController();
    setDone(0); setData(null); setFailure(undefined);
    loadVolume(volume, load, controller.signal, (n) => { if (!controller.signal.aborted) setDone(n); }, here).then((loaded) => { if (!controller.signal.aborted) setData(loaded); }, (error: unknown) => { if (!controller.signal.aborted) setFailure(error); });
    return () => controller.abort();
  }, [volume, load, turn, here]);
  if (data) return <Planes {...props} data={data} />;
  const total = volume.size[2];
  const loading = t('planes.loading', { done, total });
  return (
    <div className="viewer mpr"><div className="mpr-wait">
      {failure === undefined
        ? <div className="mpr-progress"><Text size="sm" mb={6} aria-hidden>{loading}</Text><Progress.Root><Progress.Section value={(100 * done) / total} aria-label={loading} /></Progress.Root><Button mt="sm" size="compact-sm" variant="default" onClick={() => close(start ?? 0)}>{t('planes.slices')}</Button></div>
        : <Alert color="red" role="alert" title={t('planes.failed')}>{failure instanceof RangeError ? t('planes.why.memory', { need: String(Math.ceil(volume.bytes / (1 << 20))), most: String(mostBytes >> 20) }) : errorText(failure, t)}<br /><Group gap="xs" mt={8}><Button size="compact-sm" variant="default" onClick={() => setTurn((n) => n + 1)}>{t('common.retry')}</Button><Button size="compact-sm" variant="default" onClick={() => close(start ?? 0)}>{t('planes.slices')}</Button></Group></Alert>}
    </div></div>
  );
}

function Planes({ volume, data, frames, modality, words, overlay, start, close }: Props & { volume: Volume; data: Samples }) {
  const { t } = useI18n();
  const helpId = useId();
  const first = volume.frames[0]!;
  const [at, move] = useState<Triple>(() => middleOf(volume, start === undefined ? undefined : volume.frames.indexOf(frames[start]!)));
  const [views, setViews] = useState<Record<PlaneName, View>>({ axial: fitView, coronal: fitView, sagittal: fitView });
  const [voi, setVoi] = useState<{ center: number; width: number } | null>(null);
  const [invert, setInvert] = useState(false);
  const [tool, setTool] = useState<PlaneTool>('cross');
  const [lines, setLines] = useState(true);
  const [ai, setAi] = useState(true);
  const masks = useMemo(() => masksBySlice(volume, overlay?.masks ?? new Map()), [volume, overlay]);
  const drawn = masks.some((slice) => slice && slice.length > 0);
  const none = useMemo(() => masks.map(() => undefined), [masks]);
  // What images name no window of their own show all there is, of the slice in the middle.
  const usual = useMemo(() => {
    const size = first.rows * first.columns;
    const k = volume.size[2] >> 1;
    return first.windows[0] ?? fullRange(data.subarray(k * size, (k + 1) * size), volume.rescaled ? { ...first, slope: 1, intercept: 0, padding: null } : first);
  }, [volume, data, first]);
  const shown = voi ?? usual;
  const step = Math.max(volume.rescaled ? 0 : Math.abs(first.slope), shown.width / 300);
  const tone = (dx: number, dy: number) => setVoi({ width: Math.max(volume.rescaled ? 1e-3 : Math.abs(first.slope), shown.width + dx * step), center: shown.center + dy * step });
  const change = useCallback((name: PlaneName, how: (view: View) => View, all: boolean) => setViews((before) => {
    const own = how(before[name]);
    const factor = own.zoom / before[name].zoom;
    return Object.fromEntries(planeNames.map((one) => [one, one === name ? own : all || factor !== 1 ? zoomAt(before[one], factor, 0, 0) : before[one]])) as Record<PlaneName, View>;
  }), []);
  const zoom = (factor: number) => change('axial', (view) => zoomAt(view, factor, 0, 0), true);
  const fit = () => setViews({ axial: fitView, coronal: fitView, sagittal: fitView });
  const leave = () => close(frames.indexOf(volume.frames[sliceAt(volume, at)]!));
  const offered = presets[modality] ?? [];
  const commands: Record<string, () => void> = { invert: () => setInvert((on) => !on), fit, reset: () => { fit(); setVoi(null); setInvert(false); move(middleOf(volume)); }, overlay: () => setAi((on) => !on), lines: () => setLines((on) => !on), slices: leave, ...Object.fromEntries(tools.map((entry) => [entry.tool, () => setTool(entry.tool)])) };
  const latest = useRef(commands);
  latest.current = commands;
  const run = useCallback((command: string) => latest.current[command]?.(), []);

  function onKey(event: KeyboardEvent, scroll: (by: number) => void, ends: (last: boolean) => void) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const acts: Record<string, () => void> = {
      ArrowDown: () => (event.shiftKey ? tone(0, -10) : scroll(1)), ArrowUp: () => (event.shiftKey ? tone(0, 10) : scroll(-1)), ArrowLeft: () => tone(-10, 0), ArrowRight: () => tone(10, 0), PageDown: () => scroll(10), PageUp: () => scroll(-10), Home: () => ends(false), End: () => ends(true),
      '+': () => zoom(1.25), '=': () => zoom(1.25), '-': () => zoom(0.8), 0: fit, i: commands.invert!, a: commands.overlay!, x: commands.lines!, v: leave,
      ...Object.fromEntries(tools.map((entry) => [entry.key.toLowerCase(), () => setTool(entry.tool)])), ...Object.fromEntries(offered.map((preset, n) => [String(n + 1), () => setVoi(preset)])),
    };
    const act = acts[event.key] ?? acts[event.key.toLowerCase()];
    if (act) { event.preventDefault(); act(); }
  }

  const here = valueAt(volume, data, at);
  const place = [0, 1, 2].map((axis) => lettersAt(axis, at[axis]!).replace(' mm', '')).join(' · ');
  const labels = ai ? [...new Set(masks.flatMap((slice) => slice?.map((mask) => mask.label) ?? []))] : [];
  const lossy = volume.frames.find((frame) => frame.lossy !== null)?.lossy;
  return (
    <div className="viewer mpr">
      <div className="mpr-grid">
        {planeNames.map((name) => (
          <PlaneView key={name} name={name} volume={volume} data={data} at={at} move={move} view={views[name]} setView={(how, all) => change(name, how, all)} window={shown} tone={tone} invert={invert} tool={tool} lines={lines} masks={ai ? masks : none} onKey={onKey} words={words.name} help={helpId}>
            {name === 'axial' && <>
              <div className="corner corner-tl" aria-hidden="true"><strong>{words.name}</strong>{words.lines.map((line) => <span key={line}>{line}</span>)}</div>
              <div className="corner corner-tr" aria-hidden="true">{words.study.map((line) => <span key={line}>{line}</span>)}</div>
              <div className="corner corner-br">
                {labels.length > 0 && <span className="mark-ai">{t('stack.aiMark')}</span>}
                {labels.map((label) => <span key={label}>{label}</span>)}
                {lossy !== undefined && <span className="mark-lossy">{t('stack.lossy')}{lossy ? ` ${lossy}` : ''}</span>}
                <span className="num" data-testid="planes-window">W {Math.round(shown.width)} L {Math.round(shown.center)}</span>
              </div>
            </>}
          </PlaneView>
        ))}
      </div>
      <VisuallyHidden id={helpId}>{t('planes.help')}</VisuallyHidden>
      <Group className="viewer-tools" gap="xs" role="toolbar" aria-label={t('viewer.adjust')}>
        <Group gap={2} wrap="nowrap">{tools.map((entry) => <ToolButton key={entry.tool} label={`${t(entry.label)} (${entry.key})`} icon={entry.icon} pressed={tool === entry.tool} command={entry.tool} run={run} />)}</Group>
        <Divider orientation="vertical" />
        <Group gap={2} wrap="nowrap">
          <ToolButton label={`${t('viewer.invert')} (I)`} icon={SunMoon} pressed={invert} command="invert" run={run} />
          <ToolButton label={`${t('viewer.fit')} (0)`} icon={Maximize} command="fit" run={run} />
          <ToolButton label={t('viewer.reset')} icon={RotateCcw} command="reset" run={run} />
          {drawn && <ToolButton label={`${t('stack.overlay')} (A)`} icon={Sparkles} pressed={ai} command="overlay" run={run} />}
          <ToolButton label={`${t('planes.slices')} (V)`} icon={Layers} command="slices" run={run} />
        </Group>
        {(offered.length > 0 || first.windows.length > 1) && <PresetMenu modality={modality} windows={JSON.stringify(first.windows.slice(1))} disabled={false} choose={setVoi} />}
        <Text size="xs" c="dimmed" className="num" data-testid="planes-cross">{place}{here !== null ? ` · ${Number.isInteger(here) ? here : here.toFixed(2)} ${first.unit}` : ''}</Text>
        <Text size="xs" c="dimmed" flex="1 1 160px">{t('planes.interpolated')}</Text>
        <Popover width={300} position="top-end" withArrow trapFocus returnFocus>
          <Popover.Target><ActionIcon variant="subtle" color="gray" size="lg" aria-label={t('diagnose.shortcuts')}><CircleHelp size={18} /></ActionIcon></Popover.Target>
          <Popover.Dropdown><Text size="sm" mb={8}>{t('planes.help')}</Text><dl className="definition stack-keys">{keys.map(([key, label]) => <div key={key} className="definition-row"><dt>{key}</dt><dd>{t(label)}</dd></div>)}</dl></Popover.Dropdown>
        </Popover>
      </Group>
    </div>
  );
}
