// What was read: each prediction with its verdict; blinded ones stay covered until judged.
import { Badge, Box, Button, Group, Image, Modal, NativeSelect, Paper, Select, Stack, Table, Text, TextInput } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { useInfiniteQuery, useMutation, useQuery } from '@tanstack/react-query';
import { FileOutput, ListChecks } from 'lucide-react';
import { useState } from 'react';
import { Link, useLocation } from 'wouter';
import { acceptedJobId, api } from '../../api/endpoints';
import { truthKinds, type Prediction, type Verdict } from '../../api/types';
import { useSession } from '../../app/session';
import { EmptyState, ErrorState, ListSkeleton, notice, PageHead } from '../../components/feedback';
import { useI18n } from '../../i18n';
import { dateTime, measured, percent, probability } from '../../lib/format';
import { findingOf, isApplicable, isHidden, isPositive, readable } from '../../lib/uncertainty';

export default function HistoryPage() {
  const { t, language } = useI18n();
  const { can } = useSession();
  const [, navigate] = useLocation();
  const [model, setModel] = useState<string>('');
  const [exporting, exportDialog] = useDisclosure();
  const models = useQuery({ queryKey: ['models'], queryFn: api.models, enabled: can('models:read') });
  const list = useInfiniteQuery({
    queryKey: ['predictions', model],
    queryFn: ({ pageParam }) => api.predictions({ model, cursor: pageParam, limit: 25 }),
    initialPageParam: '',
    getNextPageParam: (page) => page.next || undefined,
  });
  const items = list.data?.pages.flatMap((page) => page.items) ?? [];
  return (
    <Box className="page">
      <PageHead title={t('history.title')}>
        <Select aria-label={t('common.model')} value={model} onChange={(value) => setModel(value ?? '')} w={230}
          data={[{ value: '', label: t('history.allModels') }, ...(models.data?.items ?? []).map((entry) => ({ value: entry.name, label: entry.name }))]} />
        {can('datasets:write') && <Button variant="default" leftSection={<FileOutput size={16} aria-hidden />} onClick={exportDialog.open}>{t('history.export')}</Button>}
      </PageHead>
      {list.isPending && <ListSkeleton rows={8} />}
      {list.error && <ErrorState error={list.error} retry={() => void list.refetch()} />}
      {list.data && items.length === 0 && <EmptyState icon={ListChecks} title={t('history.empty')} text={t('history.emptyText')} action={can('predictions:create') ? <Button component={Link} href="/diagnose">{t('nav.diagnose')}</Button> : undefined} />}
      {items.length > 0 && (
        <Paper className="scroll-x" tabIndex={0} role="region" aria-label={t('history.title')}>
          <Table miw={760}>
            <Table.Thead><Table.Tr><Table.Th>{t('history.image')}</Table.Th><Table.Th>{t('history.finding')}</Table.Th><Table.Th ta="right">{t('history.probability')}</Table.Th><Table.Th>{t('common.model')}</Table.Th><Table.Th>{t('history.verdict')}</Table.Th><Table.Th>{t('common.time')}</Table.Th></Table.Tr></Table.Thead>
            <Table.Tbody>
              {items.map((item) => (
                <Table.Tr key={item.id} className="clickable-row" onClick={() => navigate(`/predictions/${item.id}`)}>
                  <Table.Td w={76}><Image src={api.predictionImage(item.id)} w={48} h={48} radius="sm" fit="cover" alt="" bg="#000" loading="lazy" /></Table.Td>
                  <Table.Td><Link href={`/predictions/${item.id}`} className="plain-link" onClick={(event) => event.stopPropagation()}><FindingText prediction={item} /></Link></Table.Td>
                  <Table.Td ta="right" className="num">{isHidden(item) || !isApplicable(item) ? '–' : item.number ? measured(item.number.value, item.number.unit) : probability(item.probability)}</Table.Td>
                  <Table.Td>{item.model.name} <Text span c="dimmed" size="sm">v{item.model.version}</Text></Table.Td>
                  <Table.Td><Group gap={6}><VerdictBadge verdict={item.verdict} />{item.blinded && <Badge color="gray">{t('history.blinded')}</Badge>}</Group></Table.Td>
                  <Table.Td className="nowrap">{dateTime(item.created, language)}</Table.Td>
                </Table.Tr>
              ))}
            </Table.Tbody>
          </Table>
        </Paper>
      )}
      {list.hasNextPage && <Group justify="center" mt="md"><Button variant="default" loading={list.isFetchingNextPage} onClick={() => void list.fetchNextPage()}>{t('common.loadMore')}</Button></Group>}
      <ExportDialog opened={exporting} close={exportDialog.close} model={model} models={(models.data?.items ?? []).map((entry) => entry.name)} />
    </Box>
  );
}

