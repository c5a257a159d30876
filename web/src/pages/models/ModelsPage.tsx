// The registry: each model with its versions, newest first.
import { Badge, Box, Button, Group, Paper, Stack, Table, Text, Title } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { Boxes } from 'lucide-react';
import type { MouseEvent } from 'react';
import { Link, useLocation } from 'wouter';
import { api } from '../../api/endpoints';
import { useSession } from '../../app/session';
import { Hash, ShareBadge, StageBadge } from '../../components/bits';
import { EmptyState, ErrorState, ListSkeleton, PageHead } from '../../components/feedback';
import { useI18n } from '../../i18n';
import { dateTime, figure } from '../../lib/format';

export default function ModelsPage() {
  const { t, language } = useI18n();
  const { can } = useSession();
  const [, navigate] = useLocation();
  const models = useQuery({ queryKey: ['models'], queryFn: api.models });
  const alarms = useQuery({ queryKey: ['watch-alarms'], queryFn: api.watchAlarms, refetchInterval: 60_000 });
  const alarmsOf = (name: string, version: number) => (alarms.data?.items ?? []).filter((alarm) => alarm.model === name && alarm.version === version && alarm.state === 'open').length;
  return (
    <Box className="page">
      <PageHead title={t('models.title')}>{can('jobs:write') && <Button component={Link} href="/training">{t('training.new')}</Button>}</PageHead>
      {models.isPending && <ListSkeleton />}
      {models.error && <ErrorState error={models.error} retry={() => void models.refetch()} />}
      {models.data?.items.length === 0 && <EmptyState icon={Boxes} title={t('models.empty')} text={t('models.emptyText')} action={can('jobs:write') ? <Button component={Link} href="/training">{t('training.start')}</Button> : undefined} />}
      <Stack gap="lg">
        {(models.data?.items ?? []).map((model) => {
          const versions = [...model.versions].sort((a, b) => b.version - a.version);
          return (
            <Paper key={model.name} component="section" aria-label={model.name}>
              <Group p="md" pb="xs" gap="sm"><Title order={2}>{model.name}</Title><Text size="sm" c="dimmed">{t('models.versions')}: {versions.length}</Text></Group>
              <Box className="scroll-x" tabIndex={0} role="region" aria-label={`${model.name}: ${t('models.versions')}`}>
                <Table miw={640}>
                  <Table.Thead><Table.Tr><Table.Th>{t('common.version')}</Table.Th><Table.Th>{t('common.stage')}</Table.Th><Table.Th ta="right">{t('models.auroc')}</Table.Th><Table.Th>{t('models.dataset')}</Table.Th><Table.Th>{t('common.hash')}</Table.Th><Table.Th>{t('common.created')}</Table.Th></Table.Tr></Table.Thead>
                  <Table.Tbody>
                    {versions.map((version, index) => {
                      const href = `/models/${encodeURIComponent(model.name)}/${version.version}`;
                      return (
                        <Table.Tr key={version.version} className="clickable-row" onClick={() => navigate(href)}>
                          <Table.Td><Group gap={8} wrap="nowrap"><Link href={href} className="plain-link" onClick={(event) => event.stopPropagation()}><Text span size="sm" fw={550} className="nowrap">{t('models.version', { n: version.version })}</Text></Link>{index === 0 && versions.length > 1 && <Badge color="gray" size="xs">{t('models.latest')}</Badge>}</Group></Table.Td>
                          <Table.Td><Group gap={6} wrap="nowrap"><StageBadge stage={version.stage} /><ShareBadge share={version.share} />{alarmsOf(model.name, version.version) > 0 && <Badge color="red" component={Link} href={`${href}?tab=watch`} onClick={(event: MouseEvent) => event.stopPropagation()} style={{ cursor: 'pointer' }}>{t('watch.badge', { n: alarmsOf(model.name, version.version) })}</Badge>}</Group></Table.Td>
                          <Table.Td ta="right" className="num">{version.auroc === null || version.auroc === undefined ? <Text span size="sm" c="dimmed">{t('models.noEvaluation')}</Text> : figure(version.auroc)}</Table.Td>
                          <Table.Td>{version.dataset || '–'}</Table.Td>
                          <Table.Td onClick={(event) => event.stopPropagation()}><Hash value={version.id} /></Table.Td>
                          <Table.Td className="nowrap">{dateTime(version.created, language)}</Table.Td>
                        </Table.Tr>
                      );
                    })}
                  </Table.Tbody>
                </Table>
              </Box>
            </Paper>
          );
        })}
      </Stack>
    </Box>
  );
}
