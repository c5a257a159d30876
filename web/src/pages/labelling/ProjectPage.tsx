// A labelling project: who is how far, how far the readers agree, and what comes of it.
import { Alert, Anchor, Badge, Box, Button, Checkbox, Group, Modal, Paper, Progress, Stack, Table, Text, Textarea, TextInput, Title } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { useQuery, useQueryClient } from '@tanstack/react-query';
import { Download, EyeOff } from 'lucide-react';
import { useEffect, useState } from 'react';
import { Link, useLocation, useParams } from 'wouter';
import { acceptedJobId, api } from '../../api/endpoints';
import { labelling, type LabelAgreement, type LabellingProject } from '../../api/labelling';
import { useSession } from '../../app/session';
import { ask } from '../../components/confirm';
import { ErrorState, ListSkeleton, notice, noticeError, PageHead } from '../../components/feedback';
import { useI18n } from '../../i18n';
import { count, dateTime } from '../../lib/format';
import { Agreement } from './Agreement';
import { StateOfProject, WorkButton } from './parts';
import './labelling.css';

export default function ProjectPage() {
  const { id = '' } = useParams();
  const { t, language } = useI18n();
  const { can } = useSession();
  const client = useQueryClient();
  const [, navigate] = useLocation();
  const [ending, end] = useDisclosure();
  const [finishing, finish] = useDisclosure();
  const query = useQuery({ queryKey: ['labelling', id], queryFn: () => labelling.project(id), refetchInterval: (q) => (q.state.data?.state === 'finishing' ? 1000 : 20_000) });
  const project = query.data;
  const told = project !== undefined && project.state !== 'reading' && (project.part !== 'adjudicator' || project.state === 'finished');
  const agreement = useQuery({ queryKey: ['labelling', id, 'agreement', project?.state, project?.adjudicator.done], queryFn: () => labelling.agreement(id), enabled: told });
  if (query.error) return <Box className="page"><ErrorState error={query.error} retry={() => void query.refetch()} /></Box>;
  if (!project) return <Box className="page"><ListSkeleton /></Box>;
  const manages = can('datasets:write');
  const left = (project.adjudicator.disagreements ?? 0) - project.adjudicator.done;
  const remove = () => ask({
    title: t('labelling.deleteTitle', { name: project.name }), text: t('labelling.deleteText'), confirm: t('common.delete'), cancel: t('common.cancel'), danger: true,
    onConfirm: () => { labelling.remove(id).then(() => { void client.invalidateQueries({ queryKey: ['labelling'], exact: true }); navigate('/labelling'); }, (error: unknown) => noticeError(error, t)); },
  });
  return (
    <Box className="page">
      <PageHead title={<Group gap="sm" component="span" display="inline-flex">{project.name}<StateOfProject project={project} /></Group>} text={`${project.dataset} · ${t(`labelling.tasks.${project.task}`)} · ${t('labelling.cases', { count: count(project.cases, language) })} · ${t(`labelling.select.${project.selection.by as 'all'}`)} · ${t('labelling.madeBy', { name: project.created_by, time: dateTime(project.created, language) })}`}>
        {project.part && <WorkHere project={project} />}
        {manages && project.state === 'reading' && <Button variant="default" onClick={end.open}>{t('labelling.endReading')}</Button>}
        {manages && project.state === 'adjudication' && <Button onClick={finish.open}>{t('labelling.finish')}</Button>}
        {manages && <Button variant="subtle" color="red" onClick={remove}>{t('common.delete')}</Button>}
      </PageHead>
      <Stack gap="lg">
        {project.result && <Alert color="aceso" title={t('labelling.madeOf', { name: project.result })}><Anchor component={Link} href={`/datasets/${encodeURIComponent(project.result)}`} size="sm" underline="always">{t('labelling.openResult')}</Anchor></Alert>}
        {project.ended_why && <Alert color="gray" title={t('labelling.ended')}>{project.ended_why}</Alert>}
        <Paper p="md" component="section" aria-label={t('labelling.people')}>
          <Title order={2} mb="sm">{t('labelling.people')}</Title>
          <Box className="scroll-x" tabIndex={0} role="region" aria-label={t('labelling.people')}>
            <Table miw={480}>
              <Table.Thead><Table.Tr><Table.Th>{t('common.name')}</Table.Th><Table.Th>{t('labelling.part')}</Table.Th><Table.Th w="45%">{t('labelling.read')}</Table.Th></Table.Tr></Table.Thead>
              <Table.Tbody>
                {project.readers.map((reader) => <PersonRow key={reader.name} name={reader.name} part={t('labelling.parts.reader')} done={reader.done} total={project.cases} note={reader.submitted ? t('labelling.handedInShort') : ''} />)}
                <PersonRow name={project.adjudicator.name} part={t('labelling.parts.adjudicator')} done={project.adjudicator.done} total={project.adjudicator.disagreements} note="" />
              </Table.Tbody>
            </Table>
          </Box>
          {project.instructions && <><Title order={3} mt="md" mb={4}>{t('labelling.instructions')}</Title><Text size="sm" className="break" style={{ whiteSpace: 'pre-wrap' }}>{project.instructions}</Text></>}
        </Paper>
        {project.state === 'reading' && <Alert color="blue" icon={<EyeOff size={18} />} title={t('labelling.blindTitle')}>{t('labelling.blindText')}</Alert>}
        {project.state !== 'reading' && !told && <Alert color="blue" icon={<EyeOff size={18} />} title={t('labelling.anonymous')}>{t('labelling.anonymousText')}</Alert>}
        {agreement.error && <ErrorState error={agreement.error} retry={() => void agreement.refetch()} />}
        {agreement.data && <Agreement agreement={agreement.data} ordered={project.ordered} />}
        {told && can('datasets:read') && <Group gap="sm">{project.task === 'classes' && <Button component="a" href={labelling.table(id, 'csv')} download={`${project.name}.csv`} variant="default" leftSection={<Download size={16} aria-hidden />}>CSV</Button>}<Button component="a" href={labelling.table(id, 'json')} download={`${project.name}.json`} variant="default" leftSection={<Download size={16} aria-hidden />}>JSON</Button><Text size="sm" c="dimmed">{t('labelling.exportText')}</Text></Group>}
      </Stack>
      <EndReading id={id} opened={ending} close={end.close} />
      <Finish project={project} agreement={agreement.data} left={left} opened={finishing} close={finish.close} />
    </Box>
  );
}

