// One dataset: counts, provenance, warnings, and a contact sheet to look at what is in it.
import { Alert, Box, Button, Group, Modal, Paper, Select, SimpleGrid, Stack, Table, Text, Title, UnstyledButton } from '@mantine/core';
import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { ArrowLeft, GraduationCap, Trash2, TriangleAlert } from 'lucide-react';
import { lazy, Suspense, useState } from 'react';
import { Link, useLocation, useParams } from 'wouter';
import { api } from '../../api/endpoints';
import type { Dataset, Sample } from '../../api/types';
import { useSession } from '../../app/session';
import { Hash } from '../../components/bits';
import { ask } from '../../components/confirm';
import { ErrorState, ListSkeleton, notice, noticeError } from '../../components/feedback';
import { useI18n } from '../../i18n';
import { count, figure } from '../../lib/format';
import { orderedCounts, sampleTotal, shapeText, splitTotal } from '../../lib/datasets';
import { readable } from '../../lib/uncertainty';

const CountsChart = lazy(() => import('../../components/charts').then((m) => ({ default: m.CountsChart })));

export default function DatasetPage() {
  const params = useParams<{ name: string }>();
  const name = decodeURIComponent(params.name ?? '');
  const { t, language, maybe } = useI18n();
  const { can } = useSession();
  const [, navigate] = useLocation();
  const client = useQueryClient();
  const query = useQuery({ queryKey: ['dataset', name], queryFn: () => api.dataset(name) });
  const remove = useMutation({
    mutationFn: () => api.deleteDataset(name),
    onSuccess: () => { notice(t('datasets.deleted')); void client.invalidateQueries({ queryKey: ['datasets'] }); navigate('/datasets'); },
    onError: (error) => noticeError(error, t),
  });
  if (query.isPending) return <Box className="page"><ListSkeleton /></Box>;
  if (query.error) return <Box className="page"><ErrorState error={query.error} retry={() => void query.refetch()} /></Box>;
  const dataset = query.data;
  const setAside = dataset.set_aside ?? [];
  const warnings = dataset.warnings ?? [];
  return (
    <Box className="page">
      <Button component={Link} href="/datasets" variant="subtle" color="gray" px="xs" mb="xs" leftSection={<ArrowLeft size={16} aria-hidden />}>{t('datasets.title')}</Button>
      <Group justify="space-between" align="flex-start" mb="lg" gap="md">
        <div><Title order={1} className="break">{dataset.name}</Title><Text size="sm" c="dimmed" mt={4}>{t('datasets.sampleCount', { count: count(sampleTotal(dataset), language) })} · {shapeText(dataset)} · {dataset.dtype ?? ''}</Text></div>
        <Group gap="sm">
          {can('datasets:write') && <Button variant="default" leftSection={<Trash2 size={16} aria-hidden />} loading={remove.isPending} onClick={() => ask({ title: t('datasets.deleteTitle', { name }), text: t('datasets.deleteText'), confirm: t('common.delete'), cancel: t('common.cancel'), danger: true, onConfirm: () => remove.mutate() })}>{t('common.delete')}</Button>}
          {can('jobs:write') && <Button component={Link} href={`/training?dataset=${encodeURIComponent(name)}`} leftSection={<GraduationCap size={17} aria-hidden />}>{t('datasets.train')}</Button>}
        </Group>
      </Group>
      <Stack gap="lg">
        {warnings.length > 0 && <Alert color="yellow" icon={<TriangleAlert size={18} />} title={t('datasets.warnings')}><Stack gap={4}>{warnings.map((warning) => <Text key={warning} size="sm" className="break">{warning}</Text>)}</Stack></Alert>}
        <SimpleGrid cols={{ base: 1, md: 2 }} spacing="lg">
          <Paper p="lg"><Title order={2} mb="sm">{t('datasets.counts')}</Title><Suspense fallback={<ListSkeleton rows={4} />}><CountsChart counts={orderedCounts(dataset)} classes={dataset.classes} splitName={(split) => maybe('datasets.splits', split)} /></Suspense></Paper>
          <Paper p="lg"><Facts dataset={dataset} /></Paper>
        </SimpleGrid>
        {dataset.kind === 'image' && <ContactSheet dataset={dataset} />}
        {setAside.length > 0 && (
          <Paper p="lg">
            <Title order={2}>{t('datasets.setAside')} ({count(setAside.length, language)})</Title>
            <Text size="sm" c="dimmed" mb="sm">{t('datasets.setAsideText')}</Text>
            <Box className="scroll-x" tabIndex={0} role="region" aria-label={t('datasets.setAside')} mah={320}>
              <Table miw={420}><Table.Thead><Table.Tr><Table.Th>{t('datasets.sample')}</Table.Th><Table.Th>{t('datasets.reason')}</Table.Th></Table.Tr></Table.Thead><Table.Tbody>{setAside.slice(0, 500).map((item) => <Table.Tr key={item.id}><Table.Td className="mono break">{item.id}</Table.Td><Table.Td>{item.reason}</Table.Td></Table.Tr>)}</Table.Tbody></Table>
            </Box>
          </Paper>
        )}
      </Stack>
    </Box>
  );
}

