// The audit trail: filters, pages, one entry in full, and whether the chain is whole.
import { Alert, Badge, Box, Button, Drawer, Group, Paper, SimpleGrid, Stack, Table, Text, TextInput } from '@mantine/core';
import { useDebouncedValue } from '@mantine/hooks';
import { keepPreviousData, useQuery } from '@tanstack/react-query';
import { ScrollText, ShieldAlert, ShieldCheck } from 'lucide-react';
import { useEffect, useState } from 'react';
import { api } from '../../api/endpoints';
import type { AuditItem } from '../../api/types';
import { Hash } from '../../components/bits';
import { EmptyState, ErrorState, ListSkeleton, PageHead } from '../../components/feedback';
import { useI18n, type Key } from '../../i18n';
import { count, exactTime } from '../../lib/format';

const noFilter = { q: '', agent: '', event: '', entity: '', from: '', to: '' };
type Filter = typeof noFilter;
const outcomeColor: Record<string, string> = { success: 'gray', minor: 'orange', serious: 'red', major: 'red' };
const fields: [keyof Filter, Key][] = [['q', 'audit.free'], ['agent', 'audit.agent'], ['event', 'audit.event'], ['entity', 'audit.entity'], ['from', 'audit.from'], ['to', 'audit.to']];
const asTime = (local: string) => { const date = new Date(local); return local && !Number.isNaN(date.getTime()) ? date.toISOString() : ''; };

