// The modality worklist by date and time; what is stored of a step leads to its study.
import { Anchor, Badge, Button, Paper, Table, Text } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { keepPreviousData, useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { CalendarClock } from 'lucide-react';
import { Link } from 'wouter';
import { api } from '../../api/endpoints';
import type { ScheduledStep } from '../../api/types';
import { useSession } from '../../app/session';
import { ask } from '../../components/confirm';
import { EmptyState, ErrorState, ListSkeleton, notice, noticeError } from '../../components/feedback';
import { useI18n } from '../../i18n';
import { dicomDate, dicomTime, personName, studyAddress } from '../../lib/dicom';
import { count } from '../../lib/format';
import { PriorsCell } from './Priors';
import { stateColor, toFilter, type StepSearch } from './steps';
import { Total } from './Total';

const again = 20_000;   // modalities tell the node, not this page

export function ScheduledTab({ search, narrowed }: { search: StepSearch; narrowed: boolean }) {
  const { t, language } = useI18n();
  const [asked] = useDebouncedValue(search, 250);
  const query = useQuery({ queryKey: ['steps', 'scheduled', asked], queryFn: ({ signal }) => api.scheduledSteps(toFilter(asked), signal), placeholderData: keepPreviousData, refetchInterval: again });
  if (query.isPending) return <ListSkeleton rows={6} />;
  if (query.error) return <ErrorState error={query.error} retry={() => void query.refetch()} />;
  const { items, total } = query.data;
  const priors = items.some((step) => step.priors !== null);   // none: the node fetches none
  return (
    <>
      <Total text={total > items.length ? t('scheduling.more', { shown: count(items.length, language), count: count(total, language) }) : t('scheduling.total', { count: count(total, language) })} />
      {total === 0 && <EmptyState icon={CalendarClock} title={t(narrowed ? 'scheduling.none' : 'scheduling.empty')} text={t(narrowed ? 'scheduling.noneText' : 'scheduling.emptyText')} />}
      {items.length > 0 && (
        <Paper className="scroll-x" tabIndex={0} role="region" aria-label={t('scheduling.scheduled')}>
          <Table miw={860} verticalSpacing={8} aria-busy={query.isPlaceholderData}>
            <Table.Thead><Table.Tr><Table.Th>{t('scheduling.when')}</Table.Th><Table.Th>{t('studies.patient')}</Table.Th><Table.Th>{t('scheduling.procedure')}</Table.Th><Table.Th>{t('scheduling.station')}</Table.Th><Table.Th>{t('studies.accession')}</Table.Th><Table.Th>{t('common.state')}</Table.Th>{priors && <Table.Th>{t('scheduling.priors.title')}</Table.Th>}<Table.Th><span className="visually-hidden">{t('common.actions')}</span></Table.Th></Table.Tr></Table.Thead>
            <Table.Tbody>{items.map((step) => <Row key={step.id} step={step} priors={priors} />)}</Table.Tbody>
          </Table>
        </Paper>
      )}
    </>
  );
}

function Row({ step, priors }: { step: ScheduledStep; priors: boolean }) {
  const { t, maybe, language } = useI18n();
  const { can } = useSession();
  const client = useQueryClient();
  const name = personName(step.patient_name, language) || t('studies.unnamed');
  const procedure = step.procedure || step.description || '–';
  const remove = useMutation({
    mutationFn: () => api.unschedule(step.id),
    onSuccess: () => { notice(t('scheduling.removed')); return client.invalidateQueries({ queryKey: ['steps', 'scheduled'] }); },
    onError: (error) => noticeError(error, t),
  });
  return (
    <Table.Tr data-state={step.state}>
      <Table.Td className="nowrap num">{dicomDate(step.date, language)}<Text c="dimmed" size="xs">{dicomTime(step.time)}</Text></Table.Td>
      <Table.Td><Text size="sm" fw={550}>{name}</Text><Text size="xs" c="dimmed" className="num nowrap">{[step.patient_id, step.sex ? maybe('studies.sexes', step.sex) : '', step.birth_date ? dicomDate(step.birth_date, language) : ''].filter(Boolean).join(' · ')}</Text></Table.Td>
      <Table.Td className="break"><Badge color="gray" mr={6} title={maybe('modalities', step.modality)}>{step.modality}</Badge>{procedure}{step.procedure && step.description && <Text size="xs" c="dimmed">{step.description}</Text>}</Table.Td>
      <Table.Td className="nowrap">{step.station_ae || <Text span size="sm" c="dimmed">{t('scheduling.any')}</Text>}{step.location && <Text size="xs" c="dimmed">{step.location}</Text>}</Table.Td>
      <Table.Td className="num nowrap">{step.accession || '–'}</Table.Td>
      <Table.Td><Badge color={stateColor[step.state]}>{t(`scheduling.states.${step.state}`)}</Badge>{step.stored && <div><Anchor component={Link} size="xs" href={studyAddress(step.study_uid)}>{t('scheduling.openStudy')}</Anchor></div>}</Table.Td>
      {priors && <Table.Td className="nowrap"><PriorsCell step={step} name={name} /></Table.Td>}
      <Table.Td ta="right">{can('archive:write') && (
        <Button size="compact-sm" variant="default" loading={remove.isPending} aria-label={`${t('scheduling.remove')}: ${name}, ${procedure}`}
          onClick={() => ask({ title: t('scheduling.removeTitle'), text: t('scheduling.removeText', { name, procedure }), confirm: t('scheduling.remove'), cancel: t('common.cancel'), danger: true, onConfirm: () => remove.mutate() })}>{t('scheduling.remove')}</Button>
      )}</Table.Td>
    </Table.Tr>
  );
}
