// Everybody of whom the archive keeps a study.
import { Badge, Box, Button, Group, Paper, Stack, Table, Text, TextInput } from '@mantine/core';
import { useDebouncedValue, useHotkeys } from '@mantine/hooks';
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { UserRound } from 'lucide-react';
import { useRef } from 'react';
import { Link, useLocation } from 'wouter';
import { api } from '../../api/endpoints';
import type { PatientOrder, PatientRow } from '../../api/types';
import { EmptyState, ErrorState, ListSkeleton, PageHead } from '../../components/feedback';
import { Pager } from '../../components/Pager';
import { SortHeader } from '../../components/SortHeader';
import { useKept } from '../../app/kept';
import { useI18n, type Key } from '../../i18n';
import { dicomDate, patientAddress, personName } from '../../lib/dicom';
import { count } from '../../lib/format';
import { walkRows } from '../../lib/rows';
import '../studies/studies.css';

interface State { patient: string; order: PatientOrder; ascending: boolean; page: number }
const start: State = { patient: '', order: 'date', ascending: false, page: 0 };
const pageSize = 50;
const columns: { order: PatientOrder | null; label: Key; right?: boolean }[] = [
  { order: 'patient', label: 'studies.patient' }, { order: 'patient_id', label: 'study.patientId' }, { order: null, label: 'study.birth' }, { order: null, label: 'study.sex' }, { order: null, label: 'studies.modality' }, { order: 'studies', label: 'patients.studies', right: true }, { order: 'date', label: 'patients.newest' },
];

export default function PatientsPage() {
  const { t, language } = useI18n();
  const [, navigate] = useLocation();
  const [state, change] = useKept<State>('patients-search', start);
  const [asked] = useDebouncedValue(state, 250);
  const box = useRef<HTMLInputElement>(null);
  useHotkeys([['/', () => box.current?.focus()]]);
  const query = useQuery({
    queryKey: ['patients', asked], placeholderData: keepPreviousData,
    queryFn: ({ signal }) => api.patients({ ...(asked.patient.trim() ? { patient: asked.patient.trim() } : {}), order: asked.order, ascending: asked.ascending, offset: asked.page * pageSize, limit: pageSize }, signal),
  });
  const rows = query.data?.patients ?? [];
  const total = query.data?.total ?? 0;
  const searched = state.patient.trim() !== '';
  const sort = (order: PatientOrder) => change((s) => ({ ...s, page: 0, order, ascending: s.order === order ? !s.ascending : order === 'patient' || order === 'patient_id' }));
  return (
    <Box className="page">
      <PageHead title={t('patients.title')} text={t('patients.text')} />
      <Stack gap="md">
        <Paper p="md" component="search" aria-label={t('patients.search')}>
          <TextInput ref={box} maw={420} label={t('studies.who')} placeholder={t('studies.whoHelp')} maxLength={200} autoComplete="off" spellCheck={false} aria-keyshortcuts="/" value={state.patient} onChange={(event) => { const patient = event.currentTarget.value; change((s) => ({ ...s, page: 0, patient })); }} />
          <Group justify="space-between" mt="sm" mih={30}>
            <Text size="sm" c="dimmed" role="status" className="num">{query.data ? t(searched ? 'patients.found' : 'patients.total', { count: count(total, language) }) : ''}</Text>
            {searched && <Button size="xs" variant="subtle" onClick={() => { change((s) => ({ ...s, page: 0, patient: '' })); box.current?.focus(); }}>{t('common.clear')}</Button>}
          </Group>
        </Paper>
        {query.isPending && <ListSkeleton rows={8} />}
        {query.error && <ErrorState error={query.error} retry={() => void query.refetch()} />}
        {query.data && total === 0 && <EmptyState icon={UserRound} title={t(searched ? 'patients.none' : 'patients.empty')} text={t(searched ? 'studies.noneText' : 'patients.emptyText')} action={searched ? undefined : <Button component={Link} href="/studies">{t('studies.title')}</Button>} />}
        {rows.length > 0 && !query.error && (
          <Paper className="scroll-x" tabIndex={0} role="region" aria-label={t('patients.title')}>
            <Table miw={860} verticalSpacing={9} aria-busy={query.isPlaceholderData}>
              <Table.Thead><Table.Tr>{columns.map((column) => <SortHeader key={column.label} label={t(column.label)} right={column.right} active={column.order === state.order} ascending={state.ascending} sort={column.order ? () => sort(column.order!) : undefined} />)}</Table.Tr></Table.Thead>
              <Table.Tbody onKeyDown={walkRows}>{rows.map((row) => <Row key={row.newest_study_uid} row={row} open={() => navigate(patientAddress(row.newest_study_uid))} />)}</Table.Tbody>
            </Table>
          </Paper>
        )}
        <Pager page={state.page} pageSize={pageSize} total={total} waiting={query.isPlaceholderData} go={(page) => change((s) => ({ ...s, page }))} />
      </Stack>
    </Box>
  );
}

function Row({ row, open }: { row: PatientRow; open: () => void }) {
  const { t, maybe, language } = useI18n();
  const { patient } = row;
  return (
    <Table.Tr className="clickable-row" onClick={open}>
      <Table.Td><Link href={patientAddress(row.newest_study_uid)} className="plain-link row-link" onClick={(event) => event.stopPropagation()}>{personName(patient.name, language) || t('studies.unnamed')}</Link></Table.Td>
      <Table.Td className="num break">{patient.id || t('studies.noId')}{patient.issuer && <Text span c="dimmed" size="sm"> ({patient.issuer})</Text>}</Table.Td>
      <Table.Td className="nowrap num">{patient.birth_date ? dicomDate(patient.birth_date, language) : '–'}</Table.Td>
      <Table.Td>{patient.sex ? maybe('studies.sexes', patient.sex) : '–'}</Table.Td>
      <Table.Td><Group gap={4}>{row.modalities.map((code) => <Badge key={code} color="gray" title={maybe('modalities', code)}>{code}</Badge>)}</Group></Table.Td>
      <Table.Td ta="right" className="num">{count(row.studies, language)}</Table.Td>
      <Table.Td className="nowrap num">{row.newest_date ? dicomDate(row.newest_date, language) : '–'}</Table.Td>
    </Table.Tr>
  );
}
