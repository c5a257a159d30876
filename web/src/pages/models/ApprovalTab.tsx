// What stands between a version and going live, who accepted it on which figures, and its recall.
import { Alert, Badge, Box, Button, Checkbox, Group, List, Modal, NumberInput, Paper, Select, Stack, Table, Text, Textarea, TextInput, Title } from '@mantine/core';
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query';
import { CircleCheck, Download, OctagonX, ShieldCheck, TriangleAlert } from 'lucide-react';
import { useState } from 'react';
import { Link } from 'wouter';
import { api } from '../../api/endpoints';
import type { Approval, Evaluated, Gate, GateFigure, ModelDetail, RecalledStudy } from '../../api/types';
import { useSession } from '../../app/session';
import { ErrorState, ListSkeleton, notice, noticeError } from '../../components/feedback';
import { useI18n } from '../../i18n';
import { dateTime, measured } from '../../lib/format';
import { csvOf } from '../../lib/csv';

export function ApprovalTab({ model }: { model: ModelDetail }) {
  const { t } = useI18n();
  const query = useQuery({ queryKey: ['approval', model.name, model.version], queryFn: () => api.approval(model.name, model.version) });
  if (query.isPending) return <ListSkeleton />;
  if (query.error) return <ErrorState error={query.error} retry={() => void query.refetch()} />;
  const approval = query.data;
  return (
    <Stack gap="lg">
      {model.stage === 'recalled' ? <RecallNote model={model} /> : approval.ready
        ? <Alert color="aceso" icon={<CircleCheck size={18} />} title={t(model.stage === 'live' ? 'approval.isLive' : 'approval.ready')}>{t('approval.readyText')}</Alert>
        : <Alert color="yellow" icon={<TriangleAlert size={18} />} title={t(model.stage === 'live' ? 'approval.liveMissing' : 'approval.notReady')}><List size="sm">{approval.missing.map((why) => <List.Item key={why}>{why}</List.Item>)}</List></Alert>}
      <GatePanel model={model} gate={approval.gate} />
      <Acceptances approval={approval} />
      {model.stage !== 'recalled' && <Evaluations model={model} evaluations={approval.evaluations} />}
      {model.stage === 'recalled' ? <Affected model={model} /> : <RecallPanel model={model} />}
    </Stack>
  );
}

function gateText(figure: GateFigure, t: ReturnType<typeof useI18n>['t']): string {
  const value = figure.at_least ?? figure.at_most ?? 0;
  return t(figure.at_least !== undefined ? 'approval.atLeast' : 'approval.atMost', { figure: figure.figure, value: measured(value) }) + (figure.bound ? ` ${t('approval.withInterval')}` : '');
}

function GatePanel({ model, gate }: { model: ModelDetail; gate: Gate | null }) {
  const { t, language } = useI18n();
  const { can } = useSession();
  const [open, setOpen] = useState(false);
  return (
    <Paper p="lg" component="section" aria-labelledby="gate-title">
      <Group justify="space-between" align="flex-start">
        <div>
          <Title order={2} mb={4} id="gate-title">{t('approval.gate')}</Title>
          {gate ? (
            <>
              <List size="sm">{gate.figures.map((figure) => <List.Item key={figure.figure + String(figure.at_least)}>{gateText(figure, t)}</List.Item>)}{gate.min_cases > 0 && <List.Item>{t('approval.minCases', { n: gate.min_cases })}</List.Item>}</List>
              <Text size="sm" c="dimmed" mt={4}>{t('approval.gateBy', { name: gate.by, time: dateTime(gate.time, language) })}: {gate.reason}</Text>
            </>
          ) : <Text size="sm">{t('approval.noGate')}</Text>}
        </div>
        {can('models:promote') && <Button variant="default" onClick={() => setOpen(true)}>{t('approval.changeGate')}</Button>}
      </Group>
      {open && <GateForm model={model} gate={gate} close={() => setOpen(false)} />}
    </Paper>
  );
}

