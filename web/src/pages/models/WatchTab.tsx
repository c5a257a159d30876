// A version watched without labels: what answers are compared with, what changed on which day, alarms, and a drill.
import { Alert, Badge, Box, Button, Group, Modal, NumberInput, Paper, SegmentedControl, Select, SimpleGrid, Stack, Table, Text, Textarea, Title, Tooltip, VisuallyHidden } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { Activity, BellRing, CircleCheck, TriangleAlert } from 'lucide-react';
import { lazy, Suspense, useState } from 'react';
import { acceptedJobId, api } from '../../api/endpoints';
import type { DrillResult, ModelDetail, WatchAlarm, WatchReport, WatchState, WatchTest } from '../../api/types';
import { useSession } from '../../app/session';
import { ErrorState, ListSkeleton, notice, noticeError } from '../../components/feedback';
import { useI18n } from '../../i18n';
import { dateTime, measured, percent } from '../../lib/format';
import { isShare, testName, watchGrid } from '../../lib/watch';
import './watch.css';

const PerformanceChart = lazy(() => import('../../components/charts').then((m) => ({ default: m.PerformanceChart })));
const colors: Record<WatchState, string> = { waiting: 'gray', reference: 'blue', steady: 'aceso', warning: 'yellow', alarm: 'red' };
const marks: Record<string, string> = { steady: '·', warning: '!', alarm: '!!' };

export function WatchTab({ model }: { model: ModelDetail }) {
  const { t } = useI18n();
  const { can } = useSession();
  const [days, setDays] = useState('30');
  const query = useQuery({ queryKey: ['watch', model.name, model.version, days], queryFn: () => api.watch(model.name, model.version, Number(days)), refetchInterval: 60_000 });
  if (query.isPending) return <ListSkeleton />;
  if (query.error) return <ErrorState error={query.error} retry={() => void query.refetch()} />;
  const report = query.data;
  return (
    <Stack gap="lg">
      <Group justify="space-between" align="center">
        <Text size="sm" c="dimmed" maw={720}>{t('watch.text')}</Text>
        <SegmentedControl aria-label={t('watch.days')} value={days} onChange={setDays} data={['7', '30', '90'].map((n) => ({ value: n, label: t('watch.lastDays', { n }) }))} />
      </Group>
      <Alarms report={report} />
      <Reference report={report} model={model} />
      {report.days.some((day) => day.performance) && (
        <Paper p="md">
          <Title order={2} mb={4}>{t('watch.performance')}</Title>
          <Text size="sm" c="dimmed" mb="sm" maw={720}>{t('watch.performanceText')}</Text>
          <Suspense fallback={<ListSkeleton rows={4} />}><PerformanceChart days={report.days} /></Suspense>
        </Paper>
      )}
      <Grid report={report} />
      {can('models:write') && <Drill model={model} />}
    </Stack>
  );
}

function value(test: WatchTest, side: 'reference' | 'current'): string {
  return isShare(test) ? percent(test[side]) : measured(test[side]);
}