function WorkHere({ project }: { project: LabellingProject }) {
  const useful = (project.part === 'reader' && project.state === 'reading') || (project.part === 'adjudicator' && project.state === 'adjudication' && (project.adjudicator.disagreements ?? 0) > 0);
  return useful ? <WorkButton project={project} /> : null;
}

function PersonRow({ name, part, done, total, note }: { name: string; part: string; done: number; total: number | null; note: string }) {
  const { t } = useI18n();
  return (
    <Table.Tr>
      <Table.Td>{name}</Table.Td><Table.Td>{part}</Table.Td>
      <Table.Td>{total === null ? <Text size="sm" c="dimmed">{t('labelling.waits')}</Text> : <Group gap="sm" wrap="nowrap"><Progress flex={1} value={total === 0 ? 100 : (done / total) * 100} aria-label={`${name}: ${t('labelling.progress', { done, total })}`} /><Text size="sm" className="num nowrap">{done} / {total}</Text>{note && <Badge color="aceso">{note}</Badge>}</Group>}</Table.Td>
    </Table.Tr>
  );
}

function EndReading({ id, opened, close }: { id: string; opened: boolean; close: () => void }) {
  const { t } = useI18n();
  const client = useQueryClient();
  const [reason, setReason] = useState('');
  const submit = () => labelling.endReading(id, reason.trim()).then(() => { void client.invalidateQueries({ queryKey: ['labelling'] }); close(); }, (error: unknown) => noticeError(error, t));
  return (
    <Modal opened={opened} onClose={close} title={t('labelling.endReading')} closeButtonProps={{ 'aria-label': t('common.close') }}>
      <Stack>
        <Text size="sm">{t('labelling.endReadingText')}</Text>
        <Textarea label={t('labelling.reason')} value={reason} onChange={(event) => setReason(event.currentTarget.value)} maxLength={500} autosize minRows={2} data-autofocus />
        <Group justify="flex-end"><Button variant="default" onClick={close}>{t('common.cancel')}</Button><Button disabled={reason.trim() === ''} onClick={() => void submit()}>{t('labelling.endReading')}</Button></Group>
      </Stack>
    </Modal>
  );
}