function GateForm({ model, gate, close }: { model: ModelDetail; gate: Gate | null; close: () => void }) {
  const { t } = useI18n();
  const client = useQueryClient();
  const first = gate?.figures[0];
  const [figure, setFigure] = useState(first?.figure ?? 'auroc');
  const [direction, setDirection] = useState<string | null>(first?.at_most !== undefined ? 'at_most' : 'at_least');
  const [value, setValue] = useState<string | number>(first?.at_least ?? first?.at_most ?? 0.9);
  const [bound, setBound] = useState(first?.bound ?? false);
  const [cases, setCases] = useState<string | number>(gate?.min_cases ?? 0);
  const [reason, setReason] = useState('');
  const rest = gate?.figures.slice(1) ?? [];
  const send = useMutation({
    mutationFn: () => api.setGate(model.name, { figures: [...(figure.trim() === '' ? [] : [{ figure: figure.trim(), [direction ?? 'at_least']: Number(value), bound }]), ...rest], min_cases: Number(cases), reason: reason.trim() }),
    onSuccess: () => { close(); notice(t('approval.gateChanged')); return client.invalidateQueries({ queryKey: ['approval'] }); },
    onError: (error) => noticeError(error, t),
  });
  return (
    <Modal opened onClose={close} title={<Text span fw={600}>{t('approval.changeGate')}</Text>}>
      <Stack>
        <Text size="sm">{t('approval.gateHelp')}</Text>
        <TextInput label={t('approval.figure')} description={t('approval.figureHelp')} value={figure} onChange={(event) => setFigure(event.currentTarget.value)} maxLength={64} />
        <Group grow><Select label={t('approval.direction')} value={direction} onChange={setDirection} allowDeselect={false} data={[{ value: 'at_least', label: t('approval.least') }, { value: 'at_most', label: t('approval.most') }]} /><NumberInput label={t('approval.value')} value={value} onChange={setValue} step={0.01} /></Group>
        <Checkbox label={t('approval.boundLabel')} checked={bound} onChange={(event) => setBound(event.currentTarget.checked)} />
        <NumberInput label={t('approval.cases')} value={cases} onChange={setCases} min={0} allowDecimal={false} />
        {rest.length > 0 && <Text size="sm" c="dimmed">{t('approval.kept', { n: rest.length })}</Text>}
        <Textarea label={t('watch.reason')} value={reason} onChange={(event) => setReason(event.currentTarget.value)} maxLength={2000} autosize minRows={2} required />
        <Group justify="flex-end"><Button variant="default" onClick={close}>{t('common.cancel')}</Button><Button onClick={() => send.mutate()} loading={send.isPending} disabled={reason.trim() === ''}>{t('approval.changeGate')}</Button></Group>
      </Stack>
    </Modal>
  );
}

function Acceptances({ approval }: { approval: Approval }) {
  const { t, language } = useI18n();
  if (approval.acceptances.length === 0) return approval.needs_acceptance ? null : <Alert color="yellow" icon={<TriangleAlert size={18} />}>{t('approval.notNeeded')}</Alert>;
  return (
    <Paper p="lg" component="section" aria-labelledby="acceptances-title">
      <Group gap="sm" mb="xs"><ShieldCheck size={18} aria-hidden /><Title order={2} id="acceptances-title">{t('approval.acceptances')}</Title></Group>
      <Stack gap="md">
        {approval.acceptances.map((one) => (
          <Box key={one.id}>
            <Group gap="sm"><Text fw={550} size="sm">{one.signer.name}</Text><Text size="sm" c="dimmed">{dateTime(one.time, language)}</Text><Badge color={one.valid ? 'aceso' : 'red'}>{t(one.valid ? 'approval.valid' : 'approval.invalid')}</Badge></Group>
            <Text size="sm" className="prose">{one.statement}</Text>
            <Text size="xs" c="dimmed">{t('approval.onCases', { n: one.samples ?? 0, dataset: one.dataset, split: one.split })}</Text>
          </Box>
        ))}
      </Stack>
    </Paper>
  );
}

function figureText(metrics: Evaluated['metrics'], key: string): string {
  const found = metrics?.[key];
  if (typeof found === 'number') return measured(found);
  if (found && typeof found === 'object' && typeof found.value === 'number') return `${found.value.toFixed(3)}${typeof found.low === 'number' ? ` (${found.low.toFixed(3)}–${(found.high ?? 0).toFixed(3)})` : ''}`;
  return '–';
}