function Alarms({ report }: { report: WatchReport }) {
  const { t } = useI18n();
  const { can } = useSession();
  const [asked, setAsked] = useState<WatchAlarm | null>(null);
  const current = report.alarms.filter((alarm) => alarm.state !== 'over');
  const last = report.days.find((day) => day.state !== 'waiting');   // the newest comes first
  const yesterday = new Date(Date.now() - 86_400_000).toISOString().slice(0, 10);
  if (current.length === 0 && report.reference && (!last || last.state === 'reference' || last.state === 'alarm' || last.day < yesterday)) return <Alert color="gray" icon={<Activity size={18} />} title={t('watch.notJudged')}>{last && last.state !== 'reference' && last.state !== 'alarm' ? t('watch.lastJudged', { day: last.day }) : t('watch.neverJudged')}</Alert>;
  if (current.length === 0 && report.reference && last?.state === 'warning') return <Alert color="yellow" icon={<TriangleAlert size={18} />} title={t('watch.unlikely')}>{t('watch.unlikelyText', { day: last.day })}</Alert>;
  if (current.length === 0) return report.reference ? <Alert color="aceso" icon={<CircleCheck size={18} />} title={t('watch.noAlarms')}>{report.alarms.length > 0 ? t('watch.pastAlarms', { n: report.alarms.length }) : t('watch.noAlarmsText')}</Alert> : null;
  return (
    <Paper p="md" component="section" aria-label={t('watch.alarms')}>
      <Group gap="sm" mb="xs"><BellRing size={18} aria-hidden /><Title order={2}>{t('watch.alarms')}</Title></Group>
      <Box className="scroll-x" tabIndex={0} role="region" aria-label={t('watch.alarms')}>
        <Table miw={720}>
          <Table.Thead><Table.Tr><Table.Th>{t('watch.what')}</Table.Th><Table.Th ta="right">{t('watch.usual')}</Table.Th><Table.Th ta="right">{t('watch.now')}</Table.Th><Table.Th>{t('watch.since')}</Table.Th><Table.Th>{t('watch.state')}</Table.Th><Table.Th /></Table.Tr></Table.Thead>
          <Table.Tbody>
            {current.map((alarm) => (
              <Table.Tr key={alarm.id}>
                <Table.Td fw={550}>{testName(alarm.test, t)}</Table.Td>
                <Table.Td ta="right" className="num">{value(alarm.measured, 'reference')}</Table.Td><Table.Td ta="right" className="num">{value(alarm.measured, 'current')}</Table.Td>
                <Table.Td className="nowrap">{alarm.first_day}</Table.Td>
                <Table.Td>{alarm.acknowledged ? <Stack gap={2}><Badge color="gray">{t('watch.states.acknowledged')}</Badge><Text size="xs" c="dimmed">{alarm.acknowledged.by}: {alarm.acknowledged.comment}</Text></Stack> : <Badge color="red">{t('watch.states.open')}</Badge>}</Table.Td>
                <Table.Td ta="right">{can('models:write') && !alarm.acknowledged && <Button size="compact-sm" variant="default" onClick={() => setAsked(alarm)} aria-label={t('watch.acknowledgeOne', { name: testName(alarm.test, t) })}>{t('watch.acknowledge')}</Button>}</Table.Td>
              </Table.Tr>
            ))}
          </Table.Tbody>
        </Table>
      </Box>
      {asked && <Acknowledge alarm={asked} close={() => setAsked(null)} />}
    </Paper>
  );
}

function Acknowledge({ alarm, close }: { alarm: WatchAlarm; close: () => void }) {
  const { t } = useI18n();
  const client = useQueryClient();
  const [comment, setComment] = useState('');
  const send = useMutation({
    mutationFn: () => api.acknowledgeAlarm(alarm.id, comment.trim()),
    onSuccess: () => { close(); notice(t('watch.acknowledged')); return Promise.all([client.invalidateQueries({ queryKey: ['watch'] }), client.invalidateQueries({ queryKey: ['watch-alarms'] })]); },
    onError: (error) => noticeError(error, t),
  });
  return (
    <Modal opened onClose={close} title={<Text span fw={600}>{t('watch.acknowledgeOne', { name: testName(alarm.test, t) })}</Text>}>
      <Stack>
        <Text size="sm">{t('watch.acknowledgeText')}</Text>
        <Textarea label={t('watch.comment')} value={comment} onChange={(event) => setComment(event.currentTarget.value)} maxLength={2000} autosize minRows={3} data-autofocus required />
        <Group justify="flex-end"><Button variant="default" onClick={close}>{t('common.cancel')}</Button><Button onClick={() => send.mutate()} loading={send.isPending} disabled={comment.trim() === ''}>{t('watch.acknowledge')}</Button></Group>
      </Stack>
    </Modal>
  );
}

