// The archive's studies: searched, sorted, a page at a time; files dropped anywhere are stored.
import '@mantine/dropzone/styles.css';
import { Badge, Box, Button, Group, MultiSelect, Paper, Stack, Table, Text, TextInput } from '@mantine/core';
import { Dropzone } from '@mantine/dropzone';
import { useDebouncedValue, useHotkeys } from '@mantine/hooks';
import { keepPreviousData, useQuery, useQueryClient } from '@tanstack/react-query';
import { Images, Upload } from 'lucide-react';
import { useEffect, useRef, useState } from 'react';
import { Link, useLocation } from 'wouter';
import { useArchiveEvents } from '../../api/archiveEvents';
import { api } from '../../api/endpoints';
import type { Study, StudyOrder, StudyState } from '../../api/types';
import { useSession } from '../../app/session';
import { EmptyState, ErrorState, ListSkeleton, PageHead } from '../../components/feedback';
import { useKept } from '../../app/kept';
import { Pager } from '../../components/Pager';
import { SortHeader } from '../../components/SortHeader';
import { useI18n, type Key } from '../../i18n';
import { dicomDate, dicomTime, personName, studyAddress } from '../../lib/dicom';
import { ago, count, dateTime } from '../../lib/format';
import { walkRows } from '../../lib/rows';
import { stateColors } from './AnalysisPanel';
import { ImportStudies } from './ImportStudies';
import { modalityCodes, PatientLine } from './patient';
import { isFiltered, linkedAccession, noFilter, pageSize, sortBy, startState, toSearch, type SearchState } from './search';
import './studies.css';

const columns: { order: StudyOrder | null; label: Key; right?: boolean }[] = [
  { order: 'patient', label: 'studies.patient' }, { order: 'date', label: 'studies.date' }, { order: 'description', label: 'studies.description' },
  { order: null, label: 'analyses.title' }, { order: 'accession', label: 'studies.accession' }, { order: 'instances', label: 'studies.images', right: true }, { order: 'received', label: 'studies.received' },
];

