// The feedback loop of a model: answers that wait for a verdict, what became known, and the versions made of it.
import { Alert, Anchor, Badge, Box, Button, Group, List, Modal, NumberInput, Paper, Select, SimpleGrid, Stack, Table, Text, Title } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { CircleCheck, CircleX, ListChecks, Sprout, TriangleAlert } from 'lucide-react';
import { useState } from 'react';
import { Link, useLocation } from 'wouter';
import { api } from '../../api/endpoints';
import type { Improvement, ImprovementCheck, ImprovementOutcome, Job, ModelDetail } from '../../api/types';
import { useSession } from '../../app/session';
import { StateBadge } from '../../components/bits';
import { ErrorState, ListSkeleton, noticeError } from '../../components/feedback';
import { useI18n } from '../../i18n';
import { dateTime, measured } from '../../lib/format';
import { readable } from '../../lib/uncertainty';
import './watch.css';

export function ImproveTab({ model }: { model: ModelDetail }) {
  const query = useQuery({ queryKey: ['improvement', model.name], queryFn: () => api.improvement(model.name), refetchInterval: (q) => (q.state.data?.jobs.some((job) => job.state === 'running' || job.state === 'queued') ? 3000 : false) });
  const { can } = useSession();
  if (query.isPending) return <ListSkeleton />;
  if (query.error) return <ErrorState error={query.error} retry={() => void query.refetch()} />;
  return (
    <Stack gap="lg">
      {can('feedback:write') && <ReviewPanel name={model.name} />}
      <LabelsPanel model={model} state={query.data} />
      <Rounds jobs={query.data.jobs} />
    </Stack>
  );
}

