// One job as it runs: curves, speed, time left, messages; or what became of it.
import { Alert, Box, Button, Group, Paper, Progress, SimpleGrid, Stack, Text, Title } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { ArrowLeft, CircleAlert, OctagonX, RotateCcw } from 'lucide-react';
import { lazy, Suspense, useCallback } from 'react';
import { Link, useLocation, useParams } from 'wouter';
import { api } from '../../api/endpoints';
import { progressValues, useJobFeed } from '../../api/events';
import type { Epoch, ImprovementOutcome, Job } from '../../api/types';
import { useSession } from '../../app/session';
import { StateBadge } from '../../components/bits';
import { TrialsTable } from '../../components/TrialsTable';
import { ask } from '../../components/confirm';
import { ErrorState, ListSkeleton, notice, noticeError } from '../../components/feedback';
import { useI18n } from '../../i18n';
import { dateTime, duration, figure } from '../../lib/format';
import { ended, jobSubject, keepTraining } from '../../lib/jobs';
import { ImprovementChecks } from '../models/ImproveTab';

const LossChart = lazy(() => import('../../components/charts').then((m) => ({ default: m.LossChart })));
const AucChart = lazy(() => import('../../components/charts').then((m) => ({ default: m.AucChart })));
const SpeedChart = lazy(() => import('../../components/charts').then((m) => ({ default: m.SpeedChart })));