export default function StudiesPage() {
  const { t, maybe, language } = useI18n();
  const { can } = useSession();
  const [, navigate] = useLocation();
  const client = useQueryClient();
  const [linked] = useState(() => linkedAccession(window.location.search, window.location.hash));
  const [state, change] = useKept<SearchState>('studies-search', startState, linked ? { ...startState, filter: { ...noFilter, accession: linked } } : null);
  const [asked] = useDebouncedValue(state, 250);
  const [files, setFiles] = useState<File[] | null>(null);
  const box = useRef<HTMLInputElement>(null);
  const opened = useRef(false);
  // The number has been read: it need not stay in the address and the browser's history.
  useEffect(() => { if (linked) window.history.replaceState(null, '', '/studies'); }, [linked]);
  const query = useQuery({ queryKey: ['studies', asked], queryFn: ({ signal }) => api.studies(toSearch(asked), signal), placeholderData: keepPreviousData });
  const studies = query.data?.studies ?? [];
  const total = query.data?.total ?? 0;
  const shown = studies.map((study) => study.study_uid);
  const states = useQuery({
    queryKey: ['analysis-states', shown], enabled: shown.length > 0, retry: false,
    queryFn: async ({ signal }) => new Map((await api.analysisStates(shown, signal)).studies.map((one) => [one.study, one])),
  });
  useArchiveEvents((changed) => { if (changed === null || shown.includes(changed)) void client.invalidateQueries({ queryKey: ['analysis-states'] }); });
  const only = linked && !opened.current && !query.isPlaceholderData && total === 1 ? studies[0] : undefined;
  useEffect(() => {
    if (!only) return;
    opened.current = true;
    navigate(studyAddress(only.study_uid), { replace: true });
  }, [only, navigate]);
  useHotkeys([['/', () => box.current?.focus()]]);

  const { filter } = state;
  const set = (next: Partial<SearchState['filter']>) => change((s) => ({ ...s, page: 0, filter: { ...s.filter, ...next } }));
  const importable = can('archive:write');
  return (
    <Box className="page">
      <PageHead title={t('studies.title')} text={t('studies.text')}>{importable && <Button leftSection={<Upload size={16} aria-hidden />} onClick={() => setFiles([])}>{t('studies.import')}</Button>}</PageHead>
      <Stack gap="md">
        <Paper p="md" component="search" aria-label={t('studies.search')}>
          <div className="studies-filter">
            <TextInput ref={box} label={t('studies.who')} placeholder={t('studies.whoHelp')} maxLength={200} autoComplete="off" spellCheck={false} aria-keyshortcuts="/" value={filter.patient} onChange={(event) => set({ patient: event.currentTarget.value })} />
            <TextInput label={t('studies.accession')} maxLength={64} autoComplete="off" spellCheck={false} value={filter.accession} onChange={(event) => set({ accession: event.currentTarget.value })} />
            <TextInput label={t('studies.from')} type="date" max={filter.to || undefined} value={filter.from} onChange={(event) => set({ from: event.currentTarget.value })} />
            <TextInput label={t('studies.to')} type="date" min={filter.from || undefined} value={filter.to} onChange={(event) => set({ to: event.currentTarget.value })} />
            <MultiSelect label={t('studies.modality')} placeholder={filter.modalities.length ? '' : t('studies.anyModality')} data={modalityCodes.map((code) => ({ value: code, label: `${code} · ${maybe('modalities', code)}` }))} renderOption={({ option }) => option.label}
              value={filter.modalities} onChange={(modalities) => set({ modalities })} comboboxProps={{ width: 260, position: 'bottom-end' }} />
          </div>
          <Group justify="space-between" mt="sm" mih={30}>
            <Text size="sm" c="dimmed" role="status" className="num">{query.data ? t(isFiltered(filter) ? 'studies.found' : 'studies.total', { count: count(total, language) }) : ''}</Text>
            {isFiltered(filter) && <Button size="xs" variant="subtle" onClick={() => { change((s) => ({ ...s, page: 0, filter: noFilter })); box.current?.focus(); }}>{t('common.clear')}</Button>}
          </Group>
        </Paper>
        {query.isPending && <ListSkeleton rows={8} />}
        {query.error && <ErrorState error={query.error} retry={() => void query.refetch()} />}
        {query.data && total === 0 && (isFiltered(filter)
          ? <EmptyState icon={Images} title={t('studies.none')} text={t('studies.noneText')} />
          : <EmptyState icon={Images} title={t('studies.empty')} text={t('studies.emptyText')} action={importable ? <Button onClick={() => setFiles([])}>{t('studies.import')}</Button> : undefined} />)}
        {studies.length > 0 && !query.error && (
          <Paper className="scroll-x" tabIndex={0} role="region" aria-label={t('studies.title')}>
            <Table miw={940} verticalSpacing={9} aria-busy={query.isPlaceholderData}>
              <Table.Thead><Table.Tr>{columns.map((column) => <SortHeader key={column.label} label={t(column.label)} right={column.right} active={column.order === state.order} ascending={state.ascending} sort={column.order ? () => change((s) => sortBy(s, column.order!)) : undefined} />)}</Table.Tr></Table.Thead>
              <Table.Tbody onKeyDown={walkRows}>{studies.map((study) => <Row key={study.study_uid} study={study} state={states.data?.get(study.study_uid)} unknown={!states.data} open={() => navigate(studyAddress(study.study_uid))} />)}</Table.Tbody>
            </Table>
          </Paper>
        )}
        <Pager page={state.page} pageSize={pageSize} total={total} waiting={query.isPlaceholderData} go={(page) => change((s) => ({ ...s, page }))} />
      </Stack>
      {importable && <Dropzone.FullScreen active={files === null} inputProps={{ 'aria-label': t('studies.dropNow') }} onDrop={(dropped) => setFiles(dropped)}><Group justify="center" mih="80vh" className="no-pointer"><Upload size={28} aria-hidden /><Text fw={550}>{t('studies.dropNow')}</Text></Group></Dropzone.FullScreen>}
      <ImportStudies files={files} close={() => setFiles(null)} done={() => void client.invalidateQueries({ queryKey: ['studies'] })} />
    </Box>
  );
}

function Row({ study, state, unknown, open }: { study: Study; state: StudyState | undefined; unknown: boolean; open: () => void }) {
  const { t, maybe, language } = useI18n();
  const name = personName(study.patient.name, language) || t('studies.unnamed');
  return (
    <Table.Tr className="clickable-row" onClick={open}>
      <Table.Td>
        <Link href={studyAddress(study.study_uid)} className="plain-link row-link" onClick={(event) => event.stopPropagation()}>{name}</Link>
        <PatientLine study={study} />
      </Table.Td>
      <Table.Td className="nowrap num">{dicomDate(study.date, language)}{study.time && <Text c="dimmed" size="xs">{dicomTime(study.time)}</Text>}</Table.Td>
      <Table.Td className="break" miw={170}>{study.description || <Text span c="dimmed" size="sm">–</Text>}<Group gap={4} mt={2}>{study.modalities.map((code) => <Badge key={code} color="gray" title={maybe('modalities', code)}>{code}</Badge>)}</Group></Table.Td>
      <Table.Td>{unknown ? <Text span c="dimmed" size="sm">{t('analyses.notKnown')}</Text> : state ? <Badge color={stateColors[state.state] ?? 'gray'} title={state.reason ?? undefined}>{maybe('analyses.states', state.state)}</Badge> : <Badge color="yellow">{t('analyses.none')}</Badge>}</Table.Td>
      <Table.Td className="num nowrap">{study.accession || '–'}</Table.Td>
      <Table.Td ta="right" className="num nowrap" title={t('studies.seriesAndImages', { series: study.series, images: study.instances })}>{count(study.instances, language)}<Text span c="dimmed" size="sm"> / {study.series}</Text></Table.Td>
      <Table.Td className="nowrap" title={dateTime(study.received, language)}>{ago(study.received, language)}</Table.Td>
    </Table.Tr>
  );
}