function Reference({ report, model }: { report: WatchReport; model: ModelDetail }) {
  const { t, maybe, language } = useI18n();
  const { can } = useSession();
  const [open, setOpen] = useState(false);
  const reference = report.reference;
  return (
    <Paper p="md">
      <Group justify="space-between" align="flex-start">
        <div>
          <Title order={2} mb={4}>{t('watch.reference')}</Title>
          {reference ? (
            <>
              <Text size="sm">{t('watch.referenceText', { source: maybe('watch.sources', reference.source.replace(' ', '_')), n: reference.cases })}{reference.expected_accuracy !== null && ` ${t('watch.expected', { value: percent(reference.expected_accuracy) })}`}</Text>
              {reference.set_by && <Text size="sm" c="dimmed">{t('watch.setBy', { name: reference.set_by, time: dateTime(reference.time, language) })}: {reference.reason}</Text>}
            </>
          ) : <Text size="sm">{t('watch.noReference')}</Text>}
          <Text size="xs" c="dimmed" mt={6}>{t('watch.rules', { level: report.rules.alarm_level, distance: report.rules.min_distance, cases: report.rules.min_cases })}</Text>
        </div>
        {can('models:promote') && reference && <Button variant="default" onClick={() => setOpen(true)}>{t('watch.changeReference')}</Button>}
      </Group>
      {open && <NewReference model={model} close={() => setOpen(false)} />}
    </Paper>
  );
}

function NewReference({ model, close }: { model: ModelDetail; close: () => void }) {
  const { t } = useI18n();
  const client = useQueryClient();
  const [source, setSource] = useState('days');
  const [days, setDays] = useState<string | number>(14);
  const [reason, setReason] = useState('');
  const send = useMutation({
    mutationFn: () => api.setWatchReference(model.name, model.version, source === 'days' ? { days: Number(days), reason: reason.trim() } : { bundle: true, reason: reason.trim() }),
    onSuccess: () => { close(); notice(t('watch.referenceChanged')); return client.invalidateQueries({ queryKey: ['watch'] }); },
    onError: (error) => noticeError(error, t),
  });
  return (
    <Modal opened onClose={close} title={<Text span fw={600}>{t('watch.changeReference')}</Text>}>
      <Stack>
        <Text size="sm">{t('watch.changeReferenceText')}</Text>
        <SegmentedControl aria-label={t('watch.reference')} value={source} onChange={setSource} data={[{ value: 'days', label: t('watch.sourceDays') }, { value: 'bundle', label: t('watch.sourceBundle') }]} />
        {source === 'days' && <NumberInput label={t('watch.daysBack')} value={days} onChange={setDays} min={1} max={90} allowDecimal={false} />}
        <Textarea label={t('watch.reason')} value={reason} onChange={(event) => setReason(event.currentTarget.value)} maxLength={2000} autosize minRows={2} required />
        <Group justify="flex-end"><Button variant="default" onClick={close}>{t('common.cancel')}</Button><Button onClick={() => send.mutate()} loading={send.isPending} disabled={reason.trim() === ''}>{t('watch.changeReference')}</Button></Group>
      </Stack>
    </Modal>
  );
}

// A picture to look at: a row a test, a column a day; the sign in a cell says what its colour says.
function Grid({ report }: { report: WatchReport }) {
  const { t } = useI18n();
  const { columns, rows } = watchGrid(report.days);
  if (columns.length === 0) return <Paper p="lg"><Group gap="sm"><Activity size={18} aria-hidden /><Text>{t('watch.noDays')}</Text></Group></Paper>;
  return (
    <Paper p="md">
      <Title order={2} mb={4}>{t('watch.byDay')}</Title>
      <Text size="sm" c="dimmed" mb="sm">{t('watch.legend')}</Text>
      <Box className="scroll-x" tabIndex={0} role="region" aria-label={t('watch.byDay')}>
        <table className="watch-grid">
          <thead>
            <tr><th scope="col">{t('watch.what')}</th>{columns.map((day) => <th key={day.day} scope="col"><span title={day.day}>{day.day.slice(5)}</span></th>)}</tr>
          </thead>
          <tbody>
            <tr><th scope="row">{t('watch.answers')}</th>{columns.map((day) => <td key={day.day} className="num">{day.answers}</td>)}</tr>
            <tr><th scope="row">{t('watch.day')}</th>{columns.map((day) => <td key={day.day} className={`watch-${day.state}`}><span aria-label={t(`watch.dayStates.${day.state}`)} title={t(`watch.dayStates.${day.state}`)}>{marks[day.state] ?? (day.state === 'reference' ? '=' : '–')}</span></td>)}</tr>
            {rows.map((row) => (
              <tr key={row.name}>
                <th scope="row">{testName(row.name, t)}</th>
                {row.cells.map((test, at) => (
                  <td key={columns[at]!.day} className={test ? `watch-${test.state}` : ''}>
                    {test && <Tooltip label={t('watch.cell', { usual: value(test, 'reference'), now: value(test, 'current'), p: test.p_adjusted === null ? '–' : measured(Math.max(test.p_adjusted, 1e-6)) })}><span>{marks[test.state] ?? '–'}<VisuallyHidden>{t('watch.cell', { usual: value(test, 'reference'), now: value(test, 'current'), p: test.p_adjusted === null ? '–' : measured(test.p_adjusted) })}</VisuallyHidden></span></Tooltip>}
                  </td>
                ))}
              </tr>
            ))}
          </tbody>
        </table>
      </Box>
    </Paper>
  );
}