function ReviewPanel({ name }: { name: string }) {
  const { t, language } = useI18n();
  const query = useQuery({ queryKey: ['review', name], queryFn: () => api.review(name, 10) });
  if (query.isPending) return <ListSkeleton rows={2} />;
  if (query.error) return <ErrorState error={query.error} retry={() => void query.refetch()} />;
  const { items, waiting } = query.data;
  const first = items[0];
  return (
    <Paper p="lg" component="section" aria-labelledby="review-title">
      <Group justify="space-between" align="flex-start">
        <div>
          <Title order={2} mb={4} id="review-title">{t('improve.review')}</Title>
          <Text size="sm" maw={640}>{t('improve.reviewText')}</Text>
        </div>
        {first && <Button component={Link} href={`/predictions/${first.prediction}?review=${encodeURIComponent(name)}`} leftSection={<ListChecks size={16} aria-hidden />}>{t('improve.startReview')}</Button>}
      </Group>
      {items.length === 0 ? <Text size="sm" c="dimmed" mt="sm">{t('improve.noneWaiting')}</Text> : (
        <Box className="scroll-x" tabIndex={0} role="region" aria-labelledby="review-title" mt="sm">
          <Table miw={480}>
            <Table.Thead><Table.Tr><Table.Th>{t('improve.given')}</Table.Th><Table.Th>{t('improve.uncertainty')}</Table.Th><Table.Th>{t('improve.why')}</Table.Th></Table.Tr></Table.Thead>
            <Table.Tbody>
              {items.map((item) => (
                <Table.Tr key={item.prediction}>
                  <Table.Td><Anchor component={Link} href={`/predictions/${item.prediction}?review=${encodeURIComponent(name)}`} size="sm">{dateTime(item.created, language)}</Anchor></Table.Td>
                  <Table.Td><Group gap="xs" wrap="nowrap"><Box className="ambiguity" aria-hidden><Box style={{ width: `${Math.round(item.ambiguity * 100)}%` }} /></Box><Text span size="sm" className="num">{item.ambiguity.toFixed(2)}</Text></Group></Table.Td>
                  <Table.Td>{t(`improve.reasons.${item.why === 'drawn by chance' ? 'chance' : item.why === 'more than one class is possible' ? 'open' : item.why === 'near the threshold' ? 'near' : 'next'}`)}</Table.Td>
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
          {waiting > items.length && <Text size="sm" c="dimmed" mt="xs">{t('improve.more', { n: waiting - items.length })}</Text>}
        </Box>
      )}
    </Paper>
  );
}

function LabelsPanel({ model, state }: { model: ModelDetail; state: Improvement }) {
  const { t } = useI18n();
  const { can } = useSession();
  const [open, setOpen] = useState(false);
  const busy = state.jobs.some((job) => job.state === 'running' || job.state === 'queued');
  const figures: [string, number][] = [['new', state.labels.new], ['known', state.labels.known], ['changed', state.labels.changed], ['disagreed', state.labels.disagreed]];
  return (
    <Paper p="lg" component="section" aria-labelledby="labels-title">
      <Group justify="space-between" align="flex-start">
        <div>
          <Title order={2} mb={4} id="labels-title">{t('improve.labels')}</Title>
          <Text size="sm" maw={640}>{t('improve.labelsText', { version: state.live, dataset: state.dataset })}</Text>
        </div>
        {can('models:write') && <Button leftSection={<Sprout size={16} aria-hidden />} disabled={!state.ready || busy} onClick={() => setOpen(true)}>{t('improve.start')}</Button>}
      </Group>
      <SimpleGrid cols={{ base: 2, sm: 4 }} mt="md">
        {figures.map(([key, value]) => <div key={key}><Text fz={24} fw={600} className="num">{value}</Text><Text size="sm" c="dimmed">{t(`improve.counts.${key as 'new'}`)}</Text></div>)}
      </SimpleGrid>
      {state.labels.known > 0 && <Text size="sm" mt="sm">{Object.entries(state.labels.by_class).map(([name, n]) => `${readable(name)}: ${n}`).join(' · ')}</Text>}
      {state.missing.length > 0 && <Alert color="yellow" mt="md" icon={<TriangleAlert size={18} />} title={t('improve.notReady')}><List size="sm">{state.missing.map((why) => <List.Item key={why}>{why}</List.Item>)}</List></Alert>}
      {open && <StartForm model={model} state={state} close={() => setOpen(false)} />}
    </Paper>
  );
}

function StartForm({ model, state, close }: { model: ModelDetail; state: Improvement; close: () => void }) {
  const { t } = useI18n();
  const { can } = useSession();
  const [, navigate] = useLocation();
  const client = useQueryClient();
  const [start, setStart] = useState<string | null>('weights');
  const [holdOut, setHoldOut] = useState<string | number>(30);
  const [margin, setMargin] = useState<string | number>(0.05);
  const [promote, setPromote] = useState<string | null>('none');
  const send = useMutation({
    mutationFn: () => api.improve(model.name, { start: start ?? 'weights', hold_out: Number(holdOut) / 100, margin: Number(margin), promote: promote ?? 'none' }),
    onSuccess: (answer) => { void client.invalidateQueries({ queryKey: ['improvement', model.name] }); close(); const job = answer.job; if (job && typeof job === 'object' && typeof job.id === 'string') navigate(`/training/${job.id}`); },
    onError: (error) => noticeError(error, t),
  });
  return (
    <Modal opened onClose={close} closeButtonProps={{ 'aria-label': t('common.close') }} title={<Text span fw={600}>{t('improve.startTitle', { name: model.name })}</Text>}>
      <Stack>
        <Text size="sm">{t('improve.startText', { n: state.labels.new + state.labels.changed, dataset: state.dataset, live: state.live })}</Text>
        <Select label={t('improve.from')} value={start} onChange={setStart} allowDeselect={false} data={[{ value: 'weights', label: t('improve.weights', { n: state.live }) }, { value: 'scratch', label: t('improve.scratch') }]} />
        <NumberInput label={t('improve.holdOut')} description={t('improve.holdOutHelp')} value={holdOut} onChange={setHoldOut} min={5} max={90} suffix=" %" />
        <NumberInput label={t('improve.margin')} description={t('improve.marginHelp')} value={margin} onChange={setMargin} min={0} max={0.5} step={0.01} decimalScale={3} />
        {can('models:promote') && <Select label={t('improve.promote')} description={t('improve.promoteHelp')} value={promote} onChange={setPromote} allowDeselect={false} data={(['none', 'shadow', 'live'] as const).map((value) => ({ value, label: t(`improve.promotions.${value}`) }))} />}
        <Group justify="flex-end"><Button variant="default" onClick={close}>{t('common.cancel')}</Button><Button onClick={() => send.mutate()} loading={send.isPending}>{t('improve.start')}</Button></Group>
      </Stack>
    </Modal>
  );
}

export function ImprovementChecks({ checks }: { checks: ImprovementCheck[] }) {
  const { t } = useI18n();
  return (
    <Stack gap={6} component="ul" className="plain-list">
      {checks.map((check) => (
        <Group key={check.on} gap="xs" wrap="nowrap" align="flex-start" component="li">
          {check.passed ? <CircleCheck size={18} color="var(--mantine-color-aceso-6)" aria-label={t('improve.passed')} /> : <CircleX size={18} color="var(--mantine-color-red-6)" aria-label={t('improve.failed')} />}
          <div>
            <Text size="sm"><Text span fw={550}>{check.on}</Text>{typeof check.samples === 'number' ? ` (${check.samples})` : ''}: {check.text}</Text>
            {check.figures && <Text size="xs" c="dimmed" className="num">{t('improve.figures', { fresh: measured(check.figures.new?.value ?? 0), live: measured(check.figures.live?.value ?? 0) })}</Text>}
          </div>
        </Group>
      ))}
    </Stack>
  );
}

function Rounds({ jobs }: { jobs: Job[] }) {
  const { t, language } = useI18n();
  if (jobs.length === 0) return null;
  return (
    <Paper p="lg" component="section" aria-labelledby="rounds-title">
      <Title order={2} mb="sm" id="rounds-title">{t('improve.rounds')}</Title>
      <Stack gap="lg">
        {jobs.map((job) => {
          const out = job.output as ImprovementOutcome | null | undefined;
          return (
            <Box key={job.id}>
              <Group gap="sm" mb={6}>
                <Anchor component={Link} href={`/training/${job.id}`} size="sm">{dateTime(job.created, language)}</Anchor>
                <StateBadge state={job.state} />
                {out?.version !== undefined && <Anchor component={Link} href={`/models/${encodeURIComponent(out.model)}/${out.version}?tab=approval`} size="sm">{t('models.version', { n: out.version })}</Anchor>}
                {out?.passed !== undefined && <Badge color={out.passed ? 'aceso' : 'red'}>{t(out.passed ? 'improve.passed' : 'improve.failed')}</Badge>}
                {out?.stage && out.stage !== 'candidate' && <Badge variant="light">{out.stage}</Badge>}
              </Group>
              {out?.data && <Text size="sm" c="dimmed" mb={6}>{t('improve.roundText', { n: out.data.added, own: out.data.own, dataset: out.dataset })}</Text>}
              {out?.checks && <ImprovementChecks checks={out.checks} />}
              {out?.waits_for && <Alert color="yellow" mt="xs" icon={<TriangleAlert size={18} />} title={t('improve.waits')}>{out.waits_for}</Alert>}
              {job.error && <Text size="sm" c="red">{job.error}</Text>}
            </Box>
          );
        })}
      </Stack>
    </Paper>
  );
}
