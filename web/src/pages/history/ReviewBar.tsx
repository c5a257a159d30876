// Above a prediction that is looked at for its verdict: how many wait, and the way to the next one.
import { Button, Group, Paper, Text } from '@mantine/core';
import { useQuery } from '@tanstack/react-query';
import { ArrowRight } from 'lucide-react';
import { Link } from 'wouter';
import { api } from '../../api/endpoints';
import { useI18n } from '../../i18n';

export function ReviewBar({ model, version, current }: { model: string; version: number; current: string }) {
  const { t } = useI18n();
  const query = useQuery({ queryKey: ['review', model, 'next', current], queryFn: () => api.review(model, 2), refetchOnWindowFocus: false, staleTime: 0 });
  if (!query.data) return null;
  const next = query.data.items.find((item) => item.prediction !== current);
  return (
    <Paper p="sm" mb="md" role="navigation" aria-label={t('improve.review')}>
      <Group justify="space-between">
        <Text size="sm">{t('improve.waiting', { name: model, n: query.data.waiting })}</Text>
        <Group gap="sm">
          <Button component={Link} href={`/models/${encodeURIComponent(model)}/${version}?tab=improve`} variant="subtle" color="gray">{t('improve.end')}</Button>
          {next && <Button component={Link} href={`/predictions/${next.prediction}?review=${encodeURIComponent(model)}`} rightSection={<ArrowRight size={16} aria-hidden />}>{t('improve.next')}</Button>}
        </Group>
      </Group>
    </Paper>
  );
}
