// One version of a model: what it is for, how good it was found to be, and where it stands.
import { Alert, Box, Button, Group, Menu, Paper, SimpleGrid, Stack, Table, Tabs, Text, Title } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { ArrowLeft, ChevronDown, ExternalLink, ScanSearch, TriangleAlert } from 'lucide-react';
import { Fragment, lazy, Suspense } from 'react';
import { Link, useParams } from 'wouter';
import { api } from '../../api/endpoints';
import { allStages, type ModelDetail, type Stage } from '../../api/types';
import { useSession } from '../../app/session';
import { Hash, ResearchBadge, ShareBadge, StageBadge } from '../../components/bits';
import { ask } from '../../components/confirm';
import { TrialsTable } from '../../components/TrialsTable';
import { ErrorState, ListSkeleton, notice, noticeError, noticeUndo } from '../../components/feedback';
import { useI18n } from '../../i18n';
import { bytes, dateTime, duration, percent } from '../../lib/format';
import { readEvaluation } from '../../lib/evaluation';
import { describeLimits, readable } from '../../lib/uncertainty';
import { ApprovalTab } from './ApprovalTab';
import { EvaluationTab } from './EvaluationTab';
import { ImproveTab } from './ImproveTab';
import { WatchTab } from './WatchTab';

const LossChart = lazy(() => import('../../components/charts').then((m) => ({ default: m.LossChart })));
const AucChart = lazy(() => import('../../components/charts').then((m) => ({ default: m.AucChart })));

export default function ModelPage() {
  const params = useParams<{ name: string; version: string }>();
  const name = decodeURIComponent(params.name ?? '');
  const version = Number(params.version);
  const { t } = useI18n();
  const { can } = useSession();
  const query = useQuery({ queryKey: ['model', name, version], queryFn: () => api.model(name, version) });
  if (query.isPending) return <Box className="page"><ListSkeleton /></Box>;
  if (query.error) return <Box className="page"><ErrorState error={query.error} retry={() => void query.refetch()} /></Box>;
  const model = query.data;
  const evaluation = readEvaluation(model.evaluation);
  return (
    <Box className="page">
      <Button component={Link} href="/models" variant="subtle" color="gray" px="xs" mb="xs" leftSection={<ArrowLeft size={16} aria-hidden />}>{t('models.title')}</Button>
      <Group justify="space-between" align="flex-start" mb="lg" gap="md">
        <div>
          <Group gap="sm"><Title order={1} className="break">{model.name}</Title><Text fz={20} c="dimmed">{t('models.version', { n: model.version })}</Text><StageBadge stage={model.stage} /><ShareBadge share={model.share} /></Group>
          <Group gap="sm" mt={8}><ResearchBadge /><Hash value={model.id} /></Group>
        </div>
        <Group gap="sm">
          {can('predictions:create') && model.stage !== 'retired' && model.stage !== 'recalled' && <Button component={Link} href={`/diagnose?model=${encodeURIComponent(`${model.name}@${model.version}`)}`} variant="default" leftSection={<ScanSearch size={16} aria-hidden />}>{t('models.diagnose')}</Button>}
          {can('models:promote') && model.stage !== 'recalled' && <StageMenu model={model} />}
        </Group>
      </Group>
      <Tabs defaultValue={['watch', 'approval', 'improve'].find((tab) => tab === new URLSearchParams(window.location.search).get('tab')) ?? 'card'} keepMounted={false}>
        <Tabs.List mb="lg">
          <Tabs.Tab value="card">{t('models.tabs.card')}</Tabs.Tab><Tabs.Tab value="evaluation">{t('models.tabs.evaluation')}</Tabs.Tab><Tabs.Tab value="report">{t('models.tabs.report')}</Tabs.Tab>
          <Tabs.Tab value="approval">{t('models.tabs.approval')}</Tabs.Tab><Tabs.Tab value="watch">{t('models.tabs.watch')}</Tabs.Tab><Tabs.Tab value="improve">{t('models.tabs.improve')}</Tabs.Tab>
          <Tabs.Tab value="training">{t('models.tabs.training')}</Tabs.Tab><Tabs.Tab value="technical">{t('models.tabs.technical')}</Tabs.Tab>
        </Tabs.List>
        <Tabs.Panel value="card"><CardTab model={model} /></Tabs.Panel>
        <Tabs.Panel value="evaluation">{evaluation ? <EvaluationTab evaluation={evaluation} classes={model.card.classes} /> : <NoEvaluation />}</Tabs.Panel>
        <Tabs.Panel value="report"><ReportTab model={model} /></Tabs.Panel>
        <Tabs.Panel value="approval"><ApprovalTab model={model} /></Tabs.Panel>
        <Tabs.Panel value="watch"><WatchTab model={model} /></Tabs.Panel>
        <Tabs.Panel value="improve"><ImproveTab model={model} /></Tabs.Panel>
        <Tabs.Panel value="training"><TrainingTab model={model} /></Tabs.Panel>
        <Tabs.Panel value="technical"><TechnicalTab model={model} /></Tabs.Panel>
      </Tabs>
    </Box>
  );
}

