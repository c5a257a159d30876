// One case after the other, by keys: a reader's own work, or the adjudicator's queue of disagreements.
import { Alert, Badge, Box, Button, Group, Kbd, Modal, Paper, Stack, Switch, Text, TextInput, Title, VisuallyHidden } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { useQuery } from '@tanstack/react-query';
import { CircleCheck, Keyboard } from 'lucide-react';
import { useEffect, useRef, useState } from 'react';
import { Link, useParams } from 'wouter';
import { labelling, type GivenAnswer, type LabelAnswer, type LabelPart, type LabellingProject, type LabelWork } from '../../api/labelling';
import { ErrorState, ListSkeleton } from '../../components/feedback';
import { useI18n } from '../../i18n';
import { HandIn, Head, isHeld, reasons } from './bits';
import { DrawWorker } from './DrawWorker';
import { LabelStage, type StageHandle } from './LabelStage';
import { useCases } from './useCases';
import './labelling.css';

export function ReadPage() { return <WorkPage part="reading" />; }
export function AdjudicatePage() { return <WorkPage part="adjudication" />; }

function WorkPage({ part }: { part: LabelPart }) {
  const { t } = useI18n();
  const { id = '' } = useParams();
  const project = useQuery({ queryKey: ['labelling', id], queryFn: () => labelling.project(id) });
  const work = useQuery({ queryKey: ['labelling', id, part], queryFn: () => labelling.work(id, part), refetchOnWindowFocus: false });
  const error = project.error ?? work.error;
  if (error) return <Box className="page"><ErrorState error={error} retry={() => { void project.refetch(); void work.refetch(); }} /></Box>;
  if (!project.data || !work.data) return <Box className="page"><ListSkeleton /></Box>;
  if (work.data.total === 0) {
    return <Box className="page"><Alert color="aceso" icon={<CircleCheck size={18} />} title={t('labelling.nothingToDecide')}><Text size="sm">{t('labelling.nothingToDecideText')}</Text><Button mt="sm" size="xs" variant="default" component={Link} href={`/labelling/${id}`}>{t('labelling.toProject')}</Button></Alert></Box>;
  }
  return project.data.task === 'classes' ? <Worker project={project.data} work={work.data} part={part} /> : <DrawWorker project={project.data} work={work.data} part={part} />;
}