function Drill({ model }: { model: ModelDetail }) {
  const { t } = useI18n();
  const [change, setChange] = useState('brightness');
  const [amount, setAmount] = useState<string | number>(0.1);
  const [split, setSplit] = useState('test');
  const [id, setId] = useState<string | null>(null);
  const job = useQuery({ queryKey: ['drill', id], queryFn: () => api.job(id!), enabled: id !== null, refetchInterval: (query) => (['succeeded', 'failed', 'cancelled'].includes(query.state.data?.state ?? '') ? false : 1000) });
  const start = useMutation({
    mutationFn: () => api.drill({ model: model.name, version: model.version, split, brightness: change === 'brightness' ? Number(amount) : 0, contrast: change === 'contrast' ? 1 + Number(amount) : 1, noise: change === 'noise' ? Math.abs(Number(amount)) : 0 }),
    onSuccess: (accepted) => setId(acceptedJobId(accepted) ?? null),
    onError: (error) => noticeError(error, t),
  });
  const state = job.data?.state;
  const running = start.isPending || state === 'queued' || state === 'running';
  const result = state === 'succeeded' ? (job.data?.output as unknown as DrillResult) : null;
  const progress = job.data?.progress;
  return (
    <Paper p="md" component="section" aria-label={t('watch.drill')}>
      <Title order={2} mb={4}>{t('watch.drill')}</Title>
      <Text size="sm" c="dimmed" mb="sm" maw={720}>{t('watch.drillText')}</Text>
      <Group align="flex-end" gap="md">
        <Select label={t('watch.change')} value={change} onChange={(next) => setChange(next ?? 'brightness')} allowDeselect={false} data={[{ value: 'brightness', label: t('watch.brightness') }, { value: 'contrast', label: t('watch.contrast') }, { value: 'noise', label: t('watch.noise') }]} w={180} />
        <NumberInput label={t('watch.amount')} value={amount} onChange={setAmount} min={-1} max={1} step={0.05} decimalScale={3} w={130} />
        <Select label={t('watch.split')} value={split} onChange={(next) => setSplit(next ?? 'test')} allowDeselect={false} data={['test', 'validation']} w={140} />
        <Button onClick={() => start.mutate()} loading={running} disabled={amount === ''}>{t('watch.startDrill')}</Button>
        {running && progress?.total ? <Text size="sm" c="dimmed" className="num">{progress.done} / {progress.total}</Text> : null}
      </Group>
      {state === 'failed' && <Alert mt="md" color="red" icon={<TriangleAlert size={18} />} title={t('watch.drillFailed')}>{job.data?.error}</Alert>}
      {result && (
        <Stack mt="md" gap="sm">
          <Alert color={result.noticed_on === null ? 'red' : 'aceso'} icon={result.noticed_on === null ? <TriangleAlert size={18} /> : <CircleCheck size={18} />}>
            {result.noticed_on === null ? t('watch.notNoticed') : t('watch.noticed', { day: result.noticed_on })} {t('watch.falseAlarms', { n: result.false_alarms, days: result.unchanged.length })}
          </Alert>
          <SimpleGrid cols={{ base: 1, sm: 2 }}>
            {(['unchanged', 'changed'] as const).map((side) => (
              <div key={side}>
                <Text fw={550} size="sm" mb={4}>{t(`watch.${side}`)}</Text>
                <Group gap={6}>{result[side].map((day, at) => <Badge key={at} color={colors[day.state]} variant="light">{at + 1}: {t(`watch.dayStates.${day.state}`)}</Badge>)}</Group>
              </div>
            ))}
          </SimpleGrid>
        </Stack>
      )}
    </Paper>
  );
}