function StageMenu({ model }: { model: ModelDetail }) {
  const { t } = useI18n();
  const client = useQueryClient();
  const change = useMutation({
    mutationFn: (stage: Stage) => api.promote(model.name, model.version, stage),
    onSuccess: () => Promise.all([client.invalidateQueries({ queryKey: ['models'] }), client.invalidateQueries({ queryKey: ['model', model.name] })]),
    onError: (error) => noticeError(error, t),
  });
  const stageName = (stage: Stage) => t(`models.stages.${stage}`);
  function request(stage: Stage) {
    const from = model.stage;
    ask({
      title: t('models.changeTitle', { version: model.version, stage: stageName(stage) }), danger: stage === 'retired', confirm: t('models.changeStage'), cancel: t('common.cancel'),
      text: (
        <Stack gap="xs">
          <Text size="sm">{t('models.changeText', { from: stageName(from) })}</Text>
          {stage === 'live' && <Text size="sm" fw={550}>{t('models.changeLive', { name: model.name })}</Text>}
          {stage === 'retired' && <Text size="sm" fw={550}>{t('models.changeRetired')}</Text>}
          {stage === 'live' && !readEvaluation(model.evaluation) && <Alert color="yellow" icon={<TriangleAlert size={16} />}>{t('models.noEvaluationWarning')}</Alert>}
        </Stack>
      ),
      onConfirm: () => change.mutate(stage, {
        onSuccess: () => {
          const message = t('models.changed', { version: model.version, stage: stageName(stage) });
          // Going live displaces another version, so going back is a decision of its own.
          if (stage === 'live' || from === 'live') notice(message);
          else noticeUndo(message, t('common.undo'), () => change.mutate(from));
        },
      }),
    });
  }
  return (
    <Menu width={310} position="bottom-end">
      <Menu.Target><Button rightSection={<ChevronDown size={16} aria-hidden />} loading={change.isPending}>{t('models.changeStage')}</Button></Menu.Target>
      <Menu.Dropdown>
        {allStages.filter((stage) => stage !== model.stage && !(model.stage === 'live' && stage === 'candidate')).map((stage) => (
          <Menu.Item key={stage} onClick={() => request(stage)}>
            <Text size="sm" fw={550}>{stageName(stage)}</Text>
            <Text size="xs" c="dimmed">{t(`models.stageHelp.${stage}`)}</Text>
          </Menu.Item>
        ))}
      </Menu.Dropdown>
    </Menu>
  );
}

function CardTab({ model }: { model: ModelDetail }) {
  const { t, language } = useI18n();
  const card = model.card;
  // One for all, one a label, none of a number.
  const thresholds = model.signature?.outputs?.[0]?.kind === 'number' ? '' : card.thresholds?.length ? card.thresholds.map((value, k) => `${readable(card.classes[k] ?? String(k))} ${percent(value)}`).join(', ') : percent(card.threshold);
  return (
    <SimpleGrid cols={{ base: 1, md: 2 }} spacing="lg">
      <Stack gap="lg">
        <Paper p="lg"><Title order={2} mb={8}>{t('models.intendedUse')}</Title><Text size="sm" className="prose">{card.intended_use || t('common.unknown')}</Text></Paper>
        <Paper p="lg"><Title order={2} mb={8}>{t('models.limitations')}</Title><Text size="sm" className="prose">{card.limitations || t('common.unknown')}</Text></Paper>
      </Stack>
      <Paper p="lg">
        <dl className="definition">
          <dt>{t('models.classes')}</dt><dd>{card.classes.map(readable).join(', ')}</dd>
          {thresholds !== '' && <><dt>{t('models.threshold')}</dt><dd className="num">{t('models.thresholdText', { value: thresholds })}</dd></>}
          {describeLimits(model.limits).map(({ key, text }) => <Fragment key={key}><dt>{t('applicability.limits')}: {t(`applicability.${key}`)}</dt><dd>{text}</dd></Fragment>)}
          <dt>{t('models.data')}</dt><dd>{card.data || model.dataset || t('common.unknown')}</dd>
          <dt>{t('models.architecture')}</dt><dd>{model.architecture ?? String(model.training?.config?.architecture ?? '–')}</dd>
          <dt>{t('models.created')}</dt><dd>{dateTime(card.created ?? model.created, language)}</dd>
          <dt>{t('models.createdBy')}</dt><dd>{card.created_by || '–'}</dd>
          <dt>{t('models.bundle')}</dt><dd><Hash value={model.id} full /></dd>
        </dl>
      </Paper>
    </SimpleGrid>
  );
}

function NoEvaluation() {
  const { t } = useI18n();
  return <Alert color="yellow" icon={<TriangleAlert size={18} />} title={t('models.noEvaluation')}>{t('models.noEvaluationText')}</Alert>;
}

function ReportTab({ model }: { model: ModelDetail }) {
  const { t } = useI18n();
  const url = api.reportUrl(model.name, model.version);
  return (
    <Stack gap="sm">
      <Group justify="flex-end"><Button component="a" href={url} target="_blank" rel="noopener noreferrer" variant="default" rightSection={<ExternalLink size={15} aria-hidden />}>{t('models.openReport')}</Button></Group>
      <iframe className="report-frame" src={url} title={t('models.report')} sandbox="" />
    </Stack>
  );
}

