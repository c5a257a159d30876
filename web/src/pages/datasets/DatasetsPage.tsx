// What the node can train on: each dataset with its size, classes and warnings.
import { Badge, Box, Button, Group, Image, Paper, SimpleGrid, Text, Title } from '@mantine/core';
import { useDisclosure } from '@mantine/hooks';
import { useQuery } from '@tanstack/react-query';
import { Database, TriangleAlert, Upload } from 'lucide-react';
import { Link } from 'wouter';
import { api } from '../../api/endpoints';
import type { Dataset } from '../../api/types';
import { useSession } from '../../app/session';
import { EmptyState, ErrorState, ListSkeleton, PageHead } from '../../components/feedback';
import { useI18n } from '../../i18n';
import { count } from '../../lib/format';
import { sampleTotal, shapeText } from '../../lib/datasets';
import { readable } from '../../lib/uncertainty';
import { ImportDialog } from './ImportDialog';

export default function DatasetsPage() {
  const { t } = useI18n();
  const { can } = useSession();
  const [importing, dialog] = useDisclosure();
  const query = useQuery({ queryKey: ['datasets'], queryFn: api.datasets });
  const importButton = can('datasets:write') ? <Button leftSection={<Upload size={16} aria-hidden />} onClick={dialog.open}>{t('datasets.import')}</Button> : undefined;
  return (
    <Box className="page">
      <PageHead title={t('datasets.title')}>{importButton}</PageHead>
      {query.isPending && <ListSkeleton />}
      {query.error && <ErrorState error={query.error} retry={() => void query.refetch()} />}
      {query.data?.items.length === 0 && <EmptyState icon={Database} title={t('datasets.empty')} text={t('datasets.emptyText')} action={importButton} />}
      <SimpleGrid cols={{ base: 1, sm: 2, lg: 3 }} spacing="lg">{(query.data?.items ?? []).map((dataset) => <DatasetCard key={dataset.name} dataset={dataset} />)}</SimpleGrid>
      <ImportDialog opened={importing} close={dialog.close} />
    </Box>
  );
}

function DatasetCard({ dataset }: { dataset: Dataset }) {
  const { t, language } = useI18n();
  const warnings = (dataset.warnings ?? []).length;
  return (
    <Paper component={Link} href={`/datasets/${encodeURIComponent(dataset.name)}`} className="card-link">
      <div className="strip" aria-hidden="true">
        {dataset.kind === 'image' && Array.from({ length: 6 }, (_, index) => <Image key={index} src={api.sampleImage(dataset.name, index)} alt="" loading="lazy" />)}
      </div>
      <Box p="md">
        <Group justify="space-between" wrap="nowrap" gap="xs">
          <Title order={2} className="break">{dataset.name}</Title>
          {warnings > 0 && <Badge color="yellow" leftSection={<TriangleAlert size={12} aria-hidden />}>{warnings}<Text span inherit className="visually-hidden"> {t('datasets.warnings')}</Text></Badge>}
        </Group>
        <Text size="sm" c="dimmed" mt={4}>{t('datasets.sampleCount', { count: count(sampleTotal(dataset), language) })} · {shapeText(dataset)}</Text>
        <Group gap={6} mt="sm">{dataset.classes.slice(0, 5).map((name) => <Badge key={name} color="gray">{readable(name)}</Badge>)}{dataset.classes.length > 5 && <Badge color="gray">+{dataset.classes.length - 5}</Badge>}</Group>
      </Box>
    </Paper>
  );
}
