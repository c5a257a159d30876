// Cases on which boxes or outlines are drawn: by a reader, or by the adjudicator over what two readers drew.
import { ActionIcon, Alert, Box, Button, Group, Kbd, Modal, NumberInput, Paper, Stack, Switch, Text, TextInput, Title, Tooltip, VisuallyHidden } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { Brush, Contrast, Eraser, Keyboard, Pentagon, Redo2, SquareDashed, Trash2, Undo2 } from 'lucide-react';
import { useEffect, useRef, useState } from 'react';
import type { CannotTell, DrawnReading, LabelPart, LabellingProject, LabelWork } from '../../api/labelling';
import { ErrorState, notice } from '../../components/feedback';
import { useI18n } from '../../i18n';
import { areaOf, fromSent, isBox, toSent } from '../../lib/drawing';
import { HandIn, Head, isHeld, reasons } from './bits';
import { LabelStage, type StageHandle } from './LabelStage';
import { useCases } from './useCases';
import { classColors, DrawnLayer, useDrawing, type DrawTool } from './useDrawing';
import './labelling.css';

export function DrawWorker({ project, work, part }: { project: LabellingProject; work: LabelWork; part: LabelPart }) {
  const { t } = useI18n();
  const outlines = project.task === 'outlines';
  const cases = useCases(project, work, part);
  const { place, pixels, one, answer } = cases;
  const [label, setLabel] = useState(project.classes[0] ?? '');
  const [unsure, setUnsure] = useState(false);
  const [comment, setComment] = useState('');
  const [seen, setSeen] = useState(true);
  const [helpOpened, help] = useDisclosure();
  const stage = useRef<StageHandle>(null);
  const width = one.data?.width ?? 1;
  const height = one.data?.height ?? 1;
  const drawing = useDrawing({ width, height, outlines, label, editable: work.open });
  const readings = one.data?.readings ?? [];
  const drawnBy = readings.map((reading) => (reading.objects ? fromSent(reading.objects, width * height, 1) : []));

  // What was kept of this case is where drawing begins.
  const loaded = useRef('');
  useEffect(() => {
    if (!one.data || loaded.current === `${part}/${place}`) return;
    loaded.current = `${part}/${place}`;
    drawing.load(answer?.objects ? fromSent(answer.objects, one.data.width * one.data.height, 1) : []);
    setUnsure(false);
    setComment('');
    setSeen(true);
  });

  async function keep(empty = false): Promise<boolean> {
    if (!work.open) return true;
    const sent = empty ? [] : toSent(drawing.objects);
    if (!drawing.dirty.current && answer && !answer.cannot_tell && !empty) return true;
    if (!drawing.dirty.current && answer?.cannot_tell && !empty) return true;
    if (sent.length === 0 && !empty) { notice(t('labelling.nothingDrawn')); return false; }
    const kept = await cases.give({ objects: sent });
    if (kept && cases.here.current === place) {
      if (empty) drawing.clear();
      drawing.dirty.current = false;
    }
    return kept;
  }
  const next = async () => { if (drawing.corners.length > 2) { drawing.closePolygon(); return; } if (await keep()) cases.onward(true); };
  const nothing = async () => { if (await keep(true)) cases.onward(true); };
  // What was changed is kept first; a case of which all was removed asks whether nothing is there.
  const back = async () => {
    if (drawing.corners.length > 2) { drawing.closePolygon(); return; }
    const changed = drawing.dirty.current && (drawing.objects.length > 0 || (answer?.objects?.length ?? 0) > 0);
    if (!changed || await keep()) cases.go(place - 1);
  };
  const cannot = async (reason: CannotTell) => { if (await cases.give({ cannot_tell: reason, ...(comment.trim() ? { comment: comment.trim() } : {}) })) { setUnsure(false); drawing.load([]); cases.onward(true); } };
  const take = (reading: DrawnReading | undefined) => {
    if (!reading || !work.open) return;
    if (reading.cannot_tell) void cannot(reading.cannot_tell);
    else drawing.replace(fromSent(reading.objects ?? [], width * height, 1));
  };
  const pick = (name: string) => { setLabel(name); drawing.relabel(name); };

  const keys = useRef<(event: KeyboardEvent) => void>(() => undefined);
  keys.current = (event: KeyboardEvent) => {
    const target = event.target as HTMLElement | null;
    if (helpOpened || event.altKey || target?.closest('input:not([type=checkbox]):not([type=radio]), textarea, [role=dialog], [role=slider]')) return;
    const key = event.key.toLowerCase();
    if (isHeld(event, key)) return;
    const on = (act: () => void) => { event.preventDefault(); act(); };
    if (event.ctrlKey || event.metaKey) { if (key === 'z') on(event.shiftKey ? drawing.forth : drawing.back); else if (key === 'y') on(drawing.forth); return; }
    const number = /^[1-9]$/.test(event.key) ? Number(event.key) : 0;
    const button = target?.closest('a, button, input') !== null && target?.closest('a, button, input') !== undefined;
    if (number > 0 && unsure && number <= reasons.length) on(() => void cannot(reasons[number - 1]!));
    else if (number > 0 && number <= project.classes.length) on(() => pick(project.classes[number - 1]!));
    else if ((key === 'a' || key === 'b') && part === 'adjudication') on(() => take(readings[key === 'a' ? 0 : 1]));
    else if (key === 'c' || key === '0') on(() => { if (work.open) setUnsure((shown) => !shown); });
    else if (key === 'n') on(() => void nothing());
    else if (key === ' ' || key === 'enter' || key === 'arrowright') { if (!button || key === 'arrowright') on(() => void next()); }
    else if (key === 'u' || key === 'arrowleft') on(() => void back());
    else if (key === 'z') on(drawing.back);
    else if (key === 'y') on(drawing.forth);
    else if (key === 'delete' || key === 'backspace') on(() => drawing.remove(drawing.selected));
    else if (key === 'escape') on(() => { setUnsure(false); drawing.setSelected(null); });
    else if (key === 'w') on(() => drawing.setTool('window'));
    else if (key === 'd') on(() => drawing.setTool(outlines ? 'polygon' : 'box'));
    else if (key === 'p' && outlines) on(() => drawing.setTool('brush'));
    else if (key === 'e' && outlines) on(() => drawing.setTool('erase'));
    else if ((key === '[' || key === ']') && outlines) on(() => drawing.setRadius((r) => Math.min(60, Math.max(1, key === ']' ? r + 1 : r - 1))));
    else if (key === 'h') on(() => setSeen((is) => !is));
    else if (key === 'i') on(() => stage.current?.invert());
    else if (key === 'f') on(() => stage.current?.fit());
    else if (key === 'r') on(() => stage.current?.reset());
    else if (key === '+' || key === '=') on(() => stage.current?.zoom(1.25));
    else if (key === '-') on(() => stage.current?.zoom(1 / 1.25));
    else if (key === '?') on(help.open);
  };
  useEffect(() => {
    const listen = (event: KeyboardEvent) => keys.current(event);
    window.addEventListener('keydown', listen);
    return () => window.removeEventListener('keydown', listen);
  }, []);

  const tools: { tool: DrawTool; label: string; icon: typeof Brush; key: string }[] = outlines
    ? [{ tool: 'polygon', label: t('labelling.tools.polygon'), icon: Pentagon, key: 'D' }, { tool: 'brush', label: t('labelling.tools.brush'), icon: Brush, key: 'P' }, { tool: 'erase', label: t('labelling.tools.erase'), icon: Eraser, key: 'E' }, { tool: 'window', label: t('labelling.tools.window'), icon: Contrast, key: 'W' }]
    : [{ tool: 'box', label: t('labelling.tools.box'), icon: SquareDashed, key: 'D' }, { tool: 'window', label: t('labelling.tools.window'), icon: Contrast, key: 'W' }];
  return (
    <Box className="page-wide">
      <VisuallyHidden component="h1">{t(part === 'reading' ? 'labelling.readTitle' : 'labelling.adjudicateTitle', { name: project.name })}</VisuallyHidden>
      <div className="label-grid">
        <LabelStage ref={stage} pixels={pixels} failed={cases.failed} slices={1} slice={0} onSlice={() => undefined} tool={drawing.stageTool} readout={t('labelling.objects', { n: drawing.objects.length })}>
          {(scale) => (
            <>
              {seen && part === 'adjudication' && drawnBy.map((objects, index) => <DrawnLayer key={index} objects={objects} classes={project.classes} width={width} height={height} scale={scale} dash={index === 0 ? '7 5' : '2 5'} />)}
              {seen && <DrawnLayer objects={drawing.shown} classes={project.classes} width={width} height={height} scale={scale} selected={drawing.selected} />}
              {drawing.rubber && <rect x={drawing.rubber[0]} y={drawing.rubber[1]} width={drawing.rubber[2] - drawing.rubber[0]} height={drawing.rubber[3] - drawing.rubber[1]} fill="none" stroke={colorOf(project, label)} strokeWidth={1.75} vectorEffect="non-scaling-stroke" />}
              {drawing.corners.length > 0 && <polyline points={[...drawing.corners, ...(drawing.pointer ? [drawing.pointer] : [])].map((p) => `${p.x},${p.y}`).join(' ')} fill="none" stroke={colorOf(project, label)} strokeWidth={1.75} vectorEffect="non-scaling-stroke" />}
              {drawing.corners.map((p, index) => <circle key={index} cx={p.x} cy={p.y} r={(index === 0 ? 5 : 3) / scale} fill={colorOf(project, label)} stroke="#000" strokeWidth={1} vectorEffect="non-scaling-stroke" />)}
              {(drawing.tool === 'brush' || drawing.tool === 'erase') && drawing.pointer && work.open && <circle cx={drawing.pointer.x} cy={drawing.pointer.y} r={drawing.radius} fill="none" stroke={drawing.tool === 'erase' ? '#fff' : colorOf(project, label)} strokeWidth={1.5} vectorEffect="non-scaling-stroke" />}
            </>
          )}
        </LabelStage>
        <div className="label-side">
          <Head project={project} work={work} place={place} />
          {one.error && <ErrorState error={one.error} retry={() => void one.refetch()} />}
          {work.open && (
            <Group gap={6} role="toolbar" aria-label={t('labelling.tools.title')}>
              {tools.map((item) => <Tooltip key={item.tool} label={`${item.label} (${item.key})`}><ActionIcon size="lg" variant={drawing.tool === item.tool ? 'light' : 'default'} aria-pressed={drawing.tool === item.tool} aria-label={item.label} onClick={() => drawing.setTool(item.tool)}><item.icon size={18} /></ActionIcon></Tooltip>)}
              <Tooltip label={`${t('labelling.tools.undo')} (Z)`}><ActionIcon size="lg" variant="default" aria-label={t('labelling.tools.undo')} disabled={!drawing.canUndo} onClick={drawing.back}><Undo2 size={18} /></ActionIcon></Tooltip>
              <Tooltip label={`${t('labelling.tools.redo')} (Y)`}><ActionIcon size="lg" variant="default" aria-label={t('labelling.tools.redo')} disabled={!drawing.canRedo} onClick={drawing.forth}><Redo2 size={18} /></ActionIcon></Tooltip>
            </Group>
          )}
          {(drawing.tool === 'brush' || drawing.tool === 'erase') && <NumberInput size="xs" label={t('labelling.tools.radius')} min={1} max={60} value={drawing.radius} onChange={(value) => drawing.setRadius(Number(value) || 1)} />}
          {part === 'adjudication' && <Readings readings={readings} disabled={!work.open} take={take} />}
          <Box>
            <Title order={2} mb={8}>{t('labelling.drawAs')}</Title>
            <div className="label-choices" role="radiogroup" aria-label={t('labelling.drawAs')}>
              {project.classes.map((name, index) => (
                <button key={name} type="button" role="radio" aria-checked={label === name} className="label-choice" disabled={!work.open} onClick={() => pick(name)}>
                  {index < 9 && <Kbd aria-hidden="true">{index + 1}</Kbd>}<span className="label-swatch" style={{ background: classColors[index % classColors.length] }} /><span className="break">{name}</span>
                </button>
              ))}
            </div>
          </Box>
          <Paper p="sm" component="section" aria-label={t('labelling.drawn')}>
            {drawing.objects.length === 0 ? <Text size="sm" c="dimmed">{t(answer && answer.objects?.length === 0 ? 'labelling.keptNothing' : answer?.cannot_tell ? 'labelling.keptUnsure' : 'labelling.noneDrawn')}</Text> : (
              <Stack gap={4}>
                {drawing.objects.map((drawn, index) => (
                  <Group key={drawn.id} justify="space-between" wrap="nowrap" gap={6}>
                    <Button size="compact-sm" variant={drawn.id === drawing.selected ? 'light' : 'subtle'} color="gray" onClick={() => drawing.setSelected(drawn.id)} leftSection={<span className="label-swatch" style={{ background: colorOf(project, drawn.label) }} />}>{index + 1}. {drawn.label}</Button>
                    <Group gap={4} wrap="nowrap"><Text size="xs" c="dimmed" className="num nowrap">{isBox(drawn) ? `${drawn.box[2] - drawn.box[0]} × ${drawn.box[3] - drawn.box[1]}` : t('outlines.pixels', { n: areaOf(drawn.mask) })}</Text><ActionIcon size="sm" variant="subtle" color="gray" disabled={!work.open} aria-label={t('labelling.removeObject', { n: index + 1 })} onClick={() => drawing.remove(drawn.id)}><Trash2 size={14} /></ActionIcon></Group>
                  </Group>
                ))}
              </Stack>
            )}
          </Paper>
          <Switch size="sm" label={t('labelling.seen')} checked={seen} onChange={(event) => setSeen(event.currentTarget.checked)} />
          <Group gap="sm" grow>
            <Button variant="default" disabled={place === 0} onClick={() => void back()} rightSection={<Kbd aria-hidden="true">U</Kbd>}>{t('labelling.back')}</Button>
            <Button loading={cases.saving} onClick={() => void next()} rightSection={<Kbd aria-hidden="true" className="kbd-on-button">␣</Kbd>}>{t('labelling.keepNext')}</Button>
          </Group>
          {work.open && <Group gap="sm" grow><Button variant="default" onClick={() => void nothing()} rightSection={<Kbd aria-hidden="true">N</Kbd>}>{t('labelling.nothing')}</Button><Button variant="default" aria-expanded={unsure} onClick={() => setUnsure((shown) => !shown)} rightSection={<Kbd aria-hidden="true">C</Kbd>}>{t('labelling.cannotTell')}</Button></Group>}
          {unsure && (
            <Stack gap={8}>
              {reasons.map((reason, index) => <button key={reason} type="button" className="label-choice" onClick={() => void cannot(reason)}><Kbd aria-hidden="true">{index + 1}</Kbd>{t(`labelling.reasons.${reason}`)}</button>)}
              <TextInput label={`${t('labelling.comment')} (${t('common.optional')})`} description={t('verdict.commentHelp')} maxLength={500} value={comment} onChange={(event) => setComment(event.currentTarget.value)} />
            </Stack>
          )}
          {part === 'reading' && work.open && work.done === work.total && <HandIn project={project} />}
          {part === 'adjudication' && work.open && work.done === work.total && <Alert color="aceso" title={t('labelling.allDecided')}><Text size="sm">{t('labelling.allDecidedText')}</Text></Alert>}
          {!work.open && <Alert color="gray">{t('labelling.fixed')}</Alert>}
          <Button variant="subtle" color="gray" size="xs" mt="auto" style={{ alignSelf: 'flex-start', flex: 'none' }} leftSection={<Keyboard size={15} aria-hidden />} onClick={help.open}>{t('diagnose.shortcuts')}</Button>
        </div>
      </div>
      <DrawKeys opened={helpOpened} close={help.close} outlines={outlines} adjudicating={part === 'adjudication'} />
    </Box>
  );
}