function TrainingTab({ model }: { model: ModelDetail }) {
  const { t, language } = useI18n();
  const training = model.training;
  if (!training) return <Text c="dimmed">{t('models.noHistory')}</Text>;
  const config = training.config ?? {};
  return (
    <Stack gap="lg">
      {(training.history ?? []).length > 0 && (
        <Suspense fallback={<ListSkeleton rows={4} />}>
          <SimpleGrid cols={{ base: 1, md: 2 }}>
            <Paper p="md"><Title order={2} mb="xs">{t('training.loss')}</Title><LossChart epochs={training.history ?? []} /></Paper>
            <Paper p="md"><Title order={2} mb="xs">{t(training.history?.some((e) => typeof e.validation_rmse === 'number') ? 'training.valRmse' : training.history?.some((e) => typeof e.validation_ap === 'number') ? 'training.valAp' : 'training.valAuc')}</Title><AucChart epochs={training.history ?? []} /></Paper>
          </SimpleGrid>
          <Text size="sm" c="dimmed">{t('training.curveNote')}</Text>
        </Suspense>
      )}
      {training.search && (
        <Box component="section" aria-labelledby="trials-title">
          <Title order={2} id="trials-title" mb="xs">{t('trials.title')}</Title>
          <TrialsTable trials={training.search.results} />
          <Text size="sm" c="dimmed" mt="xs">{t('trials.note')}</Text>
          <Paper p="lg" mt="md"><Title order={3} id="best-title" mb="xs">{t('trials.bestConfig')}</Title><pre className="log-lines" tabIndex={0} aria-labelledby="best-title">{training.search.best_config}</pre></Paper>
        </Box>
      )}
      <SimpleGrid cols={{ base: 1, md: 2 }}>
        <Paper p="lg">
          <dl className="definition">
            <dt>{t('models.engine')}</dt><dd>{training.engine ?? '–'}</dd>
            <dt>{t('models.duration')}</dt><dd>{duration(training.seconds, language)}</dd>
            <dt>{t('training.bestEpoch')}</dt><dd>{training.best_epoch ?? '–'}</dd>
            <dt>{t('models.memory')}</dt><dd>{training.peak_rss_bytes ? bytes(training.peak_rss_bytes) : '–'}</dd>
            <dt>{t('datasets.hash')}</dt><dd><Hash value={training.dataset_sha256} /></dd>
          </dl>
        </Paper>
        <Paper p="lg"><dl className="definition">{Object.entries(config).filter(([, value]) => typeof value !== 'object').map(([key, value]) => <div key={key} className="definition-row"><dt className="mono">{key}</dt><dd className="mono">{String(value)}</dd></div>)}</dl></Paper>
      </SimpleGrid>
    </Stack>
  );
}

function TechnicalTab({ model }: { model: ModelDetail }) {
  const { t } = useI18n();
  const ports = [...(model.signature?.inputs ?? []).map((port) => ({ ...port, side: t('models.input') })), ...(model.signature?.outputs ?? []).map((port) => ({ ...port, side: t('models.output') }))];
  return (
    <Stack gap="lg">
      <Paper p="lg">
        <dl className="definition">
          <dt>{t('models.bundle')}</dt><dd><Hash value={model.id} full /></dd>
          {model.signed_by && <><dt>{t('models.signedBy')}</dt><dd><Hash value={model.signed_by} full /></dd></>}
          {model.signature?.preprocessing && <><dt>{t('models.preprocessing')}</dt><dd className="mono">{JSON.stringify(model.signature.preprocessing)}</dd></>}
        </dl>
      </Paper>
      {ports.length > 0 && (
        <Paper className="scroll-x" tabIndex={0} role="region" aria-label={`${t('models.input')}, ${t('models.output')}`}>
          <Table miw={560}><Table.Tbody>{ports.map((port) => <Table.Tr key={port.side + port.name}><Table.Td>{port.side}</Table.Td><Table.Td className="mono">{port.name}</Table.Td><Table.Td className="mono">{port.dtype} [{port.shape.join(', ')}]</Table.Td><Table.Td>{port.meaning ?? ''}</Table.Td></Table.Tr>)}</Table.Tbody></Table>
        </Paper>
      )}
      {model.files && (
        <Paper className="scroll-x" tabIndex={0} role="region" aria-label={t('models.files')}>
          <Table miw={560}><Table.Thead><Table.Tr><Table.Th>{t('models.file')}</Table.Th><Table.Th>SHA-256</Table.Th></Table.Tr></Table.Thead><Table.Tbody>{Object.entries(model.files).map(([file, hash]) => <Table.Tr key={file}><Table.Td className="mono">{file}</Table.Td><Table.Td><Hash value={hash} full /></Table.Td></Table.Tr>)}</Table.Tbody></Table>
        </Paper>
      )}
    </Stack>
  );
}