function Facts({ dataset }: { dataset: Dataset }) {
  const { t } = useI18n();
  const intensity = dataset.intensity;
  const show = (key: string) => figure(intensity?.[key], 1);
  return (
    <dl className="definition">
      <dt>{t('datasets.classes')}</dt><dd>{dataset.classes.map(readable).join(', ')}</dd>
      <dt>{t('datasets.source')}</dt><dd>{dataset.source || t('common.unknown')}</dd>
      <dt>{t('datasets.licence')}</dt><dd>{dataset.licence || t('common.unknown')}</dd>
      <dt>{t('datasets.labelSource')}</dt><dd>{dataset.label_source || t('common.unknown')}</dd>
      {intensity && typeof intensity.mean === 'number' && <><dt>{t('datasets.intensity')}</dt><dd className="num">{t('datasets.intensityText', { mean: show('mean'), std: show('sd'), min: show('min'), max: show('max') })}</dd></>}
      <dt>{t('datasets.hash')}</dt><dd><Hash value={dataset.sha256} full /></dd>
      {(dataset.warnings ?? []).length === 0 && <><dt>{t('datasets.warnings')}</dt><dd>{t('datasets.noWarnings')}</dd></>}
    </dl>
  );
}

function ContactSheet({ dataset }: { dataset: Dataset }) {
  const { t, maybe, language } = useI18n();
  const [split, setSplit] = useState('');
  const [label, setLabel] = useState('');
  const [open, setOpen] = useState<Sample | null>(null);
  const list = useInfiniteQuery({
    queryKey: ['samples', dataset.name, split, label],
    queryFn: ({ pageParam }) => api.samples(dataset.name, { split, label, cursor: pageParam, limit: 96 }),
    initialPageParam: '',
    getNextPageParam: (page) => page.next || undefined,
  });
  const items = list.data?.pages.flatMap((page) => page.items) ?? [];
  const splits = Object.keys(orderedCounts(dataset));
  return (
    <Paper p="lg" component="section" aria-labelledby="contact-title">
      <Group justify="space-between" mb="md" gap="sm">
        <div><Title order={2} id="contact-title">{t('datasets.contact')}</Title><Text size="sm" c="dimmed" className="num">{t('datasets.shownCount', { shown: count(items.length, language) })}</Text></div>
        <Group gap="sm">
          <Select aria-label={t('datasets.split')} w={180} value={split} onChange={(value) => setSplit(value ?? '')} data={[{ value: '', label: t('datasets.allSplits') }, ...splits.map((name) => ({ value: name, label: `${maybe('datasets.splits', name)} (${count(splitTotal(dataset, name), language)})` }))]} />
          <Select aria-label={t('datasets.label')} w={180} value={label} onChange={(value) => setLabel(value ?? '')} data={[{ value: '', label: t('datasets.allClasses') }, ...dataset.classes.map((name, index) => ({ value: String(index), label: readable(name) }))]} />
        </Group>
      </Group>
      {list.error && <ErrorState error={list.error} retry={() => void list.refetch()} />}
      {list.data && items.length === 0 && <Text size="sm" c="dimmed">{t('datasets.noSamples')}</Text>}
      <ul className="contact-sheet">
        {items.map((sample) => (
          <li key={sample.index}>
            <UnstyledButton onClick={() => setOpen(sample)} className="contact-cell" data-label={sample.label % 4} aria-label={`${sample.id}, ${readable(sample.class)}`} title={`${sample.id} · ${readable(sample.class)}`}>
              <img src={api.sampleImage(dataset.name, sample.index)} alt="" loading="lazy" decoding="async" />
            </UnstyledButton>
          </li>
        ))}
      </ul>
      <Group gap="md" mt="sm">{dataset.classes.slice(0, 4).map((name, index) => <Group key={name} gap={6}><span className="contact-key" data-label={index} /><Text size="sm">{readable(name)}</Text></Group>)}</Group>
      {list.hasNextPage && <Group justify="center" mt="md"><Button variant="default" loading={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()}>{t('common.loadMore')}</Button></Group>}
      <Modal opened={open !== null} onClose={() => setOpen(null)} title={open?.id} size="auto" closeButtonProps={{ 'aria-label': t('common.close') }}>
        {open && <Stack gap="sm"><img className="sample-large" src={api.sampleImage(dataset.name, open.index)} alt={`${open.id}, ${readable(open.class)}`} /><Text size="sm">{maybe('datasets.splits', open.split)} · {readable(open.class)}</Text></Stack>}
      </Modal>
    </Paper>
  );
}