const colorOf = (project: LabellingProject, name: string) => classColors[Math.max(0, project.classes.indexOf(name)) % classColors.length]!;

function Readings({ readings, disabled, take }: { readings: DrawnReading[]; disabled: boolean; take: (reading: DrawnReading) => void }) {
  const { t } = useI18n();
  return (
    <Stack gap={8} component="section" aria-label={t('labelling.readings')}>
      {readings.map((reading, index) => (
        <Paper key={reading.reader} p="xs">
          <Group justify="space-between" wrap="nowrap" gap="sm">
            <div><Text size="sm" fw={600}>{t('labelling.reader', { letter: reading.reader })} <Text span inherit c="dimmed">{index === 0 ? '– – –' : '· · ·'}</Text></Text><Text size="sm">{reading.cannot_tell ? `${t('labelling.cannotTell')}: ${t(`labelling.reasons.${reading.cannot_tell}`)}` : (reading.objects ?? []).length === 0 ? t('labelling.nothing') : t('labelling.objects', { n: (reading.objects ?? []).length })}</Text></div>
            <Button size="xs" variant="default" disabled={disabled} onClick={() => take(reading)} rightSection={index < 2 ? <Kbd aria-hidden="true">{reading.reader}</Kbd> : undefined}>{t('labelling.take', { letter: reading.reader })}</Button>
          </Group>
        </Paper>
      ))}
    </Stack>
  );
}