export default function JobPage() {
  const { id = '' } = useParams<{ id: string }>();
  const { t, language, maybe } = useI18n();
  const { can } = useSession();
  const [, navigate] = useLocation();
  const client = useQueryClient();
  const query = useQuery({ queryKey: ['job', id], queryFn: () => api.job(id) });
  const refresh = useCallback(() => { void client.invalidateQueries({ queryKey: ['job', id] }); void client.invalidateQueries({ queryKey: ['jobs'] }); void client.invalidateQueries({ queryKey: ['models'] }); }, [client, id]);
  const { feed, connection } = useJobFeed(id, true, refresh);
  const cancel = useMutation({ mutationFn: () => api.cancelJob(id), onSuccess: () => { notice(t('training.cancelled')); refresh(); }, onError: (error) => noticeError(error, t) });
  if (query.isPending) return <Box className="page"><ListSkeleton /></Box>;
  if (query.error) return <Box className="page"><ErrorState error={query.error} retry={() => void query.refetch()} /></Box>;
  const job: Job = query.data;
  const progress = feed.progress ?? job.progress;
  // Of a search the training that was heard of last.
  const trial = feed.epochs[feed.epochs.length - 1]?.trial;
  const epochs = feed.epochs.filter((epoch) => epoch.trial === trial);
  const newest = epochs[epochs.length - 1];
  const numbers = epochs.some((e) => typeof e.validation_rmse === 'number');
  const boxes = epochs.some((e) => typeof e.validation_ap === 'number');
  const merit = (e: Epoch | undefined) => (numbers ? -(e?.validation_rmse ?? Infinity) : (boxes ? e?.validation_ap : e?.validation_auc) ?? -1);
  const best = epochs.reduce((a, b) => (merit(b) > merit(a) ? b : a), epochs[0]);
  const chosenBy = (e: Epoch | undefined) => figure(numbers ? e?.validation_rmse : boxes ? e?.validation_ap : e?.validation_auc);
  const script = job.input?.script !== undefined;   // its configuration is its own
  const config = (script ? scriptConfig(job.input?.script) : job.input?.config ?? (job.input?.training as Record<string, unknown> | undefined)?.config ?? {}) as Record<string, unknown>;
  const known = (progress?.total ?? 0) > 0;
  const output = job.output ?? {};
  const training = job.kind === 'train' || job.kind === 'improve';
  const outcome = job.kind === 'improve' ? (job.output as ImprovementOutcome | null | undefined) : null;
  return (
    <Box className="page">
      <Button component={Link} href="/training" variant="subtle" color="gray" px="xs" mb="xs" leftSection={<ArrowLeft size={16} aria-hidden />}>{t('training.title')}</Button>
      <Group justify="space-between" align="flex-start" mb="lg" gap="md">
        <div>
          <Group gap="sm"><Title order={1} className="break">{jobSubject(job)}</Title><StateBadge state={job.state} />{!ended(job) && connection !== 'connecting' && <Group gap={6} role="status"><span className="live-dot" data-lost={connection !== 'open'} /><Text size="sm" c="dimmed">{t(connection === 'open' ? 'training.live' : 'training.reconnecting')}</Text></Group>}</Group>
          <Text size="sm" c="dimmed" mt={4}>{maybe('training.kinds', job.kind)}{typeof job.input?.dataset === 'string' ? ` · ${job.input.dataset}` : ''} · {job.created_by ?? ''} · {dateTime(job.created, language)}{(job.attempt ?? 1) > 1 ? ` · ${t('training.attempt', { n: job.attempt ?? 1 })}` : ''}</Text>
        </div>
        <Group gap="sm">
          {!ended(job) && can('jobs:write') && <Button variant="default" leftSection={<OctagonX size={16} aria-hidden />} loading={cancel.isPending} onClick={() => ask({ title: t('training.cancelTitle'), text: t('training.cancelText'), confirm: t('training.cancel'), cancel: t('training.cancelKeep'), danger: true, onConfirm: () => cancel.mutate() })}>{t('training.cancel')}</Button>}
          {ended(job) && job.kind === 'train' && !script && can('jobs:write') && <Button variant="default" leftSection={<RotateCcw size={16} aria-hidden />} onClick={() => { keepTraining(job.input ?? {}); navigate(`/training?dataset=${encodeURIComponent(String(job.input?.dataset ?? ''))}`); }}>{t('training.again')}</Button>}
          {job.state === 'succeeded' && typeof output.model === 'string' && typeof output.version === 'number' && <Button component={Link} href={`/models/${encodeURIComponent(output.model)}/${output.version}`}>{t('training.openModel')}</Button>}
          {job.state === 'succeeded' && (typeof output.dataset === 'string' || job.kind === 'dataset-import') && !output.model && <Button component={Link} href={`/datasets/${encodeURIComponent(String(output.dataset ?? output.name ?? jobSubject(job)))}`}>{t('training.openDataset')}</Button>}
        </Group>
      </Group>
      <Stack gap="lg">
        {job.state === 'failed' && <Alert color="red" role="alert" icon={<CircleAlert size={18} />} title={t('training.states.failed')}><Text size="sm" className="break">{job.error}</Text></Alert>}
        {outcome?.checks && <Paper p="lg" component="section" aria-labelledby="checks-title"><Title order={2} mb="sm" id="checks-title">{t('improve.checks', { live: outcome.live })}</Title><ImprovementChecks checks={outcome.checks} />{outcome.waits_for && <Alert color="yellow" mt="md" icon={<CircleAlert size={18} />} title={t('improve.waits')}>{outcome.waits_for}</Alert>}</Paper>}
        {!ended(job) && (
          <Paper p="lg">
            <Group justify="space-between" mb={8}>
              <Text size="sm" fw={550} className="num">{progressValues(progress).map(([key, value]) => `${key} ${value}`).join('  ·  ') || t(job.state === 'queued' ? 'training.states.queued' : 'training.waiting')}</Text>
              {(progress?.seconds_left ?? -1) >= 0 && <Text size="sm" c="dimmed" className="num">{t('training.timeLeft', { time: duration(progress?.seconds_left, language) })}</Text>}
            </Group>
            <Progress size="lg" radius="xl" value={known ? ((progress?.done ?? 0) / (progress?.total ?? 1)) * 100 : 100} animated={!known} aria-label={t('training.progress')} />
          </Paper>
        )}
        {training && (
          <SimpleGrid cols={{ base: 2, sm: 3, lg: 5 }}>
            <Stat label={t('training.epochs')} value={newest ? t('training.epochOf', { epoch: newest.epoch, epochs: Number(config.epochs ?? newest.epoch) }) : '–'} />
            <Stat label={t(numbers ? 'training.valRmse' : boxes ? 'training.valAp' : 'training.valAuc')} value={chosenBy(newest)} />
            <Stat label={t('training.valLoss')} value={figure(newest?.validation_loss)} />
            <Stat label={t('training.speed')} value={figure(newest?.images_per_second, 0)} />
            <Stat label={t('training.bestEpoch')} value={best ? `${best.epoch} (${chosenBy(best)})` : '–'} />
          </SimpleGrid>
        )}
        {feed.trials.length > 0 && (
          <Box component="section" aria-labelledby="trials-title">
            <Title order={2} id="trials-title" mb="xs">{t('trials.title')}</Title>
            <TrialsTable trials={feed.trials} running={ended(job) ? undefined : trial} />
            <Text size="sm" c="dimmed" mt="xs">{t('trials.note')}</Text>
          </Box>
        )}
        {trial !== undefined && <Title order={2}>{t('trials.curves', { n: trial })}</Title>}
        {training && epochs.length > 0 && (
          <Suspense fallback={<ListSkeleton rows={6} />}>
            <SimpleGrid cols={{ base: 1, md: 2 }} spacing="lg">
              <Paper p="md"><Title order={2} mb="xs">{t('training.loss')}</Title><LossChart epochs={epochs} /></Paper>
              <Paper p="md"><Title order={2} mb="xs">{t(numbers ? 'training.valRmse' : boxes ? 'training.valAp' : 'training.valAuc')}</Title><AucChart epochs={epochs} /></Paper>
              <Paper p="md"><Title order={2} mb="xs">{t('training.speed')}</Title><SpeedChart epochs={epochs} height={190} /></Paper>
              <Paper p="lg"><Title order={2} mb="sm">{t('training.settings')}</Title><Settings config={config} /></Paper>
            </SimpleGrid>
            <Text size="sm" c="dimmed">{t('training.curveNote')}</Text>
          </Suspense>
        )}
        {training && epochs.length === 0 && <Paper p="lg"><Title order={2} mb="sm">{t('training.settings')}</Title><Settings config={config} /></Paper>}
        <Paper p="lg" component="section" aria-labelledby="log-title">
          <Title order={2} id="log-title" mb="sm">{t('training.log')}</Title>
          {feed.log.length === 0 ? <Text size="sm" c="dimmed">{t('training.noLog')}</Text> : <pre className="log-lines" tabIndex={0} aria-labelledby="log-title">{feed.log.map((line) => line.message).join('\n')}</pre>}
        </Paper>
      </Stack>
    </Box>
  );
}

// Of a training by one's own script: what ran.
function scriptConfig(script: unknown): Record<string, unknown> {
  const { name, sha256, arguments: list } = (script ?? {}) as { name?: string; sha256?: string; arguments?: string[] };
  return { script: name ?? '', sha256: sha256 ?? '', arguments: (list ?? []).join(' ') };
}

function Stat({ label, value }: { label: string; value: string }) {
  return <Paper p="md"><Text size="xs" c="dimmed">{label}</Text><Text className="stat num" mt={2}>{value}</Text></Paper>;
}

function Settings({ config }: { config: Record<string, unknown> }) {
  return <dl className="definition">{Object.entries(config).filter(([, value]) => typeof value !== 'object').map(([key, value]) => <div key={key} className="definition-row"><dt className="mono">{key}</dt><dd className="mono">{String(value)}</dd></div>)}</dl>;
}
