// Runs of trainings, the node's own and those of the mlflow client: filtered, sorted, chosen, laid over each other.
import { Box, Button, Checkbox, Group, Paper, Select, Stack, Table, Text, TextInput, Title } from '@mantine/core';
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { ChartLine } from 'lucide-react';
import { lazy, Suspense, useState } from 'react';
import { Link } from 'wouter';
import { api } from '../../api/endpoints';
import { EmptyState, ErrorState, ListSkeleton, PageHead } from '../../components/feedback';
import { SortHeader } from '../../components/SortHeader';
import { useI18n } from '../../i18n';
import { dateTime, duration, figure } from '../../lib/format';
import '../studies/studies.css';
import { differing, metricKeys, readRun, type RunRow } from '../../lib/runs';

const MetricCurves = lazy(() => import('../../components/MetricCurves').then((m) => ({ default: m.MetricCurves })));
const preferred = ['test_auroc', 'validation_auc', 'validation_dice', 'validation_rmse', 'validation_loss', 'train_loss'];
export const mostRuns = 8;

export default function RunsPage() {
  const { t, language } = useI18n();
  const [experiment, setExperiment] = useState('');
  const [text, setText] = useState('');
  const [filter, setFilter] = useState('');
  const [order, setOrder] = useState({ key: '', ascending: false });
  const [chosen, setChosen] = useState<string[]>([]);
  const experiments = useQuery({ queryKey: ['experiments'], queryFn: api.experiments });
  const list = experiments.data?.experiments ?? [];
  const ids = experiment ? [experiment] : list.map((item) => item.experiment_id);
  const orderBy = order.key ? [`${order.key} ${order.ascending ? 'ASC' : 'DESC'}`] : [];
  const query = useQuery({ queryKey: ['runs', ids, filter, orderBy], enabled: ids.length > 0, queryFn: () => api.runs(ids, filter, orderBy), placeholderData: keepPreviousData, retry: false, refetchInterval: 15_000 });
  const runs = (query.data?.runs ?? []).map(readRun);
  const keys = metricKeys(runs);
  const columns = [...preferred.filter((key) => keys.includes(key)), ...keys.filter((key) => !preferred.includes(key))].slice(0, 3);
  const picked = chosen.map((id) => runs.find((run) => run.id === id)).filter((run): run is RunRow => run !== undefined);
  const sortBy = (key: string) => setOrder((now) => ({ key, ascending: now.key === key ? !now.ascending : false }));
  const head = (label: string, key: string) => <SortHeader key={key} label={label} active={order.key === key} ascending={order.ascending} sort={() => sortBy(key)} />;
  const choose = (id: string, on: boolean) => setChosen((now) => (on ? [...now.filter((other) => other !== id), id].slice(-mostRuns) : now.filter((other) => other !== id)));
  return (
    <Box className="page">
      <PageHead title={t('runs.title')}>
        <Select aria-label={t('runs.experiment')} w={220} value={experiment} onChange={(value) => { setExperiment(value ?? ''); setChosen([]); }} data={[{ value: '', label: t('runs.all') }, ...list.map((item) => ({ value: item.experiment_id, label: item.name }))]} searchable />
      </PageHead>
      <form onSubmit={(event) => { event.preventDefault(); setFilter(text.trim()); }}>
        <Group align="flex-end" mb="md" gap="sm">
          <TextInput label={t('runs.filter')} description={t('runs.filterHelp')} placeholder="metrics.validation_auc > 0.9 AND params.architecture = 'resnet18'" value={text} onChange={(event) => setText(event.currentTarget.value)} style={{ flex: 1, minWidth: 240 }} maxLength={4000} spellCheck={false} autoComplete="off" />
          <Button type="submit">{t('common.filter')}</Button>
          {filter && <Button variant="default" onClick={() => { setText(''); setFilter(''); }}>{t('common.clear')}</Button>}
        </Group>
      </form>
      {(experiments.isPending || (query.isPending && ids.length > 0)) && <ListSkeleton />}
      {experiments.error && <ErrorState error={experiments.error} retry={() => void experiments.refetch()} />}
      {query.error && <ErrorState error={query.error} />}
      {query.data && !query.error && runs.length === 0 && <EmptyState icon={ChartLine} title={t(filter ? 'runs.noMatch' : 'runs.empty')} text={t(filter ? 'runs.noMatchText' : 'runs.emptyText')} />}
      {runs.length > 0 && !query.error && (
        <Stack gap="lg">
          <Paper className="scroll-x" tabIndex={0} role="region" aria-label={t('runs.title')}>
            <Table miw={980}>
              <Table.Thead>
                <Table.Tr>
                  <Table.Th w={44} aria-label={t('runs.choose')} />
                  {head(t('runs.run'), 'attributes.run_name')}<Table.Th>{t('common.state')}</Table.Th>
                  {columns.map((key) => head(key, `metrics.\`${key}\``))}
                  {head(t('runs.user'), 'attributes.user_id')}{head(t('runs.started'), 'attributes.start_time')}<Table.Th>{t('runs.took')}</Table.Th>
                </Table.Tr>
              </Table.Thead>
              <Table.Tbody>
                {runs.map((run) => (
                  <Table.Tr key={run.id}>
                    <Table.Td><Checkbox aria-label={t('runs.chooseRun', { name: run.name })} checked={chosen.includes(run.id)} onChange={(event) => choose(run.id, event.currentTarget.checked)} /></Table.Td>
                    <Table.Td miw={260}><Text size="sm" fw={550} className="break">{run.name}</Text><Links run={run} /></Table.Td>
                    <Table.Td>{t(`runs.states.${state(run.status)}`)}</Table.Td>
                    {columns.map((key) => <Table.Td key={key} className="num">{run.metrics.has(key) ? figure(run.metrics.get(key)) : '–'}</Table.Td>)}
                    <Table.Td>{run.user}</Table.Td>
                    <Table.Td className="nowrap">{Number.isFinite(new Date(run.start).getTime()) ? dateTime(new Date(run.start).toISOString(), language) : '–'}</Table.Td>
                    <Table.Td className="nowrap">{run.end === null ? '–' : duration((run.end - run.start) / 1000, language)}</Table.Td>
                  </Table.Tr>
                ))}
              </Table.Tbody>
            </Table>
          </Paper>
          {query.data?.next_page_token && <Text size="sm" c="dimmed">{t('runs.more', { n: runs.length })}</Text>}
          {picked.length === 0 ? <Text size="sm" c="dimmed">{t('runs.chooseText', { n: mostRuns })}</Text> : <Compared runs={picked} />}
        </Stack>
      )}
    </Box>
  );
}