function Evaluations({ model, evaluations }: { model: ModelDetail; evaluations: Evaluated[] }) {
  const { t, language } = useI18n();
  const { can } = useSession();
  const [asked, setAsked] = useState<Evaluated | null>(null);
  const keys = ['auroc', 'sensitivity', 'specificity', 'dice', 'mae'].filter((key) => evaluations.some((one) => one.metrics?.[key] !== undefined));
  return (
    <Paper p="lg" component="section" aria-labelledby="evaluations-title">
      <Title order={2} mb={4} id="evaluations-title">{t('approval.evaluations')}</Title>
      <Text size="sm" c="dimmed" mb="sm">{t(evaluations.length === 0 ? 'approval.noEvaluations' : 'approval.evaluationsText')}</Text>
      {evaluations.length > 0 && (
        <Box className="scroll-x" tabIndex={0} role="region" aria-labelledby="evaluations-title">
          <Table miw={640}>
            <Table.Thead><Table.Tr><Table.Th>{t('approval.dataset')}</Table.Th><Table.Th ta="right">{t('approval.caseCount')}</Table.Th>{keys.map((key) => <Table.Th key={key} ta="right">{key}</Table.Th>)}<Table.Th>{t('models.created')}</Table.Th><Table.Th /></Table.Tr></Table.Thead>
            <Table.Tbody>
              {evaluations.map((one) => (
                <Table.Tr key={one.id}>
                  <Table.Td>{one.dataset} <Text span size="xs" c="dimmed">{one.split}</Text>{(one.seen_in_training ?? 0) > 0 && <Text size="xs" c="red">{t('approval.seen', { n: one.seen_in_training ?? 0 })}</Text>}</Table.Td>
                  <Table.Td ta="right" className="num">{one.samples ?? '–'}</Table.Td>
                  {keys.map((key) => <Table.Td key={key} ta="right" className="num">{figureText(one.metrics, key)}</Table.Td>)}
                  <Table.Td className="nowrap">{dateTime(one.time, language)}</Table.Td>
                  <Table.Td ta="right">{can('models:accept') && (one.seen_in_training ?? 0) === 0 && <Button size="compact-sm" onClick={() => setAsked(one)} aria-label={t('approval.acceptOne', { name: one.dataset })}>{t('approval.accept')}</Button>}</Table.Td>
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        </Box>
      )}
      {asked && <AcceptForm model={model} evaluation={asked} close={() => setAsked(null)} />}
    </Paper>
  );
}

function AcceptForm({ model, evaluation, close }: { model: ModelDetail; evaluation: Evaluated; close: () => void }) {
  const { t } = useI18n();
  const { session } = useSession();
  const client = useQueryClient();
  const [own, setOwn] = useState(false);
  const unknown = typeof evaluation.seen_in_training !== 'number';   // its training data are not here
  const [unseen, setUnseen] = useState(false);
  const [statement, setStatement] = useState('');
  const send = useMutation({
    mutationFn: () => api.accept(model.name, model.version, { evaluation: evaluation.id, own_cases: own, unseen, statement: statement.trim() }),
    onSuccess: () => { close(); notice(t('approval.accepted')); return client.invalidateQueries({ queryKey: ['approval'] }); },
    onError: (error) => noticeError(error, t),
  });
  return (
    <Modal opened onClose={close} title={<Text span fw={600}>{t('approval.acceptTitle', { name: model.name, version: model.version })}</Text>}>
      <Stack>
        <Text size="sm">{t('approval.acceptText', { n: evaluation.samples ?? 0, dataset: evaluation.dataset })}</Text>
        <Checkbox label={t('approval.own')} checked={own} onChange={(event) => setOwn(event.currentTarget.checked)} />
        {unknown && <Checkbox label={t('approval.unseen')} checked={unseen} onChange={(event) => setUnseen(event.currentTarget.checked)} />}
        <Textarea label={t('approval.statement')} description={t('approval.statementHelp')} value={statement} onChange={(event) => setStatement(event.currentTarget.value)} maxLength={2000} autosize minRows={3} required data-autofocus />
        <Text size="sm" c="dimmed">{t('approval.signedAs', { name: session?.user.name ?? '' })}</Text>
        <Group justify="flex-end"><Button variant="default" onClick={close}>{t('common.cancel')}</Button><Button onClick={() => send.mutate()} loading={send.isPending} disabled={!own || (unknown && !unseen) || statement.trim() === ''}>{t('approval.sign')}</Button></Group>
      </Stack>
    </Modal>
  );
}

function RecallPanel({ model }: { model: ModelDetail }) {
  const { t } = useI18n();
  const { can } = useSession();
  const [open, setOpen] = useState(false);
  if (!can('models:promote') && !can('models:accept')) return null;
  return (
    <Paper p="lg" component="section" aria-labelledby="recall-title">
      <Group justify="space-between" align="flex-start">
        <div><Title order={2} mb={4} id="recall-title">{t('approval.recall')}</Title><Text size="sm" maw={640}>{t('approval.recallText')}</Text></div>
        <Button color="red" variant="outline" leftSection={<OctagonX size={16} aria-hidden />} onClick={() => setOpen(true)}>{t('approval.recallButton')}</Button>
      </Group>
      {open && <RecallForm model={model} close={() => setOpen(false)} />}
    </Paper>
  );
}

function RecallForm({ model, close }: { model: ModelDetail; close: () => void }) {
  const { t } = useI18n();
  const client = useQueryClient();
  const [reason, setReason] = useState('');
  const send = useMutation({
    mutationFn: () => api.recall(model.name, model.version, reason.trim()),
    onSuccess: (recall) => { close(); notice(t('approval.recalled', { n: recall.affected.predictions })); return client.invalidateQueries(); },
    onError: (error) => noticeError(error, t),
  });
  return (
    <Modal opened onClose={close} title={<Text span fw={600}>{t('approval.recallTitle', { name: model.name, version: model.version })}</Text>}>
      <Stack>
        <Text size="sm">{t('approval.recallText')}</Text>
        <Textarea label={t('watch.reason')} description={t('approval.reasonHelp')} value={reason} onChange={(event) => setReason(event.currentTarget.value)} maxLength={2000} autosize minRows={3} required data-autofocus />
        <Group justify="flex-end"><Button variant="default" onClick={close}>{t('common.cancel')}</Button><Button color="red" onClick={() => send.mutate()} loading={send.isPending} disabled={reason.trim() === ''}>{t('approval.recallButton')}</Button></Group>
      </Stack>
    </Modal>
  );
}

function RecallNote({ model }: { model: ModelDetail }) {
  const { t, language } = useI18n();
  const query = useQuery({ queryKey: ['recall', model.name, model.version], queryFn: () => api.recallOf(model.name, model.version) });
  const recall = query.data;
  return (
    <Alert color="red" icon={<OctagonX size={18} />} title={t('approval.isRecalled')}>
      {recall && <>{recall.reason}<Text size="sm" mt={4}>{t('approval.recalledBy', { name: recall.by, time: dateTime(recall.time, language), n: recall.affected.predictions })}</Text></>}
    </Alert>
  );
}

function download(studies: RecalledStudy[]) {
  const rows = studies.map((s) => [s.patient?.id ?? '', s.patient?.name ?? '', s.date ?? '', s.accession ?? '', s.analysis.study, s.analysis.answered, s.analysis.finding, s.analysis.positive ? 'yes' : 'no', s.analysis.judged_by ?? '']);
  const url = URL.createObjectURL(new Blob([csvOf(['patient_id', 'patient_name', 'study_date', 'accession_number', 'study_uid', 'answered', 'finding', 'positive', 'judged_by'], rows)], { type: 'text/csv' }));
  const link = document.createElement('a');
  link.href = url;
  link.download = 'affected.csv';
  link.click();
  URL.revokeObjectURL(url);
}

function Affected({ model }: { model: ModelDetail }) {
  const { t, language } = useI18n();
  const { can } = useSession();
  const query = useQuery({ queryKey: ['affected', model.name, model.version], queryFn: () => api.recalledStudies(model.name, model.version), enabled: can('archive:read'), refetchInterval: (found) => (found.state.data?.pending ? 2000 : false) });
  if (!can('archive:read')) return null;
  if (query.isPending) return <ListSkeleton rows={3} />;
  if (query.error) return <ErrorState error={query.error} retry={() => void query.refetch()} />;
  const studies = query.data.items;
  return (
    <Paper p="lg" component="section" aria-labelledby="affected-title">
      <Group justify="space-between" mb="sm">
        <Title order={2} id="affected-title">{t('approval.affected', { n: studies.length })}</Title>
        {studies.length > 0 && <Button variant="default" leftSection={<Download size={16} aria-hidden />} onClick={() => download(studies)}>{t('approval.csv')}</Button>}
      </Group>
      {query.data.pending && <Text size="sm" c="dimmed" mb="xs">{t('approval.pending')}</Text>}
      {studies.length === 0 ? <Text size="sm">{t('approval.noStudies')}</Text> : (
        <Box className="scroll-x" tabIndex={0} role="region" aria-labelledby="affected-title">
          <Table miw={640}>
            <Table.Thead><Table.Tr><Table.Th>{t('approval.patient')}</Table.Th><Table.Th>{t('approval.study')}</Table.Th><Table.Th>{t('approval.said')}</Table.Th><Table.Th>{t('approval.judged')}</Table.Th><Table.Th>{t('approval.answered')}</Table.Th></Table.Tr></Table.Thead>
            <Table.Tbody>
              {studies.map((s) => (
                <Table.Tr key={s.analysis.id}>
                  <Table.Td>{(s.patient?.name ?? '').replaceAll('^', ' ')} <Text span size="xs" c="dimmed">{s.patient?.id}</Text></Table.Td>
                  <Table.Td><Link href={`/studies/${encodeURIComponent(s.analysis.study)}`}>{s.description || s.accession || s.date || t('approval.open')}</Link></Table.Td>
                  <Table.Td>{s.analysis.finding}</Table.Td><Table.Td>{s.analysis.judged_by ?? '–'}</Table.Td><Table.Td className="nowrap">{dateTime(s.analysis.answered, language)}</Table.Td>
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        </Box>
      )}
    </Paper>
  );
}
