// What modalities reported (MPPS), the newest first: how it stands, how many objects they named and how many of them are here.
import { Anchor, Badge, Button, Group, Paper, Table, Text } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { keepPreviousData, useInfiniteQuery } from '@tanstack/react-query';
import { ClipboardCheck } from 'lucide-react';
import { Link } from 'wouter';
import { api } from '../../api/endpoints';
import type { PerformedStep } from '../../api/types';
import { EmptyState, ErrorState, ListSkeleton } from '../../components/feedback';
import { useI18n } from '../../i18n';
import { dicomDate, dicomTime, personName, studyAddress } from '../../lib/dicom';
import { count } from '../../lib/format';
import { stateColor, toFilter, type StepSearch } from './steps';
import { Total } from './Total';

const again = 20_000;

export function PerformedTab({ search, narrowed }: { search: StepSearch; narrowed: boolean }) {
  const { t, language } = useI18n();
  const [asked] = useDebouncedValue(search, 250);
  const query = useInfiniteQuery({ queryKey: ['steps', 'performed', asked], queryFn: ({ pageParam, signal }) => api.performedSteps(toFilter(asked), pageParam, signal), initialPageParam: '', getNextPageParam: (page) => page.next ?? undefined, placeholderData: keepPreviousData, refetchInterval: again });
  if (query.isPending) return <ListSkeleton rows={6} />;
  if (query.error) return <ErrorState error={query.error} retry={() => void query.refetch()} />;
  const items = query.data.pages.flatMap((page) => page.items);
  return (
    <>
      <Total text={items.length === 0 && query.hasNextPage ? t('scheduling.noneYet') : t('scheduling.total', { count: `${count(items.length, language)}${query.hasNextPage ? '+' : ''}` })} />
      {items.length === 0 && !query.hasNextPage && <EmptyState icon={ClipboardCheck} title={t(narrowed ? 'scheduling.none' : 'scheduling.noPerformed')} text={t(narrowed ? 'scheduling.noneText' : 'scheduling.noPerformedText')} />}
      {items.length > 0 && (
        <Paper className="scroll-x" tabIndex={0} role="region" aria-label={t('scheduling.performed')}>
          <Table miw={860} verticalSpacing={8} aria-busy={query.isPlaceholderData}>
            <Table.Thead><Table.Tr><Table.Th>{t('common.state')}</Table.Th><Table.Th>{t('studies.patient')}</Table.Th><Table.Th>{t('scheduling.procedure')}</Table.Th><Table.Th>{t('scheduling.began')}</Table.Th><Table.Th>{t('scheduling.ended')}</Table.Th><Table.Th>{t('scheduling.objects')}</Table.Th><Table.Th>{t('scheduling.study')}</Table.Th></Table.Tr></Table.Thead>
            <Table.Tbody>{items.map((step) => <Row key={step.id} step={step} />)}</Table.Tbody>
          </Table>
        </Paper>
      )}
      {query.hasNextPage && <Group justify="center" mt="md"><Button variant="default" loading={query.isFetchingNextPage} onClick={() => void query.fetchNextPage()}>{t('common.loadMore')}</Button></Group>}
    </>
  );
}

function When({ date, time }: { date: string; time: string }) {
  const { language } = useI18n();
  return date ? <>{dicomDate(date, language)}<Text c="dimmed" size="xs">{dicomTime(time)}</Text></> : <>–</>;
}

function Row({ step }: { step: PerformedStep }) {
  const { t, maybe, language } = useI18n();
  const named = step.series.reduce((sum, one) => sum + one.instances, 0);
  const here = step.series.reduce((sum, one) => sum + one.here, 0);
  return (
    <Table.Tr data-state={step.state}>
      <Table.Td><Badge color={stateColor[step.state]}>{t(`scheduling.states.${step.state}`)}</Badge></Table.Td>
      <Table.Td><Text size="sm" fw={550}>{personName(step.patient_name, language) || t('studies.unnamed')}</Text><Text size="xs" c="dimmed" className="num nowrap">{step.patient_id || t('studies.noId')}</Text></Table.Td>
      <Table.Td className="break">{step.modality && <Badge color="gray" mr={6} title={maybe('modalities', step.modality)}>{step.modality}</Badge>}{step.description || '–'}<Text size="xs" c="dimmed">{[step.station_ae, step.reporter && step.reporter !== step.station_ae ? t('scheduling.reportedBy', { name: step.reporter }) : ''].filter(Boolean).join(' · ')}</Text></Table.Td>
      <Table.Td className="nowrap num"><When date={step.start_date} time={step.start_time} /></Table.Td>
      <Table.Td className="nowrap num"><When date={step.end_date} time={step.end_time} /></Table.Td>
      <Table.Td className="nowrap num">{named === 0 ? <Text span size="sm" c="dimmed">{t('scheduling.noObjects')}</Text> : <><Text span size="sm" fw={here < named ? 600 : undefined}>{t('scheduling.ofObjects', { here: count(here, language), named: count(named, language) })}</Text><Text size="xs" c="dimmed">{t('scheduling.series', { count: count(step.series.length, language) })}</Text></>}</Table.Td>
      <Table.Td className="nowrap">{step.study ? <Anchor component={Link} size="sm" href={studyAddress(step.study)}>{t('scheduling.openStudy')}</Anchor> : <Text span size="sm" c="dimmed">{t('scheduling.notHere')}</Text>}</Table.Td>
    </Table.Tr>
  );
}