function state(status: string): 'running' | 'finished' | 'failed' | 'killed' | 'scheduled' {
  return status === 'FINISHED' ? 'finished' : status === 'FAILED' ? 'failed' : status === 'KILLED' ? 'killed' : status === 'SCHEDULED' ? 'scheduled' : 'running';
}

// Of the node's own trainings: the job, and the model that came of it.
function Links({ run }: { run: RunRow }) {
  const { t } = useI18n();
  const job = run.tags.get('aceso.job');
  const model = run.tags.get('aceso.model');
  const version = run.tags.get('aceso.version');
  if (!job) return null;
  return (
    <Group gap="xs">
      <Link href={`/training/${encodeURIComponent(job)}`} className="plain-link"><Text span size="xs" td="underline">{t('runs.job')}</Text></Link>
      {model && version && <Link href={`/models/${encodeURIComponent(model)}/${version}`} className="plain-link"><Text span size="xs" td="underline">{model} {version}</Text></Link>}
      {model && version && <a href={api.reportUrl(model, Number(version))} target="_blank" rel="noopener noreferrer" className="plain-link"><Text span size="xs" td="underline">{t('models.report')}</Text></a>}
    </Group>
  );
}

function Compared({ runs }: { runs: RunRow[] }) {
  const { t } = useI18n();
  const keys = metricKeys(runs);
  const [asked, setAsked] = useState('');
  const key = keys.includes(asked) ? asked : preferred.slice(1).find((name) => keys.includes(name)) ?? keys[0] ?? '';
  const params = differing(runs);
  return (
    <Stack gap="lg" component="section" aria-label={t('runs.compared')}>
      <Paper p="md">
        <Group justify="space-between" mb="sm"><Title order={2}>{t('runs.curves')}</Title>{keys.length > 0 && <Select aria-label={t('runs.metric')} w={240} value={key} onChange={(value) => setAsked(value ?? '')} data={keys} searchable />}</Group>
        {key === '' ? <Text size="sm" c="dimmed">{t('runs.noMetrics')}</Text> : <Suspense fallback={<ListSkeleton rows={4} />}><MetricCurves runs={runs} metric={key} /></Suspense>}
      </Paper>
      <Paper p="md">
        <Title order={2} mb="sm">{t('runs.differing')}</Title>
        {params.length === 0 ? <Text size="sm" c="dimmed">{t(runs.length === 1 ? 'runs.oneRun' : 'runs.same')}</Text> : (
          <Box className="scroll-x" tabIndex={0} role="region" aria-label={t('runs.differing')}>
            <Table>
              <Table.Thead><Table.Tr><Table.Th>{t('runs.parameter')}</Table.Th>{runs.map((run) => <Table.Th key={run.id}>{run.name}</Table.Th>)}</Table.Tr></Table.Thead>
              <Table.Tbody>{params.map((name) => <Table.Tr key={name}><Table.Th scope="row" className="mono">{name}</Table.Th>{runs.map((run) => <Table.Td key={run.id} className="mono break">{run.params.get(name) ?? '–'}</Table.Td>)}</Table.Tr>)}</Table.Tbody>
            </Table>
          </Box>
        )}
      </Paper>
    </Stack>
  );
}