function DrawKeys({ opened, close, outlines, adjudicating }: { opened: boolean; close: () => void; outlines: boolean; adjudicating: boolean }) {
  const { t } = useI18n();
  const rows: [string[], string][] = [
    [['1', '…', '9'], t('labelling.keys.drawClass')], [['D'], t(outlines ? 'labelling.tools.polygon' : 'labelling.tools.box')], ...(outlines ? [[['P'], t('labelling.tools.brush')], [['E'], t('labelling.tools.erase')], [['[', ']'], t('labelling.tools.radius')]] as [string[], string][] : []), [['W'], t('labelling.tools.window')],
    [['Z'], t('labelling.tools.undo')], [['Y'], t('labelling.tools.redo')], [['Del'], t('labelling.keys.remove')], ...(adjudicating ? [[['A', 'B'], t('labelling.keys.take')]] as [string[], string][] : []), [['␣', '↵', '→'], t('labelling.keepNext')], [['N'], t('labelling.nothing')], [['C'], t('labelling.keys.cannotTell')], [['U', '←'], t('labelling.keys.back')],
    [['H'], t('labelling.seen')], [['+', '−', 'F'], t('shortcuts.zoom')], [['I'], t('shortcuts.invert')], [['R'], t('viewer.reset')], [['?'], t('shortcuts.help')],
  ];
  return (
    <Modal opened={opened} onClose={close} title={t('diagnose.shortcuts')} closeButtonProps={{ 'aria-label': t('common.close') }}>
      <Stack gap={10}>{rows.map(([keys, label]) => <Group key={keys.join()} justify="space-between"><Text size="sm">{label}</Text><Group gap={4}>{keys.map((key) => <Kbd key={key}>{key}</Kbd>)}</Group></Group>)}</Stack>
    </Modal>
  );
}