function FindingText({ prediction }: { prediction: Prediction }) {
  const { t } = useI18n();
  if (!isApplicable(prediction)) return <Text size="sm" c="dimmed">{t('applicability.no')}</Text>;
  if (isHidden(prediction)) return <Text size="sm" c="dimmed">{t('history.hidden')}</Text>;
  if (prediction.number) return <Text size="sm" fw={550}>{readable(prediction.number.name)}</Text>;
  if (prediction.labels && !prediction.labels.some((label) => label.positive)) return <Text size="sm" fw={550}>{t('targets.none')}</Text>;
  return <Text size="sm" fw={550}>{t(isPositive(prediction) ? 'diagnose.suggests' : 'diagnose.suggestsNot', { finding: readable(findingOf(prediction)) })}</Text>;
}

export function VerdictBadge({ verdict }: { verdict: Verdict | null | undefined }) {
  const { t } = useI18n();
  if (!verdict) return <Text span size="sm" c="dimmed">{t('history.noVerdict')}</Text>;
  if (verdict.agree === null) return <Badge color="gray">{t('verdict.unsure')}</Badge>;
  return verdict.agree ? <Badge color="aceso">{t('verdict.agree')}</Badge> : <Badge color="orange">{t('verdict.disagree')}{verdict.label ? `: ${readable(verdict.label)}` : ''}</Badge>;
}

function ExportDialog({ opened, close, model: chosen, models }: { opened: boolean; close: () => void; model: string; models: string[] }) {
  const { t } = useI18n();
  const [, navigate] = useLocation();
  const [model, setModel] = useState<string | null>(null);
  const [name, setName] = useState('');
  const [sources, setSources] = useState('verdict');
  const target = model ?? (chosen || null);
  const agreement = useQuery({ queryKey: ['truth-agreement', target], queryFn: () => api.truthAgreement(target ?? ''), enabled: opened && target !== null });
  const save = useMutation({
    mutationFn: () => api.exportFeedback(target ?? '', name.trim(), sources.split(',')),
    onSuccess: (answer) => {
      notice(t('history.exportStarted'));
      close();
      const id = acceptedJobId(answer);
      if (id) navigate(`/training/${id}`);
    },
  });
  return (
    <Modal opened={opened} onClose={close} title={t('history.export')} closeButtonProps={{ 'aria-label': t('common.close') }}>
      <Stack>
        <Text size="sm" c="dimmed">{t('history.exportText')}</Text>
        <Select label={t('common.model')} placeholder={t('history.exportPick')} data={models} value={target} onChange={setModel} />
        <TextInput label={t('history.exportName')} description={t('import.nameHelp')} value={name} onChange={(event) => setName(event.currentTarget.value)} />
        <NativeSelect label={t('truth.sources')} value={sources} onChange={(event) => setSources(event.currentTarget.value)}
          data={[{ value: 'verdict', label: t('truth.fromVerdicts') }, { value: 'pathology,verdict', label: t('truth.fromPathology') }, { value: `${truthKinds.join(',')},verdict`, label: t('truth.fromAll') }, { value: truthKinds.join(','), label: t('truth.fromTruth') }]} />
        {(agreement.data?.kinds ?? []).map((one) => <Text key={one.kind} size="xs" c="dimmed" className="num">{t('truth.agreement', { kind: t(`truth.kinds.${one.kind}`), inputs: String(one.inputs), same: String(one.readers.same), of: String(one.readers.of) })}{one.readers.interval ? ` (${t('common.interval95')} ${percent(one.readers.interval[0])}–${percent(one.readers.interval[1])})` : ''}</Text>)}
        {save.error && <ErrorState error={save.error} />}
        <Button onClick={() => save.mutate()} loading={save.isPending} disabled={!target || !name.trim()}>{t('history.export')}</Button>
      </Stack>
    </Modal>
  );
}
