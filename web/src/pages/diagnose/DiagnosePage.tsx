// Drop an image, see what the model makes of it and how sure that is, and say whether it is right.
import '@mantine/dropzone/styles.css';
import { ActionIcon, Alert, Box, Button, Center, Group, Kbd, Loader, Paper, Progress, Select, Stack, Switch, Text, ThemeIcon, Title, Tooltip } from '@mantine/core';
import { Dropzone } from '@mantine/dropzone';
import { useHotkeys, useLocalStorage } from '@mantine/hooks';
import { notifications } from '@mantine/notifications';
import { useQuery } from '@tanstack/react-query';
import { Boxes, EyeOff, ImageUp, Keyboard, ScanSearch } from 'lucide-react';
import { useEffect, useMemo, useRef, useState } from 'react';
import { Link, useLocation, useSearch } from 'wouter';
import { api } from '../../api/endpoints';
import { useSession } from '../../app/session';
import { EmptyState, ErrorState, ListSkeleton } from '../../components/feedback';
import { ExplainPanel } from '../../components/ExplainPanel';
import { ModelFacts } from '../../components/ModelFacts';
import { ResultPanel } from '../../components/ResultPanel';
import { VerdictPanel, type VerdictHandle } from '../../components/VerdictPanel';
import { ImageViewer, type ViewerHandle } from '../../components/viewer/ImageViewer';
import { useI18n } from '../../i18n';
import { boxMarks } from '../../lib/boxes';
import { bytes } from '../../lib/format';
import { marksOf } from '../../lib/outlines';
import { isArray, maxImageBytes, readableImage } from '../../lib/files';
import { isApplicable, isHidden } from '../../lib/uncertainty';
import { modelChoices, startChoice } from './choices';
import { useReading } from './reading';
import { Shortcuts } from './Shortcuts';