function Worker({ project, work, part }: { project: LabellingProject; work: LabelWork; part: LabelPart }) {
  const { t } = useI18n();
  const cases = useCases(project, work, part);
  const { place, go, one, answer, pixels, failed, slice, setSlice, slices } = cases;
  const [unsure, setUnsure] = useState(false);
  const [comment, setComment] = useState('');
  const [goOn, setGoOn] = useState(false);
  const [helpOpened, help] = useDisclosure();
  const stage = useRef<StageHandle>(null);
  const { total, done } = work;
  useEffect(() => { setUnsure(false); setComment(''); }, [place]);
  const give = async (given: GivenAnswer) => {
    const kept = await cases.give(given);
    if (!kept) return;
    setUnsure(false);
    if (goOn && cases.here.current === place) go(place + 1);
  };
  const next = () => cases.onward(answer !== null);

  const keys = useRef<(event: KeyboardEvent) => void>(() => undefined);
  keys.current = (event: KeyboardEvent) => {
    const target = event.target as HTMLElement | null;
    if (event.ctrlKey || event.metaKey || event.altKey || helpOpened || target?.closest('input:not([type=checkbox]), textarea, [role=dialog], [role=slider]')) return;
    const key = event.key.toLowerCase();
    if (isHeld(event, key)) return;
    const number = /^[1-9]$/.test(event.key) ? Number(event.key) : 0;
    const on = (act: () => void) => { event.preventDefault(); act(); };
    const reading = one.data?.readings?.[key === 'a' ? 0 : key === 'b' ? 1 : -1];
    if (number > 0 && unsure && number <= reasons.length) on(() => void give({ cannot_tell: reasons[number - 1]!, ...(comment.trim() ? { comment: comment.trim() } : {}) }));
    else if (number > 0 && number <= project.classes.length) on(() => void give({ class: project.classes[number - 1]! }));
    else if (reading && part === 'adjudication') on(() => void give(asGiven(reading)));
    else if (key === 'c' || key === '0') on(() => { if (work.open) setUnsure((shown) => !shown); });
    else if (key === ' ' || key === 'enter' || key === 'arrowright') { if (!target?.closest('a, button') || key === 'arrowright') on(next); }
    else if (key === 'u' || key === 'arrowleft') on(() => go(place - 1));
    else if (key === 'escape') on(() => setUnsure(false));
    else if (key === 'i') on(() => stage.current?.invert());
    else if (key === 'f') on(() => stage.current?.fit());
    else if (key === 'r') on(() => stage.current?.reset());
    else if (key === '+' || key === '=') on(() => stage.current?.zoom(1.25));
    else if (key === '-') on(() => stage.current?.zoom(1 / 1.25));
    else if (key === '[') on(() => stage.current?.widen(1 / 1.15));
    else if (key === ']') on(() => stage.current?.widen(1.15));
    else if (key === ',') on(() => stage.current?.brighten(-0.05));
    else if (key === '.') on(() => stage.current?.brighten(0.05));
    else if (key === 'arrowup') on(() => setSlice((s) => Math.max(0, s - 1)));
    else if (key === 'arrowdown') on(() => setSlice((s) => Math.min(slices - 1, s + 1)));
    else if (key === '?') on(help.open);
  };
  useEffect(() => {
    const listen = (event: KeyboardEvent) => keys.current(event);
    window.addEventListener('keydown', listen);
    return () => window.removeEventListener('keydown', listen);
  }, []);

  return (
    <Box className="page-wide">
      <VisuallyHidden component="h1">{part === 'reading' ? t('labelling.readTitle', { name: project.name }) : t('labelling.adjudicateTitle', { name: project.name })}</VisuallyHidden>
      <div className="label-grid">
        <LabelStage ref={stage} pixels={pixels} failed={failed} slices={slices} slice={slice} onSlice={setSlice} />
        <div className="label-side">
          <Head project={project} work={work} place={place} />
          {one.error && <ErrorState error={one.error} retry={() => void one.refetch()} />}
          {part === 'adjudication' && one.data?.readings && <Readings readings={one.data.readings} disabled={!work.open} take={(reading) => void give(asGiven(reading))} />}
          <Box>
            <Title order={2} mb={8}>{t(part === 'reading' ? 'labelling.whatIsIt' : 'labelling.decide')}</Title>
            <div className="label-choices" role="radiogroup" aria-label={t('labelling.whatIsIt')}>
              {project.classes.map((name, index) => (
                <button key={name} type="button" role="radio" aria-checked={answer?.class === name} className="label-choice" disabled={!work.open} onClick={() => void give({ class: name })}>
                  {index < 9 && <Kbd aria-hidden="true">{index + 1}</Kbd>}<span className="break">{name}</span>
                </button>
              ))}
              <button type="button" role="radio" aria-checked={answer !== null && answer.class === null} className="label-choice" disabled={!work.open} onClick={() => setUnsure((shown) => !shown)}>
                <Kbd aria-hidden="true">C</Kbd><span>{t('labelling.cannotTell')}{answer?.cannot_tell ? `: ${t(`labelling.reasons.${answer.cannot_tell}`)}` : ''}</span>
              </button>
            </div>
            {unsure && (
              <Stack gap={8} mt={8} pl="md">
                {reasons.map((reason, index) => <button key={reason} type="button" className="label-choice" onClick={() => void give({ cannot_tell: reason, ...(comment.trim() ? { comment: comment.trim() } : {}) })}><Kbd aria-hidden="true">{index + 1}</Kbd>{t(`labelling.reasons.${reason}`)}</button>)}
                <TextInput label={`${t('labelling.comment')} (${t('common.optional')})`} description={t('verdict.commentHelp')} maxLength={500} value={comment} onChange={(event) => setComment(event.currentTarget.value)} />
              </Stack>
            )}
            {answer && <Text size="xs" c="dimmed" mt={8} className="num">{t('labelling.kept', { n: answer.revision ?? 1 })}{answer.comment ? ` ${answer.comment}` : ''}</Text>}
          </Box>
          <Group gap="sm" grow>
            <Button variant="default" disabled={place === 0} onClick={() => go(place - 1)} rightSection={<Kbd aria-hidden="true">U</Kbd>}>{t('labelling.back')}</Button>
            <Button disabled={cases.last} onClick={next} rightSection={<Kbd aria-hidden="true" className="kbd-on-button">␣</Kbd>}>{t('labelling.next')}</Button>
          </Group>
          <Switch label={t('labelling.goOn')} checked={goOn} onChange={(event) => setGoOn(event.currentTarget.checked)} size="sm" />
          {part === 'reading' && work.open && done === total && <HandIn project={project} />}
          {part === 'adjudication' && work.open && done === total && <Alert color="aceso" title={t('labelling.allDecided')}><Text size="sm">{t('labelling.allDecidedText')}</Text></Alert>}
          {!work.open && <Alert color="gray">{t('labelling.fixed')}</Alert>}
          <Group justify="space-between" mt="auto"><Button variant="subtle" color="gray" size="xs" leftSection={<Keyboard size={15} aria-hidden />} onClick={help.open}>{t('diagnose.shortcuts')}</Button><Badge color="gray">{t(part === 'reading' ? 'labelling.blinded' : 'labelling.anonymous')}</Badge></Group>
        </div>
      </div>
      <Keys opened={helpOpened} close={help.close} part={part} />
    </Box>
  );
}

