// What to read next: studies by what models found and how urgent it is. What nobody has analysed says so and comes before what was called negative.
import { Badge, Box, Button, Group, Paper, Stack, Table, Text } from '@mantine/core';
import { useInfiniteQuery, useQueryClient } from '@tanstack/react-query';
import { ListOrdered } from 'lucide-react';
import { Link, useLocation } from 'wouter';
import { useArchiveEvents } from '../../api/archiveEvents';
import { api } from '../../api/endpoints';
import type { WorklistItem, WorklistRank } from '../../api/types';
import { ResearchBadge } from '../../components/bits';
import { EmptyState, ErrorState, ListSkeleton, PageHead } from '../../components/feedback';
import { useI18n } from '../../i18n';
import { dicomDate, dicomTime, personName, studyAddress } from '../../lib/dicom';
import { ago, dateTime, probability } from '../../lib/format';
import { walkRows } from '../../lib/rows';
import { PatientLine } from '../studies/patient';
import '../studies/studies.css';

const colors: Record<WorklistRank, string> = { positive: 'orange', failed: 'red', waiting: 'blue', negative: 'gray', not_applicable: 'gray', judged: 'aceso' };

export default function WorklistPage() {
  const { t } = useI18n();
  const [, navigate] = useLocation();
  const client = useQueryClient();
  useArchiveEvents(() => void client.invalidateQueries({ queryKey: ['worklist'] }));
  const query = useInfiniteQuery({ queryKey: ['worklist'], queryFn: ({ pageParam, signal }) => api.worklist(pageParam, signal), initialPageParam: '', getNextPageParam: (page) => page.next ?? undefined });
  const items = query.data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <Box className="page">
      <PageHead title={t('worklist.title')} text={t('worklist.text')}><ResearchBadge /></PageHead>
      <Stack gap="md">
        {query.isPending && <ListSkeleton rows={8} />}
        {query.error && <ErrorState error={query.error} retry={() => void query.refetch()} />}
        {query.data && items.length === 0 && <EmptyState icon={ListOrdered} title={t('worklist.empty')} text={t('worklist.emptyText')} />}
        {items.length > 0 && (
          <Paper className="scroll-x" tabIndex={0} role="region" aria-label={t('worklist.title')}>
            <Table miw={780} verticalSpacing={9}>
              <Table.Thead><Table.Tr><Table.Th>{t('worklist.finding')}</Table.Th><Table.Th>{t('studies.patient')}</Table.Th><Table.Th>{t('studies.date')}</Table.Th><Table.Th>{t('studies.description')}</Table.Th><Table.Th>{t('studies.received')}</Table.Th></Table.Tr></Table.Thead>
              <Table.Tbody onKeyDown={walkRows}>{items.map((item) => <Row key={item.study_uid} item={item} open={() => navigate(studyAddress(item.study_uid))} />)}</Table.Tbody>
            </Table>
          </Paper>
        )}
        {query.hasNextPage && <Group justify="center"><Button variant="default" loading={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>{t('worklist.more')}</Button></Group>}
      </Stack>
    </Box>
  );
}

function Row({ item, open }: { item: WorklistItem; open: () => void }) {
  const { t, maybe, language } = useI18n();
  const { analysis } = item;
  const name = personName(item.patient.name, language) || t('studies.unnamed');
  return (
    <Table.Tr className="clickable-row" onClick={open} data-rank={item.rank}>
      <Table.Td>
        <Group gap={6}>
          <Badge color={colors[item.rank] ?? 'gray'} variant={item.rank === 'positive' && analysis.urgency === 'high' ? 'filled' : 'light'}>{maybe('worklist.ranks', item.rank)}</Badge>
          {item.rank === 'positive' && analysis.urgency && <Badge color={analysis.urgency === 'high' ? 'red' : 'gray'} variant="light">{maybe('worklist.urgencies', analysis.urgency)}</Badge>}
        </Group>
        {typeof analysis.probability === 'number' && <Text size="sm" mt={2}>{analysis.judgement ? analysis.judgement.finding : analysis.finding} <Text span c="dimmed" className="num">{probability(analysis.probability)} {analysis.class}</Text></Text>}
        {typeof analysis.probability === 'number' && analysis.model && <Text size="xs" c="dimmed">{analysis.model.name} v{analysis.model.version} · {analysis.uncertainty}</Text>}
        {analysis.reason && <Text size="xs" c="dimmed" className="break">{analysis.reason}</Text>}
      </Table.Td>
      <Table.Td><Link href={studyAddress(item.study_uid)} className="plain-link row-link" onClick={(event) => event.stopPropagation()}>{name}</Link><PatientLine study={item} /></Table.Td>
      <Table.Td className="nowrap num">{dicomDate(item.date, language)}{item.time && <Text c="dimmed" size="xs">{dicomTime(item.time)}</Text>}</Table.Td>
      <Table.Td className="break">{item.description || '–'}<Group gap={4} mt={2}>{item.modalities.map((code) => <Badge key={code} color="gray" title={maybe('modalities', code)}>{code}</Badge>)}</Group></Table.Td>
      <Table.Td className="nowrap" title={dateTime(item.received, language)}>{ago(item.received, language)}</Table.Td>
    </Table.Tr>
  );
}
