// Which rows are shown of how many, and the way to the others. Nothing when all are shown.
import { Button, Group, Text } from '@mantine/core';
import { useI18n } from '../i18n';
import { count } from '../lib/format';

export function Pager({ page, pageSize, total, waiting, go }: { page: number; pageSize: number; total: number; waiting: boolean; go: (page: number) => void }) {
  const { t, language } = useI18n();
  if (total <= pageSize) return null;
  const first = page * pageSize;
  return (
    <Group justify="space-between">
      <Button variant="default" disabled={page === 0} onClick={() => go(page - 1)}>{t('studies.previous')}</Button>
      <Text size="sm" c="dimmed" className="num">{t('studies.range', { from: count(first + 1, language), to: count(Math.min(first + pageSize, total), language), total: count(total, language) })}</Text>
      <Button variant="default" disabled={first + pageSize >= total} loading={waiting} onClick={() => go(page + 1)}>{t('studies.next')}</Button>
    </Group>
  );
}