function asGiven(reading: LabelAnswer): GivenAnswer {
  return reading.class !== null ? { class: reading.class } : { cannot_tell: reading.cannot_tell ?? 'other' };
}

function Readings({ readings, disabled, take }: { readings: (LabelAnswer & { reader: string })[]; disabled: boolean; take: (reading: LabelAnswer) => void }) {
  const { t } = useI18n();
  return (
    <Stack gap={8} component="section" aria-label={t('labelling.readings')}>
      {readings.map((reading, index) => (
        <Paper key={reading.reader} p="sm">
          <Group justify="space-between" wrap="nowrap" gap="sm">
            <div><Text size="xs" c="dimmed">{t('labelling.reader', { letter: reading.reader })}</Text><Text fw={600} className="break">{reading.class ?? `${t('labelling.cannotTell')}: ${t(`labelling.reasons.${reading.cannot_tell ?? 'other'}`)}`}</Text>{reading.comment && <Text size="sm" className="break">{reading.comment}</Text>}</div>
            <Button size="xs" variant="default" disabled={disabled} onClick={() => take(reading)} rightSection={index < 2 ? <Kbd aria-hidden="true">{reading.reader}</Kbd> : undefined}>{t('labelling.take', { letter: reading.reader })}</Button>
          </Group>
        </Paper>
      ))}
    </Stack>
  );
}

function Keys({ opened, close, part }: { opened: boolean; close: () => void; part: LabelPart }) {
  const { t } = useI18n();
  const rows: [string[], string][] = [
    [['1', '…', '9'], t('labelling.keys.classes')], [['C'], t('labelling.keys.cannotTell')], ...(part === 'adjudication' ? [[['A', 'B'], t('labelling.keys.take')] as [string[], string]] : []), [['␣', '↵', '→'], t('labelling.keys.next')], [['U', '←'], t('labelling.keys.back')],
    [['+', '−', 'F'], t('shortcuts.zoom')], [['[', ']'], t('shortcuts.window')], [[',', '.'], t('shortcuts.level')], [['I'], t('shortcuts.invert')], [['R'], t('viewer.reset')], [['↑', '↓'], t('labelling.keys.slices')], [['?'], t('shortcuts.help')],
  ];
  return (
    <Modal opened={opened} onClose={close} title={t('diagnose.shortcuts')} closeButtonProps={{ 'aria-label': t('common.close') }}>
      <Stack gap={10}>{rows.map(([keys, label]) => <Group key={label} justify="space-between"><Text size="sm">{label}</Text><Group gap={4}>{keys.map((key) => <Kbd key={key}>{key}</Kbd>)}</Group></Group>)}</Stack>
    </Modal>
  );
}