function Finish({ project, agreement, left, opened, close }: { project: LabellingProject; agreement: LabelAgreement | undefined; left: number; opened: boolean; close: () => void }) {
  const { t } = useI18n();
  const client = useQueryClient();
  const [as, setAs] = useState('');
  const [leave, setLeave] = useState(false);
  const [only, setOnly] = useState(false);
  const [error, setError] = useState<unknown>(null);
  const [jobId, setJobId] = useState<string | null>(null);
  const job = useQuery({ queryKey: ['job', jobId], queryFn: () => api.job(jobId ?? ''), enabled: jobId !== null, refetchInterval: (q) => (['queued', 'running'].includes(q.state.data?.state ?? 'queued') ? 500 : false) });
  const state = job.data?.state;
  const why = job.data?.error;
  useEffect(() => {
    if (state === undefined || state === 'queued' || state === 'running') return;
    void client.invalidateQueries({ queryKey: ['labelling'] });
    void client.invalidateQueries({ queryKey: ['datasets'] });
    if (state === 'succeeded') { notice(t('labelling.finished')); close(); }
  }, [state, client, close, t]);
  async function submit() {
    setError(null);
    try {
      const answer = await labelling.finish(project.id, { ...(as.trim() ? { as: as.trim() } : {}), ...(leave ? { leave_undecided: true } : {}), ...(only ? { keep_others: false } : {}) });
      setJobId(acceptedJobId(answer) ?? null);
    } catch (reason) {
      setError(reason);
    }
  }
  const busy = jobId !== null && (state === undefined || state === 'queued' || state === 'running');
  return (
    <Modal opened={opened} onClose={close} title={t('labelling.finish')} closeButtonProps={{ 'aria-label': t('common.close') }}>
      <Stack>
        <Text size="sm">{t('labelling.finishText', { dataset: project.dataset })}</Text>
        {agreement && <Text size="sm" c="dimmed" className="num">{t('labelling.finishCounts', { agreed: agreement.agreed, adjudicated: agreement.adjudicated, without: agreement.cannot_tell })}</Text>}
        <TextInput label={`${t('labelling.as')} (${t('common.optional')})`} description={t('labelling.asHelp')} value={as} onChange={(event) => setAs(event.currentTarget.value)} />
        {left > 0 && <Checkbox label={t('labelling.leave', { n: left })} checked={leave} onChange={(event) => setLeave(event.currentTarget.checked)} />}
        {project.task === 'classes' ? <Checkbox label={t('labelling.only')} checked={only} onChange={(event) => setOnly(event.currentTarget.checked)} /> : <Text size="sm" c="dimmed">{t('labelling.drawnFinish')}</Text>}
        {error !== null && <ErrorState error={error} />}
        {(state === 'failed' || state === 'cancelled') && <Alert color="red" role="alert" title={t('error.title')}><Text size="sm" className="break">{why}</Text></Alert>}
        <Group justify="flex-end"><Button variant="default" onClick={close}>{t('common.cancel')}</Button><Button loading={busy} disabled={left > 0 && !leave} onClick={() => void submit()}>{t('labelling.finish')}</Button></Group>
      </Stack>
    </Modal>
  );
}