export default function AuditPage() {
  const { t, maybe, language } = useI18n();
  const [filter, setFilter] = useState<Filter>(noFilter);
  const [asked] = useDebouncedValue(filter, 300);
  const [cursors, setCursors] = useState<string[]>([]);
  const [open, setOpen] = useState<AuditItem | null>(null);
  useEffect(() => setCursors([]), [asked]);
  const cursor = cursors[cursors.length - 1] ?? '';
  const query = useQuery({
    queryKey: ['audit', asked, cursor], placeholderData: keepPreviousData,
    queryFn: () => api.audit({ ...asked, from: asTime(asked.from), to: asTime(asked.to), cursor, limit: 50 }),
  });
  const chain = useQuery({ queryKey: ['audit-chain'], queryFn: api.verifyAudit, staleTime: 60_000 });
  const items = query.data?.items ?? [];
  const filtered = Object.values(filter).some(Boolean);
  return (
    <Box className="page">
      <PageHead title={t('audit.title')} text={t('audit.text')}><Button variant="default" leftSection={<ShieldCheck size={16} aria-hidden />} loading={chain.isFetching} onClick={() => void chain.refetch()}>{t('audit.verify')}</Button></PageHead>
      <Stack gap="md">
        <div aria-live="polite">
          {chain.error && <ErrorState error={chain.error} />}
          {chain.data?.ok === true && (
            <Alert color="aceso" icon={<ShieldCheck size={18} />} title={t('audit.verified')}>
              <Group gap="md"><Text size="sm">{t('audit.verifiedText', { count: count(chain.data.checked, language) })}</Text>{chain.data.head?.hash && <Group gap={6}><Text size="sm" c="dimmed">{t('audit.head')}</Text><Hash value={chain.data.head.hash} /></Group>}</Group>
            </Alert>
          )}
          {chain.data?.ok === false && <Alert color="red" role="alert" icon={<ShieldAlert size={18} />} title={t('audit.broken')}>{t('audit.brokenText', { n: chain.data.first_bad ?? '?' })}{chain.data.reason ? ` ${chain.data.reason}` : ''}</Alert>}
        </div>
        <Paper p="md" component="search" aria-label={t('common.filter')}>
          <SimpleGrid cols={{ base: 1, xs: 2, md: 3, lg: 6 }} spacing="sm">
            {fields.map(([key, label]) => <TextInput key={key} label={t(label)} size="xs" type={key === 'from' || key === 'to' ? 'datetime-local' : 'text'} maxLength={256} value={filter[key]} onChange={(event) => { const value = event.currentTarget.value; setFilter((f) => ({ ...f, [key]: value })); }} />)}
          </SimpleGrid>
          {filtered && <Group justify="flex-end" mt="sm"><Button size="xs" variant="subtle" onClick={() => setFilter(noFilter)}>{t('common.clear')}</Button></Group>}
        </Paper>
        {query.isPending && <ListSkeleton rows={10} />}
        {query.error && <ErrorState error={query.error} retry={() => void query.refetch()} />}
        {query.data && items.length === 0 && <EmptyState icon={ScrollText} title={t('audit.empty')} text={t('audit.emptyText')} />}
        {items.length > 0 && (
          <Paper className="scroll-x" tabIndex={0} role="region" aria-label={t('audit.title')}>
            <Table miw={860} verticalSpacing={7}>
              <Table.Thead><Table.Tr><Table.Th ta="right">{t('audit.sequence')}</Table.Th><Table.Th>{t('common.time')}</Table.Th><Table.Th>{t('audit.agent')}</Table.Th><Table.Th>{t('audit.action')}</Table.Th><Table.Th>{t('audit.event')}</Table.Th><Table.Th>{t('audit.entity')}</Table.Th><Table.Th>{t('audit.outcome')}</Table.Th></Table.Tr></Table.Thead>
              <Table.Tbody>
                {items.map((item) => (
                  <Table.Tr key={item.sequence} className="clickable-row" onClick={() => setOpen(item)}>
                    <Table.Td ta="right"><button type="button" className="text-button num" aria-label={t('audit.entry', { n: item.sequence })} onClick={(event) => { event.stopPropagation(); setOpen(item); }}>{item.sequence}</button></Table.Td>
                    <Table.Td className="num nowrap">{exactTime(item.time, language)}</Table.Td>
                    <Table.Td>{item.agent_name || <Text span size="sm" c="dimmed">–</Text>}</Table.Td>
                    <Table.Td>{maybe('audit.actions', item.action)}</Table.Td>
                    <Table.Td className="mono">{item.event}</Table.Td>
                    <Table.Td>{item.entity_type}{item.entity_id ? <Text span c="dimmed" className="mono" ml={6}>{item.entity_id.length > 22 ? `…${item.entity_id.slice(-12)}` : item.entity_id}</Text> : null}</Table.Td>
                    <Table.Td><Badge color={outcomeColor[item.outcome] ?? 'gray'}>{maybe('audit.outcomes', item.outcome)}</Badge></Table.Td>
                  </Table.Tr>
                ))}
              </Table.Tbody>
            </Table>
          </Paper>
        )}
        {(cursors.length > 0 || query.data?.next) && (
          <Group justify="space-between">
            <Button variant="default" disabled={cursors.length === 0} onClick={() => setCursors((c) => c.slice(0, -1))}>{t('audit.newer')}</Button>
            <Text size="sm" c="dimmed">{t('common.page', { page: cursors.length + 1 })}</Text>
            <Button variant="default" disabled={!query.data?.next} loading={query.isPlaceholderData} onClick={() => { const next = query.data?.next; if (next) setCursors((c) => [...c, next]); }}>{t('audit.older')}</Button>
          </Group>
        )}
      </Stack>
      <Drawer opened={open !== null} onClose={() => setOpen(null)} position="right" title={open ? t('audit.entry', { n: open.sequence }) : ''} closeButtonProps={{ 'aria-label': t('common.close') }}>{open && <Entry item={open} />}</Drawer>
    </Box>
  );
}

function Entry({ item }: { item: AuditItem }) {
  const { t, maybe, language } = useI18n();
  const detail = typeof item.detail === 'string' ? item.detail : item.detail ? JSON.stringify(item.detail) : '';
  return (
    <dl className="definition">
      <dt>{t('common.time')}</dt><dd>{exactTime(item.time, language)}</dd>
      <dt>{t('audit.agent')}</dt><dd>{item.agent_name || '–'}<br /><span className="mono">{item.agent_id}</span></dd>
      <dt>{t('audit.address')}</dt><dd className="mono">{item.source_address || '–'}</dd>
      <dt>{t('audit.action')}</dt><dd>{maybe('audit.actions', item.action)}</dd>
      <dt>{t('audit.event')}</dt><dd className="mono">{item.event}</dd>
      <dt>{t('audit.outcome')}</dt><dd>{maybe('audit.outcomes', item.outcome)}</dd>
      <dt>{t('audit.entity')}</dt><dd>{item.entity_type || '–'}<br /><span className="mono">{item.entity_id}</span></dd>
      <dt>{t('audit.request')}</dt><dd className="mono">{item.request_id || '–'}</dd>
      <dt>{t('audit.detail')}</dt><dd className="mono">{detail || t('audit.noDetail')}</dd>
      <dt>{t('common.hash')}</dt><dd><Hash value={item.hash} full /></dd>
    </dl>
  );
}