export default function DiagnosePage() {
  const { t, maybe } = useI18n();
  const { can } = useSession();
  const search = useSearch();
  const [, navigate] = useLocation();
  const models = useQuery({ queryKey: ['models'], queryFn: api.models });
  const choices = useMemo(() => modelChoices(models.data?.items ?? []), [models.data]);
  const [kept, setKept] = useLocalStorage<string>({ key: 'aceso-diagnose-model', defaultValue: '', getInitialValueInEffect: false });
  const asked = new URLSearchParams(search).get('model');
  const selected = startChoice(choices, asked, kept);
  const detail = useQuery({ queryKey: ['model', selected?.name, selected?.version], queryFn: () => api.model(selected!.name, selected!.version), enabled: selected !== undefined });
  const [blinded, setBlinded] = useLocalStorage<boolean>({ key: 'aceso-blinded', defaultValue: false, getInitialValueInEffect: false });
  const { reading, start, clear, reveal } = useReading();
  const [undrawable, setUndrawable] = useState(false);
  const [overlay, setOverlay] = useState<string | null>(null);
  const [outlined, setOutlined] = useState(true);
  const [help, setHelp] = useState(false);
  const marks = useMemo(() => (outlined && reading.prediction && !isHidden(reading.prediction) ? [...marksOf(reading.prediction.outlines), ...boxMarks(reading.prediction.boxes)] : []), [outlined, reading.prediction]);
  const viewer = useRef<ViewerHandle>(null);
  const verdict = useRef<VerdictHandle>(null);
  const openPicker = useRef<() => void>(null);

  function take(files: File[]) {
    const file = files[0];
    if (!file || !selected) return;
    if (!readableImage(file)) { reject(); return; }
    setUndrawable(false);
    setOverlay(null);
    void start(file, selected, blinded);
  }
  function reject() {
    notifications.show({ color: 'red', title: t('diagnose.rejected'), message: t('diagnose.rejectedText', { size: bytes(maxImageBytes) }), withBorder: true });
  }
  function choose(value: string | null) {
    if (!value) return;
    setKept(value);
    if (asked) navigate('/diagnose', { replace: true });
    const target = choices.find((choice) => choice.value === value);
    if (reading.image && target) void start(reading.image, target, blinded);
  }

  const onPaste = useRef<(event: ClipboardEvent) => void>(() => undefined);
  onPaste.current = (event) => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (files.length > 0) { event.preventDefault(); take(files); }
  };
  useEffect(() => {
    const listener = (event: ClipboardEvent) => onPaste.current(event);
    document.addEventListener('paste', listener);
    return () => document.removeEventListener('paste', listener);
  }, []);

  useHotkeys([
    ['O', () => openPicker.current?.()], ['N', () => { setOverlay(null); clear(); }], ['A', () => verdict.current?.choose('agree')], ['D', () => verdict.current?.choose('disagree')], ['U', () => verdict.current?.choose('unsure')],
    ['B', () => setBlinded((on) => !on)], ['I', () => viewer.current?.invert()], ['0', () => viewer.current?.fit()], ['=', () => viewer.current?.zoom(1.25)], ['shift+plus', () => viewer.current?.zoom(1.25)], ['plus', () => viewer.current?.zoom(1.25)], ['minus', () => viewer.current?.zoom(0.8)],
    ['BracketLeft', () => viewer.current?.window(16, 0), { usePhysicalKeys: true }], ['BracketRight', () => viewer.current?.window(-16, 0), { usePhysicalKeys: true }], ['Comma', () => viewer.current?.window(0, 8), { usePhysicalKeys: true }], ['Period', () => viewer.current?.window(0, -8), { usePhysicalKeys: true }],
    ['shift+?', () => setHelp(true)], ['shift+/', () => setHelp(true)],
  ]);
  useHotkeys([['mod+Enter', () => verdict.current?.save()]], []);

  if (models.isPending) return <Box className="page"><ListSkeleton rows={6} /></Box>;
  if (models.error) return <Box className="page"><ErrorState error={models.error} retry={() => void models.refetch()} /></Box>;
  if (!selected) {
    return <Box className="page"><EmptyState icon={Boxes} title={t('diagnose.noModel')} text={t('diagnose.noModelText')} action={can('jobs:write') ? <Button component={Link} href="/training">{t('nav.training')}</Button> : undefined} /></Box>;
  }

  const { prediction, image, phase } = reading;
  const hidden = prediction !== null && isHidden(prediction);
  const facts = prediction?.model;
  const classes = facts?.classes ?? detail.data?.card.classes ?? prediction?.outputs?.map((output) => output.label) ?? [];
  const drawn = prediction && !hidden ? prediction.outlines : undefined;
  const boxes = prediction && !hidden ? prediction.boxes : undefined;
  const source = overlay ?? (image && isArray(image) ? (prediction ? api.predictionImage(prediction.id) : null) : image);
  return (
    <Box className="page-wide">
      <div className="diagnose-head">
      <Group justify="space-between" mb="sm" gap="sm">
        <Title order={1}>{t('diagnose.title')}</Title>
        <Group gap="md">
          <Switch checked={blinded} onChange={(event) => setBlinded(event.currentTarget.checked)} label={t('diagnose.blinded')} aria-description={t('diagnose.blindedHelp')} />
          <Select aria-label={t('diagnose.model')} value={selected.value} onChange={choose} w={290} maxDropdownHeight={360} leftSection={<Boxes size={16} aria-hidden />}
            data={choices.map((choice) => ({ value: choice.value, label: `${choice.name} · v${choice.version} · ${maybe('models.stages', choice.stage)}` }))} />
          {image && <Button variant="default" leftSection={<ImageUp size={16} aria-hidden />} onClick={() => { setOverlay(null); clear(); }}>{t('diagnose.another')}</Button>}
          <Tooltip label={t('diagnose.shortcuts')}><ActionIcon variant="default" size={36} aria-label={t('diagnose.shortcuts')} onClick={() => setHelp(true)}><Keyboard size={18} /></ActionIcon></Tooltip>
        </Group>
      </Group>
      <ModelFacts name={facts?.name ?? selected.name} version={facts?.version ?? selected.version} stage={facts?.stage ?? selected.stage} hash={facts?.hash ?? selected.id}
        intendedUse={facts?.intended_use ?? detail.data?.card.intended_use} engine={facts?.engine} />
      </div>
      <div className="diagnose-grid">
        <div className="diagnose-stage">
          {image ? (
            <ImageViewer ref={viewer} source={source} marks={marks} onError={() => setUndrawable(true)} overlay={
              <>
                <div className="viewer-badge"><span>{t('app.researchOnly')}</span><span className="plain">{selected.name} v{selected.version}</span>{overlay && <span className="plain">{t('explain.badge')}</span>}</div>
                {undrawable && <Center pos="absolute" inset={0} p="xl"><Text size="sm" c="#c9cdd1" ta="center">{t('diagnose.undecodable')}</Text></Center>}
              </>
            } />
          ) : (
            <Dropzone className="dropzone-stage" openRef={openPicker} onDrop={take} onReject={reject} multiple={false} maxSize={maxImageBytes} validator={(file) => (!(file instanceof File) || readableImage(file) ? null : { code: 'type', message: '' })} inputProps={{ 'aria-label': t('diagnose.choose') }} aria-label={t('diagnose.drop')}>
              <Stack align="center" gap="sm" ta="center" maw={420} p="lg" className="no-pointer">
                <ThemeIcon size={64} radius="xl" variant="light"><ScanSearch size={30} strokeWidth={1.6} aria-hidden /></ThemeIcon>
                <Text fz={20} fw={600} mt="xs">{t('diagnose.drop')}</Text>
                <Text size="sm" c="dimmed">{t('diagnose.dropText', { size: bytes(maxImageBytes) })}</Text>
                <Group gap={8} mt="xs"><Text size="sm" fw={550} c="var(--mantine-color-anchor)">{t('diagnose.choose')}</Text><Kbd size="xs">O</Kbd></Group>
              </Stack>
            </Dropzone>
          )}
        </div>
        <Stack gap="md">
          {phase === 'idle' && (blinded
            ? <Alert color="blue" icon={<EyeOff size={18} />} title={t('diagnose.blinded')}>{t('diagnose.blindedHelp')}</Alert>
            : <Paper p="lg"><Title order={2}>{t('diagnose.resultEmpty')}</Title><Text size="sm" c="dimmed" mt={4}>{t('diagnose.resultEmptyText')}</Text></Paper>)}
          {(phase === 'sending' || phase === 'analysing') && (
            <Paper p="lg" role="status">
              <Group gap="sm"><Loader size="sm" /><Text size="sm" fw={550}>{t(phase === 'sending' ? 'diagnose.uploading' : 'diagnose.analysing')}</Text></Group>
              {phase === 'sending' && <Progress mt="md" size={5} value={reading.progress * 100} aria-label={t('diagnose.uploading')} />}
            </Paper>
          )}
          {phase === 'failed' && <ErrorState error={reading.error} retry={() => { if (image) void start(image, selected, blinded); }} />}
          {prediction && hidden && <Alert color="blue" icon={<EyeOff size={18} />} title={t('diagnose.hiddenTitle')}>{t('diagnose.hiddenText')}</Alert>}
          {prediction && !hidden && <ResultPanel prediction={prediction} />}
          {drawn?.contours && <Switch checked={outlined} onChange={(event) => setOutlined(event.currentTarget.checked)} label={t('outlines.show')} />}
          {boxes && boxes.boxes.length > 0 && <Switch checked={outlined} onChange={(event) => setOutlined(event.currentTarget.checked)} label={t('boxes.show')} />}
          {prediction && !hidden && !drawn && !boxes && !prediction.labels && !prediction.number && isApplicable(prediction) && <ExplainPanel prediction={prediction} onOverlay={setOverlay} />}
          {prediction && isApplicable(prediction) && <VerdictPanel ref={verdict} prediction={prediction} classes={drawn || boxes || prediction.labels || prediction.number ? [] : classes} onRevealed={reveal} />}
        </Stack>
      </div>
      {image && (
        <Dropzone.FullScreen openRef={openPicker} onDrop={take} onReject={reject} multiple={false} maxSize={maxImageBytes} inputProps={{ 'aria-label': t('diagnose.choose') }}>
          <Center mih="60vh" className="no-pointer"><Text fz={24} fw={600}>{t('diagnose.dropNow')}</Text></Center>
        </Dropzone.FullScreen>
      )}
      <Shortcuts opened={help} close={() => setHelp(false)} />
    </Box>
  );

}
