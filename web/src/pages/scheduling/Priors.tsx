// Earlier studies that the node fetches before an appointment: how it stands, and study by study why.
import { Alert, Anchor, Badge, Button, Group, Modal, Stack, Table, Text } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { useState } from 'react';
import { Link } from 'wouter';
import { api } from '../../api/endpoints';
import type { PriorStudyEntry, PriorsState, ScheduledStep } from '../../api/types';
import { useSession } from '../../app/session';
import { ErrorState, ListSkeleton, notice, noticeError } from '../../components/feedback';
import { useI18n } from '../../i18n';
import { dicomDate, dicomTime, studyAddress } from '../../lib/dicom';
import { count } from '../../lib/format';

const color: Record<PriorsState, string> = { waiting: 'gray', fetching: 'blue', fetched: 'aceso', none: 'gray', failed: 'red', past: 'gray', no_rule: 'gray' };
const again: Partial<Record<PriorsState, number>> = { fetching: 500, waiting: 5000 };

export function PriorsCell({ step, name }: { step: ScheduledStep; name: string }) {
  const { t, language } = useI18n();
  const [open, setOpen] = useState(false);
  const { priors } = step;
  if (!priors) return <>–</>;
  const state = t(`scheduling.priors.states.${priors.state}`);
  const how = priors.known > 0 ? t('scheduling.priors.of', { here: count(priors.here, language), known: count(priors.known, language) }) : '';
  return (
    <>
      <Button variant="subtle" size="compact-sm" px={4} h="auto" aria-label={`${t('scheduling.priors.open', { name })}: ${[state, how].filter(Boolean).join(', ')}`} onClick={() => setOpen(true)} title={priors.reason || undefined}>
        <Stack gap={0} align="flex-start"><Badge color={color[priors.state]}>{state}</Badge>{how && <Text size="xs" c="dimmed" className="num">{how}</Text>}</Stack>
      </Button>
      <Modal opened={open} onClose={() => setOpen(false)} size="xl" title={t('scheduling.priors.dialog', { name })} closeButtonProps={{ 'aria-label': t('common.close') }}>{open && <Detail step={step} />}</Modal>
    </>
  );
}

function Detail({ step }: { step: ScheduledStep }) {
  const { t, language } = useI18n();
  const { can } = useSession();
  const client = useQueryClient();
  const query = useQuery({ queryKey: ['steps', 'priors', step.id], queryFn: ({ signal }) => api.priors(step.id, signal), refetchInterval: ({ state }) => (state.data ? again[state.data.state] ?? false : false) });
  const fetch = useMutation({
    mutationFn: () => api.fetchPriors(step.id),
    onSuccess: (found) => { notice(t('scheduling.priors.asked')); client.setQueryData(['steps', 'priors', step.id], found); },
    onError: (error) => noticeError(error, t),
  });
  const state = query.data?.state;
  const [seen, setSeen] = useState(state);
  if (state !== seen) {   // the list behind follows
    setSeen(state);
    if (seen) void client.invalidateQueries({ queryKey: ['steps', 'scheduled'] });
  }
  if (query.isPending) return <ListSkeleton rows={3} />;
  if (query.error) return <ErrorState error={query.error} retry={() => void query.refetch()} />;
  const priors = query.data;
  const [date = '', time = ''] = priors.due?.split('T') ?? [];   // of the place where the node is
  const due = date && priors.state === 'waiting' ? t('scheduling.priors.due', { time: `${dicomDate(date.replaceAll('-', ''), language)} ${dicomTime(time.replace(':', ''))}` }) : '';
  return (
    <Stack>
      <Group justify="space-between" wrap="nowrap" role="status">
        <Group gap="sm"><Badge color={color[priors.state]}>{t(`scheduling.priors.states.${priors.state}`)}</Badge><Text size="sm">{t(`scheduling.priors.explain.${priors.state}`)} {due}</Text></Group>
        {can('archive:write') && priors.state !== 'no_rule' && priors.state !== 'past' && <Button size="compact-sm" variant="default" loading={fetch.isPending || priors.state === 'fetching'} onClick={() => fetch.mutate()}>{t('scheduling.priors.fetch')}</Button>}
      </Group>
      {priors.reason && <Alert color={priors.state === 'failed' ? 'red' : 'yellow'} className="break">{priors.reason}</Alert>}
      {priors.not_theirs > 0 && <Text size="sm">{t('scheduling.priors.notTheirs', { count: count(priors.not_theirs, language) })}</Text>}
      {priors.studies.length > 0 && (
        <div className="scroll-x" tabIndex={0} role="region" aria-label={t('scheduling.priors.studies')}>
          <Table miw={620} verticalSpacing={6}>
            <Table.Thead><Table.Tr><Table.Th>{t('scheduling.date')}</Table.Th><Table.Th>{t('scheduling.study')}</Table.Th><Table.Th>{t('scheduling.priors.from')}</Table.Th><Table.Th>{t('scheduling.priors.objects')}</Table.Th><Table.Th><span className="visually-hidden">{t('common.actions')}</span></Table.Th></Table.Tr></Table.Thead>
            <Table.Tbody>{priors.studies.map((study) => <StudyRow key={study.study} study={study} />)}</Table.Tbody>
          </Table>
        </div>
      )}
    </Stack>
  );
}

function StudyRow({ study }: { study: PriorStudyEntry }) {
  const { t, language } = useI18n();
  const refused = study.unconfirmed || study.disagreeing.length > 0;
  const why = study.unconfirmed ? t('scheduling.priors.unconfirmed') : refused ? t('scheduling.priors.other', { fields: study.disagreeing.map((field) => t(`scheduling.priors.fields.${field}`)).join(', ') }) : study.reason;
  return (
    <Table.Tr>
      <Table.Td className="nowrap num">{study.date ? dicomDate(study.date, language) : '–'}</Table.Td>
      <Table.Td className="break">{study.modalities.split('\\').filter(Boolean).map((code) => <Badge key={code} color="gray" mr={6}>{code}</Badge>)}{study.description}{why && <Text size="xs" c={refused ? undefined : 'dimmed'} fw={refused ? 550 : undefined}>{why}</Text>}</Table.Td>
      <Table.Td className="nowrap">{study.source}</Table.Td>
      <Table.Td className="nowrap num">{refused ? '–' : t('scheduling.priors.here', { here: count(study.here, language), objects: count(study.objects, language) })}</Table.Td>
      <Table.Td className="nowrap">{study.here > 0 && !refused && <Anchor component={Link} size="sm" href={studyAddress(study.study)}>{t('scheduling.openStudy')}</Anchor>}</Table.Td>
    </Table.Tr>
  );
}
