// Start a training and see all jobs.
import { Box, Button, Group, Modal, Paper, Progress, Select, Table, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { GraduationCap, Plus } from 'lucide-react';
import { useState } from 'react';
import { Link, useLocation, useSearch } from 'wouter';
import { api } from '../../api/endpoints';
import type { Job, JobState } from '../../api/types';
import { useSession } from '../../app/session';
import { StateBadge } from '../../components/bits';
import { EmptyState, ErrorState, ListSkeleton, PageHead } from '../../components/feedback';
import { useI18n } from '../../i18n';
import { ago, duration } from '../../lib/format';
import { jobSubject } from '../../lib/jobs';
import { TrainingForm } from './TrainingForm';

const states: JobState[] = ['queued', 'running', 'succeeded', 'failed', 'cancelled'];

export default function TrainingPage() {
  const { t, language, maybe } = useI18n();
  const { can } = useSession();
  const [, navigate] = useLocation();
  const search = new URLSearchParams(useSearch());
  const asked = search.get('dataset');
  const [opened, setOpened] = useState(asked !== null);
  const [state, setState] = useState('');
  const jobs = useQuery({
    queryKey: ['jobs', state], queryFn: () => api.jobs({ state, limit: 100 }),
    refetchInterval: (query) => (query.state.data?.items.some((job) => job.state === 'queued' || job.state === 'running') ? 2500 : 15_000),
  });
  const items = jobs.data?.items ?? [];
  const start = can('jobs:write') ? <Button leftSection={<Plus size={16} aria-hidden />} onClick={() => setOpened(true)}>{t('training.new')}</Button> : undefined;
  return (
    <Box className="page">
      <PageHead title={t('training.title')}>
        <Select aria-label={t('common.state')} w={160} value={state} onChange={(value) => setState(value ?? '')} data={[{ value: '', label: t('training.allStates') }, ...states.map((name) => ({ value: name, label: t(`training.states.${name}`) }))]} />
        {start}
      </PageHead>
      {jobs.isPending && <ListSkeleton />}
      {jobs.error && <ErrorState error={jobs.error} retry={() => void jobs.refetch()} />}
      {jobs.data && items.length === 0 && <EmptyState icon={GraduationCap} title={t('training.empty')} text={t('training.emptyText')} action={start} />}
      {items.length > 0 && (
        <Paper className="scroll-x" tabIndex={0} role="region" aria-label={t('training.jobs')}>
          <Table miw={780}>
            <Table.Thead><Table.Tr><Table.Th>{t('training.job')}</Table.Th><Table.Th>{t('common.state')}</Table.Th><Table.Th w="26%">{t('training.progress')}</Table.Th><Table.Th>{t('common.by')}</Table.Th><Table.Th>{t('common.created')}</Table.Th></Table.Tr></Table.Thead>
            <Table.Tbody>
              {items.map((job) => (
                <Table.Tr key={job.id} className="clickable-row" onClick={() => navigate(`/training/${job.id}`)}>
                  <Table.Td><Link href={`/training/${job.id}`} className="plain-link" onClick={(event) => event.stopPropagation()}><Text span size="sm" fw={550}>{jobSubject(job)}</Text></Link><Text size="xs" c="dimmed">{maybe('training.kinds', job.kind)}{typeof job.input?.dataset === 'string' ? ` · ${job.input.dataset}` : ''}</Text></Table.Td>
                  <Table.Td><StateBadge state={job.state} /></Table.Td>
                  <Table.Td><JobProgress job={job} /></Table.Td>
                  <Table.Td>{job.created_by ?? '–'}</Table.Td>
                  <Table.Td className="nowrap" title={job.created}>{ago(job.created, language)}</Table.Td>
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        </Paper>
      )}
      <Modal opened={opened} onClose={() => setOpened(false)} title={t('training.new')} size="lg" closeButtonProps={{ 'aria-label': t('common.close') }}>
        {opened && <TrainingForm dataset={asked ?? undefined} onStarted={(id) => navigate(`/training/${id}`)} />}
      </Modal>
    </Box>
  );

  function JobProgress({ job }: { job: Job }) {
    if (job.state === 'failed') return <Text size="sm" className="break" lineClamp={2}>{job.error}</Text>;
    const progress = job.progress;
    if (job.state !== 'running' || !progress) return <Text size="sm" c="dimmed">{job.state === 'succeeded' ? duration((Date.parse(job.updated) - Date.parse(job.created)) / 1000, language) : '–'}</Text>;
    const known = (progress.total ?? 0) > 0;
    return (
      <div>
        <Progress size={6} value={known ? ((progress.done ?? 0) / (progress.total ?? 1)) * 100 : 100} animated={!known} aria-label={t('training.progress')} />
        <Group justify="space-between" mt={4}><Text size="xs" c="dimmed">{known ? `${progress.done} / ${progress.total}` : ''}</Text>{(progress.seconds_left ?? -1) >= 0 && <Text size="xs" c="dimmed">{t('training.timeLeft', { time: duration(progress.seconds_left, language) })}</Text>}</Group>
      </div>
    );
  }
}
